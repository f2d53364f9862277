//! Events that were too large for their dead letters, which have all of them but the data. When
//! they are given again they are read where they lie.

use std::sync::Arc;

use bytes::Bytes;
use hearken_channel_log::ReadError;
use hearken_wire::EventRef;

use super::handle::Consumer;
use super::letter;
use crate::channel::{Found, ReadAmount, ReadFailure, ReadFilter};
use crate::event::Event;

/// What became of the event of a letter that lacks its data.
pub(super) struct Whole {
    /// The letter's number.
    pub(super) letter: u64,
    /// The event; nothing if it is not there any more.
    pub(super) event: Option<Event>,
}

/// Reads the event of the first letter of a page that lacks its data. The page ends before the
/// second: such events are large, and one of them is enough at a time.
///
/// # Errors
/// [`ReadFailure`] when it cannot be said what became of it.
pub(super) async fn read_whole(
    consumer: &Consumer,
    page: &mut Found,
) -> Result<Option<Whole>, ReadFailure> {
    let lacking = |bytes: &Bytes| lacks_data(consumer, EventRef::assume_encoded(bytes));
    let Some(first) = page.events.iter().position(lacking) else {
        return Ok(None);
    };
    let behind = &page.events[first + 1..];
    if let Some(second) = behind.iter().position(lacking) {
        let last = &page.events[first + second];
        page.next = number(last);
        page.events.truncate(first + 1 + second);
    }
    let bytes = &page.events[first];
    let letter = EventRef::assume_encoded(bytes);
    let channel = {
        let state = consumer.state();
        let attached = state.attached.as_ref();
        attached.map(|attached| Arc::clone(&attached.channel))
    };
    let (Some(of), Some(channel)) = (letter::read(letter), channel) else {
        return Ok(None);
    };
    let one = ReadAmount::events(1);
    let before = of.sequence.saturating_sub(1);
    let found = channel.read(before, one, &ReadFilter::default()).await;
    let found = match found {
        Ok(found) => found,
        // The log has not come there, or what is there cannot be read.
        Err(ReadFailure::Beyond { .. } | ReadFailure::Log(ReadError::Damaged(_))) => {
            Found::default()
        }
        Err(failure) => return Err(failure),
    };
    let found = found
        .events
        .first()
        .map(|event| EventRef::assume_encoded(event));
    // Not one of another log, which has that number now.
    let found = found.filter(|event| {
        event.sequence() == Some(of.sequence)
            && (event.source(), event.id()) == (letter.source(), letter.id())
    });
    if found.is_none() {
        tracing::warn!(
            plugin = consumer.plugin(), channel = %consumer.channel(), sequence = of.sequence,
            "an event was too large for its dead letter, and is not in its channel any more: it \
             cannot be given again"
        );
    }
    Ok(Some(Whole {
        letter: number(bytes),
        event: found.map(Event::copied),
    }))
}

fn lacks_data(consumer: &Consumer, letter: EventRef<'_>) -> bool {
    letter::read(letter).is_some_and(|of| of.lacks_data && consumer.is_of(&of))
}

fn number(event: &Bytes) -> u64 {
    EventRef::assume_encoded(event)
        .sequence()
        .unwrap_or_default()
}
