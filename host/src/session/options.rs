//! What a subscription is like: what its namespace says, what a token says otherwise, and
//! what the client asks for and may have.

use super::grant::Overrides;
use super::namespace::{Namespace, RecoveryMode};

/// What a client asks for when it subscribes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Positions.
    pub positioned: bool,
    /// Recovery.
    pub recoverable: bool,
    /// To be told who comes and goes.
    pub join_leave: bool,
}

/// What a subscription is like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionOptions {
    /// Whether it is kept that the client is subscribed.
    pub presence: bool,
    /// Whether others may be told of it.
    pub join_leave: bool,
    /// Whether it is told of others.
    pub push_join_leave: bool,
    /// Whether it has a position. What can be recovered has.
    pub positioned: bool,
    /// Whether it can be recovered.
    pub recoverable: bool,
    /// What recovery brings.
    pub recovery_mode: RecoveryMode,
}

impl SubscriptionOptions {
    /// Of a subscription to a channel of the namespace, by a client that may read its history
    /// or not, and may see who is subscribed or not, once it is.
    #[must_use]
    pub fn of(
        namespace: &Namespace,
        overrides: Overrides,
        wanted: Wanted,
        may_read_history: bool,
        may_see_presence: bool,
    ) -> Self {
        let forced = |by_token: Option<bool>, by_namespace| by_token.unwrap_or(by_namespace);
        // Without a history there are no numbers. A durable channel is read from a position,
        // however a session came to it.
        let has_numbers = namespace.has_history();
        let recoverable = namespace.durable
            || forced(overrides.force_recovery, namespace.force_recovery)
            || wanted.recoverable && (namespace.allow_recovery || may_read_history);
        let positioned = forced(overrides.force_positioning, namespace.force_positioning)
            || wanted.positioned && (namespace.allow_positioning || may_read_history);
        let is_told = wanted.join_leave && namespace.join_leave && may_see_presence;
        Self {
            presence: forced(overrides.presence, namespace.presence),
            join_leave: forced(overrides.join_leave, namespace.join_leave),
            push_join_leave: is_told
                || forced(
                    overrides.force_push_join_leave,
                    namespace.force_push_join_leave,
                ),
            positioned: has_numbers && (positioned || recoverable),
            recoverable: has_numbers && recoverable,
            recovery_mode: namespace.force_recovery_mode,
        }
    }

    /// Of a subscription to a declared durable channel, of which no namespace says anything.
    #[must_use]
    pub fn of_declared() -> Self {
        Self {
            positioned: true,
            recoverable: true,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn with_history() -> Namespace {
        Namespace {
            history_size: 10,
            history_ttl: Duration::from_secs(60),
            ..Namespace::new("chat")
        }
    }

    const ALL: Wanted = Wanted {
        positioned: true,
        recoverable: true,
        join_leave: true,
    };

    fn of(namespace: &Namespace, wanted: Wanted, may: bool) -> SubscriptionOptions {
        SubscriptionOptions::of(namespace, Overrides::default(), wanted, may, may)
    }

    #[test]
    fn what_a_client_asks_for_it_gets_if_it_may() {
        let nothing = SubscriptionOptions::default();
        assert_eq!(of(&with_history(), Wanted::default(), true), nothing);
        assert_eq!(of(&with_history(), ALL, false), nothing);
        let options = of(&with_history(), ALL, true);
        assert!(options.positioned && options.recoverable);
        assert!(!options.push_join_leave, "the namespace has none");
        let told = Namespace {
            join_leave: true,
            ..with_history()
        };
        assert!(of(&told, ALL, true).push_join_leave);
        assert!(!of(&told, ALL, false).push_join_leave);
        let allows = Namespace {
            allow_recovery: true,
            ..with_history()
        };
        let options = of(&allows, ALL, false);
        assert!(options.positioned && options.recoverable);
    }

    #[test]
    fn without_a_history_there_is_no_position() {
        let forced = Namespace {
            force_positioning: true,
            force_recovery: true,
            ..Namespace::new("chat")
        };
        let options = of(&forced, ALL, true);
        assert!(!options.positioned && !options.recoverable);
    }

    #[test]
    fn a_token_has_the_last_word_on_what_is_forced() {
        let forced = Namespace {
            presence: true,
            join_leave: true,
            force_push_join_leave: true,
            force_recovery: true,
            ..with_history()
        };
        let off = Overrides {
            presence: Some(false),
            join_leave: Some(false),
            force_recovery: Some(false),
            force_positioning: Some(false),
            force_push_join_leave: Some(false),
        };
        let none = Wanted::default();
        assert_eq!(
            SubscriptionOptions::of(&forced, off, none, true, true),
            SubscriptionOptions::default()
        );
        let on = Overrides {
            presence: Some(true),
            join_leave: Some(true),
            force_recovery: Some(false),
            force_positioning: Some(true),
            force_push_join_leave: Some(true),
        };
        let options = SubscriptionOptions::of(&with_history(), on, none, false, false);
        assert!(options.presence && options.join_leave && options.push_join_leave);
        assert!(options.positioned && !options.recoverable);
    }

    #[test]
    fn durable_channels_are_always_recovered() {
        let durable = Namespace {
            durable: true,
            ..Namespace::new("chat")
        };
        for options in [
            of(&durable, Wanted::default(), false),
            SubscriptionOptions::of_declared(),
        ] {
            assert!(options.positioned && options.recoverable);
        }
    }
}
