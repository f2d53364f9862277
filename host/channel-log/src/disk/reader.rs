//! Reading events: the newest from memory, the others from segments. What is not what was
//! written is never handed out.

mod verify;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::channel::{Channel, Recent, Segment};
use super::core::{Core, disk_fault};
use super::device::Open;
use super::format::{BatchHead, segment_head_bytes};
use super::losses;
use super::segment::{OpenSegment, Resume};
use super::walk::{Found, Walk};
use crate::{Page, ReadError, ReadLimit, Span, placing};

pub(super) use self::verify::{Verified, verify_piece};

/// Bytes of heads and keys that are read beside the events asked for.
const BESIDE: usize = 192 << 10;
/// Bytes that are read for each event that is asked for, beside those; larger ones are read
/// once more.
const OF_AN_EVENT: usize = 64 << 10;
/// As many times as large as events may be what they keep in memory, having been read with them.
const MOST_BESIDE: usize = 8;
/// Most bytes that are read at once: what stays in a processor's cache while it is checked.
const MAX_WINDOW: usize = 1 << 20;
/// Times that a read looks for events that were dropped while it looked: a channel that is
/// appended to fast enough drops them for as long as it goes on, and others wait to read.
const MAX_TRIES: usize = 8;

/// Where a read begins.
#[derive(Debug)]
pub(super) struct Start {
    after: u64,
    /// The first event that is wanted.
    from: u64,
    /// Behind the last that is wanted.
    until: u64,
    last: u64,
    filed: u64,
    /// Those from `from` on, if they are in memory.
    recent: Vec<Recent>,
    in_memory: bool,
}

/// Finds out where a read begins.
pub(super) fn start(channel: &Channel, after: u64, limit: ReadLimit) -> Result<Start, ReadError> {
    let mut state = channel.state();
    if state.removed {
        return Err(ReadError::NoChannel(channel.name.clone()));
    }
    state.unused = 0;
    let last = state.bounds.last;
    let mut from = after.saturating_add(1).max(state.bounds.first);
    while let Some(loss) = losses::of(&state.losses, from) {
        if !loss.given_up {
            if from > after.saturating_add(1) {
                // The gap before it is told first.
                break;
            }
            return Err(ReadError::Damaged(Span {
                first: from,
                last: loss.span.last,
            }));
        }
        from = loss.span.last.saturating_add(1);
    }
    let until = match losses::of(&state.losses, from) {
        Some(_) => from,
        None => losses::next_behind(&state.losses, from).unwrap_or(u64::MAX),
    };
    let until = until.min(last.saturating_add(1));
    let oldest = state.recent.front().map(|oldest| oldest.head.first);
    let in_memory = from > last || oldest.is_some_and(|oldest| oldest <= from);
    let recent = if in_memory && from < until {
        in_memory_from(&state.recent, from, limit)
    } else {
        Vec::new()
    };
    Ok(Start {
        after,
        from,
        until,
        last,
        filed: state.filed,
        recent,
        in_memory,
    })
}

/// Whether a read behind `after` needs no disk: it is in memory, or there is nothing to read.
pub(super) fn is_in_memory(channel: &Channel, after: u64) -> bool {
    let nothing = ReadLimit {
        events: 0,
        bytes: 0,
    };
    start(channel, after, nothing).map_or(true, |start| start.is_in_memory())
}

fn in_memory_from(recent: &VecDeque<Recent>, from: u64, limit: ReadLimit) -> Vec<Recent> {
    let older = recent.partition_point(|recent| recent.head.span().last < from);
    let (mut taken, mut bytes, mut events) = (Vec::new(), 0_usize, 0_usize);
    for recent in recent.range(older..) {
        taken.push(recent.clone());
        // Of the first only a part may be wanted.
        if taken.len() > 1 {
            bytes = bytes.saturating_add(recent.events.len());
            events = events.saturating_add(recent.head.count as usize);
        }
        if bytes > limit.bytes || events > limit.events {
            break;
        }
    }
    taken
}

impl Start {
    /// Whether the disk is not needed.
    pub(super) fn is_in_memory(&self) -> bool {
        self.in_memory || self.from >= self.until
    }

    /// Reads what is in memory.
    pub(super) fn read_memory(self, channel: &Channel, limit: ReadLimit) -> Page {
        let mut events = Events::new(self.from, self.until, limit);
        for recent in &self.recent {
            if !events.take(&recent.head, &recent.events) {
                break;
            }
        }
        self.page(channel, events)
    }

    /// Reads from segments.
    pub(super) fn read_disk(
        self,
        core: &Core,
        channel: &Arc<Channel>,
        limit: ReadLimit,
    ) -> Result<Page, ReadError> {
        let after = self.after;
        let mut from = self;
        for _ in 0..MAX_TRIES {
            if let Some(page) = from.try_disk(core, channel, limit)? {
                return Ok(page);
            }
            from = start(channel, after, limit)?;
            if from.is_in_memory() {
                return Ok(from.read_memory(channel, limit));
            }
        }
        Err(ReadError::Overloaded)
    }

    /// Reads from segments; nothing if what is wanted was dropped meanwhile.
    fn try_disk(
        self,
        core: &Core,
        channel: &Arc<Channel>,
        limit: ReadLimit,
    ) -> Result<Option<Page>, ReadError> {
        let mut events = Events::new(self.from, self.until, limit);
        let read = gather(core, channel, self.filed, &mut events);
        events.let_go_of_the_rest();
        if !matches!(read, Ok(None)) && channel.state().removed {
            // Its files went meanwhile.
            return Err(ReadError::NoChannel(channel.name.clone()));
        }
        let loss =
            read.map_err(|error| ReadError::Storage(disk_fault(&core.folder(channel), &error)))?;
        let Some(loss) = loss else {
            return Ok(Some(self.page(channel, events)));
        };
        if loss.first < channel.state().bounds.first {
            return Ok(None);
        }
        let noted = core.note_loss(channel, loss);
        if !events.taken.is_empty() || self.from > self.after.saturating_add(1) {
            return Ok(Some(self.page(channel, events)));
        }
        noted.map_err(ReadError::Storage)?;
        Err(ReadError::Damaged(loss))
    }

    fn page(self, channel: &Channel, events: Events) -> Page {
        let gap = Span::new(self.after.saturating_add(1), (self.from - 1).min(self.last));
        let next = if events.taken.is_empty() {
            self.after.max(gap.map_or(0, |gap| gap.last))
        } else {
            events.next - 1
        };
        Page {
            epoch: channel.epoch,
            events: events.taken,
            next,
            last: self.last,
            gap,
        }
    }
}

/// Events that are gathered.
#[derive(Debug)]
pub(super) struct Events {
    taken: Vec<Bytes>,
    /// The number that comes next.
    next: u64,
    until: u64,
    bytes: usize,
    limit: ReadLimit,
    /// Whether the next one was refused.
    full: bool,
    /// Whether what is in memory of segments will do.
    may_resume: bool,
    /// Bytes that were read into memory, of which the events are parts.
    held: usize,
}

impl Events {
    fn new(next: u64, until: u64, limit: ReadLimit) -> Self {
        Self {
            taken: Vec::new(),
            next,
            until,
            bytes: 0,
            limit,
            full: false,
            may_resume: true,
            held: 0,
        }
    }

    /// Takes what is wanted of a batch with the next number; returns whether more is.
    fn take(&mut self, head: &BatchHead, events: &Bytes) -> bool {
        for (event, number) in placing::split(events).zip(head.first..) {
            if number < self.next {
                continue;
            }
            if !self.has_room(event.len()) {
                self.full = true;
                return false;
            }
            self.bytes = self.bytes.saturating_add(event.len());
            self.taken.push(event);
            self.next = number + 1;
        }
        self.wants_more()
    }

    /// Has what was read beside the events be used again, if that is much more: there may be
    /// many who have few events each.
    fn let_go_of_the_rest(&mut self) {
        if self.bytes.saturating_mul(MOST_BESIDE) < self.held {
            for event in &mut self.taken {
                *event = Bytes::copy_from_slice(event);
            }
            self.held = 0;
        }
    }

    fn wants_more(&self) -> bool {
        !self.full && self.has_room(0)
    }

    fn has_room(&self, bytes: usize) -> bool {
        self.next < self.until
            && (self.taken.is_empty()
                || self.taken.len() < self.limit.events
                    && self.bytes.saturating_add(bytes) <= self.limit.bytes)
    }
}

/// Gathers events from segments, up to the number `filed`; returns what is damaged of what
/// comes next. What memory has of a file may have changed there: nothing is damaged before
/// it was read again from the disk.
fn gather(
    core: &Core,
    channel: &Channel,
    filed: u64,
    events: &mut Events,
) -> io::Result<Option<Span>> {
    match read_segments(core, channel, (filed, Open::Read), events)? {
        None => Ok(None),
        Some(_) => read_segments(core, channel, (filed, Open::Recover), events),
    }
}

fn read_segments(
    core: &Core,
    channel: &Channel,
    (filed, how): (u64, Open),
    events: &mut Events,
) -> io::Result<Option<Span>> {
    let segments = core.segments(channel)?;
    while events.wants_more() && events.next <= filed {
        let next = events.next;
        let behind = segments.partition_point(|segment| segment.first <= next);
        // What the segment must have.
        let end = segments
            .get(behind)
            .map_or(filed, |next| next.first - 1)
            .min(filed);
        let missing = |first| Ok(Span::new(first, end));
        let Some(segment) = behind.checked_sub(1).map(|at| segments[at]) else {
            return missing(next);
        };
        if let Some(loss) = read_segment(core, channel, (segment, how), events)? {
            let last = loss.unwrap_or(end).min(end);
            // What is bad behind all that a segment must have is no event.
            if let Some(span) = Span::new(events.next, last) {
                return Ok(Some(span));
            }
        }
        if events.wants_more() && events.next <= end {
            return missing(events.next);
        }
    }
    Ok(None)
}

/// Gathers events from one segment. Returns up to where it is damaged, if it is: nothing
/// inside if that is its end.
fn read_segment(
    core: &Core,
    channel: &Channel,
    (segment, how): (Segment, Open),
    events: &mut Events,
) -> io::Result<Option<Option<u64>>> {
    let of = (core.store, channel.id);
    let Some(open) = core.open_segment_as(channel, segment, how)? else {
        return Ok(Some(None));
    };
    let next = events.next;
    let resume = open.resume(next).filter(|_| events.may_resume);
    let start = if let Some(resume) = &resume {
        resume.at
    } else {
        let index = open.index_until(of, segment.bytes, next)?;
        let mark = index.last(|mark| mark.first <= next);
        mark.map_or_else(|| segment_head_bytes(&channel.name), |mark| mark.at)
    };
    let wanted = events.limit.events.saturating_mul(OF_AN_EVENT);
    let wanted = wanted.min(events.limit.bytes);
    let window = wanted.saturating_add(BESIDE).min(MAX_WINDOW);
    let mut walk = Walk::new(open.file.as_ref(), of, (start, segment.bytes), window)
        .with_buffers(&core.buffers);
    if let Some(resume) = resume {
        walk = walk.with_window(resume.window);
    }
    let read = read_batches(&mut walk, &open, events);
    events.held = events.held.saturating_add(walk.held());
    read
}

/// Gathers events from where a walk of a segment is.
fn read_batches(
    walk: &mut Walk<'_>,
    open: &OpenSegment,
    events: &mut Events,
) -> io::Result<Option<Option<u64>>> {
    let mut bad = false;
    loop {
        let (at, head) = match walk.next()? {
            Found::Batch(at, head) => (at, head),
            Found::Bad => {
                bad = true;
                continue;
            }
            Found::End => return Ok(bad.then_some(None)),
        };
        if head.span().last < events.next {
            bad = false;
            continue;
        }
        if head.first > events.next {
            return Ok(Some(Some(head.first - 1)));
        }
        let Some(batch) = walk.batch(at, &head)? else {
            return Ok(Some(Some(head.span().last)));
        };
        bad = false;
        if !events.take(&head, &batch.slice(head.events_at()..)) {
            let (span, window) = (head.span(), walk.window());
            open.stop(Resume { at, span, window });
            return Ok(None);
        }
    }
}
