//! Waiting until a log can be read here.

use std::sync::Arc;
use std::time::Duration;

use hearken_session_protocol::SubscribePosition;
use hearken_session_protocol::codes::errors;
use tokio::time::{Instant, timeout_at};

use crate::session::history::Position;
use crate::session::history_settings::HistorySettings;
use crate::session::homed::Standing;
use crate::session::hub::Hub;
use crate::session::name::ChannelName;
use crate::session::namespace::Namespace;
use crate::session::place::Place;
use crate::session::publishing::no_hub;
use crate::session::refused::Refused;
use crate::session::shared::Shared;
use crate::session::source::Source;

/// How long whoever needs a log waits for it: a client waits 5 s for an answer.
pub(in crate::session) const SETTLED_WITHIN: Duration = Duration::from_secs(4);

/// After which time it is looked at anew.
const RETRY_DELAY: Duration = Duration::from_millis(300);

/// What has to be here of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::session) enum Needs<'n> {
    /// Whatever there is.
    Some,
    /// What this position is one of: whoever has it may have it of another node.
    Position(u64, &'n str),
    /// All that was published until now.
    All,
}

impl<'n> Needs<'n> {
    /// Of somebody who comes back to this position, or comes.
    pub(in crate::session) fn of(position: Option<&'n SubscribePosition>) -> Self {
        match position.filter(|position| position.recover) {
            Some(position) => Self::Position(position.offset, &position.epoch),
            None => Self::Some,
        }
    }

    /// Whether it is enough that the log that is here ends there, of which something may be
    /// missing unless it `is_whole`.
    fn are_met(self, top: Option<&Position>, is_whole: bool) -> bool {
        match self {
            Self::Some => top.is_some(),
            Self::Position(offset, epoch) => top.is_some_and(|top| {
                is_whole && (epoch.is_empty() || *epoch == *top.epoch) && offset <= top.offset
            }),
            Self::All => false,
        }
    }
}

impl Shared {
    /// Waits until the history of a channel can be read here, if it has one in memory; until
    /// `deadline` at the latest.
    ///
    /// # Errors
    /// [`errors::INTERNAL`] where nobody says in time what is in it.
    pub(in crate::session) async fn settle_place(
        self: &Arc<Self>,
        name: &ChannelName,
        place: &Place,
        needs: Needs<'_>,
        deadline: Instant,
    ) -> Result<(), Refused> {
        match (&place.source, place.namespace.history_in_memory()) {
            (Source::Publishers, Some(settings)) => {
                self.settle(name, &place.namespace, settings, needs, deadline)
                    .await
            }
            _ => Ok(()),
        }
    }

    /// Waits until a log can be read here, until `deadline` at the latest.
    ///
    /// # Errors
    /// [`errors::INTERNAL`] where nobody says in time what is in it.
    pub(super) async fn settle(
        self: &Arc<Self>,
        name: &ChannelName,
        namespace: &Namespace,
        settings: HistorySettings,
        needs: Needs<'_>,
        deadline: Instant,
    ) -> Result<(), Refused> {
        // The hub that was asked for all, and the number of the question.
        let mut asked: Option<(Arc<Hub>, u64)> = None;
        loop {
            let hub = self.needed_hub(name, namespace, settings)?;
            let mut settled = std::pin::pin!(hub.settled());
            // Before it is looked at, so that nothing is missed.
            settled.as_mut().enable();
            let (standing, top) = hub.standing();
            match standing {
                Standing::Owned => return Ok(()),
                Standing::Followed { is_whole, .. } if needs.are_met(top.as_ref(), is_whole) => {
                    return Ok(());
                }
                Standing::Followed { synced, .. } => match &asked {
                    Some((of, serial)) if Arc::ptr_eq(of, &hub) => {
                        if synced >= *serial {
                            return Ok(());
                        }
                    }
                    _ => {
                        let ask =
                            self.on_log(&hub, settings, |log, view, todo| log.want_all(view, todo));
                        // One that is gone is another the next time.
                        asked = ask.ok().map(|serial| (Arc::clone(&hub), serial));
                        continue;
                    }
                },
                Standing::Unsettled => {}
            }
            let now = Instant::now();
            if now >= deadline {
                return Err(errors::INTERNAL.into());
            }
            // Either way it is looked at anew.
            let _ = timeout_at(deadline.min(now + RETRY_DELAY), settled).await;
        }
    }

    /// The hub of a channel whose log somebody here needs.
    fn needed_hub(
        self: &Arc<Self>,
        name: &ChannelName,
        namespace: &Namespace,
        settings: HistorySettings,
    ) -> Result<Arc<Hub>, Refused> {
        let now = self.wheel.now();
        let made = |hub: &Arc<Hub>| self.look_after(hub);
        let want = |hub: &Arc<Hub>| {
            // Before that it is not known who is to be asked.
            if self.has_met_others() || !self.across.members.is_alone() {
                hub.need_log(now);
                self.on_log(hub, settings, |log, view, todo| log.want(view, todo))?;
            }
            Ok(Arc::clone(hub))
        };
        let hub = self
            .hubs
            .with(name, namespace, &Source::Publishers, made, want);
        Ok(hub.map_err(no_hub)?)
    }
}
