//! The configuration of sessions. Namespaces have names that whoever writes the file gives
//! them, and stand in the file alone, and so do the plugins that answer calls.

mod brought;
mod check;
#[cfg(test)]
pub(super) mod field;
mod form;
mod namespace;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use super::document::Section;
use super::error::ConfigError;
use super::form::{PATH, SWITCH};
use super::setting::{How, Setting};
use super::sources::Sources;
use super::table::{Settings, settings};
use crate::access::Rate;
use crate::config::access::placed::wrong;
use crate::session::{RpcRule, ServerApiSettings, SessionsSettings};
use form::{
    CHANNELS, HEADER, MESSAGE, METHODS, NAMESPACE, PING_INTERVAL, PLUGIN, PONG_TIMEOUT, QUEUE,
    RATE, SESSIONS, TOKENS,
};
use namespace::{NAMESPACES, namespaces};

pub use brought::PluginNamespaces;
pub(super) use check::check;
pub(super) use namespace::namespaces_of_manifest;

/// The table of plugins that answer calls.
const RPC: &str = "sessions.rpc";

settings! {
    /// What stands in variables too.
    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Plain in "sessions." {
        /// Give sessions to clients without a token
        anonymous: bool = value(SWITCH, "false");

        /// Who signs the tokens of sessions
        token: Option<String> = optional(TOKENS, "nobody");

        /// Time between two pings of a session
        ping_interval: Duration = value(PING_INTERVAL, "25s");

        /// How long a client may take to answer one; shorter than `sessions.ping_interval`
        pong_timeout: Duration = value(PONG_TIMEOUT, "8s");

        /// Bytes that may wait for a session; it is closed when there are more
        queue_max_size: usize = value(QUEUE, "1MiB");

        /// Bytes of a message from a client
        max_message: usize = value(MESSAGE, "64KiB");

        /// Channels that a session is subscribed to at a time
        channel_limit: usize = value(CHANNELS, "128");

        /// Sessions at a time
        max: usize = value(SESSIONS, "100000");

        /// Sessions of a user at a time, on this node
        per_user: Option<usize> = optional(SESSIONS, "no bound");

        /// Sessions from an address (of IPv6, one /64) at a time
        per_address: Option<usize> = optional(SESSIONS, "no bound");

        /// Commands of a session
        rate: Option<Rate> = optional(RATE, "no bound");

        /// Sessions that begin
        connect_rate: Option<Rate> = optional(RATE, "no bound");

        /// Plugin that decides who connects
        connect: Option<String> = optional(PLUGIN, "none");

        /// Plugin that decides who stays connected when a session would expire
        refresh: Option<String> = optional(PLUGIN, "none");

        /// Headers of a client's request that the plugin of `sessions.connect` sees
        hook_headers: Vec<String> = list(HEADER, "none");

        /// Subscribe each session of a user to the user's own channel, `#USER`
        personal_channel: bool = value(SWITCH, "false");

        /// Namespace of that channel
        personal_channel_namespace: Option<String> = optional(NAMESPACE, "that of channels without one");

        /// Close the older sessions of a user that begins another
        single_connection: bool = value(SWITCH, "false");
    }
    tables {
        /// The API of servers.
        api: Api;
    }
}

settings! {
    /// What servers show.
    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Api in "sessions.api." {
        /// File of the key that servers show at `/api`
        key_file: Option<PathBuf> = optional(PATH, "none: keys and tokens of `access` alone");
    }
}

/// Stands for all namespaces where it is said which keys have changed.
const NAMESPACE_TABLES: Setting = named("sessions.namespaces.NAME", "Namespaces");

/// The same for the plugins that answer calls.
const RPC_RULES: Setting = named(RPC, "Plugins that answer calls");

const fn named(key: &'static str, doc: &'static str) -> Setting {
    Setting {
        key,
        flag: None,
        variable: None,
        doc,
        default: "none",
        how: How::List,
        expected: NAMESPACE.expected,
        check: |_| Ok(()),
    }
}

impl Settings for SessionsSettings {
    fn settings() -> Vec<&'static Setting> {
        Plain::settings()
    }

    fn read(sources: &mut Sources<'_>) -> Result<Self, ConfigError> {
        let plain = Plain::read(sources)?;
        let mut settings = of(plain);
        settings.rpc = sources.table(RPC, rpc)?;
        settings.namespaces = namespaces(sources.named(NAMESPACES)?)?;
        Ok(settings)
    }

    fn changed(&self, other: &Self) -> Vec<&'static Setting> {
        let mut changed = plain(self).changed(&plain(other));
        if self.rpc != other.rpc {
            changed.push(&RPC_RULES);
        }
        if self.namespaces != other.namespaces {
            changed.push(&NAMESPACE_TABLES);
        }
        changed
    }
}

impl Default for SessionsSettings {
    /// What holds where nothing is set.
    fn default() -> Self {
        of(Plain::default())
    }
}

/// The settings, without what stands in tables of the user's own names.
fn of(plain: Plain) -> SessionsSettings {
    SessionsSettings {
        anonymous: plain.anonymous,
        token: plain.token,
        ping_interval: plain.ping_interval,
        pong_timeout: plain.pong_timeout,
        queue_max_size: plain.queue_max_size,
        max_message: plain.max_message,
        channel_limit: plain.channel_limit,
        max: plain.max,
        per_user: plain.per_user,
        per_address: plain.per_address,
        rate: plain.rate,
        connect_rate: plain.connect_rate,
        connect: plain.connect,
        refresh: plain.refresh,
        rpc: Vec::new(),
        hook_headers: plain.hook_headers,
        personal_channel: plain.personal_channel,
        personal_channel_namespace: plain.personal_channel_namespace,
        single_connection: plain.single_connection,
        api: ServerApiSettings {
            key_file: plain.api.key_file,
        },
        namespaces: Default::default(),
    }
}

/// Back again.
fn plain(settings: &SessionsSettings) -> Plain {
    let settings = settings.clone();
    Plain {
        anonymous: settings.anonymous,
        token: settings.token,
        ping_interval: settings.ping_interval,
        pong_timeout: settings.pong_timeout,
        queue_max_size: settings.queue_max_size,
        max_message: settings.max_message,
        channel_limit: settings.channel_limit,
        max: settings.max,
        per_user: settings.per_user,
        per_address: settings.per_address,
        rate: settings.rate,
        connect_rate: settings.connect_rate,
        connect: settings.connect,
        refresh: settings.refresh,
        hook_headers: settings.hook_headers,
        personal_channel: settings.personal_channel,
        personal_channel_namespace: settings.personal_channel_namespace,
        single_connection: settings.single_connection,
        api: Api {
            key_file: settings.api.key_file,
        },
    }
}

fn rpc(section: Section<'_>) -> Result<Vec<RpcRule>, ConfigError> {
    let rules = section.named_values(&PLUGIN)?.into_iter();
    let rules = rules.map(|(methods, plugin)| {
        let name = &methods.value;
        match (METHODS.parse)(name) {
            Ok(methods) => Ok(RpcRule { methods, plugin }),
            Err(problem) => {
                let expected = METHODS.expected;
                Err(wrong(&methods.place, RPC, name, problem, expected))
            }
        }
    });
    rules.collect()
}
