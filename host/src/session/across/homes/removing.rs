//! Dropping what histories in memory keep, whichever nodes have them.

use std::sync::Arc;
use std::time::Duration;

use hearken_session_protocol::codes::errors;
use tokio::time::{Instant, sleep};

use super::settling::{Needs, SETTLED_WITHIN};
use crate::mesh::PeerNode;
use crate::session::across::members::Home;
use crate::session::across::protocol::{Nothing, Refusal, RemoveHistory, answer, ask, refusal};
use crate::session::across::waiting::AskFailure;
use crate::session::history_settings::HistorySettings;
use crate::session::name::ChannelName;
use crate::session::namespace::Namespace;
use crate::session::refused::Refused;
use crate::session::shared::Shared;

/// How long a node is waited for before it is looked again who has the history.
const PATIENCE: Duration = Duration::from_secs(1);

/// Before it is looked again.
const AGAIN: Duration = Duration::from_millis(50);

/// How long it may take until a history is this node's of which another one wants to have it
/// dropped.
const SOON: Duration = Duration::from_millis(800);

impl Shared {
    /// Drops what the history of a channel keeps, whichever node has it; its position stays.
    ///
    /// # Errors
    /// [`errors::INTERNAL`] where no node says in time that it is dropped; it may be all the
    /// same.
    pub(in crate::session) async fn remove_log(
        self: &Arc<Self>,
        name: &ChannelName,
        namespace: &Namespace,
        settings: HistorySettings,
    ) -> Result<(), Refused> {
        if self.is_alone() && self.hubs.get(name).is_none() {
            return Ok(());
        }
        let deadline = Instant::now() + SETTLED_WITHIN;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(errors::INTERNAL.into());
            }
            let is_owned = self.hubs.get(name).is_some_and(|hub| hub.owns_log());
            let is_removed = match self.across.members.home_of(name) {
                Home::There(home) if !is_owned => {
                    let channel = name.to_string();
                    let what = ask::What::RemoveHistory(RemoveHistory { channel });
                    match self.across.ask(&home, what, PATIENCE.min(left)).await {
                        Ok(answer::What::HistoryRemoved(Nothing {})) => true,
                        Err(AskFailure::Refused(why))
                            if why.reason() == refusal::Reason::Unspecified =>
                        {
                            // It is of a version that does not know how.
                            return Err(errors::NOT_AVAILABLE.into());
                        }
                        _ => false,
                    }
                }
                _ => {
                    self.remove_own(
                        name,
                        namespace,
                        settings,
                        deadline.min(Instant::now() + PATIENCE),
                    )
                    .await
                }
            };
            if is_removed {
                return Ok(());
            }
            sleep(AGAIN).await;
        }
    }

    /// Drops what the history keeps, once it is this node's. Whether it was, in time.
    async fn remove_own(
        self: &Arc<Self>,
        name: &ChannelName,
        namespace: &Namespace,
        settings: HistorySettings,
        deadline: Instant,
    ) -> bool {
        let settled = self.settle(name, namespace, settings, Needs::Some, deadline);
        if settled.await.is_err() {
            return false;
        }
        let Some(hub) = self.hubs.get(name) else {
            return false;
        };
        let removed = self.on_log(&hub, settings, |log, _, todo| log.remove(todo));
        removed.unwrap_or(false)
    }

    /// Another node has what the history of a channel keeps dropped.
    pub(in crate::session) fn serve_removing(
        self: &Arc<Self>,
        from: &PeerNode,
        id: u64,
        asked: RemoveHistory,
    ) {
        let (shared, from) = (Arc::clone(self), from.clone());
        self.carry_out(async move {
            let answer = match shared.remove_for(&asked).await {
                true => answer::What::HistoryRemoved(Nothing {}),
                false => answer::What::Refused(Refusal::moved()),
            };
            shared.across.answer(&from, id, answer);
        });
    }

    /// Whether it is dropped.
    async fn remove_for(self: &Arc<Self>, asked: &RemoveHistory) -> bool {
        let Ok((name, namespace)) = self.published_to(&asked.channel) else {
            return false;
        };
        let Some(settings) = namespace.history_in_memory() else {
            return false;
        };
        let is_owned = self.hubs.get(&name).is_some_and(|hub| hub.owns_log());
        if !is_owned && self.across.members.home_of(&name) != Home::Here {
            return false;
        }
        let deadline = Instant::now() + SOON;
        self.remove_own(&name, &namespace, settings, deadline).await
    }
}
