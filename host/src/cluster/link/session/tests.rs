use tokio::sync::mpsc;
use uuid::Uuid;

use super::*;
use crate::bus::{Bus, BusConfig, MailboxLimits, Overflow, ReceiverKind, Subscription};
use crate::clock::SystemClock;
use crate::cluster::directory::Directory;
use crate::cluster::wire::handshake::Identity;
use crate::cluster::wire::protocol::{self, Interest};
use crate::event::{Draft, EventType};

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

#[test]
fn what_the_other_side_has_to_hear_is_said_until_it_has_and_to_no_node_that_cannot() {
    let mut session = session(Past::default());
    let all = protocol::Filter {
        pattern: "*".to_owned(),
        ..protocol::Filter::default()
    };
    let interest = Interest {
        version: 1,
        filters: vec![all],
    };
    let theirs = |receiving| Resume {
        sending: 1,
        receiving,
        interest: Some(interest.clone()),
        ..Resume::default()
    };
    assert_eq!(session.resume(&theirs(0)), Ok(None));
    let publisher = session.context.bus.publisher("/test", "test");
    let draft = Draft {
        distributed: true,
        ..Draft::new(EventType::custom("a").expect("valid"))
    };
    for _ in 0..2 {
        publisher.publish(&draft).expect("valid");
        session.outbox.next().expect("an event");
    }
    session.outbox.acknowledge(1).expect("it was sent");

    let told = Skip {
        after: 2,
        unsure: 1,
    };
    // It has forgotten all, and then heard no more than that the stream goes on.
    for receiving in [0, 1] {
        assert_eq!(session.resume(&theirs(receiving)), Ok(Some(told)));
    }
    session.peer.minor = SKIP_SINCE - 1;
    for receiving in [0, 1] {
        assert_eq!(session.resume(&theirs(receiving)), Ok(None));
    }
}
