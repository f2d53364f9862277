//! Takes a consumer to its place in a channel.

use std::collections::BTreeMap;
use std::sync::Arc;

use hearken_channel_log::{Bounds, CellError, ReadError};
use hearken_wire::EventRef;

use super::handle::Consumer;
use super::kept::{self, KeptError};
use super::letter;
use super::place::{Place, Position};
use super::save::{end_of_letters, save_in_turn};
use super::settings::From;
use super::state::Attached;
use crate::channel::{Channel, Channels, ReadAmount, ReadFailure, ReadFilter};

/// Dead letters that are looked at together.
const PAGE: usize = 1000;

/// Why a consumer is not taken to its place.
#[derive(Debug, thiserror::Error)]
pub(super) enum AttachError {
    /// The channel is gone meanwhile.
    #[error("the channel was removed")]
    Removed,
    /// What is kept for it is damaged.
    #[error(transparent)]
    Kept(#[from] KeptError),
    /// What is kept for it cannot be read or written.
    #[error(transparent)]
    Cell(#[from] CellError),
    /// The dead letters cannot be read.
    #[error("the dead letters cannot be read: {0}")]
    Letters(ReadFailure),
}

/// Takes the consumer to its place in the channel, which it notes there if it is a new one.
///
/// # Errors
/// [`AttachError`] says why not.
pub(super) async fn attach(
    consumer: &Consumer,
    channels: &Channels,
    channel: &Arc<Channel>,
) -> Result<(), AttachError> {
    let _turn = consumer.turn.acquire().await;
    if is_attached(consumer, channel) {
        return Ok(());
    }
    let bounds = channel.bounds().ok_or(AttachError::Removed)?;
    let left = consumer.state().left.clone();
    let mut written = None;
    let known = match left.filter(|left| left.epoch == channel.epoch()) {
        Some(left) => Some(left),
        None => match channel.consumed(consumer.plugin()).await? {
            Some(bytes) => Some(kept::read(written.insert(bytes))?),
            None => None,
        },
    };
    let (place, dead_again) = match known {
        Some(place) => {
            let mut place = in_the_log(place, consumer, channel, bounds);
            let dead_again = look_for_letters(&mut place, bounds, consumer, channels).await?;
            (place, dead_again)
        }
        None => {
            let from = consumer.state().settings.from;
            let mut place = Place::new(channel.epoch(), beginning(from, bounds));
            place.letters = end_of_letters(consumer, channels);
            (place, BTreeMap::new())
        }
    };
    let attached = Attached::new(Arc::clone(channel), place, dead_again);
    // What is there already needs no room, also on a disk that has none.
    consumer.state().attached = Some(Attached {
        written,
        ..attached
    });
    let saved = save_in_turn(consumer, channels).await;
    if saved.is_err() {
        consumer.state().attached = None;
    }
    Ok(saved?)
}

/// Whether it is at its place in this log already, since somebody took from it again before
/// it was let go of.
fn is_attached(consumer: &Consumer, channel: &Channel) -> bool {
    let (epoch, told) = {
        let mut state = consumer.state();
        match &state.attached {
            None => return false,
            Some(attached) if attached.channel.epoch() == channel.epoch() => return true,
            Some(_) => state.let_go(false),
        }
    };
    for told in told {
        consumer.tell(epoch, told);
    }
    false
}

/// Where a consumer begins that has no place yet.
fn beginning(from: From, bounds: Bounds) -> u64 {
    match from {
        From::First => bounds.first.saturating_sub(1),
        From::New => bounds.last,
        From::After(number) => number.min(bounds.last),
    }
}

/// The place, or the end of the log if it is one of another, or one that the log has not
/// reached: it is older than the place, and will give its numbers to other events.
pub(super) fn in_the_log(
    place: Place,
    consumer: &Consumer,
    channel: &Channel,
    bounds: Bounds,
) -> Place {
    let epoch = channel.epoch();
    if place.epoch == epoch && place.lane.known() <= bounds.last {
        return place;
    }
    tracing::warn!(
        plugin = consumer.plugin(), channel = %consumer.channel(),
        after = place.lane.after(), log = %place.epoch, last = bounds.last, %epoch,
        "the place of a plugin in a channel is from another log; it goes on at the end of this one"
    );
    let end = Place::new(epoch, bounds.last);
    Place {
        epoch,
        lane: end.lane,
        ..place
    }
}

/// Finds the events that became dead letters after the place was written, so that they do
/// not become ones again. Returns those whose letters had been given again, with the numbers
/// of their new letters.
async fn look_for_letters(
    place: &mut Place,
    bounds: Bounds,
    consumer: &Consumer,
    channels: &Channels,
) -> Result<BTreeMap<u64, u64>, AttachError> {
    let mut again = BTreeMap::new();
    let name = letter::channel_of(consumer.plugin()).ok();
    let letters = name.and_then(|name| channels.get(name.as_str()));
    let Some(letters) = letters else {
        return Ok(again);
    };
    let mut after = match place.letters {
        Some(Position { epoch, after }) if epoch == letters.epoch() => after,
        // The first was written later.
        _ => 0,
    };
    let last = letters.bounds().map_or(0, |bounds| bounds.last);
    while after < last {
        let read = letters
            .read(after, ReadAmount::events(PAGE), &ReadFilter::default())
            .await;
        let found = match read {
            Ok(found) => found,
            // Which those were that cannot be read is not known any more.
            Err(ReadFailure::Log(ReadError::Damaged(damage))) => {
                after = damage.last;
                continue;
            }
            Err(error) => return Err(AttachError::Letters(error)),
        };
        for event in &found.events {
            let event = EventRef::assume_encoded(event);
            let Some(of) = letter::read(event) else {
                continue;
            };
            if !consumer.is_of(&of) {
                continue;
            }
            // What the log has not come to is no event of it, whatever a letter says.
            if of.sequence > bounds.last {
                continue;
            }
            let is_known = of.sequence <= place.lane.known();
            if place.lane.done_ahead(of.sequence) {
                place.dead += u64::from(is_known);
            } else {
                again.insert(of.sequence, event.sequence().unwrap_or_default());
            }
        }
        if found.next <= after {
            break;
        }
        after = found.next;
    }
    Ok(again)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_consumer_begins_where_its_manifest_says() {
        let bounds = Bounds { first: 5, last: 9 };
        let begins = [From::First, From::New, From::After(7), From::After(70)];
        assert_eq!(begins.map(|from| beginning(from, bounds)), [4, 9, 7, 9]);
    }
}
