//! Where a user may have one session: telling another node which of them began last, when it
//! may not know.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::act::SessionAct;
use super::acting_wire;
use super::protocol::ask;
use crate::mesh::PeerNode;
use crate::session::server::Whose;
use crate::session::shared::Shared;

/// Sessions of which another node is told at once, and between two goes: a link has room for
/// that.
const BATCH: usize = 64;
const NEXT: Duration = Duration::from_millis(10);

impl Shared {
    /// A node may not know of all sessions of this one, since it was not there or has missed
    /// something: where users may have one each, it ends those that began before one of this
    /// node, as this node does by its word.
    pub(super) fn end_earlier_on(self: &Arc<Self>, peer: &PeerNode) {
        if !self.in_use().settings.single_connection {
            return;
        }
        let turn = self.across.telling.begin(peer);
        let (shared, peer) = (Arc::clone(self), peer.clone());
        self.tasks.run(async move {
            let telling = &shared.across.telling;
            let mut after: Arc<str> = "".into();
            while telling.is_last(&peer, turn) {
                match shared.end_some_earlier_on(&peer, &after) {
                    Some(last) => after = last,
                    None => break,
                }
                sleep(NEXT).await;
            }
            telling.end(&peer, turn);
        });
    }

    /// Does that for some sessions behind this id. Returns the last; nothing if there are no
    /// more, or the node is gone, which is told when it is there again.
    fn end_some_earlier_on(&self, peer: &PeerNode, after: &str) -> Option<Arc<str>> {
        let some = self.registry.list(None, after, BATCH);
        for connection in &some {
            // Who has not said who they are may have as many as they like.
            let known = connection.known().filter(|known| !known.user.is_empty());
            let began = known.as_ref().and_then(|known| known.began.clone());
            let (Some(known), Some(began)) = (known, began) else {
                continue;
            };
            let whose = Whose::User(known.user.to_string());
            let act = acting_wire::encoded(&whose, &SessionAct::end_earlier(began));
            if !self.across.have_done(peer, ask::What::Act(act)) {
                return None;
            }
        }
        some.last().map(|last| Arc::clone(&last.client))
    }
}
