//! What happens to sessions and hubs as time goes by: pings, expiry, and the end of what nobody
//! needs. One task does it for all of them.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use hearken_session_protocol::codes::{Disconnect, disconnects, unsubscribes};

use super::connection::{Connection, Phase, State};
use super::entering::EXPIRED_GRACE;
use super::hub::{Hub, Subscriber};
use super::name::ChannelName;
use super::shared::{Reminder, Shared};
use super::wheel::millis;
use crate::panics::end_panics;

/// How long a connection may take to say who it is.
pub(super) const STALE: Duration = Duration::from_secs(10);

/// Sessions and hubs that are looked after before others get the thread.
const YIELD_EVERY: usize = 256;

/// What is to be done for a session.
#[derive(Debug, Default)]
struct Due {
    end: Option<Disconnect>,
    pings: bool,
    /// Whether a plugin is asked for how long it goes on.
    renews: bool,
    /// Its subscriptions that have expired, and whether the server made each.
    expired: Vec<(ChannelName, bool)>,
    /// Those about which a plugin is asked.
    renewed: Renewed,
}

/// Subscriptions, each by its channel and its subscriber.
type Renewed = Vec<(ChannelName, Arc<Subscriber>)>;

impl Shared {
    /// Looks after sessions and hubs when the wheel reminds of them, until the node ends.
    pub(super) async fn look_after_all(self: Arc<Self>) {
        loop {
            let due = self.wheel.due().await;
            for (at, reminder) in due.into_iter().enumerate() {
                // One that has a mistake costs the others nothing.
                end_panics("who looks after sessions", || match reminder {
                    Reminder::Session(connection) => self.look_after_session(&connection),
                    Reminder::Hub(hub) => self.look_after_hub(&hub),
                });
                if at % YIELD_EVERY == YIELD_EVERY - 1 {
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    fn look_after_session(self: &Arc<Self>, connection: &Weak<Connection>) {
        let Some(connection) = connection.upgrade() else {
            return;
        };
        let due = {
            let mut state = connection.lock();
            let now = self.wheel.now();
            if state.phase == Phase::Ended || state.timers.reminded > now {
                return;
            }
            state.timers.reminded = u64::MAX;
            let answers = !connection.transport.only_listens();
            let waited = connection.waited.load(Ordering::Relaxed);
            let flow = connection.outbox.flow();
            self.due(&mut state, now, answers, flow, waited)
        };
        if let Some(end) = due.end {
            self.end(&connection, Some(end));
            return;
        }
        for (name, is_server_side) in due.expired {
            if is_server_side {
                self.end(&connection, Some(disconnects::SUBSCRIPTION_EXPIRED));
                return;
            }
            self.unsubscribe(&connection, &name, None, &unsubscribes::EXPIRED);
        }
        if due.renews {
            self.renew_session(&connection);
        }
        for (name, subscriber) in due.renewed {
            self.renew_subscription(&connection, name, subscriber);
        }
        if due.pings {
            connection.outbox.push(connection.transport.variant.ping());
        }
        self.remind(&connection);
    }

    /// What is to be done for a session now, and when the next is. `answers` says whether it
    /// answers pings, `flow` what it has taken and what waits for it, and `waited` until
    /// when a command of it took long.
    fn due(
        &self,
        state: &mut State,
        now: u64,
        answers: bool,
        flow: (u64, usize),
        waited: u64,
    ) -> Due {
        let is_over = |time: Option<u64>| time.is_some_and(|time| time <= now);
        let end = |end| Due {
            end: Some(end),
            ..Due::default()
        };
        let timers = state.timers;
        if is_over(timers.stale) {
            return end(disconnects::STALE);
        }
        let (taken, waiting) = flow;
        let after = |time: Duration| now.saturating_add(millis(time));
        if is_over(timers.pong) {
            let given = self.in_use().settings.pong_timeout;
            // What it has answered may wait behind a command.
            let read = waited.saturating_add(millis(given));
            // Who reads slowly, but reads, has yet to come to the ping.
            let is_slow = waiting > 0 && taken != timers.taken;
            if read <= now && !is_slow {
                return end(disconnects::NO_PONG);
            }
            state.timers.pong = Some(after(given));
            state.timers.taken = taken;
        }
        let mut due = Due::default();
        if is_over(timers.expiry) {
            let known = state.known.as_ref();
            if state.renewing || !known.is_some_and(|known| known.renewed_by_plugin) {
                return end(disconnects::EXPIRED);
            }
            state.renewing = true;
            state.timers.expiry = Some(now.saturating_add(EXPIRED_GRACE));
            due.renews = true;
        }
        if is_over(timers.subscription_expiry) {
            (due.expired, due.renewed) = self.expired(state, now);
        }
        if is_over(timers.ping) {
            // Settings may have changed what it may.
            let known = state.known.as_ref();
            if known.is_some_and(|known| known.identity.check_holds().is_err()) {
                return end(disconnects::FORCE_RECONNECT);
            }
            let settings = &self.in_use().settings;
            state.timers.ping = Some(after(settings.ping_interval));
            // One at a time: who still has to answer is not asked again.
            if state.timers.pong.is_none() {
                due.pings = true;
                state.timers.pong = answers.then(|| after(settings.pong_timeout));
                state.timers.taken = taken;
            }
        }
        due
    }

    /// The subscriptions that are over, and those about which plugins are asked; also when the
    /// next of the others is.
    fn expired(&self, state: &mut State, now: u64) -> (Vec<(ChannelName, bool)>, Renewed) {
        let time = self.time();
        let (mut expired, mut renewed) = (Vec::new(), Renewed::new());
        let mut next = None;
        for (name, subscription) in &mut state.subscriptions {
            let Some(active) = &mut subscription.active else {
                continue;
            };
            let Some(expire_at) = active.expire_at else {
                continue;
            };
            let expires = expire_at.saturating_mul(1000);
            if active.renewed_by_plugin && !active.renewing && expires <= time {
                active.renewing = true;
                renewed.push((name.clone(), Arc::clone(&active.subscriber)));
            }
            let grace = match active.renewed_by_plugin && !active.renewing {
                true => 0,
                false => EXPIRED_GRACE,
            };
            match expires.saturating_add(grace).saturating_sub(time) {
                0 => expired.push((name.clone(), subscription.is_server_side)),
                left => {
                    let due = now.saturating_add(left);
                    next = Some(next.map_or(due, |next: u64| next.min(due)));
                }
            }
        }
        state.timers.subscription_expiry = next;
        (expired, renewed)
    }

    fn look_after_hub(self: &Arc<Self>, hub: &Weak<Hub>) {
        let Some(hub) = hub.upgrade() else {
            return;
        };
        if self.is_unknown(&hub) {
            self.gone(&hub);
        } else if self.is_another(&hub) {
            self.all_missed(&hub);
        }
        let settings = self.history_settings(hub.name());
        if settings.is_some() && !self.is_alone() {
            self.look_at_amiss(&hub);
        }
        let send = |to: &[_], word| self.say_of_log(hub.name(), to, word);
        let Some(tended) = hub.tend(settings, self.wheel.now(), send) else {
            return;
        };
        if tended.looks_away {
            self.unwant_presence(hub.name());
        }
        // Who has missed something by that is told.
        self.stir(&hub);
        if tended.is_needed || !self.end_unneeded(&hub) {
            let hub = Arc::downgrade(&hub);
            self.wheel.remind(tended.again, Reminder::Hub(hub));
        }
    }
}
