//! The settings of a channel as JSON: what requests bring, answers show and the channel
//! itself keeps.

use std::collections::BTreeMap;
use std::time::Duration;

use hearken_channel_log::LogSettings;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::field::{FieldPath, IndexName};
use super::reader::Reader;
use super::settings::{
    ChannelSettings, DEFAULT_DEDUPE, DEFAULT_MAX_BYTES, EngineKind, MAX_INDEXES, MAX_KEPT,
    discard_of, discard_word,
};
use crate::event::check_node_name;

/// Longest `dedupe`: of a longer one the memory for ids would be the true bound.
pub const LONGEST_DEDUPE: Duration = Duration::from_secs(24 * 3600);

/// Fewest bytes that a channel may be bounded to.
pub const LEAST_MAX_BYTES: u64 = 64 << 10;

/// What a channel is set to. What is left out has its default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettingsDocument {
    /// Most events that are kept; no bound by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_events: Option<u64>,
    /// Most bytes that are kept, from 65,536; 1 GiB by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
    /// How long events are kept, e.g. `30d`; no bound by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<String>,
    /// What makes room when the channel is full: `oldest` (the default) drops its oldest
    /// events, `refuse` refuses new ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discard: Option<String>,
    /// Readers, as `plugin:NAME` or `client:NAME`, whose unread events are not dropped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keep_unread: Vec<String>,
    /// How long the ids of publishers are remembered, at most a day; `2m` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dedupe: Option<String>,
    /// By the name of an index the field of the data, e.g. `user.id`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub indexes: BTreeMap<String, String>,
    /// What keeps the log: `disk` (the default) or `memory`; never changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// Node that the channel lies on; never changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
}

/// A member of the settings is not what it must be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{member}` is not valid: {reason}")]
pub struct SettingsError {
    /// The member.
    pub member: &'static str,
    /// What is wrong with it, and what is right.
    pub reason: String,
}

impl SettingsDocument {
    /// What it says, with the defaults for what it does not.
    ///
    /// # Errors
    /// [`SettingsError`] names the first member that is not valid.
    pub fn read(&self) -> Result<ChannelSettings, SettingsError> {
        let wrong = |member, reason: String| SettingsError { member, reason };
        if self.max_events == Some(0) {
            let reason = "it is 0; a channel keeps one event or more".to_owned();
            return Err(wrong("max_events", reason));
        }
        let max_bytes = self.max_bytes.unwrap_or(DEFAULT_MAX_BYTES);
        if max_bytes < LEAST_MAX_BYTES {
            let reason = format!("it is {max_bytes}; the least is {LEAST_MAX_BYTES}");
            return Err(wrong("max_bytes", reason));
        }
        let max_age = duration("max_age", self.max_age.as_deref())?;
        if max_age.is_some_and(|age| age < Duration::from_secs(1)) {
            let reason = "it is less than a second".to_owned();
            return Err(wrong("max_age", reason));
        }
        let dedupe = duration("dedupe", self.dedupe.as_deref())?.unwrap_or(DEFAULT_DEDUPE);
        if dedupe > LONGEST_DEDUPE {
            return Err(wrong("dedupe", "it is longer than a day".to_owned()));
        }
        let discard = self.discard.as_deref().unwrap_or("oldest");
        let discard = discard_of(discard).ok_or_else(|| {
            wrong(
                "discard",
                format!("it is {discard:?}; write `oldest` or `refuse`"),
            )
        })?;
        let engine = match self.engine.as_deref() {
            None => EngineKind::default(),
            Some(word) => EngineKind::of(word).ok_or_else(|| {
                wrong(
                    "engine",
                    format!("it is {word:?}; write `disk` or `memory`"),
                )
            })?,
        };
        if let Some(node) = &self.node {
            check_node_name(node).map_err(|error| wrong("node", error.to_string()))?;
        }
        Ok(ChannelSettings {
            log: LogSettings {
                max_events: self.max_events,
                max_bytes,
                max_age,
                discard,
                dedupe,
            },
            keep_unread: self.readers()?,
            indexes: self.fields()?,
            engine,
            node: self.node.clone(),
        })
    }

    fn readers(&self) -> Result<Vec<Reader>, SettingsError> {
        let wrong = |reason| SettingsError {
            member: "keep_unread",
            reason,
        };
        let given = self.keep_unread.len();
        if given > MAX_KEPT {
            return Err(wrong(format!(
                "it names {given} readers; at most {MAX_KEPT} are allowed"
            )));
        }
        let mut readers = Vec::with_capacity(given);
        for text in &self.keep_unread {
            let reader = Reader::parse(text).map_err(|error| wrong(error.to_string()))?;
            if !readers.contains(&reader) {
                readers.push(reader);
            }
        }
        Ok(readers)
    }

    fn fields(&self) -> Result<BTreeMap<IndexName, FieldPath>, SettingsError> {
        let wrong = |reason| SettingsError {
            member: "indexes",
            reason,
        };
        let given = self.indexes.len();
        if given > MAX_INDEXES {
            return Err(wrong(format!(
                "it has {given} indexes; at most {MAX_INDEXES} are allowed"
            )));
        }
        let field = |(name, path): (&String, &String)| {
            let name = IndexName::new(name).map_err(|error| wrong(error.to_string()))?;
            let path = FieldPath::new(path).map_err(|error| wrong(error.to_string()))?;
            Ok((name, path))
        };
        self.indexes.iter().map(field).collect()
    }
}

/// Everything is said, also what has its default.
impl From<&ChannelSettings> for SettingsDocument {
    fn from(settings: &ChannelSettings) -> Self {
        let text = |duration| humantime::format_duration(duration).to_string();
        Self {
            max_events: settings.log.max_events,
            max_bytes: Some(settings.log.max_bytes),
            max_age: settings.log.max_age.map(text),
            discard: Some(discard_word(settings.log.discard).to_owned()),
            keep_unread: settings
                .keep_unread
                .iter()
                .map(ToString::to_string)
                .collect(),
            dedupe: Some(text(settings.log.dedupe)),
            indexes: settings
                .indexes
                .iter()
                .map(|(name, field)| (name.to_string(), field.to_string()))
                .collect(),
            engine: Some(settings.engine.as_str().to_owned()),
            node: settings.node.clone(),
        }
    }
}

fn duration(member: &'static str, text: Option<&str>) -> Result<Option<Duration>, SettingsError> {
    let Some(text) = text else {
        return Ok(None);
    };
    let parsed = humantime::parse_duration(text).map_err(|error| SettingsError {
        member,
        reason: format!("{text:?}: {error}; write e.g. `30d` or `2m`"),
    })?;
    Ok(Some(parsed))
}

#[cfg(test)]
mod tests {
    use hearken_channel_log::Discard;

    use super::*;

    fn read(json: &str) -> Result<ChannelSettings, SettingsError> {
        let document: SettingsDocument = serde_json::from_str(json).expect(json);
        document.read()
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        assert_eq!(read("{}").unwrap(), ChannelSettings::default());
    }

    #[test]
    fn settings_are_read_as_they_are_shown() {
        let settings = read(
            r#"{"max_events": 10, "max_bytes": 65536, "max_age": "30d", "discard": "refuse",
                "keep_unread": ["plugin:audit", "client:a", "client:a"], "dedupe": "0s",
                "indexes": {"by-user": "user.id"}, "engine": "memory", "node": "a"}"#,
        )
        .unwrap();
        assert_eq!(settings.log.max_age, Some(Duration::from_secs(30 * 86_400)));
        assert_eq!(settings.log.discard, Discard::Refuse);
        assert_eq!(settings.keep_unread.len(), 2, "each once");
        let shown = serde_json::to_string(&SettingsDocument::from(&settings)).unwrap();
        assert_eq!(read(&shown).unwrap(), settings);
        let default = SettingsDocument::from(&ChannelSettings::default());
        assert_eq!(default.read().unwrap(), ChannelSettings::default());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (json, member) in [
            (r#"{"max_events": 0}"#, "max_events"),
            (r#"{"max_bytes": 1}"#, "max_bytes"),
            (r#"{"max_age": "30"}"#, "max_age"),
            (r#"{"max_age": "0s"}"#, "max_age"),
            (r#"{"dedupe": "25h"}"#, "dedupe"),
            (r#"{"discard": "newest"}"#, "discard"),
            (r#"{"keep_unread": ["audit"]}"#, "keep_unread"),
            (r#"{"indexes": {"a": ""}}"#, "indexes"),
            (r#"{"indexes": {"a b": "c"}}"#, "indexes"),
            (r#"{"engine": "tape"}"#, "engine"),
            (r#"{"node": "-"}"#, "node"),
        ] {
            assert_eq!(read(json).unwrap_err().member, member, "{json}");
        }
    }
}
