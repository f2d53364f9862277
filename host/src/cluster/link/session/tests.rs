use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::Value;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::*;
use crate::bus::{
    Bus, BusConfig, Filter, MailboxLimits, Overflow, Receiver, ReceiverKind, Subscription,
};
use crate::clock::SystemClock;
use crate::cluster::directory::Directory;
use crate::cluster::directory::held::HeldBy;
use crate::cluster::wire::handshake::Identity;
use crate::cluster::wire::protocol::{self, Interest};
use crate::event::{Draft, EventType, Pattern};
use crate::passing::{Foreknown, Hosting};

/// The node `b`, as the node `a` knows it.
pub(in crate::cluster::link) fn peer() -> Peer {
    Peer {
        node: "b".into(),
        incarnation: Uuid::from_u128(2),
        address: "127.0.0.2:7071".into(),
        version: "0.1.0".into(),
        max_event_bytes: 1 << 20,
        minor: 3,
        sessions: true,
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
    let node = Arc::new(Node::new(&peer, &receiver, HeldBy::default(), 0));
    let own_address = "127.0.0.1:7071".into();
    let context = Context {
        node: "a".into(),
        host: bus.host_publisher(),
        directory: Arc::new(Directory::new(
            identity,
            own_address,
            bus.clone(),
            Foreknown::default(),
            Vec::new(),
        )),
        bus,
        failures: Arc::default(),
        hosting: Hosting::default(),
        news: mpsc::channel(1).0,
        ears: None,
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

/// Hears what a session reports.
fn hears_gaps(session: &Session) -> Receiver {
    let filter = |pattern| Filter::new(Pattern::new(pattern).expect("valid"));
    session.context.bus.subscribe(Subscription {
        name: "test".into(),
        kind: ReceiverKind::Stream,
        filters: vec![filter("cluster.gap"), filter("custom.marker")],
        limits: MailboxLimits::default(),
        overflow: Overflow::DropOldest,
        partitions: 1,
    })
}

/// The gaps that were reported before an event that is published now: their first and last
/// numbers and how many are missing, as far as they are known.
async fn gaps(session: &Session, heard: &Receiver) -> Vec<[Option<u64>; 3]> {
    let marker = Draft::new(EventType::custom("marker").expect("valid"));
    let publisher = session.context.bus.publisher("/test", "test");
    publisher.publish(&marker).expect("valid");
    let mut gaps = Vec::new();
    loop {
        let event = heard.recv().await.expect("the bus is there");
        if event.event_type() != "cluster.gap" {
            return gaps;
        }
        let data = event.data().expect("every gap has some");
        let data: Value = serde_json::from_slice(data).expect("JSON");
        gaps.push(["first", "last", "count"].map(|field| data[field].as_u64()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_leaves_nothing_untold_of_what_was_in_hand() {
    let mut session = session(Past::default());
    let heard = hears_gaps(&session);
    let missing = |first, last| Gap {
        first,
        last: Some(last),
    };
    session.take_in(|_, deliver| {
        deliver.gap(missing(1, 2));
        // Comes too soon after the first to be reported by itself.
        deliver.gap(missing(4, 5));
    });
    assert_eq!(gaps(&session, &heard).await, [[Some(1), Some(2), Some(2)]]);

    let taken = catch_unwind(AssertUnwindSafe(|| {
        session.take_in::<()>(|inbox, _| {
            inbox.resume(7);
            panic!("a mistake in this program");
        })
    }));
    assert!(taken.is_err());
    session.report_in_hand();
    assert_eq!(
        gaps(&session, &heard).await,
        [[Some(4), Some(5), Some(2)], [Some(1), None, None]]
    );
    assert_eq!(session.past().inbox.stream(), 7);

    // What has been told is not told again, and between two frames nothing is in hand.
    session.take_in(|_, _| ());
    session.report_in_hand();
    assert!(gaps(&session, &heard).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_told_is_told_when_the_node_comes_back() {
    let mut before = session(Past::default());
    let taken = catch_unwind(AssertUnwindSafe(|| {
        before.take_in::<()>(|_, deliver| {
            // The first is reported, and the second too soon after it.
            for number in [3, 5] {
                let last = Some(number);
                deliver.gap(Gap {
                    first: number,
                    last,
                });
            }
            panic!("a mistake in this program");
        })
    }));
    assert!(taken.is_err());
    let past = before.past();
    assert_eq!(past.untold, Some(1));

    let mut after = session(past);
    let heard = hears_gaps(&after);
    let theirs = Resume {
        sending: 1,
        ..Resume::default()
    };
    for told in [Some([Some(1), None, None]), None] {
        assert_eq!(after.resume(&theirs), Ok(None));
        assert_eq!(gaps(&after, &heard).await, Vec::from_iter(told));
    }
    assert_eq!(after.past().untold, None);
}
