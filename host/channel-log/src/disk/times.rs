//! Which event was the first at a time.

use std::io;

use super::channel::{Channel, Segment};
use super::core::Core;
use super::format::segment_head_bytes;
use super::losses;
use super::walk::{Found, Walk};

/// Bytes that are read at once.
const WINDOW: usize = 64 << 10;

/// An event and when it was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At {
    pub(super) sequence: u64,
    pub(super) time: u64,
}

/// The oldest event that is kept and was recorded at `time` or later. Times never go back
/// within a channel, and all events of a batch have the same.
pub(super) fn first_since(core: &Core, channel: &Channel, time: u64) -> io::Result<Option<At>> {
    let (first, filed, recent) = {
        let state = channel.state();
        let recent = state.recent.iter();
        let recent = recent.map(|recent| recent.head).collect::<Vec<_>>();
        (state.bounds.first, state.filed, recent)
    };
    let old_in_memory = recent.first().is_some_and(|head| head.first <= first);
    let older = recent.first().is_some_and(|head| head.time < time);
    if !old_in_memory && !older && filed >= first {
        let found = in_segments(core, channel, (first, filed), time)?;
        if found.is_some() {
            return Ok(found);
        }
    }
    let head = recent
        .iter()
        .find(|head| head.time >= time && head.span().last >= first);
    let found = head.map(|head| At {
        sequence: head.first.max(first),
        time: head.time,
    });
    // What was lost of the journal may be as young, unless something behind it is not.
    let lost = lost_from(channel, first.max(filed.saturating_add(1)));
    let lost = lost.filter(|lost| {
        let mut behind = recent.iter().filter(|head| head.first > *lost);
        found.is_none_or(|found| *lost < found.sequence) && behind.all(|head| head.time >= time)
    });
    Ok(lost.map(|sequence| At { sequence, time }).or(found))
}

fn in_segments(
    core: &Core,
    channel: &Channel,
    (first, filed): (u64, u64),
    time: u64,
) -> io::Result<Option<At>> {
    let head_bytes = segment_head_bytes(&channel.name);
    let of = (core.store, channel.id);
    let segments = core.segments(channel)?;
    let from = segment_of(core, channel, &segments, time)?;
    // Those below `first` only wait for being removed.
    let kept = segments.partition_point(|segment| segment.first <= first);
    // What is not there, between an event that is too old and one that is not, may be either.
    let mut missing = None;
    let mut expected = None;
    for segment in &segments[from.max(kept.saturating_sub(1))..] {
        let Some(open) = core.open_segment(channel, *segment)? else {
            continue;
        };
        let (start, mut next) = {
            let index = open.index(of, segment.bytes)?;
            let mark = index.last(|mark| mark.time < time);
            mark.map_or((head_bytes, segment.first), |mark| (mark.at, mark.first))
        };
        let hole = expected.filter(|expected| *expected < segment.first);
        missing = missing.or(hole);
        let mut walk = Walk::new(open.file.as_ref(), of, (start, segment.bytes), WINDOW);
        loop {
            match walk.next()? {
                Found::Batch(_, head) => {
                    let span = head.span();
                    if head.first > next {
                        missing = missing.or(Some(next));
                    }
                    next = span.last + 1;
                    if head.time < time {
                        missing = None;
                    } else if span.last >= first && span.first <= filed {
                        let missing = missing.map(|missing| known_from(channel, missing));
                        let sequence = missing.map_or(head.first, |from| from.min(head.first));
                        return Ok(Some(At {
                            sequence: sequence.max(first),
                            time: head.time,
                        }));
                    }
                }
                Found::Bad => missing = missing.or(Some(next)),
                Found::End => break,
            }
        }
        expected = Some(next.max(first));
    }
    // Of what was lost as a whole there is nothing to find.
    let missing = missing.or(Some(expected.unwrap_or(first)));
    let missing = missing.map(|missing| known_from(channel, missing).max(first));
    let missing = missing.filter(|missing| *missing <= filed);
    Ok(missing.map(|sequence| At { sequence, time }))
}

/// The first number from this one on that is lost, and was not given up.
fn lost_from(channel: &Channel, number: u64) -> Option<u64> {
    let state = channel.state();
    let lost = state.losses.iter().filter(|loss| !loss.given_up);
    let mut behind = lost.filter(|loss| loss.span.last >= number);
    behind.next().map(|loss| loss.span.first.max(number))
}

/// The first number from this one on that was not given up.
fn known_from(channel: &Channel, number: u64) -> u64 {
    let state = channel.state();
    let mut number = number;
    while let Some(loss) = losses::of(&state.losses, number).filter(|loss| loss.given_up) {
        number = loss.span.last.saturating_add(1);
    }
    number
}

/// The last of the segments, by its index, that begins before `time`; the first if none
/// does.
pub(super) fn segment_of(
    core: &Core,
    channel: &Channel,
    segments: &[Segment],
    time: u64,
) -> io::Result<usize> {
    for (index, segment) in segments.iter().enumerate().rev() {
        if begins_before(core, channel, *segment, time)? {
            return Ok(index);
        }
    }
    Ok(0)
}

/// Whether a segment is known to begin with an event from before `time`.
pub(super) fn begins_before(
    core: &Core,
    channel: &Channel,
    segment: Segment,
    time: u64,
) -> io::Result<bool> {
    let head_bytes = segment_head_bytes(&channel.name);
    let of = (core.store, channel.id);
    let Some(open) = core.open_segment(channel, segment)? else {
        return Ok(false);
    };
    let range = (head_bytes, segment.bytes);
    let mut walk = Walk::new(open.file.as_ref(), of, range, WINDOW);
    Ok(matches!(walk.next()?, Found::Batch(_, head) if head.time < time))
}
