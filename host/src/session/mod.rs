//! Sessions of clients and the channels that they subscribe to: names, namespaces,
//! permissions, history in memory, presence. It knows no HTTP.

mod capabilities;
mod channel_regex;
mod claims;
mod grant;
mod history;
mod history_settings;
mod idempotency;
mod name;
mod namespace;
mod namespaces;
mod options;
mod permission;
mod presence;
mod settings;
mod verb;

pub use capabilities::{Capabilities, CapabilitiesError};
pub use channel_regex::{ChannelRegex, ChannelRegexError};
pub use claims::{ClaimsError, ConnectionClaims, Mismatch, SubscriptionClaims};
pub use grant::{Overrides, SubscriptionGrant};
pub use history::{
    History, HistoryError, MAX_HISTORY_BYTES, Page, PageRequest, Position, Recovered, epoch_of,
};
pub use history_settings::HistorySettings;
pub use idempotency::{IdempotencyKeys, KEYS_TTL};
pub use name::{ChannelName, ChannelNameError, MAX_NAME_BYTES};
pub use namespace::{
    AllowedFor, DEFAULT_CHANNELS, DEFAULT_DURABLE_CHANNELS, DEFAULT_META_TTL, DEFAULT_NAMESPACE,
    DEFAULT_TAGS, DataFormat, DeltaType, NameRefused, Namespace, RecoveryMode,
};
pub use namespaces::{Namespaces, PassedOver, Resolved};
pub use options::{SubscriptionOptions, Wanted};
pub use permission::{Asked, Decision, Denial, decide};
pub use presence::{Presence, PresencePage, PresenceStats};
pub use settings::{RpcRule, ServerApiSettings, SessionsSettings};
pub use verb::{Verb, Verbs};
