//! What a hub hands on, and what waits for that.

use std::sync::Arc;

use hearken_session_protocol::ClientInfo;

use super::subscriber::NewSubscriber;
use crate::session::publication::{StoredPublication, bytes_of_info};

/// Most that waits in a hub, in things and in bytes. Handing on waits for nobody, so that this
/// is reached only where more is published than one thread can hand to that many sessions.
const MAX_ITEMS: usize = 16_384;
const MAX_BYTES: usize = 16 << 20;

/// Who does not get a publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exclude {
    /// The session with this id.
    Client(Arc<str>),
    /// All sessions of this user.
    User(Arc<str>),
}

/// What a hub hands on.
#[derive(Clone, Debug)]
pub(super) enum Item {
    Publication {
        serial: u64,
        publication: Arc<StoredPublication>,
        exclude: Option<Exclude>,
        /// Whether it may go out as a delta.
        as_delta: bool,
    },
    Join(Arc<ClientInfo>),
    Leave(Arc<ClientInfo>),
}

/// What waits to be handed on.
#[derive(Debug, Default)]
pub(super) struct Pending {
    items: Vec<Item>,
    bytes: usize,
}

impl Exclude {
    /// Bytes that it takes, about.
    pub(in crate::session) fn bytes(&self) -> usize {
        match self {
            Self::Client(who) | Self::User(who) => who.len(),
        }
    }

    pub(super) fn is_of(&self, subscriber: &NewSubscriber) -> bool {
        match self {
            Self::Client(client) => *client == subscriber.client,
            Self::User(user) => *user == subscriber.user,
        }
    }
}

impl Item {
    /// Bytes that it takes, about.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Publication { publication, .. } => publication.bytes(),
            Self::Join(info) | Self::Leave(info) => bytes_of_info(info) + size_of::<Self>(),
        }
    }
}

impl Pending {
    /// Puts something behind the others. Where there is no room all that waits is dropped;
    /// returns how many things that were.
    pub(super) fn push(&mut self, item: Item) -> usize {
        let bytes = item.bytes();
        let mut dropped = 0;
        if self.items.len() >= MAX_ITEMS || self.bytes.saturating_add(bytes) > MAX_BYTES {
            dropped = self.items.len();
            *self = Self::default();
        }
        self.bytes += bytes;
        self.items.push(item);
        dropped
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Takes all out.
    pub(super) fn take(&mut self) -> Vec<Item> {
        self.bytes = 0;
        std::mem::take(&mut self.items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_bounded() {
        let info = Arc::new(ClientInfo::default());
        let mut pending = Pending::default();
        for _ in 0..MAX_ITEMS {
            assert_eq!(pending.push(Item::Join(Arc::clone(&info))), 0);
        }
        assert_eq!(pending.push(Item::Leave(Arc::clone(&info))), MAX_ITEMS);
        assert_eq!(pending.take().len(), 1);
        assert!(pending.is_empty());
    }
}
