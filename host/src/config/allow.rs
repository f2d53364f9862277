//! The keys of a manifest's `[allow]`, which are those of the node's `[policy]` too.

use hearken_pattern::Glob;

use super::access::form::CHANNELS;
use super::document::{Entry, Section};
use super::error::ConfigError;
use super::form::{Form, Kind};
use super::http_grant::{HTTP_GRANT, HttpGrant};
use super::pattern::{FEWER_PATTERNS, PATTERN, within_max_globs};
use crate::event::{CUSTOM_PREFIX, Pattern, Within};

/// What a manifest asks for, or what the node's policy allows at most; `None` where a key
/// is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allow {
    /// Types that the plugin may publish.
    pub publish: Option<Vec<Pattern>>,
    /// Types that the plugin may hear, by listeners and waits.
    pub listen: Option<Vec<Pattern>>,
    /// Where outgoing HTTP may go.
    pub http: Option<Vec<HttpGrant>>,
    /// Buckets of the key-value store.
    pub keyvalue: Option<Vec<String>>,
    /// Channels that the plugin may append to.
    pub append: Option<Vec<Glob>>,
    /// Channels that the plugin may read.
    pub read: Option<Vec<Glob>>,
    /// Namespaces of session channels whose hooks the plugin may answer, and whose sessions it
    /// may address.
    pub sessions: Option<Vec<Glob>>,
}

impl Allow {
    /// Takes all keys of the table, which has no others.
    pub(super) fn read(mut section: Section<'_>) -> Result<Self, ConfigError> {
        let allow = Self {
            publish: (section.entry("publish").map(|entry| published(&entry))).transpose()?,
            listen: (section.entry("listen").map(|entry| patterns(&entry))).transpose()?,
            http: section.list("http", &HTTP_GRANT)?,
            keyvalue: section.list("keyvalue", &BUCKET)?,
            append: section.list("append", &CHANNELS)?,
            read: section.list("read", &CHANNELS)?,
            sessions: section.list("sessions", &NAMESPACES)?,
        };
        section.finish()?;
        Ok(allow)
    }

    /// These keys where they are there, those of `others` elsewhere.
    pub(super) fn or(self, others: &Self) -> Self {
        Self {
            publish: self.publish.or_else(|| others.publish.clone()),
            listen: self.listen.or_else(|| others.listen.clone()),
            http: self.http.or_else(|| others.http.clone()),
            keyvalue: self.keyvalue.or_else(|| others.keyvalue.clone()),
            append: self.append.or_else(|| others.append.clone()),
            read: self.read.or_else(|| others.read.clone()),
            sessions: self.sessions.or_else(|| others.sessions.clone()),
        }
    }
}

fn patterns(entry: &Entry<'_>) -> Result<Vec<Pattern>, ConfigError> {
    let patterns = entry.list(&PATTERN)?;
    let globs = patterns.iter().map(|pattern| pattern.globs().len()).sum();
    within_max_globs(globs).map_err(|reason| entry.wrong_value(reason, FEWER_PATTERNS))?;
    Ok(patterns)
}

/// Patterns on what plugins publish, which is all under one prefix.
fn published(entry: &Entry<'_>) -> Result<Vec<Pattern>, ConfigError> {
    let patterns = patterns(entry)?;
    let custom = [Pattern::new(&format!("{CUSTOM_PREFIX}*")).expect("a valid pattern")];
    match patterns
        .iter()
        .find(|pattern| pattern.within(&custom) == Within::Nothing)
    {
        None => Ok(patterns),
        Some(pattern) => Err(entry.wrong_value(
            format!(
                "whatever a plugin publishes is under `{CUSTOM_PREFIX}`, and `{pattern}` is not"
            ),
            "patterns on such types, e.g. [\"custom.cart.*\"]",
        )),
    }
}

const NAMESPACES: Form<Glob> = Form::new(
    Kind::String,
    "the name of a namespace of session channels, or with `*` the names of several, e.g. \"chat\"",
    |text| match text.chars().find(|c| !is_of_namespace(*c)) {
        _ if text.is_empty() => Err("it is empty".to_owned()),
        Some(character) => Err(format!("it has {character:?}")),
        None if text.len() > MAX_NAMESPACE_BYTES => {
            Err(format!("it has {} characters", text.len()))
        }
        None => Ok(Glob::new(text.to_owned())),
    },
);

/// Longest name of a namespace, and of a pattern of names, in bytes.
const MAX_NAMESPACE_BYTES: usize = 63;

fn is_of_namespace(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._-*".contains(c)
}

const BUCKET: Form<String> = Form::new(
    Kind::String,
    "the name of a bucket of 1 to 255 bytes, e.g. \"sessions\"",
    |text| match text.len() {
        0 => Err("it is empty".to_owned()),
        256.. => Err("it is too long".to_owned()),
        _ if text.contains(char::is_control) => Err("it has a control character".to_owned()),
        _ => Ok(text.to_owned()),
    },
);
