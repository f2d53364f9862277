//! Looking at who is subscribed to a channel on any node.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::session::hub::{Hub, Looks};
use crate::session::name::ChannelName;
use crate::session::namespace::Namespace;
use crate::session::publishing::no_hub;
use crate::session::refused::Refused;
use crate::session::shared::Shared;

/// How long it is waited for what other nodes say; then only what they have said is there.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);

/// How long what they say is followed behind a look, in milliseconds: who looks again within
/// that does not wait.
const FOLLOWED: u64 = 60_000;

impl Shared {
    /// What the hub of a channel is to know of other nodes it is told from now on, as long as
    /// somebody is subscribed.
    pub(in crate::session) fn follow_presence(&self, hub: &Arc<Hub>) {
        let nodes = self.across.presence.wanting().nodes();
        // One that is gone was used by nobody.
        if let Ok(true) = hub.look_elsewhere(Looks::Subscribed, &nodes) {
            self.want_presence(hub.name());
        }
    }

    /// The hub of a channel, once it knows who is subscribed on other nodes; `None` where
    /// there is nobody.
    ///
    /// # Errors
    /// There are too many channels of its kind.
    pub(in crate::session) async fn looked_at(
        self: &Arc<Self>,
        name: &ChannelName,
        namespace: &Namespace,
    ) -> Result<Option<Arc<Hub>>, Refused> {
        let presence = &self.across.presence;
        let nodes = presence.wanting().nodes();
        if nodes.is_empty() {
            return Ok(self.hubs.get(name));
        }
        let until = self.wheel.now().saturating_add(FOLLOWED);
        let made = |hub: &Arc<Hub>| self.look_after(hub);
        let look = |hub: &Arc<Hub>| {
            let is_new = hub.look_elsewhere(Looks::Until(until), &nodes)?;
            Ok((Arc::clone(hub), is_new))
        };
        let looked = self.hubs.with_any(name, namespace, made, look);
        let (hub, is_new) = looked.map_err(no_hub)?;
        if is_new {
            self.want_presence(name);
        }
        // It is looked after earlier now.
        self.stir(&hub);
        let deadline = Instant::now() + ANSWER_TIMEOUT;
        loop {
            // Before it is looked at, so that nothing is missed.
            let mut told = pin!(presence.told.notified());
            told.as_mut().enable();
            // Who has gone meanwhile is not waited for.
            if hub.is_whole(&presence.wanting().nodes()) {
                return Ok(Some(hub));
            }
            if timeout_at(deadline, told).await.is_err() {
                self.counts.partial.fetch_add(1, Ordering::Relaxed);
                return Ok(Some(hub));
            }
        }
    }
}
