//! What a guest reads of channels.

use std::sync::Arc;

use hearken_channel_log::{Epoch, ReadError};
use hearken_wire::EventRef;

use super::missing::nearest_of;
use crate::channel::{Channel, Found, NoChannel, ReadAmount, ReadFailure, ReadFilter};
use crate::config::Rights;
use crate::plugin::guest::bindings::plugin::hearken::plugin::channels;
use crate::plugin::guest::imports::forms::span;
use crate::plugin::guest::state::Guest;

/// Most events of a page.
const MAX_PAGE_EVENTS: u32 = 1000;

/// Most bytes of a page, but for its first event: what a guest with the usual memory can
/// take, with all that its copies need.
const MAX_PAGE_BYTES: usize = 1 << 20;

/// Why a guest is given no events.
pub(super) enum ReadRefusal {
    NoChannel(NoChannel),
    Removed,
    Starting,
    Denied(String),
    Invalid(String),
    AnotherLog(Epoch),
    Budget,
    Failure(ReadFailure),
}

impl From<ReadRefusal> for channels::ReadError {
    fn from(refusal: ReadRefusal) -> Self {
        match refusal {
            ReadRefusal::NoChannel(missing) => {
                nearest_of(&missing).map_or_else(Self::NodeAway, Self::NoChannel)
            }
            ReadRefusal::Removed => Self::NoChannel(None),
            ReadRefusal::Starting => Self::Overloaded,
            ReadRefusal::Denied(why) => Self::Denied(why),
            ReadRefusal::Invalid(why) => Self::Invalid(why),
            ReadRefusal::AnotherLog(epoch) => Self::AnotherLog(epoch.to_string()),
            ReadRefusal::Budget => Self::BudgetExceeded,
            ReadRefusal::Failure(failure) => match failure {
                ReadFailure::Removed | ReadFailure::Log(ReadError::NoChannel(_)) => {
                    Self::NoChannel(None)
                }
                ReadFailure::Beyond { .. } => Self::Invalid(failure.to_string()),
                ReadFailure::Log(ReadError::Damaged(damaged)) => Self::Damaged(vec![span(damaged)]),
                ReadFailure::Log(ReadError::Overloaded) => Self::Overloaded,
                ReadFailure::Log(ReadError::Storage(_)) => Self::StorageFailed(failure.to_string()),
            },
        }
    }
}

/// Events that were read for a guest.
pub(super) struct Read {
    pub(super) epoch: Epoch,
    pub(super) found: Found,
    rights: Arc<Rights>,
}

impl Read {
    /// Those that it may hear.
    pub(super) fn events(&self) -> impl Iterator<Item = EventRef<'_>> {
        let events = self.found.events.iter();
        let events = events.map(|event| EventRef::assume_encoded(event));
        events.filter(|event| self.rights.may_hear(event.event_type()))
    }
}

impl Guest {
    /// A channel that the guest may read; costs it as much as an event.
    pub(super) fn readable(&mut self, name: &str) -> Result<Arc<Channel>, ReadRefusal> {
        // Who may not is not told whether there is such a channel.
        if !self.rights.now().may_read(name) {
            return Err(ReadRefusal::Denied(self.plugin.refuse_right("read", name)));
        }
        if !self.plugin.spend() {
            return Err(ReadRefusal::Budget);
        }
        let channels = &self.plugin.channels;
        // Asked first, so that one that is just being opened is not taken for missing.
        let are_open = channels.is_open();
        channels.find(name).map_err(|missing| match are_open {
            false => ReadRefusal::Starting,
            true => {
                let rights = self.rights.now();
                ReadRefusal::NoChannel(missing.told_to(|name| rights.may_read(name)))
            }
        })
    }

    /// Reads events behind a position.
    pub(super) async fn read_from(
        &mut self,
        name: &str,
        after: &channels::Position,
        limit: u32,
    ) -> Result<Read, ReadRefusal> {
        let channel = self.readable(name)?;
        if !(1..=MAX_PAGE_EVENTS).contains(&limit) {
            return Err(ReadRefusal::Invalid(format!(
                "the limit is {limit}; it is 1 to {MAX_PAGE_EVENTS}"
            )));
        }
        let epoch = channel.epoch();
        let given = after.epoch.as_deref();
        if given.is_some_and(|given| given != epoch.to_string()) {
            return Err(ReadRefusal::AnotherLog(epoch));
        }
        let amount = ReadAmount {
            events: limit as usize,
            bytes: MAX_PAGE_BYTES,
        };
        let all = ReadFilter::default();
        let _waiting = self.meter.wait_for_storage();
        let found = channel.read(after.sequence, amount, &all).await;
        let found = found.map_err(ReadRefusal::Failure)?;
        Ok(Read {
            epoch,
            found,
            rights: Arc::clone(self.rights.now()),
        })
    }
}
