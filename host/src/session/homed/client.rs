//! Somebody who is subscribed in the model of logs: it checks what it gets.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::session::history::Position;

/// A publication: what was published, as no other was.
pub(super) type Said = u64;

/// Somebody who is subscribed at a node, or was.
#[derive(Debug, Default)]
pub(super) struct Client {
    /// Where it is, if it ever was subscribed.
    pub(super) position: Option<Position>,
    pub(super) is_subscribed: bool,
    /// How often it was told that it has missed something.
    pub(super) told: usize,
}

impl Client {
    pub(super) fn take(&mut self, logs: &BTreeMap<(Arc<str>, u64), Said>, said: Said) {
        if !self.is_subscribed {
            return;
        }
        let position = self.position.as_mut().expect("it is subscribed");
        position.offset += 1;
        let expected = logs.get(&(Arc::clone(&position.epoch), position.offset));
        assert_eq!(
            expected,
            Some(&said),
            "the next of its log, at {position:?}"
        );
    }

    pub(super) fn lose(&mut self) {
        if self.is_subscribed {
            self.is_subscribed = false;
            self.told += 1;
        }
    }
}
