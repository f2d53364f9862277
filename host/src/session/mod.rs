//! Sessions of clients and the channels that they subscribe to: names, namespaces,
//! permissions, history in memory, presence. It knows no HTTP.
//!
//! A transport makes a [`Session`] with [`Sessions::connect`], gives it the client's commands
//! one after the other, and writes what its [`Outbox`] has. Whatever is published to a channel
//! goes through its hub, which hands it to all who are subscribed: it is encoded once for all
//! that get the same bytes.
//!
//! | file | what it is |
//! | --- | --- |
//! | `name`, `namespace`, `namespaces`, `channel_regex` | names of channels, and what they are set to |
//! | `place`, `reserved`, `source` | what a channel is, and where its publications come from |
//! | `settings`, `in_use` | what is configured, and what of it holds now |
//! | `verb`, `permission`, `capabilities`, `claims` | who may do what |
//! | `options`, `grant` | what a subscription is like |
//! | `homed/` | the log of a channel whose history is in memory, on one of several nodes |
//! | `history`, `history_settings`, `idempotency`, `presence` | what is kept of a channel in memory |
//! | `publication`, `content_type` | an event as it is kept and handed on, and what its data is |
//! | `frame`, `outbox`, `brought` | messages as they go over the wire, and those that wait for that |
//! | `hub/`, `hubs` | one channel at work, and all of them |
//! | `connection`, `registry`, `arriving`, `pace` | one session, all of them, whether there is a place for another, and how fast they may be |
//! | `shared`, `tasks` | what the sessions of a node share, and what runs beside them |
//! | `handle`, `together`, `commands/`, `lateness`, `refused` | what a client asks for, and how long that waits for other nodes |
//! | `entering`, `server_side`, `ending` | how subscriptions begin, and how they and sessions end |
//! | `log`, `far_log` | logs of durable channels, here and on other nodes |
//! | `log_position`, `following`, `reading`, `appending` | durable channels: reading their logs for hubs and for who asks, and appending |
//! | `watching` | events that are shown wherever they are published |
//! | `wishing` | having other nodes send what a channel here shows |
//! | `wheel`, `timing`, `renewing` | what happens as time goes by, and what plugins are asked then |
//! | `receipt`, `publishing`, `taking` | what is published, and where it goes |
//! | `server`, `shown`, `listing`, `sessions` | what the node does with sessions for others |
//! | `across/` | what the sessions of this node have to do with those of others |
//! | `hooks`, `reports`, `counts` | whom is asked, who is told, and what is counted |

mod across;
mod appending;
mod arriving;
mod brought;
mod capabilities;
mod channel_regex;
mod claims;
mod commands;
mod connection;
mod content_type;
mod counts;
mod ending;
mod entering;
mod far_log;
mod following;
mod frame;
mod grant;
mod handle;
mod history;
mod history_settings;
mod homed;
mod hooks;
mod hub;
mod hubs;
mod idempotency;
mod in_use;
mod lateness;
mod listing;
mod log;
mod log_position;
mod name;
mod namespace;
mod namespaces;
mod options;
mod outbox;
mod pace;
mod permission;
mod place;
mod presence;
mod publication;
mod publishing;
mod reading;
mod receipt;
mod refused;
mod registry;
mod renewing;
mod reports;
mod reserved;
mod server;
mod server_side;
mod sessions;
mod settings;
mod shared;
mod shown;
mod source;
mod taking;
mod tasks;
#[cfg(test)]
mod test_beside;
#[cfg(test)]
mod test_client;
#[cfg(test)]
mod test_namespaces;
#[cfg(test)]
mod test_net;
#[cfg(test)]
mod test_support;
#[cfg(test)]
mod tests;
mod timing;
mod together;
mod verb;
mod watching;
mod wheel;
mod wishing;

pub use across::{
    AcrossShown, AllChannels, HistoriesShown, NodeUsage, Reached, SessionAct, SessionsPage,
};
pub use arriving::{Arrival, NoPlace};
pub use capabilities::{Capabilities, CapabilitiesError};
pub use channel_regex::{ChannelRegex, ChannelRegexError};
pub use claims::{ClaimsError, ConnectionClaims, Mismatch, SubscriptionClaims};
pub use connection::Transport;
pub use content_type::type_of;
pub use counts::{Code, CountsShown, Method, TimesShown};
pub use frame::{Form, Framing, Variant};
pub use grant::{Overrides, SubscriptionGrant};
pub use handle::{Next, Session};
pub use history::{
    History, HistoryError, MAX_HISTORY_BYTES, Page, PageRequest, Position, Recovered, epoch_of,
};
pub use history_settings::HistorySettings;
pub use hooks::{
    AboutSession, Answered, ConnectAnswer, ConnectAsked, HOOK_DEADLINE, NoHooks, PublishAnswer,
    RefreshAnswer, SessionHooks, SubscribeAnswer,
};
pub use hub::Exclude;
pub use idempotency::{IdempotencyKeys, KEYS_TTL};
pub use name::{ChannelName, ChannelNameError, MAX_NAME_BYTES};
pub use namespace::{
    AllowedFor, DEFAULT_CHANNELS, DEFAULT_DURABLE_CHANNELS, DEFAULT_META_TTL, DEFAULT_NAMESPACE,
    DEFAULT_TAGS, DataFormat, DeltaType, NameRefused, Namespace, RecoveryMode, namespace_of,
};
pub use namespaces::{Namespaces, PassedOver, RESERVED_NAMESPACES, Resolved};
pub use options::{SubscriptionOptions, Wanted};
pub use outbox::{FRAME_BYTES, Outbox, Taken};
pub use permission::{Asked, Decision, Denial, decide};
pub use presence::{Presence, PresencePage, PresenceStats};
pub use publication::StoredPublication;
pub use receipt::{PublishFailure, PublishOptions, SessionReceipt};
pub use refused::Refused;
pub use registry::Began;
pub use server::{Spared, Whose};
pub use sessions::{Sessions, Surroundings};
pub use settings::{RpcRule, ServerApiSettings, SessionsSettings};
pub use shown::{ChannelsUsed, HistoryPage, SessionStatus, SessionsStats};
pub use together::Commands;
pub use verb::{Verb, Verbs};
