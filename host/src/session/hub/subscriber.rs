//! A session's place in a hub.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hearken_session_protocol::codes::disconnects;
use hearken_session_protocol::filter::Filter;

use super::member::Member;
use crate::access::Identity;
use crate::session::frame::Form;
use crate::session::outbox::{FRAME_BYTES, Outbox};

/// A session that is subscribed to a channel, as the channel's hub sees it. It is of one
/// subscription: whoever subscribes again is another.
#[derive(Debug)]
pub struct Subscriber {
    pub(super) new: NewSubscriber,
    /// Serial number of the publication after which it begins.
    pub(super) after: u64,
    /// Its place among the hub's subscribers; changed under the hub's lock alone.
    pub(super) place: AtomicUsize,
    gate: Mutex<Gate>,
}

/// What a subscriber is.
#[derive(Debug)]
pub struct NewSubscriber {
    /// Id of the session.
    pub client: Arc<str>,
    /// Whose it is.
    pub user: Arc<str>,
    /// Where its frames go.
    pub outbox: Arc<Outbox>,
    /// How they look.
    pub form: Form,
    /// As who others are shown it, here and on other nodes, if they are.
    pub(in crate::session) member: Option<Member>,
    /// Whether it is told who comes and goes.
    pub join_leave: bool,
    /// Whether it has a position: then it loses nothing, or is told so.
    pub positioned: bool,
    /// Which publications it gets, if not all.
    pub filter: Option<Filter>,
    /// Whose rights say which events it gets, where these are published elsewhere.
    pub hears: Option<Identity>,
}

/// What lies between a hub and the outbox of a session.
#[derive(Debug)]
pub(super) struct Gate {
    state: GateState,
    /// What came while it was held.
    held: Vec<Bytes>,
    held_bytes: usize,
    /// Whether the publication before the next was sent, so that a delta can follow.
    pub(super) has_previous: bool,
    /// How far it has come, where publications come from a log.
    pub(super) reading: Option<Reading>,
}

/// How far a subscriber has come in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// Number of the last publication that it was sent or that was none for it.
    pub(super) after: u64,
    /// Whether the others have come further, so that what follows is read for it alone.
    pub(super) lags: bool,
}

/// What becomes of a subscriber that lags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::session) enum Resumed {
    /// It goes on with the others, or is subscribed no more.
    Done,
    /// It is to be brought on from behind the publication of this number.
    Behind(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GateState {
    /// The session has not been told that it is subscribed, and nothing may come before.
    Held,
    Open,
    /// The session is subscribed no more, and nothing may come behind.
    Closed,
}

impl Subscriber {
    /// Held until it is opened.
    pub(super) fn new(
        new: NewSubscriber,
        after: u64,
        place: usize,
        reading: Option<Reading>,
    ) -> Self {
        Self {
            new,
            after,
            place: AtomicUsize::new(place),
            gate: Mutex::new(Gate {
                state: GateState::Held,
                held: Vec::new(),
                held_bytes: 0,
                has_previous: false,
                reading,
            }),
        }
    }

    /// Id of the session.
    pub(in crate::session) fn client(&self) -> &Arc<str> {
        &self.new.client
    }

    /// Sends what tells the session that it is subscribed, if that is still to be told, and
    /// what has come since, and lets through all that comes. Whether it lags, and has to be
    /// brought on from now on.
    #[must_use]
    pub(in crate::session) fn open(&self, told: Option<Bytes>) -> bool {
        let mut gate = self.gate();
        if let Some(told) = told {
            self.new.outbox.push(told);
        }
        if gate.state != GateState::Held {
            return false;
        }
        gate.state = GateState::Open;
        gate.held_bytes = 0;
        for frame in std::mem::take(&mut gate.held) {
            self.new.outbox.push(frame);
        }
        gate.lags()
    }

    /// Lets nothing through any more, and sends what tells the session why.
    pub(in crate::session) fn close(&self, told: Option<Bytes>) {
        let mut gate = self.gate();
        gate.state = GateState::Closed;
        gate.held = Vec::new();
        if let Some(told) = told {
            self.new.outbox.push(told);
        }
        let was_brought_on = gate.lags();
        drop(gate);
        if was_brought_on {
            // Whoever waits for room on its behalf need not any more.
            self.new.outbox.tell_readers();
        }
    }

    /// Waits until so many bytes, and not only a few, may be offered to it, or it is
    /// subscribed no more.
    pub(in crate::session) async fn room(&self, bytes: usize) {
        let outbox = &self.new.outbox;
        loop {
            // Before it is looked at, so that nothing is missed.
            let told = outbox.told();
            if self.entered().is_none() || outbox.has_room(bytes) {
                return;
            }
            told.await;
        }
    }

    /// Whether its session is sent nothing more.
    pub(in crate::session) fn has_ended(&self) -> bool {
        self.new.outbox.has_ended()
    }

    /// Has it go on with the others, if it has come to the publication of this number, which
    /// is where they are.
    pub(super) fn resume(&self, others: u64) -> Resumed {
        let Some(mut gate) = self.entered() else {
            return Resumed::Done;
        };
        gate.has_previous = false;
        match &mut gate.reading {
            Some(reading) if reading.lags && reading.after < others => {
                Resumed::Behind(reading.after)
            }
            Some(reading) => {
                reading.lags = false;
                Resumed::Done
            }
            None => Resumed::Done,
        }
    }

    /// Its gate, unless that is closed.
    pub(super) fn entered(&self) -> Option<MutexGuard<'_, Gate>> {
        let gate = self.gate();
        (gate.state != GateState::Closed).then_some(gate)
    }

    /// Sends a frame of publications up to that serial number, or holds it. Its gate is
    /// entered. Whether it did: one that reads a log and has no room lags from now on.
    pub(super) fn send(&self, gate: &mut Gate, frame: Bytes, serial: u64) -> bool {
        let is_open = gate.state == GateState::Open;
        let Some(reading) = &mut gate.reading else {
            self.put(gate, frame);
            return true;
        };
        // Nothing is held for it, since it can be read later.
        let is_sent = is_open && self.new.outbox.offer(frame);
        reading.lags |= !is_sent;
        if is_sent {
            reading.after = reading.after.max(serial);
        }
        is_sent
    }

    /// Sends a frame of what is no publication, or holds it. Its gate is entered. One that
    /// reads a log and has no room does not get it: nobody is promised that.
    pub(super) fn tell(&self, gate: &mut Gate, frame: Bytes) {
        if gate.reading.is_some() && gate.state == GateState::Open {
            self.new.outbox.offer(frame);
        } else {
            self.put(gate, frame);
        }
    }

    /// Sends a frame, or holds it.
    fn put(&self, gate: &mut Gate, frame: Bytes) {
        if gate.state == GateState::Open {
            self.new.outbox.push(frame);
            return;
        }
        gate.held_bytes += frame.len() + FRAME_BYTES;
        if gate.held_bytes > self.new.outbox.limit() {
            gate.state = GateState::Closed;
            gate.held = Vec::new();
            self.new.outbox.end(disconnects::SLOW);
            return;
        }
        gate.held.push(frame);
    }

    /// Whether it was opened.
    pub(super) fn is_open(gate: &Gate) -> bool {
        gate.state == GateState::Open
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        // Nothing in here panics half-way.
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gate {
    /// Whether it is behind what its hub hands on.
    pub(super) fn lags(&self) -> bool {
        self.reading.is_some_and(|reading| reading.lags)
    }

    /// Number of the publication behind which it goes on, if it reads a log.
    pub(super) fn after(&self) -> Option<u64> {
        self.reading.map(|reading| reading.after)
    }

    /// It has got as much of the publications up to that number as is for it.
    pub(super) fn pass(&mut self, serial: u64) {
        if let Some(reading) = &mut self.reading {
            reading.after = reading.after.max(serial);
        }
    }
}
