//! The configuration of channels. Those that are declared have names that whoever writes
//! the file gives them, and stand in the file alone.

#[cfg(test)]
pub(super) mod field;
mod form;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use hearken_channel_log::{ChannelName, LogSettings};

use super::document::{NamedSection, Section};
use super::error::{ConfigError, WrongValue};
use super::name::NODE_NAME;
use super::place::Place;
use super::setting::{How, Setting};
use super::sources::Sources;
use super::table::{Settings, settings};
use crate::channel::{ChannelSettings, FieldPath, IndexName, MAX_INDEXES, MAX_KEPT, Reader};
use form::{DEDUPE, DISCARD, ENGINE, FIELD, MAX_AGE, MAX_BYTES, MAX_CHANNELS, MAX_EVENTS, READER};

/// What the name of a channel has to be.
const NAME_EXPECTED: &str = "a name of 1 to 255 characters of A-Z a-z 0-9 . _ - / :, in quotes unless it has only A-Z a-z 0-9 _ -";

settings! {
    /// What stands in variables too.
    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Plain in "channels." {
        /// Bytes that the channels of the node take on its disk together
        max_bytes: u64 = value(MAX_BYTES, "32GiB");

        /// Channels that the node has at most
        max_channels: usize = value(MAX_CHANNELS, "10000");
    }
}

/// Channels of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelsSettings {
    /// Bytes that all take on the disk together.
    pub max_bytes: u64,
    /// How many there may be.
    pub max_channels: usize,
    /// Those that the configuration declares, by their names.
    pub declared: BTreeMap<ChannelName, DeclaredChannel>,
}

/// A channel that the configuration declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredChannel {
    /// Where.
    pub place: String,
    /// What it is set to.
    pub settings: ChannelSettings,
}

/// Stands for all declared channels where it is said which keys have changed.
const DECLARED: Setting = Setting {
    key: "channels.NAME",
    flag: None,
    variable: None,
    doc: "Channels that the node makes",
    default: "none",
    how: How::List,
    expected: NAME_EXPECTED,
    check: |_| Ok(()),
};

impl Settings for ChannelsSettings {
    fn settings() -> Vec<&'static Setting> {
        Plain::settings()
    }

    fn read(sources: &mut Sources<'_>) -> Result<Self, ConfigError> {
        let Plain {
            max_bytes,
            max_channels,
        } = Plain::read(sources)?;
        let declared = sources.beside(&Plain::max_bytes)?.into_iter();
        Ok(Self {
            max_bytes,
            max_channels,
            declared: declared.map(channel).collect::<Result<_, _>>()?,
        })
    }

    fn changed(&self, other: &Self) -> Vec<&'static Setting> {
        let plain = |settings: &Self| Plain {
            max_bytes: settings.max_bytes,
            max_channels: settings.max_channels,
        };
        let mut changed = plain(self).changed(&plain(other));
        // Wherever they stand.
        let declared = |settings: &Self| {
            let declared = settings.declared.iter();
            let declared = declared.map(|(name, it)| (name.clone(), it.settings.clone()));
            declared.collect::<BTreeMap<_, _>>()
        };
        if declared(self) != declared(other) {
            changed.push(&DECLARED);
        }
        changed
    }
}

impl Default for ChannelsSettings {
    /// What holds where nothing is set.
    fn default() -> Self {
        let Plain {
            max_bytes,
            max_channels,
        } = Plain::default();
        Self {
            max_bytes,
            max_channels,
            declared: BTreeMap::new(),
        }
    }
}

fn channel(named: NamedSection<'_>) -> Result<(ChannelName, DeclaredChannel), ConfigError> {
    let NamedSection {
        name,
        place,
        mut section,
    } = named;
    let channel = ChannelName::new(&name).map_err(|error| {
        let key = "channels".to_owned();
        wrong(&place, key, &name, error.to_string(), NAME_EXPECTED)
    })?;
    let default = ChannelSettings::default();
    let log = LogSettings {
        max_events: section.value("max_events", &MAX_EVENTS)?,
        max_bytes: section
            .value("max_bytes", &MAX_BYTES)?
            .unwrap_or(default.log.max_bytes),
        max_age: section.value("max_age", &MAX_AGE)?,
        discard: section
            .value("discard", &DISCARD)?
            .unwrap_or(default.log.discard),
        dedupe: section
            .value("dedupe", &DEDUPE)?
            .unwrap_or(default.log.dedupe),
    };
    let settings = ChannelSettings {
        log,
        keep_unread: keep_unread(&mut section)?,
        indexes: indexes(&mut section, &name)?,
        engine: section.value("engine", &ENGINE)?.unwrap_or_default(),
        node: section.value("node", &NODE_NAME)?,
    };
    section.finish()?;
    let declared = DeclaredChannel {
        place: place.to_string(),
        settings,
    };
    Ok((channel, declared))
}

fn keep_unread(section: &mut Section<'_>) -> Result<Vec<Reader>, ConfigError> {
    let Some(entry) = section.entry("keep_unread") else {
        return Ok(Vec::new());
    };
    let mut readers = entry.list(&READER)?;
    let given = readers.len();
    if given > MAX_KEPT {
        let problem = format!("it names {given} readers; a channel keeps for {MAX_KEPT} at most");
        return Err(entry.wrong_value(problem, READER.expected));
    }
    let mut seen = BTreeSet::new();
    readers.retain(|reader| seen.insert(reader.clone()));
    Ok(readers)
}

fn indexes(
    section: &mut Section<'_>,
    channel: &str,
) -> Result<BTreeMap<IndexName, FieldPath>, ConfigError> {
    const EXPECTED: &str =
        "the name of an index, of 1 to 63 characters of A-Z a-z 0-9 . _ -, at most 16 of them";
    let key = || format!("channels.{channel}.indexes");
    let mut indexes = BTreeMap::new();
    for (name, field) in section.section("indexes")?.named_values(&FIELD)? {
        let refuse = |problem| wrong(&name.place, key(), &name.value, problem, EXPECTED);
        if indexes.len() == MAX_INDEXES {
            return Err(refuse(format!("there are more than {MAX_INDEXES} indexes")));
        }
        let index = IndexName::new(&name.value).map_err(|error| refuse(error.to_string()))?;
        indexes.insert(index, field);
    }
    Ok(indexes)
}

fn wrong(
    place: &Place,
    key: String,
    found: &str,
    problem: String,
    expected: &'static str,
) -> ConfigError {
    ConfigError::from(Box::new(WrongValue {
        place: place.clone(),
        key,
        found: format!("{found:?}"),
        problem,
        expected,
    }))
}
