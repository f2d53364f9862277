//! Namespaces of tests.

use std::time::Duration;

use super::namespace::{AllowedFor, Namespace};

/// A namespace in which everybody may do everything.
pub(super) fn open(name: &str) -> Namespace {
    let everybody = AllowedFor {
        client: true,
        subscriber: true,
        anonymous: true,
    };
    Namespace {
        subscribe: everybody,
        publish: everybody,
        history: everybody,
        see_presence: everybody,
        ..Namespace::new(name)
    }
}

/// The same whose channels are durable; it has two at most.
pub(super) fn durable(name: &str) -> Namespace {
    Namespace {
        durable: true,
        max_channels: 2,
        presence: true,
        ..open(name)
    }
}

/// The same as [`open`] with ten publications kept for a minute, and the position for five.
pub(super) fn kept(name: &str) -> Namespace {
    Namespace {
        history_size: 10,
        history_ttl: Duration::from_secs(60),
        history_meta_ttl: Duration::from_secs(300),
        force_recovery: true,
        ..open(name)
    }
}
