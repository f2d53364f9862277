//! What the channels of a namespace are set to.

use std::time::Duration;

use hearken_channel_log::LogSettings;
use hearken_pattern::is_type_char;

use super::channel_regex::ChannelRegex;
use super::history_settings::HistorySettings;
use super::idempotency::KEYS_TTL;
use super::name::ChannelName;
use crate::channel::{ChannelSettings, OF_DEAD_LETTERS};
use crate::event::CUSTOM_PREFIX;

/// Name of the namespace of channels that have none.
pub const DEFAULT_NAMESPACE: &str = "default";

/// How long a history is remembered that nobody uses, unless told.
pub const DEFAULT_META_TTL: Duration = Duration::from_secs(720 * 3600);

/// Durable channels of a namespace, unless told: each has files of its own.
pub const DEFAULT_DURABLE_CHANNELS: usize = 1_000;

/// Other channels of a namespace, unless told. It bounds what sessions can make a node
/// remember by publishing to ever new names.
pub const DEFAULT_CHANNELS: usize = 1_000_000;

/// Attributes of an event that are tags of its publication, unless told that none is.
pub const DEFAULT_TAGS: [&str; 2] = ["type", "subject"];

/// The name of the namespace that a channel would be of.
#[must_use]
pub fn namespace_of(name: &ChannelName) -> &str {
    name.namespace().unwrap_or(DEFAULT_NAMESPACE)
}

/// A namespace of session channels. The names of options are Centrifugo's, and so is what
/// they mean, unless said otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// Its name; that of [`DEFAULT_NAMESPACE`] is of channels that have none.
    pub name: String,
    /// Whether it is kept who is subscribed.
    pub presence: bool,
    /// Whether subscribers may be told who comes and goes.
    pub join_leave: bool,
    /// Whether they are told unasked.
    pub force_push_join_leave: bool,
    /// Publications that are kept of a channel; 0 for none.
    pub history_size: usize,
    /// How long they are kept when none follows; zero for not at all.
    pub history_ttl: Duration,
    /// How long the position of a channel is kept that nobody uses.
    pub history_meta_ttl: Duration,
    /// Whether a subscriber may ask for positions who may not read the history.
    pub allow_positioning: bool,
    /// Whether every subscription has a position.
    pub force_positioning: bool,
    /// Whether a subscriber may ask for recovery who may not read the history.
    pub allow_recovery: bool,
    /// Whether every subscription can be recovered.
    pub force_recovery: bool,
    /// What recovery brings.
    pub force_recovery_mode: RecoveryMode,
    /// Whether who subscribes for the first time gets the latest publication, where recovery
    /// brings that.
    pub auto_cache_recover: bool,
    /// Kinds of deltas that subscribers may ask for.
    pub allowed_delta_types: Vec<DeltaType>,
    /// Whether what is published goes out as deltas to those who asked for them.
    pub delta_publish: bool,
    /// Whether subscribers may filter by tags.
    pub allow_tags_filter: bool,
    /// What a name has to match behind the namespace.
    pub channel_regex: Option<ChannelRegex>,
    /// What the data of a client's publication has to be; `None` for what the protocol of the
    /// client carries.
    pub publication_data_format: Option<DataFormat>,
    /// Whether names with `#` say which users may subscribe.
    pub allow_user_limited_channels: bool,
    /// Who may subscribe whom nothing else allows it; nobody is a subscriber yet.
    pub subscribe: AllowedFor,
    /// Who may publish whom nothing else allows it.
    pub publish: AllowedFor,
    /// Who may read the history whom nothing else allows it.
    pub history: AllowedFor,
    /// Who may see who is subscribed whom nothing else allows it.
    pub see_presence: AllowedFor,
    /// Whether its channels are durable.
    pub durable: bool,
    /// Channels that it has at most at a time.
    pub max_channels: usize,
    /// Type of the events that clients publish.
    pub event_type: String,
    /// Attributes of an event that are the tags of its publication.
    pub tags: Vec<String>,
    /// Plugin that may narrow what is allowed.
    pub hooks: Option<String>,
    /// Plugin that decides who may subscribe and publish.
    pub authorize: Option<String>,
    /// Whether who publishes gets the publication too.
    pub echo: bool,
}

/// Whom a namespace allows an act.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AllowedFor {
    /// Every session.
    pub client: bool,
    /// Sessions that are subscribed to the channel.
    pub subscriber: bool,
    /// Sessions without a user, where one of the others allows it.
    pub anonymous: bool,
}

/// What recovery brings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecoveryMode {
    /// All that was missed.
    #[default]
    Stream,
    /// The latest publication.
    Cache,
}

/// A kind of deltas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeltaType {
    /// Those of Fossil.
    Fossil,
}

/// What the data of publications has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataFormat {
    /// Any JSON.
    Json,
    /// A JSON object.
    JsonObject,
    /// Any bytes.
    Binary,
}

/// A name is none of the namespace's, although it begins as they do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameRefused {
    /// It does not match the namespace's expression.
    #[error("the name does not match the `channel_regex` of its namespace")]
    NoMatch,
    /// No durable channel can have it.
    #[error(
        "the channels of its namespace are durable, whose names have only A-Z a-z 0-9 . _ - / :"
    )]
    NotDurable,
    /// It is one of a channel of dead letters, which the node alone writes.
    #[error("names that begin with `{OF_DEAD_LETTERS}` are those of channels of dead letters")]
    DeadLetters,
}

impl Namespace {
    /// The namespace of this name in which nothing is set.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            presence: false,
            join_leave: false,
            force_push_join_leave: false,
            history_size: 0,
            history_ttl: Duration::ZERO,
            history_meta_ttl: DEFAULT_META_TTL,
            allow_positioning: false,
            force_positioning: false,
            allow_recovery: false,
            force_recovery: false,
            force_recovery_mode: RecoveryMode::default(),
            auto_cache_recover: false,
            allowed_delta_types: Vec::new(),
            delta_publish: false,
            allow_tags_filter: false,
            channel_regex: None,
            publication_data_format: None,
            allow_user_limited_channels: false,
            subscribe: AllowedFor::default(),
            publish: AllowedFor::default(),
            history: AllowedFor::default(),
            see_presence: AllowedFor::default(),
            durable: false,
            max_channels: DEFAULT_CHANNELS,
            event_type: Self::published_type(name),
            tags: DEFAULT_TAGS.map(str::to_owned).to_vec(),
            hooks: None,
            authorize: None,
            echo: true,
        }
    }

    /// The type of what clients publish in the namespace of this name, unless told:
    /// `custom.chat.published`, and `custom.channel.published` without a namespace.
    #[must_use]
    pub fn published_type(name: &str) -> String {
        let name = match name {
            DEFAULT_NAMESPACE => "channel",
            name => name,
        };
        format!("{CUSTOM_PREFIX}{name}.published")
    }

    /// What is kept of a channel in memory; `None` for nothing, and for durable channels,
    /// which are kept elsewhere.
    #[must_use]
    pub fn history_in_memory(&self) -> Option<HistorySettings> {
        let is_kept = !self.durable && self.history_size > 0 && !self.history_ttl.is_zero();
        is_kept.then_some(HistorySettings {
            size: self.history_size,
            ttl: self.history_ttl,
            meta_ttl: self.history_meta_ttl,
        })
    }

    /// Whether a channel has a history that can be read.
    #[must_use]
    pub fn has_history(&self) -> bool {
        self.durable || self.history_in_memory().is_some()
    }

    /// What its durable channels are set to; `None` where they are not durable.
    #[must_use]
    pub fn durable_settings(&self) -> Option<ChannelSettings> {
        let default = ChannelSettings::default();
        self.durable.then(|| ChannelSettings {
            log: LogSettings {
                max_events: (self.history_size > 0).then_some(self.history_size as u64),
                max_age: (!self.history_ttl.is_zero()).then_some(self.history_ttl),
                dedupe: KEYS_TTL,
                ..default.log
            },
            ..default
        })
    }

    /// Checks that a channel of the namespace can have the name.
    ///
    /// # Errors
    /// [`NameRefused`] says why it cannot.
    pub fn check_name(&self, name: &ChannelName) -> Result<(), NameRefused> {
        if let Some(regex) = &self.channel_regex
            && !regex.matches(name.rest())
        {
            return Err(NameRefused::NoMatch);
        }
        if self.durable && !name.as_str().chars().all(is_type_char) {
            return Err(NameRefused::NotDurable);
        }
        if self.durable && name.as_str().starts_with(OF_DEAD_LETTERS) {
            return Err(NameRefused::DeadLetters);
        }
        Ok(())
    }

    /// Whether subscribers may ask for deltas of this kind.
    #[must_use]
    pub fn allows_delta(&self, kind: DeltaType) -> bool {
        self.allowed_delta_types.contains(&kind)
    }
}

impl AllowedFor {
    /// Whether a session may whose user this is, empty for nobody, and who is subscribed or
    /// not.
    #[must_use]
    pub fn allows(self, user: &str, is_subscribed: bool) -> bool {
        (self.client || self.subscriber && is_subscribed) && (!user.is_empty() || self.anonymous)
    }
}

impl RecoveryMode {
    /// Reads the word for it.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        match word {
            "stream" => Some(Self::Stream),
            "cache" => Some(Self::Cache),
            _ => None,
        }
    }
}

impl DeltaType {
    /// Reads the word for it.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        (word == "fossil").then_some(Self::Fossil)
    }
}

impl DataFormat {
    /// Reads the word for it.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        match word {
            "json" => Some(Self::Json),
            "json_object" => Some(Self::JsonObject),
            "binary" => Some(Self::Binary),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
