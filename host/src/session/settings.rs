//! What is configured of sessions.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use hearken_pattern::Glob;

use super::name::ChannelName;
use super::namespace::{DEFAULT_NAMESPACE, Namespace};
use crate::access::Rate;

/// What `[sessions]` says. Where nothing is set there are no sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionsSettings {
    /// Whether who has no token gets a session.
    pub anonymous: bool,
    /// Who signs the tokens of sessions: a name of `access.tokens`.
    pub token: Option<String>,
    /// Time between two pings of a session.
    pub ping_interval: Duration,
    /// How long the answer to one may take; shorter than the interval.
    pub pong_timeout: Duration,
    /// Bytes that a session may have yet to take before it is closed.
    pub queue_max_size: usize,
    /// Bytes of a message from a client.
    pub max_message: usize,
    /// Channels that a session is subscribed to at a time.
    pub channel_limit: usize,
    /// Sessions at a time.
    pub max: usize,
    /// Sessions of a user at a time, on this node.
    pub per_user: Option<usize>,
    /// Sessions from an address at a time.
    pub per_address: Option<usize>,
    /// Commands of a session.
    pub rate: Option<Rate>,
    /// Sessions that begin.
    pub connect_rate: Option<Rate>,
    /// Plugin that decides who connects.
    pub connect: Option<String>,
    /// Plugin that decides who stays connected.
    pub refresh: Option<String>,
    /// Plugins that answer calls, by the names of methods, or with `*` of several.
    pub rpc: Vec<RpcRule>,
    /// Headers of the request, in lower case, that plugins see when somebody connects.
    pub hook_headers: Vec<String>,
    /// Whether a user's session is subscribed to the user's own channel.
    pub personal_channel: bool,
    /// Namespace of that channel; `None` for that of channels without one.
    pub personal_channel_namespace: Option<String>,
    /// Whether a user's new session closes the older ones.
    pub single_connection: bool,
    /// The API of servers.
    pub api: ServerApiSettings,
    /// Namespaces, by name.
    pub namespaces: BTreeMap<String, Namespace>,
}

/// Which plugin answers calls of some methods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcRule {
    /// Names of the methods.
    pub methods: Glob,
    /// The plugin.
    pub plugin: String,
}

/// What `[sessions.api]` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerApiSettings {
    /// File of the key with which servers come; without it they come with keys and tokens of
    /// `[access]` alone.
    pub key_file: Option<PathBuf>,
}

impl SessionsSettings {
    /// Whether anybody can have a session.
    #[must_use]
    pub fn are_on(&self) -> bool {
        self.anonymous || self.token.is_some() || self.connect.is_some()
    }

    /// The plugin that answers calls of the method: of several rules that whose names are
    /// said most exactly.
    #[must_use]
    pub fn rpc_plugin(&self, method: &str) -> Option<&str> {
        let fitting = self.rpc.iter().filter(|rule| rule.methods.matches(method));
        let exactness = |rule: &&RpcRule| {
            let text = rule.methods.as_str();
            (!text.contains('*'), text.len())
        };
        Some(fitting.max_by_key(exactness)?.plugin.as_str())
    }

    /// The channel of this user alone; `None` for nobody, and for users in whose name a
    /// character stands that means something else in names of channels.
    #[must_use]
    pub fn personal_channel_of(&self, user: &str) -> Option<ChannelName> {
        let text = match self.personal_channel_namespace.as_deref() {
            None | Some(DEFAULT_NAMESPACE) => format!("#{user}"),
            Some(namespace) => format!("{namespace}:#{user}"),
        };
        let name = ChannelName::new(&text).ok()?;
        let is_of_this_user = name.users().eq([user]);
        is_of_this_user.then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::NodeConfig;

    fn settings() -> SessionsSettings {
        NodeConfig::default().sessions
    }

    #[test]
    fn sessions_are_off_until_somebody_can_connect() {
        let off = settings();
        assert!(!off.are_on());
        for on in [
            SessionsSettings {
                anonymous: true,
                ..off.clone()
            },
            SessionsSettings {
                token: Some("main".to_owned()),
                ..off.clone()
            },
            SessionsSettings {
                connect: Some("doorman".to_owned()),
                ..off.clone()
            },
        ] {
            assert!(on.are_on());
        }
    }

    #[test]
    fn the_most_exact_rule_says_who_answers() {
        let rule = |methods: &str, plugin: &str| RpcRule {
            methods: Glob::new(methods.to_owned()),
            plugin: plugin.to_owned(),
        };
        let settings = SessionsSettings {
            rpc: vec![
                rule("*", "all"),
                rule("shop.*", "shop"),
                rule("shop.buy", "till"),
                rule("shop.buy*", "buyers"),
            ],
            ..settings()
        };
        for (method, plugin) in [
            ("x", "all"),
            ("shop.list", "shop"),
            ("shop.buy", "till"),
            ("shop.buy.all", "buyers"),
        ] {
            assert_eq!(settings.rpc_plugin(method), Some(plugin), "{method}");
        }
        assert_eq!(self::settings().rpc_plugin("x"), None);
    }

    #[test]
    fn a_users_own_channel_is_one_that_names_the_user() {
        let of = |namespace: Option<&str>, user| {
            let settings = SessionsSettings {
                personal_channel_namespace: namespace.map(str::to_owned),
                ..settings()
            };
            let channel = settings.personal_channel_of(user);
            channel.map(|channel| channel.to_string())
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(of(None, "42"), some("#42"));
        assert_eq!(of(Some("default"), "42"), some("#42"));
        assert_eq!(of(Some("user"), "42"), some("user:#42"));
        for user in ["", "a,b", "a#b", "a b", "ä", ","] {
            assert_eq!(of(None, user), None, "{user:?}");
        }
    }
}
