//! Sending publications to who numbers them. Those of a channel go one after the other, as many
//! as wait together, so that they are numbered in the order in which they were published here.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

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

/// How long whoever publishes waits: a client waits 5 s for an answer.
const PATIENCE: Duration = Duration::from_secs(4);

/// Before it is looked again who numbers a channel's publications.
const AGAIN: Duration = Duration::from_millis(50);

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
                self.run(async move {
                    while let Some(next) = shared.across.homes.next(&name) {
                        shared.forward_all(&name, next).await;
                    }
                });
            }
            Ok(false) => {}
            Err(Full) => return Err(Forwarded::Busy),
        }
        Ok(answered)
    }

    async fn forward_all(self: &Arc<Self>, name: &ChannelName, offered: Vec<Offered>) {
        let deadline = Instant::now() + PATIENCE;
        let mut left = offered;
        while !left.is_empty() {
            let Ok((_, namespace)) = self.published_to(name.as_str()) else {
                return self.fail(name, left, Forwarded::Refused);
            };
            let Some(settings) = namespace.history_in_memory() else {
                return self.fail(name, left, Forwarded::Refused);
            };
            match self
                .forward_some(name, &namespace, settings, &mut left, deadline)
                .await
            {
                Sent::Done => {}
                Sent::Again if Instant::now() >= deadline => {
                    return self.fail(name, left, Forwarded::Away);
                }
                Sent::Again => sleep(AGAIN).await,
            }
        }
    }

    async fn forward_some(
        self: &Arc<Self>,
        name: &ChannelName,
        namespace: &Arc<Namespace>,
        settings: HistorySettings,
        left: &mut Vec<Offered>,
        deadline: Instant,
    ) -> Sent {
        let owns = || self.hubs.get(name).is_some_and(|hub| hub.owns_log());
        let home = match self.across.members.home_of(name) {
            _ if owns() => None,
            Home::Here => {
                let settled = self.settle(name, namespace, settings, Needs::Some, deadline);
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
        let patience = deadline.saturating_duration_since(Instant::now());
        match asked.answered(patience).await {
            Ok(answer::What::Numbered(numbered)) => {
                let count = numbered.numbers.len().min(left.len());
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
                _ => {
                    self.fail(name, std::mem::take(left), Forwarded::Away);
                    Sent::Done
                }
            },
            // It may have given them numbers.
            Ok(_) | Err(AskFailure::Away | AskFailure::Late) => {
                self.fail(name, std::mem::take(left), Forwarded::Unknown);
                Sent::Done
            }
        }
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
            // Nobody may wait for it.
            let _ = left.remove(0).answer.send(Ok(taken));
        }
        Sent::Done
    }

    /// Publications get no number. Where nobody waits to be told so, the log says it.
    fn fail(&self, name: &ChannelName, offered: Vec<Offered>, why: Forwarded) {
        let answers = offered.into_iter().map(|one| one.answer.send(Err(why)));
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

/// A publication has got its number from another node: it is delivered on the bus of this one.
fn numbered_elsewhere(offered: Offered, number: Number) {
    let position = number.position.map(position_of);
    let Some(Ok(position)) = position else {
        // No node answers that.
        let _ = offered.answer.send(Err(Forwarded::Unknown));
        return;
    };
    if !number.duplicate {
        let event = offered.event.placed(position.offset, number.time);
        offered
            .publisher
            .publish_stored(std::slice::from_ref(&event));
    }
    let taken = Taken {
        answered: Answered {
            id: number.id.into(),
            time: number.time,
            position: Some(position),
        },
        is_duplicate: number.duplicate,
    };
    // Nobody may wait for it.
    let _ = offered.answer.send(Ok(taken));
}
