//! Publications that are to be numbered by another node.

use std::collections::BTreeMap;
use std::time::Duration;

use hearken_session_protocol::ClientInfo;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::bus::Publisher;
use crate::event::Event;
use crate::session::across::protocol::Offer;
use crate::session::across::wire::{Besides, Unreadable, bytes_of, event_of};
use crate::session::history_settings::HistorySettings;
use crate::session::hub::{Exclude, NewPublication, Taken};
use crate::session::publication::StoredPublication;

/// How long whoever publishes waits: a client waits 5 s for an answer.
pub(in crate::session) const PUBLISH_TIMEOUT: Duration = Duration::from_secs(4);

/// A publication that is to be numbered by another node.
#[derive(Debug)]
pub(in crate::session) struct Offered {
    pub(super) event: Event,
    pub(super) info: Option<ClientInfo>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) exclude: Option<Exclude>,
    pub(super) key: Option<String>,
    pub(super) as_delta: bool,
    /// Delivers it on the bus of this node, once it has its number.
    pub(super) publisher: Publisher,
    /// Until then it is waited for.
    until: Instant,
    /// Whether it was sent to a node that has not answered, and may have given it a number.
    pub(super) is_in_doubt: bool,
    /// Who waits for what becomes of it.
    pub(super) answer: oneshot::Sender<Result<Taken, Forwarded>>,
}

/// Why a publication has no number from another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::session) enum Forwarded {
    /// There is nobody who would give it one now; nothing was done.
    Away,
    /// It may have one.
    Unknown,
    /// The channel is none any more, or not one with a history.
    Refused,
    /// Too many wait.
    Busy,
    /// The node that would give it one has as many channels of the namespace as it may have.
    TooMany,
}

impl Offered {
    /// Of what is published here, and waited for until then. The other half waits for what
    /// becomes of it.
    pub(in crate::session) fn new(
        new: &NewPublication<'_>,
        publisher: Publisher,
        until: Instant,
    ) -> (Self, oneshot::Receiver<Result<Taken, Forwarded>>) {
        let (answer, answered) = oneshot::channel();
        let offered = Self {
            event: new.event.clone(),
            info: new.info.clone(),
            tags: new.tags.clone(),
            exclude: new.exclude.clone(),
            key: new.key.clone(),
            as_delta: new.as_delta,
            publisher,
            until,
            is_in_doubt: false,
            answer,
        };
        (offered, answered)
    }

    /// Until when it is waited for.
    pub(in crate::session) fn until(&self) -> Instant {
        self.until
    }

    /// Whether it may be sent again when it is not known whether it has a number: who gives
    /// them knows it by its key.
    pub(super) fn may_be_sent_again(&self) -> bool {
        self.key.is_some()
    }

    /// Bytes that it takes, about.
    pub(super) fn bytes(&self) -> usize {
        let exclude = self.exclude.as_ref().map_or(0, Exclude::bytes);
        let key = self.key.as_ref().map_or(0, String::len);
        let bytes = StoredPublication::bytes_of(&self.event, self.info.as_ref(), &self.tags);
        bytes + exclude + key + size_of::<Self>()
    }

    /// As it is sent.
    pub(super) fn encoded(&self) -> Offer {
        let besides = Besides {
            info: self.info.clone(),
            tags: self.tags.clone(),
            exclude: self.exclude.clone(),
            as_delta: self.as_delta,
        };
        Offer {
            event: bytes_of(&self.event),
            beside: Some(besides.encoded()),
            key: self.key.clone(),
        }
    }

    /// As a hub takes it.
    pub(super) fn published<'p>(
        &self,
        tagged: &'p [String],
        history: HistorySettings,
    ) -> NewPublication<'p> {
        NewPublication {
            event: self.event.clone(),
            info: self.info.clone(),
            tags: self.tags.clone(),
            tagged,
            exclude: self.exclude.clone(),
            key: self.key.clone(),
            as_delta: self.as_delta,
            skips_history: false,
            history: Some(history),
        }
    }
}

/// What another node has sent, as a hub takes it.
///
/// # Errors
/// [`Unreadable`] when no node sends that.
pub(super) fn taken<'p>(
    offer: Offer,
    tagged: &'p [String],
    history: HistorySettings,
) -> Result<NewPublication<'p>, Unreadable> {
    let Besides {
        info,
        tags,
        exclude,
        as_delta,
    } = Besides::decoded(offer.beside)?;
    Ok(NewPublication {
        event: event_of(&offer.event)?,
        info,
        tags,
        tagged,
        exclude,
        key: offer.key,
        as_delta,
        skips_history: false,
        history: Some(history),
    })
}
