//! The manifest `NAME.toml` beside a plugin: what narrows and tunes it, and
//! what it may do beyond listening.

use std::collections::BTreeMap;
use std::path::Path;

use hearken_channel_log::ChannelName;

use super::allow::Allow;
use super::consume::{self, ManifestConsume};
use super::document::Section;
use super::engine::ManifestEngine;
use super::error::ConfigError;
use super::form::{Form, Kind, count};
use super::guest_text::guest_text;
use super::limits::ManifestLimits;
use super::pattern::{FEWER_PATTERNS, PATTERN, within_max_globs};
use super::secret::{self, SecretSource};
use super::sessions::namespaces_of_manifest;
use crate::event::Pattern;
use crate::session::Namespace;

/// A plugin's manifest. The default is what a plugin without one gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Replaces the patterns that the component declares; never an empty list.
    pub subscribe: Option<Vec<Pattern>>,
    /// Instances, ordered per subject; 1 to 64.
    pub concurrency: Option<usize>,
    /// Limits that differ from the node's.
    pub limits: ManifestLimits,
    /// How it is evaluated, if it is a text.
    pub engine: ManifestEngine,
    /// How it consumes channels, by their names.
    pub consume: BTreeMap<ChannelName, ManifestConsume>,
    /// Namespaces of session channels that the plugin brings, by name; the node's own win.
    pub namespaces: BTreeMap<String, Namespace>,
    /// What the plugin asks for, and to what it narrows itself.
    pub allow: Allow,
    /// What the plugin reads through `wasmcloud:secrets`, by its keys.
    pub secrets: BTreeMap<String, SecretSource>,
    /// What the plugin reads through `wasi:config`.
    pub config: BTreeMap<String, String>,
}

impl Manifest {
    /// Reads `text`, the content of the manifest at `path`.
    ///
    /// # Errors
    /// [`ConfigError`] names the key, its line and column, and what is right.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let mut top = Section::parse(path, text)?;
        let subscribe = match top.entry("subscribe") {
            None => None,
            Some(entry) => match entry.list(&PATTERN)? {
                patterns if patterns.is_empty() => {
                    return Err(entry.wrong_value(
                        "the plugin would listen to nothing".to_owned(),
                        "at least one pattern, or no `subscribe` for those that it declares",
                    ));
                }
                patterns => {
                    let globs = patterns.iter().map(|pattern| pattern.globs().len()).sum();
                    within_max_globs(globs)
                        .map_err(|reason| entry.wrong_value(reason, FEWER_PATTERNS))?;
                    Some(patterns)
                }
            },
        };
        let concurrency = top.value("concurrency", &CONCURRENCY)?;

        let limits = ManifestLimits::read(top.section("limits")?)?;
        let engine = ManifestEngine::read(top.section("engine")?)?;
        let consume = consume::read(top.named_sections("consume")?)?;

        let mut sessions = top.section("sessions")?;
        let tables = sessions.named_sections("namespaces")?;
        let namespaces = namespaces_of_manifest(tables)?;
        sessions.finish()?;

        let allow = Allow::read(top.section("allow")?)?;

        let secrets = secret::read(top.named_sections("secrets")?)?;
        let config = top
            .section("config")?
            .into_entries()
            .map(|(key, value)| (key, guest_text(value)))
            .collect();
        top.finish()?;
        Ok(Self {
            subscribe,
            concurrency,
            limits,
            engine,
            consume,
            namespaces,
            allow,
            secrets,
            config,
        })
    }
}

const CONCURRENCY: Form<usize> = Form::new(
    Kind::Integer,
    "a whole number of instances from 1 to 64, e.g. 4",
    |text| count(text, 1, 64),
);

#[cfg(test)]
mod tests;
