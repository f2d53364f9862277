//! Dropping what histories in memory keep, whichever nodes have them.

use std::sync::Arc;
use std::time::Duration;

use hearken_session_protocol::codes::errors;
use tokio::time::{Instant, sleep, timeout_at};

use super::settling::SETTLED_WITHIN;
use crate::mesh::PeerNode;
use crate::session::across::protocol::history_removed::Outcome;
use crate::session::across::protocol::{HistoryRemoved, RemoveHistory, answer, ask, refusal};
use crate::session::across::waiting::AskFailure;
use crate::session::homed::Standing;
use crate::session::name::ChannelName;
use crate::session::refused::Refused;
use crate::session::shared::Shared;

/// How long a node is waited for before it is asked again.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// How long until a node is asked again that was refused.
const RETRY_DELAY: Duration = Duration::from_millis(50);

/// How long a node waits until it is known whose a history is.
const SOON: Duration = Duration::from_millis(800);

impl Shared {
    /// Drops what the history of a channel keeps, whichever node has it; its position stays. All
    /// are asked: two may have one that could not reach each other, of which one has yet to give
    /// way.
    ///
    /// # Errors
    /// [`errors::INTERNAL`] where a node does not say in time that it is dropped; it may be all
    /// the same.
    pub(in crate::session) async fn remove_log(
        self: &Arc<Self>,
        name: &ChannelName,
    ) -> Result<(), Refused> {
        let deadline = Instant::now() + SETTLED_WITHIN;
        let channel = name.to_string();
        let what = ask::What::RemoveHistory(RemoveHistory { channel });
        // Who has nothing to drop, or has dropped it.
        let mut done: Vec<PeerNode> = Vec::new();
        let (mut is_done_here, mut is_removed, mut is_last) = (false, false, false);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut others = self.across.members.others();
            others.retain(|member| !done.contains(&member.peer));
            let asked = self.ask_all(others, &what, ANSWER_TIMEOUT.min(left));
            let here = async {
                match is_done_here {
                    true => Outcome::None,
                    false => self.remove_here(name).await,
                }
            };
            let (here, answers) = tokio::join!(here, asked);
            is_removed |= here == Outcome::Removed;
            is_done_here |= matches!(here, Outcome::Removed | Outcome::None);
            let mut is_all = here != Outcome::Unspecified;
            let mut is_followed = here == Outcome::Followed;
            for (node, answered) in answers {
                let outcome = match answered {
                    Ok(answer::What::HistoryRemoved(removed)) => removed.outcome(),
                    Err(AskFailure::Refused(why))
                        if why.reason() == refusal::Reason::Unspecified =>
                    {
                        // It is of a version that does not know how.
                        return Err(errors::NOT_AVAILABLE.into());
                    }
                    _ => Outcome::Unspecified,
                };
                is_removed |= outcome == Outcome::Removed;
                match outcome {
                    Outcome::Removed | Outcome::None => done.push(node),
                    Outcome::Followed => is_followed = true,
                    Outcome::Unspecified => is_all = false,
                }
            }
            if is_all && is_removed {
                return Ok(());
            }
            if is_all && !is_followed {
                // None has it, unless one has handed it over meanwhile to one that was asked
                // before.
                if is_last {
                    return Ok(());
                }
                (is_last, is_done_here) = (true, false);
                done.clear();
                continue;
            }
            if Instant::now() >= deadline {
                return Err(errors::INTERNAL.into());
            }
            if is_all {
                // One follows it, and none has it: it is on its way, and may come to one that had
                // none.
                is_done_here = false;
                done.clear();
            }
            sleep(RETRY_DELAY).await;
        }
    }

    /// Drops what is kept here, if this node numbers it, once that is known.
    async fn remove_here(self: &Arc<Self>, name: &ChannelName) -> Outcome {
        let deadline = Instant::now() + SOON;
        loop {
            let (Some(hub), Some(settings)) = (self.hubs.get(name), self.history_settings(name))
            else {
                return Outcome::None;
            };
            let mut settled = std::pin::pin!(hub.settled());
            // Before it is looked at, so that nothing is missed.
            settled.as_mut().enable();
            match hub.standing() {
                (Standing::Owned, _) => {
                    let removed = self.on_log(&hub, settings, |log, _, todo| log.remove(todo));
                    if removed.unwrap_or(false) {
                        return Outcome::Removed;
                    }
                }
                (Standing::Followed { .. }, _) => return Outcome::Followed,
                (Standing::Unsettled, _) if !hub.has_log() && !hub.needs_log(self.wheel.now()) => {
                    return Outcome::None;
                }
                (Standing::Unsettled, _) => {}
            }
            if timeout_at(deadline, settled).await.is_err() {
                return Outcome::Unspecified;
            }
        }
    }

    /// Another node has what the history of a channel keeps dropped.
    pub(in crate::session) async fn serve_removing(
        self: Arc<Self>,
        asked: RemoveHistory,
    ) -> answer::What {
        let outcome = match ChannelName::new(&asked.channel) {
            Ok(name) => self.remove_here(&name).await,
            Err(_) => Outcome::None,
        };
        let outcome = outcome.into();
        answer::What::HistoryRemoved(HistoryRemoved { outcome })
    }
}
