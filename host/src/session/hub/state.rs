//! What changes of a hub.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hearken_session_protocol::ClientInfo;

use super::answered::Answered;
use super::foreign::Foreign;
use super::item::{Item, Pending};
use super::member::MemberChange;
use super::seen::FOLLOWED_ON;
use super::subscriber::Subscriber;
use crate::session::history::History;
use crate::session::history_settings::HistorySettings;
use crate::session::homed::Homed;
use crate::session::idempotency::IdempotencyKeys;
use crate::session::presence::Presence;
use crate::session::publication::StoredPublication;
use crate::session::wheel::millis;

/// How long a history is remembered at most that nobody has published to.
const EMPTY_KEPT: Duration = Duration::from_secs(3600);

/// How often a hub is looked after in which something changes by itself.
const LOOKED_AFTER: u64 = 40_000;

/// Whether a hub is filled with publications from elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Filling {
    /// It is not.
    #[default]
    None,
    /// It is to be.
    Due,
    /// Somebody fills it.
    Done,
}

/// What changes of a hub, under its lock. Times are milliseconds of the node's wheel.
#[derive(Default)]
pub(super) struct State {
    /// Nobody uses it any more: whoever finds that looks for another of the name.
    pub(super) gone: bool,
    /// Its history, as far as that is here, and whose it is.
    pub(super) homed: Homed<StoredPublication>,
    /// Until when somebody here needs that, beside subscribers.
    pub(super) needed: u64,
    pub(super) keys: IdempotencyKeys<Answered>,
    /// Those who are there, here and on other nodes.
    pub(super) presence: Presence<Arc<ClientInfo>>,
    /// What other nodes have said of that, while somebody may look at it.
    pub(super) foreign: Option<Foreign>,
    /// What other nodes are yet to be told of who is subscribed here. Whoever changes that
    /// tells it next.
    pub(super) changes: Vec<MemberChange>,
    pub(super) subscribers: Arc<Vec<Arc<Subscriber>>>,
    /// How many of them get deltas.
    pub(super) deltas: usize,
    pub(super) filling: Filling,
    /// Serial number of the last publication; of one that is read from a log the number that
    /// it has there.
    pub(super) serial: u64,
    /// Time of the last publication, which never goes back in milliseconds since the Unix
    /// epoch.
    pub(super) last_time: u64,
    /// The publication before those that wait, while somebody gets deltas.
    pub(super) previous: Option<Arc<StoredPublication>>,
    pub(super) pending: Pending,
    /// Subscribers with a position that have begun after less than this serial number may
    /// have missed something.
    pub(super) lost: Option<u64>,
    /// Whether somebody hands on what waits.
    pub(super) handing_on: bool,
    /// When it is looked after again.
    pub(super) reminded: Option<u64>,
    /// What was dropped because more was published than could be handed on.
    pub(super) dropped: u64,
}

impl State {
    /// The history, which begins where there is none; `None` where another node has it, and it
    /// is not known here yet.
    pub(super) fn history(
        &mut self,
        settings: HistorySettings,
        random: u64,
        now: u64,
    ) -> Option<&mut History<StoredPublication>> {
        self.keep_to(Some(settings), now);
        self.homed.history(settings, random, now)
    }

    /// Has the history keep to other settings, or ends it.
    pub(super) fn keep_to(&mut self, settings: Option<HistorySettings>, now: u64) {
        let Some((known, history)) = self.homed.kept_mut() else {
            return;
        };
        match settings {
            Some(settings) if settings == *known => {}
            Some(settings) => {
                *known = settings;
                history.set(settings, now);
            }
            None => {
                self.homed.forget();
                self.serial += 1;
                self.lose();
            }
        }
    }

    /// Those with a position may have missed something.
    pub(super) fn lose(&mut self) {
        if !self.subscribers.is_empty() {
            self.lost = Some(self.serial);
        }
    }

    /// Has something handed on. Whoever is subscribed now gets it.
    pub(super) fn push(&mut self, item: Item) {
        if self.subscribers.is_empty() {
            return;
        }
        let dropped = self.pending.push(item);
        if dropped > 0 {
            self.dropped += dropped as u64;
            // What was to be the last before the next is not known any more.
            self.previous = None;
            self.lose();
        }
    }

    /// Takes a subscriber out; whether it was one.
    pub(super) fn take_out(&mut self, subscriber: &Arc<Subscriber>) -> bool {
        let place = subscriber.place.load(Ordering::Relaxed);
        let found = self.subscribers.get(place);
        if !found.is_some_and(|found| Arc::ptr_eq(found, subscriber)) {
            return false;
        }
        let subscribers = Arc::make_mut(&mut self.subscribers);
        subscribers.swap_remove(place);
        if let Some(moved) = subscribers.get(place) {
            moved.place.store(place, Ordering::Relaxed);
        }
        if subscribers.is_empty() {
            self.subscribers = Arc::default();
            // It is for nobody. Whoever comes before it is handed on would be told who came and
            // not who went since.
            drop(self.pending.take());
        }
        if subscriber.new.form.delta {
            self.deltas -= 1;
            if self.deltas == 0 {
                self.previous = None;
            }
        }
        true
    }

    pub(super) fn is_unneeded(&mut self, now: u64) -> bool {
        self.is_unused() && self.homed.is_idle() && !self.is_followed() && self.keys.is_empty(now)
    }

    /// Whether nobody uses it, and nothing is lost with it that is not on another node.
    pub(super) fn gives_way(&self) -> bool {
        self.is_unused() && self.homed.gives_way() && self.keys.count() == 0
    }

    /// Whether other nodes have said something of it that is kept for a while.
    fn is_followed(&self) -> bool {
        self.foreign.as_ref().is_some_and(Foreign::is_anything)
    }

    /// Whether nobody is subscribed, and nobody works for it.
    pub(super) fn is_unused(&self) -> bool {
        self.subscribers.is_empty() && !self.handing_on && self.filling == Filling::None
    }

    /// Whether somebody has a position in its history.
    pub(super) fn is_read(&self) -> bool {
        !self.subscribers.is_empty() || self.homed.has_followers()
    }

    /// When something changes by itself, or may have.
    pub(super) fn due(&self, now: u64) -> u64 {
        let mut soon = now.saturating_add(LOOKED_AFTER);
        if let Some(foreign) = &self.foreign
            && self.subscribers.is_empty()
            && self.is_followed()
        {
            soon = foreign.kept(now).clamp(now + 1, soon);
        }
        if self.homed.may_leave() && self.subscribers.is_empty() {
            soon = soon.min(now.saturating_add(FOLLOWED_ON));
            return soon;
        }
        match self.homed.kept() {
            Some((settings, history)) if !self.is_read() => match history.expires() {
                Some(expires) => expires.clamp(now + 1, soon),
                None if self.is_followed() => soon,
                None => forgotten(settings, history).max(now + 1),
            },
            _ => soon,
        }
    }
}

/// When a history need not be remembered any more. One that nobody has published to is not
/// kept for long: names of channels can be made up.
pub(super) fn forgotten(settings: &HistorySettings, history: &History<StoredPublication>) -> u64 {
    let kept = settings.meta_ttl;
    let more = match history.top().offset {
        0 => kept.saturating_sub(EMPTY_KEPT),
        _ => Duration::ZERO,
    };
    history.forgotten().saturating_sub(millis(more))
}
