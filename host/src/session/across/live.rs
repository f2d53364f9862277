//! Publications that are in no history: each is handed to the nodes that have subscribers of its
//! channel, in the order in which it is published here.

use std::sync::Arc;

use super::core::Across;
use super::protocol::Live;
use super::protocol::across::Kind;
use super::wire::{Besides, Unreadable, bytes_of, encode, event_of};
use crate::mesh::PeerNode;
use crate::session::hub::NewPublication;
use crate::session::name::ChannelName;
use crate::session::namespaces::Resolved;
use crate::session::publication::StoredPublication;
use crate::session::shared::Shared;

impl Across {
    /// Sends a publication that is in no history to the nodes that have subscribers, if there are
    /// any.
    pub(in crate::session) fn send_live(&self, channel: &ChannelName, new: &NewPublication<'_>) {
        let nodes = self.interest.nodes_with(channel);
        if nodes.is_empty() {
            return;
        }
        let besides = Besides {
            info: new.info.clone(),
            tags: new.tags.clone(),
            exclude: new.exclude.clone(),
            as_delta: new.as_delta,
        };
        let message = encode(Kind::Live(Live {
            event: bytes_of(&new.event),
            beside: Some(besides.encoded()),
        }));
        for node in &nodes {
            self.send(node, message.clone());
        }
    }
}

impl Shared {
    /// Another node has published something that is in no history.
    ///
    /// # Errors
    /// [`Unreadable`] when no node sends that.
    pub(super) fn hear_live(
        self: &Arc<Self>,
        from: &PeerNode,
        live: Live,
    ) -> Result<(), Unreadable> {
        let event = event_of(&live.event)?;
        let besides = Besides::decoded(live.beside)?;
        if event.origin() != &*from.name {
            return Err(Unreadable::Origin(event.origin().to_owned()));
        }
        let channel = event.channel().ok_or(Unreadable::Missing("channel"))?;
        let name = ChannelName::new(channel).map_err(|_| Unreadable::Missing("valid channel"))?;
        self.across.traffic.live();
        // By mistake, since another channel has the same hash, or because the last subscriber
        // has just gone.
        let Some(hub) = self.hubs.get(&name) else {
            return Ok(());
        };
        let Resolved::Namespace(namespace) = self.resolve(&self.in_use(), &name) else {
            return Ok(());
        };
        let Besides {
            info,
            tags,
            exclude,
            as_delta,
        } = besides;
        let publication = StoredPublication::new(event, 0, info, tags, &namespace.tags);
        hub.pass_on(Arc::new(publication), exclude, as_delta);
        self.stir(&hub);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use serde_json::json;

    use super::*;
    use crate::event::{Draft, Event, EventType};
    use crate::session::test_client::settle;
    use crate::session::test_net::Net;
    use crate::session::test_support::{Rig, open};

    /// What a node says of an event.
    fn live(event: &Event) -> Live {
        Live {
            event: bytes_of(event),
            beside: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_in_vain_reaches_nobody_and_what_no_node_sends_is_refused() {
        let net = Net::new();
        let [here, there] = ["a", "b"].map(|name| Rig::beside(&net, name, &[open("chat")]));
        settle().await;
        let mut client = here.connected().await;
        client.subscribe(json!({ "channel": "chat:1" })).await;
        let event = |channel: Option<&'static str>| {
            let draft = Draft {
                channel: channel.map(Cow::Borrowed),
                ..Draft::new(EventType::custom("a").unwrap())
            };
            there.publisher.encode_all(&[draft]).unwrap().remove(0)
        };
        let shared = &here.sessions.0;
        let (b, c) = (there.peer(), Rig::beside(&net, "c", &[]).peer());
        // As of a channel that has the same hash.
        let other = shared.hear_live(&b, live(&event(Some("chat:2"))));
        assert!(other.is_ok());
        let unknown = shared.hear_live(&b, live(&event(Some("nothing:2"))));
        assert!(unknown.is_ok());
        let forged = shared.hear_live(&c, live(&event(Some("chat:1"))));
        assert!(matches!(forged, Err(Unreadable::Origin(node)) if node == "b"));
        let nowhere = shared.hear_live(&b, live(&event(None)));
        assert!(matches!(nowhere, Err(Unreadable::Missing(_))));
        let own = shared.hear_live(&b, live(&event(Some("chat:1"))));
        assert!(own.is_ok());
        assert_eq!(client.pushes().await.len(), 1);
    }
}
