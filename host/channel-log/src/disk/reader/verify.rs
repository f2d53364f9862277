//! Reading everything that a channel has in segments, to find what is damaged.

use std::sync::Arc;

use super::{Events, MAX_WINDOW, gather, read_segments};
use crate::disk::channel::Channel;
use crate::disk::core::{Core, disk_fault};
use crate::disk::device::Open;
use crate::disk::losses;
use crate::{ChannelError, ReadLimit, Span};

const LIMIT: ReadLimit = ReadLimit {
    events: usize::MAX,
    bytes: MAX_WINDOW,
};

/// How far a channel was verified.
#[derive(Debug)]
pub(in crate::disk) enum Verified {
    /// Up to this number, which comes next.
    UpTo(u64),
    /// All of it; these numbers are damaged and not given up.
    All(Vec<Span>),
}

/// Reads a piece of what a channel has in segments, from one number up to another, and
/// notes what is damaged of it, and what is not any more.
pub(in crate::disk) fn verify_piece(
    core: &Core,
    channel: &Arc<Channel>,
    (next, last): (u64, u64),
) -> Result<Verified, ChannelError> {
    let (next, known, until) = {
        let state = channel.state();
        let next = next.max(state.bounds.first);
        let known = losses::of(&state.losses, next);
        let until = losses::next_behind(&state.losses, next);
        (next, known, until)
    };
    if next > last {
        return Ok(Verified::All(losses::damaged(&channel.state().losses)));
    }
    let until = match known {
        Some(known) if known.given_up => {
            return Ok(Verified::UpTo(known.span.last.saturating_add(1)));
        }
        Some(known) => known.span.last.saturating_add(1),
        None => until.unwrap_or(u64::MAX),
    };
    let mut events = Events::new(next, until, LIMIT);
    // It is about what lies on the disk.
    events.may_resume = false;
    let read = if known.is_some() {
        // The disk may have what it once did not give.
        read_segments(core, channel, (last, Open::Recover), &mut events)
    } else {
        gather(core, channel, last, &mut events)
    };
    let (first, removed) = {
        let state = channel.state();
        (state.bounds.first, state.removed)
    };
    if removed {
        return Err(ChannelError::NoChannel(channel.name.clone()));
    }
    let loss =
        read.map_err(|error| ChannelError::Storage(disk_fault(&core.folder(channel), &error)))?;
    if known.is_some()
        && let Some(whole) = Span::new(next, events.next - 1)
        && losses::find_again(&mut channel.state().losses, whole)
    {
        core.losses_changed(channel);
    }
    if let Some(loss) = loss.filter(|loss| loss.first >= first) {
        let noted = core.note_loss(channel, loss);
        noted.map_err(ChannelError::Storage)?;
        return Ok(Verified::UpTo(loss.last + 1));
    }
    // Where there is nothing of what is lost, nothing is passed by twice.
    let stuck = events.next == next;
    Ok(Verified::UpTo(if stuck {
        until
    } else {
        events.next.max(first)
    }))
}
