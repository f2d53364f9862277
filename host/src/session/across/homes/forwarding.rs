//! Sending publications to who numbers them. Those of a channel go one after the other, as many
//! as wait together, so that they are numbered in the order in which they were published here.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hearken_session_protocol::codes::errors;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use super::core::Full;
use super::offers::{Forwarded, Offered};
use super::settling::Needs;
use super::words::position_of;
use crate::session::across::members::Home;
use crate::session::across::protocol::{Number, Publish, answer, ask, refusal};
use crate::session::across::waiting::AskFailure;
use crate::session::history_settings::HistorySettings;
use crate::session::hub::{Answered, Taken};
use crate::session::name::ChannelName;
use crate::session::namespace::Namespace;
use crate::session::shared::Shared;

/// How long an answer is waited for before what has a key is sent again: the request may be
/// lost, or its node gone, and another be the channel's home.
const RESEND_DELAY: Duration = Duration::from_secs(1);

/// Before it is looked again who numbers a channel's publications.
const RETRY_DELAY: Duration = Duration::from_millis(50);

/// The turn of whoever sends the publications of a channel: should that panic, those that wait are
/// not sent, and may be by the next.
struct ForwardTurn<'t> {
    shared: &'t Shared,
    name: &'t ChannelName,
}

impl Drop for ForwardTurn<'_> {
    fn drop(&mut self) {
        let left = self.shared.across.homes.give_up(self.name);
        self.shared.fail(self.name, left, Forwarded::Away);
    }
}

/// What became of sending publications.
enum Sent {
    /// Those that are left are next.
    Done,
    /// It is to be looked again who numbers them.
    Again,
}

impl Shared {
    /// Has a publication numbered by another node, behind those that wait for that. Nobody
    /// waits; what becomes of it comes to the other half.
    pub(in crate::session) fn forward(
        self: &Arc<Self>,
        name: &ChannelName,
        offered: Offered,
        answered: oneshot::Receiver<Result<Taken, Forwarded>>,
    ) -> Result<oneshot::Receiver<Result<Taken, Forwarded>>, Forwarded> {
        match self.across.homes.put(name, offered) {
            Ok(true) => {
                let (shared, name) = (Arc::clone(self), name.clone());
                self.tasks.carry_out(async move {
                    let turn = ForwardTurn {
                        shared: &shared,
                        name: &name,
                    };
                    while let Some(next) = shared.across.homes.next(&name) {
                        shared.forward_all(&name, next).await;
                    }
                    // It ended when nothing was left, and may be another's by now. It holds
                    // nothing that would have to be given back.
                    std::mem::forget(turn);
                });
            }
            Ok(false) => {}
            Err(Full) => return Err(Forwarded::Busy),
        }
        Ok(answered)
    }

    async fn forward_all(self: &Arc<Self>, name: &ChannelName, offered: Vec<Offered>) {
        let mut left = offered;
        while !left.is_empty() {
            let Ok((_, namespace)) = self.published_to(name.as_str()) else {
                return self.fail(name, left, Forwarded::Refused);
            };
            let Some(settings) = namespace.history_in_memory() else {
                return self.fail(name, left, Forwarded::Refused);
            };
            let sent = self.forward_some(name, &namespace, settings, &mut left);
            if matches!(sent.await, Sent::Again) {
                self.give_up_late(name, &mut left);
                if !left.is_empty() {
                    sleep(RETRY_DELAY).await;
                }
            }
        }
    }

    async fn forward_some(
        self: &Arc<Self>,
        name: &ChannelName,
        namespace: &Arc<Namespace>,
        settings: HistorySettings,
        left: &mut Vec<Offered>,
    ) -> Sent {
        let owns = || self.hubs.get(name).is_some_and(|hub| hub.owns_log());
        let home = match self.across.members.home_of(name) {
            _ if owns() => None,
            Home::Here => {
                let soon = Instant::now() + RESEND_DELAY;
                let settled = self.settle(name, namespace, settings, Needs::Some, soon);
                if settled.await.is_err() || !owns() {
                    return Sent::Again;
                }
                None
            }
            Home::There(home) => Some(home),
        };
        let Some(home) = home else {
            return self.number_here(name, namespace, settings, left);
        };
        let offers = left.iter().map(Offered::encoded).collect();
        let channel = name.to_string();
        let what = ask::What::Publish(Publish { channel, offers });
        let Ok(asked) = self.across.begin_asking(&home, what) else {
            return Sent::Again;
        };
        let traffic = &self.across.traffic;
        traffic.passed_again(left.iter().filter(|one| one.is_in_doubt).count());
        match asked.answered(timeout_for(left)).await {
            Ok(answer::What::Numbered(numbered)) => {
                let count = numbered.numbers.len().min(left.len());
                traffic.passed_on(count);
                for (offered, number) in left.drain(..count).zip(numbered.numbers) {
                    numbered_elsewhere(offered, number);
                }
                match count {
                    0 => Sent::Again,
                    _ => Sent::Done,
                }
            }
            Err(AskFailure::Refused(why)) => match why.reason() {
                refusal::Reason::Moved | refusal::Reason::Unknown => Sent::Again,
                refusal::Reason::Busy => {
                    self.fail(name, std::mem::take(left), Forwarded::Busy);
                    Sent::Done
                }
                refusal::Reason::Error if why.code == errors::LIMIT_EXCEEDED.code => {
                    self.fail(name, std::mem::take(left), Forwarded::TooMany);
                    Sent::Done
                }
                _ => {
                    self.fail(name, std::mem::take(left), Forwarded::Away);
                    Sent::Done
                }
            },
            // It may have given them numbers.
            Ok(_) | Err(AskFailure::Away | AskFailure::Late) => {
                let all = std::mem::take(left);
                let (again, unknown) = all.into_iter().partition(Offered::may_be_sent_again);
                *left = again;
                for offered in left.iter_mut() {
                    offered.is_in_doubt = true;
                }
                self.fail(name, unknown, Forwarded::Unknown);
                Sent::Again
            }
        }
    }

    /// Those that are waited for no more are told so, also of those that wait for their turn.
    fn give_up_late(&self, name: &ChannelName, left: &mut Vec<Offered>) {
        let now = Instant::now();
        let mut late = self.across.homes.take_late(name, now);
        late.extend(left.extract_if(.., |offered| offered.until() <= now));
        self.fail(name, late, Forwarded::Away);
    }

    /// The log is this node's by now.
    fn number_here(
        self: &Arc<Self>,
        name: &ChannelName,
        namespace: &Namespace,
        settings: HistorySettings,
        left: &mut Vec<Offered>,
    ) -> Sent {
        let Some(hub) = self.hubs.get(name) else {
            return Sent::Again;
        };
        while !left.is_empty() {
            let new = left[0].published(&namespace.tags, settings);
            let taken = self.take_in(&hub, &new, Some(&left[0].publisher), || {});
            let Ok(Some(taken)) = taken else {
                return Sent::Again;
            };
            // What is new here is delivered with that. What is not was handed over with the log.
            let is_delivered = !taken.is_duplicate;
            has_number(left.remove(0), taken, is_delivered);
        }
        Sent::Done
    }

    /// Publications get no number; of what is in doubt that is not known. Where nobody waits to
    /// be told so, the log says it.
    fn fail(&self, name: &ChannelName, offered: Vec<Offered>, why: Forwarded) {
        let answers = offered.into_iter().map(|one| {
            let why = if one.is_in_doubt {
                Forwarded::Unknown
            } else {
                why
            };
            one.answer.send(Err(why))
        });
        let lost = answers.filter(Result::is_err).count();
        if lost > 0 {
            let dropped = &self.counts.dropped;
            dropped.fetch_add(lost as u64, Ordering::Relaxed);
            tracing::warn!(
                channel = %name, count = lost,
                "publications are lost, or may be: the node that keeps the history of their \
                 channel does not take them"
            );
        }
    }
}

/// How long it is waited for the answer about these. What is not to be sent again is waited for
/// until the last of it is given up.
fn timeout_for(sent: &[Offered]) -> Duration {
    let once = sent.iter().filter(|offered| !offered.may_be_sent_again());
    match once.map(Offered::until).max() {
        Some(until) => until.saturating_duration_since(Instant::now()),
        None => RESEND_DELAY,
    }
}

/// A publication has got its number from another node: it is delivered on the bus of this one.
fn numbered_elsewhere(offered: Offered, number: Number) {
    // None of what was published before the channel had a history.
    let Ok(position) = number.position.map(position_of).transpose() else {
        // No node answers that.
        let _ = offered.answer.send(Err(Forwarded::Unknown));
        return;
    };
    let taken = Taken {
        answered: Answered {
            id: number.id.into(),
            time: number.time,
            position,
        },
        is_duplicate: number.duplicate,
    };
    has_number(offered, taken, false);
}

/// A publication has its number. What was sent before is a duplicate of itself, and nobody has
/// delivered that.
fn has_number(offered: Offered, taken: Taken, is_delivered: bool) {
    let is_duplicate = taken.is_duplicate && !offered.is_in_doubt;
    if let (false, false, Some(position)) = (is_duplicate, is_delivered, &taken.answered.position) {
        deliver_own(&offered, position.offset, taken.answered.time);
    }
    // Nobody may wait for it.
    let _ = offered.answer.send(Ok(Taken {
        is_duplicate,
        ..taken
    }));
}

/// Delivers a publication on the bus of this node, which has got its number.
fn deliver_own(offered: &Offered, offset: u64, time: u64) {
    let event = offered.event.clone().placed(offset, time);
    offered
        .publisher
        .publish_stored(std::slice::from_ref(&event));
}
