//! Showing events wherever they are published: one receiver for a channel, whoever is subscribed
//! to it.

use std::sync::Arc;

use super::hub::Hub;
use super::namespace::DEFAULT_TAGS;
use super::publication::StoredPublication;
use super::shared::Shared;
use crate::bus::{Filter, MailboxLimits, Overflow, Receiver, ReceiverKind, Subscription};

impl Shared {
    /// Receives from now on what passes a filter, for a hub.
    pub(super) fn watch_for(&self, hub: &Hub, filter: Filter) -> Receiver {
        self.bus.subscribe(Subscription {
            name: Arc::clone(hub.name().shared()),
            kind: ReceiverKind::Stream,
            filters: vec![filter],
            limits: MailboxLimits::default(),
            // Counted and reported by the bus.
            overflow: Overflow::DropOldest,
            partitions: 1,
        })
    }

    /// Hands on what is received for a hub, as long as somebody is subscribed.
    pub(super) async fn watch(self: Arc<Self>, hub: Arc<Hub>, receiver: Receiver) {
        let tagged = DEFAULT_TAGS.map(str::to_owned);
        while hub.filled_up_to().is_some() {
            let event = tokio::select! {
                event = receiver.recv() => match event {
                    Ok(event) => event,
                    Err(_) => break,
                },
                () = hub.emptied() => continue,
            };
            let publication = StoredPublication::read(event, 0, &tagged);
            hub.fill(Arc::new(publication));
            self.stir(&hub);
            hub.taken().await;
        }
        drop(receiver);
        self.release(&hub);
    }
}
