//! Reading the logs of durable channels, wherever they are.

use std::sync::Arc;
use std::time::Duration;

use hearken_channel_log::{ReadError, Span, StorageFault};

use crate::channel::{Found, ReadAmount, ReadFailure, ReadFilter};
use crate::session::across::protocol::log_read::Outcome;
use crate::session::across::protocol::{LogRead, ReadLog, answer, ask};
use crate::session::across::wire::{event_of, is_number};
use crate::session::far_log::FarLog;
use crate::session::log::Log;
use crate::session::shared::Shared;

/// How long a page of a log of another node may take.
const ANSWERED_WITHIN: Duration = Duration::from_secs(3);

/// Most that is asked for at once, which goes into a message.
const AT_ONCE: ReadAmount = ReadAmount {
    events: 256,
    bytes: 96 << 10,
};

impl Shared {
    /// Reads what comes behind a position.
    ///
    /// # Errors
    /// [`ReadFailure`] says why it cannot be read.
    pub(in crate::session) async fn read_log(
        &self,
        log: &Log,
        after: u64,
        amount: ReadAmount,
    ) -> Result<Found, ReadFailure> {
        match log {
            Log::Near(channel) => channel.read(after, amount, &ReadFilter::default()).await,
            Log::Far(log) => self.read_far(log, after, amount).await,
        }
    }

    async fn read_far(
        &self,
        log: &FarLog,
        after: u64,
        amount: ReadAmount,
    ) -> Result<Found, ReadFailure> {
        let peer = self.across.members.named(&log.node).ok_or_else(away)?;
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let what = ask::What::ReadLog(ReadLog {
            channel: log.name.to_string(),
            epoch: log.epoch.to_string(),
            after,
            events: number(amount.events.min(AT_ONCE.events)),
            bytes: number(amount.bytes.min(AT_ONCE.bytes)),
        });
        match self.across.ask(&peer, what, ANSWERED_WITHIN).await {
            Ok(answer::What::LogRead(read)) => found(after, read),
            // Also where it refuses, since it may know better soon.
            Ok(_) | Err(_) => Err(away()),
        }
    }
}

/// What another node has read.
fn found(after: u64, read: LogRead) -> Result<Found, ReadFailure> {
    match read.outcome() {
        Outcome::Unspecified => {}
        Outcome::Removed => return Err(ReadFailure::Removed),
        Outcome::Damaged => {
            let first = after.saturating_add(1);
            let last = read.next.max(first);
            return Err(ReadFailure::Log(ReadError::Damaged(Span { first, last })));
        }
        Outcome::Beyond => {
            let last = read.last;
            return Err(ReadFailure::Beyond { after, last });
        }
        Outcome::Busy => return Err(ReadFailure::Log(ReadError::Overloaded)),
        Outcome::Failed => return Err(away()),
    }
    if !is_sound(after, &read) {
        return Err(away());
    }
    let first = after.saturating_add(1);
    Ok(Found {
        events: read.events,
        next: read.next,
        last: read.last,
        gap: (read.gap >= first).then_some(Span {
            first,
            last: read.gap,
        }),
        damaged: None,
    })
}

/// Whether what was read are events that follow on one another behind a gap, or behind the number
/// that was asked for, up to where the node says that it has read.
fn is_sound(after: u64, read: &LogRead) -> bool {
    let mut behind = after.max(read.gap);
    let are_events = read.events.iter().all(|bytes| {
        let number = event_of(bytes).ok().and_then(|event| event.sequence());
        number.is_some_and(|number| number > std::mem::replace(&mut behind, number))
    });
    are_events
        && behind <= read.next.max(after)
        && [read.next, read.last].into_iter().all(is_number)
}

fn away() -> ReadFailure {
    let why: Arc<str> = "its node cannot be asked".into();
    ReadFailure::Log(ReadError::Storage(StorageFault::new(why)))
}
