//! Who may do what with a channel: a table, of which the first row that fits decides.
//!
//! | | subscribe | publish | history, presence |
//! | --- | --- | --- | --- |
//! | 1 | `$` without a subscription token: no | | the namespace has none: not available |
//! | 2 | a subscription token: yes | the token of the subscription allows it: yes | the same |
//! | 3 | user-limited: who is named, and nobody else | | |
//! | 4 | `authorize`: the plugin decides | the same | |
//! | 5 | `caps` of the connection token: yes | the same | the same |
//! | 6 | the right `read`: yes | the right `append`: yes | the right `read`: yes |
//! | 7 | `allow_subscribe_for_…`: yes | `allow_publish_for_…`: yes | `allow_history_for_…`, `allow_presence_for_…`: yes |
//! | 8 | no | no | no |
//!
//! What was allowed to subscribe and to publish the namespace's `hooks` plugin may narrow.

use super::capabilities::Capabilities;
use super::name::ChannelName;
use super::namespace::{DEFAULT_NAMESPACE, Namespace};
use super::namespaces::Resolved;
use super::verb::{Verb, Verbs};
use crate::access::{Act, Rights};

/// What is asked for, and what is known of who asks.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// What for.
    pub verb: Verb,
    /// The channel.
    pub name: &'a ChannelName,
    /// What that is the name of.
    pub resolved: &'a Resolved<'a>,
    /// The session's user; empty for nobody.
    pub user: &'a str,
    /// Whether a subscription token was shown that is right and for this.
    pub has_token: bool,
    /// What the token of the session's subscription to the channel allows.
    pub allow: Verbs,
    /// What the session's connection token allows.
    pub capabilities: &'a Capabilities,
    /// What the session's roles allow.
    pub rights: &'a Rights,
    /// Whether the session is subscribed to the channel.
    pub is_subscribed: bool,
}

/// What is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision<'a> {
    /// Yes, if the plugin `hooks` has nothing against it.
    Allow {
        /// The plugin that may narrow it.
        hooks: Option<&'a str>,
    },
    /// What the plugin says, if the plugin `hooks` has nothing against that.
    Ask {
        /// The plugin that decides.
        plugin: &'a str,
        /// The plugin that may narrow it.
        hooks: Option<&'a str>,
    },
    /// No.
    Deny(Denial),
}

impl<'a> Decision<'a> {
    /// The plugin that decides, if one does, and the one that may narrow it, if that is
    /// another.
    ///
    /// # Errors
    /// Why not.
    pub fn plugins(self) -> Result<(Option<&'a str>, Option<&'a str>), Denial> {
        match self {
            Self::Allow { hooks } => Ok((None, hooks)),
            Self::Ask { plugin, hooks } => {
                Ok((Some(plugin), hooks.filter(|hooks| *hooks != plugin)))
            }
            Self::Deny(denial) => Err(denial),
        }
    }
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// There is no such channel: 102.
    #[error("unknown channel")]
    UnknownChannel,
    /// The node does not know yet which channels it has: 100.
    #[error("not known yet")]
    NotKnownYet,
    /// Nothing allows it: 103.
    #[error("permission denied")]
    PermissionDenied,
    /// The name cannot be one: 107.
    #[error("bad request: {0}")]
    BadRequest(String),
    /// The channel has no such thing: 108.
    #[error("not available")]
    NotAvailable,
}

/// Type of the events that clients publish to a declared durable channel.
fn declared_type() -> String {
    Namespace::published_type(DEFAULT_NAMESPACE)
}

/// Whether a client may do what it asks for: the first row of the table that fits decides.
#[must_use]
pub fn decide<'a>(asked: &Asked<'a>) -> Decision<'a> {
    match asked.resolved {
        Resolved::Unknown => Decision::Deny(Denial::UnknownChannel),
        Resolved::NoPattern(error) => Decision::Deny(Denial::BadRequest(error.to_string())),
        Resolved::Subject(_) | Resolved::Events(_) => watch(asked),
        Resolved::Durable => declared(asked),
        Resolved::Namespace(namespace) => match namespace.check_name(asked.name) {
            Err(refused) => Decision::Deny(Denial::BadRequest(refused.to_string())),
            Ok(()) => match asked.verb {
                Verb::Subscribe => subscribe(asked, namespace),
                Verb::Publish => publish(asked, namespace),
                Verb::History if !namespace.has_history() => not_available(),
                Verb::Presence if !namespace.presence => not_available(),
                Verb::History | Verb::Presence => {
                    yes_if(may_read(asked) || allows(asked, namespace))
                }
            },
        },
    }
}

/// What happens about a thing, or with some types: who hears anything may, and is shown what
/// it may hear.
fn watch<'a>(asked: &Asked<'_>) -> Decision<'a> {
    match asked.verb {
        Verb::Subscribe => yes_if(asked.rights.may_hear_any()),
        Verb::Publish => Decision::Deny(Denial::PermissionDenied),
        Verb::History | Verb::Presence => not_available(),
    }
}

/// A declared durable channel, of which no namespace says anything.
fn declared<'a>(asked: &Asked<'_>) -> Decision<'a> {
    match asked.verb {
        Verb::Subscribe => yes_if(asked.has_token || may_read(asked)),
        // No namespace sets the type, so that the right to publish it is needed too.
        Verb::Publish => yes_if(
            asked.allow.has(Verb::Publish)
                || asked.capabilities.allow(Verb::Publish, asked.name)
                || asked.rights.allow(&Act::Append(asked.name.as_str()))
                    && asked.rights.allow(&Act::Publish(&declared_type())),
        ),
        Verb::History => yes_if(may_read(asked)),
        Verb::Presence => not_available(),
    }
}

fn subscribe<'a>(asked: &Asked<'_>, namespace: &'a Namespace) -> Decision<'a> {
    let hooks = namespace.hooks.as_deref();
    if asked.has_token {
        return Decision::Allow { hooks };
    }
    if asked.name.is_private() {
        return Decision::Deny(Denial::PermissionDenied);
    }
    if namespace.allow_user_limited_channels && asked.name.is_user_limited() {
        return narrowed(asked.name.is_of_user(asked.user), hooks);
    }
    match namespace.authorize.as_deref() {
        Some(plugin) => Decision::Ask { plugin, hooks },
        None => narrowed(may_read(asked) || allows(asked, namespace), hooks),
    }
}

fn publish<'a>(asked: &Asked<'_>, namespace: &'a Namespace) -> Decision<'a> {
    let hooks = namespace.hooks.as_deref();
    if asked.allow.has(Verb::Publish) {
        return Decision::Allow { hooks };
    }
    match namespace.authorize.as_deref() {
        Some(plugin) => Decision::Ask { plugin, hooks },
        None => {
            let may = asked.capabilities.allow(Verb::Publish, asked.name)
                || asked.rights.allow(&Act::Append(asked.name.as_str()))
                || allows(asked, namespace);
            narrowed(may, hooks)
        }
    }
}

/// Whether the subscription's token, the capabilities or the right to read allow what is
/// asked for, which is not to publish.
fn may_read(asked: &Asked<'_>) -> bool {
    // Of a subscription there is no token that allows it but its own.
    (asked.verb != Verb::Subscribe && asked.allow.has(asked.verb))
        || asked.capabilities.allow(asked.verb, asked.name)
        || asked.rights.allow(&Act::Read(asked.name.as_str()))
}

/// Whether the options of the namespace allow it.
fn allows(asked: &Asked<'_>, namespace: &Namespace) -> bool {
    let allowed = match asked.verb {
        Verb::Subscribe => namespace.subscribe,
        Verb::Publish => namespace.publish,
        Verb::History => namespace.history,
        Verb::Presence => namespace.see_presence,
    };
    allowed.allows(asked.user, asked.is_subscribed)
}

fn narrowed(may: bool, hooks: Option<&str>) -> Decision<'_> {
    if may {
        Decision::Allow { hooks }
    } else {
        Decision::Deny(Denial::PermissionDenied)
    }
}

fn yes_if<'a>(may: bool) -> Decision<'a> {
    narrowed(may, None)
}

fn not_available<'a>() -> Decision<'a> {
    Decision::Deny(Denial::NotAvailable)
}

#[cfg(test)]
mod tests;
