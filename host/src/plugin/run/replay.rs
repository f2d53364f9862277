//! A range of a channel that an operator hands to a plugin again, beside its consumer: the
//! plugin's place in the channel does not move, and what fails is counted and not tried
//! again.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hearken_wire::EventRef;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::inbox::{Closed, Verdict};
use crate::admin::{ReplayState, ReplayStatus};
use crate::bus::{Filter, Frame};
use crate::channel::{Channel, ReadAmount, ReadFilter};
use crate::consumer::{Handling, Round};
use crate::plugin::guest::deliveries::Deliveries;

/// Events that are read before they are handed over: enough that reading is never waited
/// for.
const WAITING: ReadAmount = ReadAmount {
    events: 256,
    bytes: 1 << 20,
};

/// One replay, whatever versions of the plugin run meanwhile.
pub(crate) struct Replay {
    channel: Arc<Channel>,
    /// The node's name, for listeners that want its events alone.
    node: Arc<str>,
    after: u64,
    until: u64,
    /// Whether a copy of the plugin is handed them.
    copy: bool,
    /// By which ids are told apart of what the plugin appends.
    round: Round,
    state: Mutex<State>,
    /// There is more to take, or there will be nothing.
    more: Notify,
    /// There is room for more.
    room: Notify,
    over: CancellationToken,
}

struct State {
    filters: Vec<Filter>,
    /// Read, and not handed over.
    waiting: VecDeque<Bytes>,
    waiting_bytes: usize,
    in_hand: usize,
    /// Why nothing more is read, once that is so.
    end: Option<End>,
    /// Number of the last event that was handed over, or passed over.
    at: u64,
    handled: u64,
    failed: u64,
    missing: u64,
    last_error: Option<String>,
}

/// Why nothing more of a replay is read.
enum End {
    /// It is all read.
    Read,
    /// It cannot be read, or be handed over.
    Failed(String),
    /// An operator has ended it.
    Stopped,
}

/// What the one worker that replays takes from.
pub(crate) struct ReplayInbox(Arc<Replay>);

impl Replay {
    /// Of the events behind `after` up to `until` that pass one of the filters.
    pub(crate) fn new(
        channel: Arc<Channel>,
        node: Arc<str>,
        (after, until): (u64, u64),
        copy: bool,
        round: Round,
        filters: Vec<Filter>,
    ) -> Arc<Self> {
        Arc::new(Self {
            channel,
            node,
            after,
            until,
            copy,
            round,
            state: Mutex::new(State {
                filters,
                waiting: VecDeque::new(),
                waiting_bytes: 0,
                in_hand: 0,
                end: None,
                at: after,
                handled: 0,
                failed: 0,
                missing: 0,
                last_error: None,
            }),
            more: Notify::new(),
            room: Notify::new(),
            over: CancellationToken::new(),
        })
    }

    /// The channel that is replayed.
    pub(crate) fn channel(&self) -> &Channel {
        &self.channel
    }

    /// From now on what is handed over has to pass one of these: another version replays, or
    /// it may hear something else.
    pub(crate) fn set_filters(&self, filters: Vec<Filter>) {
        let mut state = self.state();
        state.filters = filters;
        for event in std::mem::take(&mut state.waiting) {
            state.waiting_bytes -= event.len();
            state.offer(event, &self.node);
        }
        self.end_if_done(&mut state);
        drop(state);
        self.room.notify_one();
        self.more.notify_one();
    }

    /// For the one worker that has it.
    pub(crate) fn inbox(self: &Arc<Self>) -> ReplayInbox {
        ReplayInbox(Arc::clone(self))
    }

    /// Whether everything was handed over and finished, or there was something that could
    /// not be read.
    pub(crate) fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }

    /// Ends it before everything was handed over.
    pub(crate) fn give_up(&self, reason: &str) {
        self.end(End::Failed(reason.to_owned()));
    }

    /// The same by the wish of an operator. What is in hand is finished.
    pub(crate) fn stop(&self) {
        self.end(End::Stopped);
    }

    fn end(&self, end: End) {
        let mut state = self.state();
        if self.is_over() {
            return;
        }
        state.ended(end);
        state.waiting.clear();
        state.waiting_bytes = 0;
        self.over.cancel();
        drop(state);
        // Whoever waits for more learns that there is none.
        self.more.notify_one();
    }

    /// Waits until it is over.
    pub(crate) async fn over(&self) {
        self.over.cancelled().await;
    }

    /// Reads the range, as fast as it is taken.
    pub(crate) async fn read(self: Arc<Self>) {
        let read = tokio::select! {
            biased;
            () = self.over() => return,
            read = self.read_range() => read,
        };
        let mut state = self.state();
        if self.is_over() {
            return;
        }
        state.ended(read.map_or_else(End::Failed, |()| End::Read));
        self.end_if_done(&mut state);
        drop(state);
        self.more.notify_one();
    }

    async fn read_range(&self) -> Result<(), String> {
        // What is wanted may change while it is read.
        let every = ReadFilter::default();
        let mut position = self.after;
        while position < self.until {
            while !self.state().has_room() {
                self.room.notified().await;
            }
            let found = self.channel.read(position, WAITING, &every).await;
            let found = found.map_err(|error| error.to_string())?;
            let mut state = self.state();
            if self.is_over() {
                return Ok(());
            }
            if let Some(gap) = found.gap {
                // No more of them than are in the range.
                let last = gap.last.min(self.until);
                state.missing += (last + 1).saturating_sub(gap.first.max(self.after + 1));
            }
            for event in found.events {
                let packed = EventRef::assume_encoded(&event);
                if packed.sequence().is_some_and(|number| number > self.until) {
                    break;
                }
                state.offer(event, &self.node);
            }
            drop(state);
            self.more.notify_one();
            if found.next <= position {
                // What was there when it began has been removed meanwhile.
                return Err(format!("nothing can be read after the number {position}"));
            }
            position = found.next;
        }
        Ok(())
    }

    /// As operators see it.
    pub(crate) fn status(&self) -> ReplayStatus {
        let state = self.state();
        ReplayStatus {
            channel: self.channel.name().as_str().to_owned(),
            after: self.after,
            until: self.until,
            copy: self.copy,
            at: state.at,
            state: match &state.end {
                Some(End::Failed(_)) if self.is_over() => ReplayState::Failed,
                Some(End::Read) if self.is_over() => ReplayState::Done,
                Some(End::Stopped) => ReplayState::Stopped,
                _ => ReplayState::Running,
            },
            handled: state.handled,
            failed: state.failed,
            missing: state.missing,
            last_error: state.last_error.clone(),
        }
    }

    fn end_if_done(&self, state: &mut State) {
        if state.waiting.is_empty() && state.in_hand == 0 {
            match state.end {
                None => return,
                Some(End::Read) => state.at = self.until,
                Some(End::Failed(_) | End::Stopped) => {}
            }
            self.over.cancel();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics half-way in here.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_room(&self) -> bool {
        self.waiting.len() < WAITING.events && self.waiting_bytes < WAITING.bytes
    }

    /// Nothing more is read.
    fn ended(&mut self, end: End) {
        if let End::Failed(reason) = &end {
            self.last_error = Some(reason.clone());
        }
        self.end = Some(end);
    }

    fn wants(&self, event: EventRef<'_>, node: &str) -> bool {
        Filter::any_matches_stored(&self.filters, event, node)
    }

    /// Has an event wait, if anybody wants it.
    fn offer(&mut self, event: Bytes, node: &str) {
        if self.wants(EventRef::assume_encoded(&event), node) {
            self.waiting_bytes += event.len();
            self.waiting.push_back(event);
        }
    }
}

impl Deliveries for Replay {
    /// Each event is handed over once, so that nothing need be remembered of it.
    fn handling(&self, _: &Frame, _: usize) -> Option<Handling> {
        Some(Handling {
            epoch: self.channel.epoch(),
            round: self.round,
            outputs: Arc::default(),
        })
    }
}

impl ReplayInbox {
    pub(crate) fn deliveries(&self) -> Arc<dyn Deliveries> {
        Arc::clone(&self.0) as Arc<dyn Deliveries>
    }

    pub(crate) fn try_take(&mut self, most: usize, frame: &mut Frame) -> Result<(), Closed> {
        frame.clear();
        let mut state = self.0.state();
        if state.waiting.is_empty() {
            return match state.end {
                Some(_) => Err(Closed),
                None => Ok(()),
            };
        }
        let node = &*self.0.node;
        while frame.len() < most
            && let Some(event) = state.waiting.pop_front_if(|event| frame.takes(event.len()))
        {
            state.waiting_bytes -= event.len();
            let packed = EventRef::assume_encoded(&event);
            // The version before may have put it back, which wanted something else.
            if state.wants(packed, node) {
                frame.push_of_channel(packed, packed.origin() == node, false, 0);
            }
        }
        state.in_hand += frame.len();
        self.0.end_if_done(&mut state);
        if frame.is_empty() && state.end.is_some() {
            return Err(Closed);
        }
        drop(state);
        self.0.room.notify_one();
        Ok(())
    }

    pub(crate) async fn take(&mut self, most: usize, frame: &mut Frame) -> Result<(), Closed> {
        loop {
            self.try_take(most, frame)?;
            if !frame.is_empty() {
                return Ok(());
            }
            self.0.more.notified().await;
        }
    }

    pub(crate) fn settle(&mut self, frame: &Frame, events: Range<usize>, verdict: Verdict<'_>) {
        let mut state = self.0.state();
        let last = events.end.checked_sub(1).and_then(|at| frame.event(at));
        if let Some(number) = last.and_then(EventRef::sequence) {
            state.at = number;
        }
        state.in_hand = state.in_hand.saturating_sub(events.len());
        let events = events.len() as u64;
        match verdict {
            Verdict::Done => state.handled += events,
            Verdict::Again(reason) | Verdict::AgainAfter(reason, _) | Verdict::Rejected(reason) => {
                state.failed += events;
                state.last_error = Some(reason.to_owned());
            }
        }
        self.0.end_if_done(&mut state);
    }

    pub(crate) fn put_back(&mut self, frame: &Frame, from: usize) {
        let mut state = self.0.state();
        if self.0.is_over() {
            return;
        }
        for event in (from..frame.len()).rev().filter_map(|at| frame.event(at)) {
            let event = Bytes::copy_from_slice(event.as_bytes());
            state.waiting_bytes += event.len();
            state.waiting.push_front(event);
            state.in_hand = state.in_hand.saturating_sub(1);
        }
        drop(state);
        self.0.more.notify_one();
    }
}

#[cfg(test)]
pub(super) mod tests;
