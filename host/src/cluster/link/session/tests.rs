use tokio::sync::mpsc;
use uuid::Uuid;

use super::*;
use crate::bus::{Bus, BusConfig, MailboxLimits, Overflow, ReceiverKind, Subscription};
use crate::clock::SystemClock;
use crate::cluster::directory::Directory;
use crate::cluster::wire::handshake::Identity;

/// The node `b`, as the node `a` knows it.
pub(in crate::cluster::link) fn peer() -> Peer {
    Peer {
        node: "b".into(),
        incarnation: Uuid::from_u128(2),
        address: "127.0.0.2:7071".into(),
        version: "0.1.0".into(),
        max_event_bytes: 1 << 20,
        minor: 2,
    }
}

/// A session of the node `a` with it.
pub(in crate::cluster::link) fn session(past: Past) -> Session {
    let bus = Bus::new(BusConfig {
        node: "a".into(),
        incarnation: "i".to_owned(),
        max_event_bytes: 1 << 20,
        clock: Arc::new(SystemClock),
    });
    let identity = Identity {
        cluster: "test".into(),
        node: "a".into(),
        incarnation: Uuid::from_u128(1),
        version: "0.1.0".into(),
        max_event_bytes: 1 << 20,
    };
    let peer = peer();
    let receiver = Arc::new(bus.subscribe(Subscription {
        name: "link".into(),
        kind: ReceiverKind::Link,
        filters: Vec::new(),
        limits: MailboxLimits::default(),
        overflow: Overflow::DropOldest,
        partitions: 1,
    }));
    let node = Arc::new(Node::new(&peer, &receiver));
    let own_address = "127.0.0.1:7071".into();
    let context = Context {
        node: "a".into(),
        host: bus.host_publisher(),
        directory: Arc::new(Directory::new(identity, own_address, bus.clone())),
        bus,
        failures: Arc::default(),
        news: mpsc::channel(1).0,
    };
    let outbox = Outbox::new(1, receiver, 1 << 20);
    Session::new(Arc::new(context), peer, node, outbox, past)
}

#[test]
fn a_node_that_was_forgotten_is_told_that_the_new_connection_is_a_later_one() {
    let mut before = session(Past::default());
    let attempts = [before.stand().attempt, before.stand().attempt];
    assert_eq!(attempts, [1, 2]);
    let mut after = session(before.past());
    assert_eq!(after.stand().attempt, 3);
}
