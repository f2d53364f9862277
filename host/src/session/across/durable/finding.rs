//! Which node has a durable channel, and opening it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use hearken_channel_log::Bounds;
use hearken_session_protocol::codes::errors;
use tokio::time::sleep;

use crate::mesh::PeerNode;
use crate::session::across::members::Home;
use crate::session::across::protocol::{LogOpened, OpenLog, answer, ask, refusal};
use crate::session::across::waiting::AskFailure;
use crate::session::across::wire::is_number;
use crate::session::far_log::{FarLog, FarState};
use crate::session::name::ChannelName;
use crate::session::shared::Shared;

/// How long the node that has a channel may take: a client waits 5 s for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// How long until a node is asked again that could not be.
const RETRY_DELAY: Duration = Duration::from_millis(200);

/// Channels of a node that are opened anew at once.
const OPENED_AT_ONCE: usize = 64;

/// Where a durable channel is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::session) enum Holder {
    /// On this node.
    Here,
    /// On that node.
    There(PeerNode),
    /// On a node that is not there now.
    Away,
    /// On none, as far as that is known.
    Nowhere,
}

/// Why a channel of another node is not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::session) enum NotOpened {
    /// The node cannot be asked now.
    Away,
    /// It has no such channel, and makes none.
    Unknown,
    /// It has as many channels of the namespace as it may have.
    TooMany,
}

impl Shared {
    /// Where a durable channel is.
    pub(in crate::session) fn holder_of(&self, name: &ChannelName) -> Holder {
        if self.channels.has(name.as_str()) {
            return Holder::Here;
        }
        let nodes = self.channels.elsewhere(name.as_str());
        if nodes.is_empty() {
            return Holder::Nowhere;
        }
        let members = &self.across.members;
        match nodes.iter().find_map(|node| members.named(node)) {
            Some(peer) => Holder::There(peer),
            None => Holder::Away,
        }
    }

    /// The node on which a durable channel is made that is nowhere; `None` if that is this one.
    /// All say the same, so that two that make it at the same time make one.
    pub(in crate::session) fn maker_of(&self, name: &ChannelName) -> Option<PeerNode> {
        match self.across.members.home_of(name) {
            Home::Here => None,
            Home::There(peer) => Some(peer),
        }
    }

    /// Whether another node has a durable channel that this one knows nothing of, or knows who
    /// does: it may lie on one that is away and that this one has never met. So it is, too, as
    /// long as one does not say.
    pub(in crate::session) async fn may_be_elsewhere(&self, name: &ChannelName) -> bool {
        let what = ask::What::OpenLog(OpenLog {
            channel: name.to_string(),
            make: false,
            watch: false,
        });
        let others = self.across.members.others();
        let answered = self.ask_all(others, &what, ANSWER_TIMEOUT).await;
        let has_none = |answer: &Result<_, _>| match answer {
            Err(AskFailure::Refused(why)) => why.reason() == refusal::Reason::Unknown,
            _ => false,
        };
        !answered.iter().all(|(_, answer)| has_none(answer))
    }

    /// Opens a channel of another node, which makes it if it is to and it is not there.
    ///
    /// # Errors
    /// [`NotOpened`] says why not.
    pub(in crate::session) async fn open_far(
        &self,
        name: &ChannelName,
        peer: &PeerNode,
        make: bool,
    ) -> Result<Arc<FarLog>, NotOpened> {
        let what = ask::What::OpenLog(OpenLog {
            channel: name.to_string(),
            make,
            watch: true,
        });
        let _opening = self.across.durable.open(name);
        let opened = match self.across.ask(peer, what, ANSWER_TIMEOUT).await {
            Ok(answer::What::LogOpened(opened)) => opened,
            Err(AskFailure::Refused(why)) => {
                return Err(match why.reason() {
                    refusal::Reason::Unknown => NotOpened::Unknown,
                    refusal::Reason::Error if why.code == errors::LIMIT_EXCEEDED.code => {
                        NotOpened::TooMany
                    }
                    _ => NotOpened::Away,
                });
            }
            Ok(_) | Err(AskFailure::Away | AskFailure::Late) => return Err(NotOpened::Away),
        };
        let epoch = opened.epoch.parse().map_err(|_| NotOpened::Away)?;
        let state = state_of(&opened).ok_or(NotOpened::Away)?;
        let durable = &self.across.durable;
        Ok(durable.known(name, &peer.name, epoch, state))
    }

    /// A node is there again, or may have said what was lost: what is read of it is opened anew.
    pub(in crate::session) fn open_far_anew(self: &Arc<Self>, peer: &PeerNode) {
        let logs = self.across.durable.of_node(&peer.name);
        if logs.is_empty() {
            return;
        }
        // Whoever opened them before leaves off.
        let turn = self.across.durable.opened_anew.begin(peer);
        let logs: Vec<_> = logs.iter().map(Arc::downgrade).collect();
        let (shared, peer) = (Arc::clone(self), peer.clone());
        self.tasks.run(async move {
            let open = |log| shared.open_one_anew(log, &peer, turn);
            stream::iter(logs)
                .for_each_concurrent(OPENED_AT_ONCE, open)
                .await;
            shared.across.durable.opened_anew.end(&peer, turn);
        });
    }

    /// Opens a log anew that somebody still reads.
    async fn open_one_anew(&self, log: Weak<FarLog>, peer: &PeerNode, turn: u64) {
        while self.across.durable.opened_anew.is_last(peer, turn)
            && let Some(log) = log.upgrade()
        {
            match self.open_far(&log.name, peer, false).await {
                // What is there now was told to whoever reads it.
                Ok(_) => return,
                Err(NotOpened::Unknown) => return log.remove(),
                // It has not opened its logs yet.
                Err(NotOpened::Away) if self.across.members.has(peer) => {}
                // It comes back once more, or is gone.
                Err(NotOpened::Away | NotOpened::TooMany) => return,
            }
            drop(log);
            sleep(RETRY_DELAY).await;
        }
    }
}

/// How far a log goes, if a node may say so.
fn state_of(opened: &LogOpened) -> Option<FarState> {
    let numbers = [opened.first, opened.last, opened.missing, opened.damaged];
    let is_sound = numbers.into_iter().all(is_number) && opened.first <= opened.last + 1;
    is_sound.then_some(FarState {
        bounds: Bounds {
            first: opened.first,
            last: opened.last,
        },
        missing: opened.missing,
        damaged: opened.damaged,
        is_declared: opened.declared,
        is_removed: false,
    })
}
