//! A session's place in a hub.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hearken_session_protocol::codes::disconnects;
use hearken_session_protocol::filter::Filter;

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
    /// Whether it is told who comes and goes.
    pub join_leave: bool,
    /// Whether it has a position: then it loses nothing, or is told so.
    pub positioned: bool,
    /// Which publications it gets, if not all.
    pub filter: Option<Filter>,
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
    pub(super) fn new(new: NewSubscriber, after: u64, place: usize) -> Self {
        Self {
            new,
            after,
            place: AtomicUsize::new(place),
            gate: Mutex::new(Gate {
                state: GateState::Held,
                held: Vec::new(),
                held_bytes: 0,
                has_previous: false,
            }),
        }
    }

    /// Id of the session.
    pub(in crate::session) fn client(&self) -> &Arc<str> {
        &self.new.client
    }

    /// Sends what tells the session that it is subscribed, if that is still to be told, and
    /// what has come since, and lets through all that comes.
    pub(in crate::session) fn open(&self, told: Option<Bytes>) {
        let mut gate = self.gate();
        if let Some(told) = told {
            self.new.outbox.push(told);
        }
        if gate.state == GateState::Held {
            gate.state = GateState::Open;
            gate.held_bytes = 0;
            for frame in std::mem::take(&mut gate.held) {
                self.new.outbox.push(frame);
            }
        }
    }

    /// Lets nothing through any more, and sends what tells the session why.
    pub(in crate::session) fn close(&self, told: Option<Bytes>) {
        let mut gate = self.gate();
        gate.state = GateState::Closed;
        gate.held = Vec::new();
        if let Some(told) = told {
            self.new.outbox.push(told);
        }
    }

    /// Its gate, unless that is closed.
    pub(super) fn entered(&self) -> Option<MutexGuard<'_, Gate>> {
        let gate = self.gate();
        (gate.state != GateState::Closed).then_some(gate)
    }

    /// Sends a frame, or holds it. Its gate is entered.
    pub(super) fn send(&self, gate: &mut Gate, frame: Bytes) {
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

    fn gate(&self) -> MutexGuard<'_, Gate> {
        // Nothing in here panics half-way.
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
