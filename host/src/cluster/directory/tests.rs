use super::held::HeldBy;
use super::*;
use crate::bus::{BusConfig, MailboxLimits, Overflow, Receiver, ReceiverKind, Subscription};
use crate::clock::SystemClock;

/// The directory of node `a`, which is reached at `a:1`.
struct World {
    directory: Directory,
    bus: Bus,
    receivers: Vec<Arc<Receiver>>,
}

impl World {
    fn new() -> Self {
        let bus = Bus::new(BusConfig {
            node: "a".into(),
            incarnation: Uuid::from_u128(1).simple().to_string(),
            max_event_bytes: 1 << 20,
            clock: Arc::new(SystemClock),
        });
        let identity = Identity {
            cluster: "c".into(),
            node: "a".into(),
            incarnation: Uuid::from_u128(1),
            version: "0.1.0".into(),
            max_event_bytes: 1 << 20,
        };
        Self {
            directory: Directory::new(
                identity,
                address("a:1"),
                bus.clone(),
                Foreknown::default(),
                Vec::new(),
            ),
            bus,
            receivers: Vec::new(),
        }
    }

    /// Node `b` links, in its `start`-th start, saying that it is at `at`.
    fn link(&mut self, start: u128, at: &str) -> Peer {
        let peer = Peer {
            node: "b".into(),
            incarnation: Uuid::from_u128(start),
            address: address(at),
            version: "0.1.0".into(),
            max_event_bytes: 1 << 20,
            minor: 1,
            sessions: false,
        };
        let receiver = Arc::new(self.bus.subscribe(Subscription {
            name: "link to b".into(),
            kind: ReceiverKind::Link,
            filters: Vec::new(),
            limits: MailboxLimits {
                events: 1,
                bytes: 1 << 20,
            },
            overflow: Overflow::DropOldest,
            partitions: 1,
        }));
        let node = Arc::new(Node::new(&peer, &receiver, HeldBy::default(), 0));
        self.receivers.push(receiver);
        self.directory.insert(Arc::clone(&node));
        self.directory.set_state(&node, NodeState::Connected);
        peer
    }

    fn is_wanted(&self, at: &str) -> bool {
        self.directory.is_wanted(&address(at))
    }
}

fn address(text: &str) -> Address {
    text.into()
}

#[tokio::test(start_paused = true)]
async fn where_the_node_itself_answered_it_asks_again_since_others_may_answer_too() {
    let world = World::new();
    world.directory.answered_itself(&address("balancer:1"));
    world.directory.answered_itself(&address("a:1"));
    assert!(!world.is_wanted("balancer:1"));
    let before = Instant::now();
    world.directory.until_wanted(&address("balancer:1")).await;
    assert_eq!(before.elapsed(), ASK_AGAIN);
    assert!(!world.is_wanted("a:1"), "its own address is nobody else's");
}

#[tokio::test(start_paused = true)]
async fn an_address_that_led_to_a_linked_node_is_asked_again_unless_it_is_the_nodes_own() {
    let mut world = World::new();
    let peer = world.link(2, "b:1");
    world.directory.answered(&address("b:1"), &peer);
    world.directory.answered(&address("balancer:1"), &peer);
    assert!(!world.is_wanted("b:1"));
    assert!(!world.is_wanted("balancer:1"));
    tokio::time::advance(ASK_AGAIN).await;
    assert!(!world.is_wanted("b:1"));
    assert!(world.is_wanted("balancer:1"));
}

#[tokio::test(start_paused = true)]
async fn an_address_is_asked_again_at_once_when_its_node_has_moved() {
    let mut world = World::new();
    let first = world.link(2, "old:1");
    world.directory.answered(&address("old:1"), &first);
    assert!(!world.is_wanted("old:1"));
    world.link(3, "new:1");
    assert!(world.is_wanted("old:1"));
}

#[tokio::test]
async fn that_a_node_knows_more_of_the_wishes_wakes_nobody_who_dials() {
    let mut world = World::new();
    world.link(2, "b:1");
    let node = world.directory.get("b").expect("it is linked");
    let changes = world.directory.changes();
    let filter = crate::bus::Filter::new(crate::event::Pattern::any());
    let _stream = world.bus.wait_for(filter);
    let version = *world.bus.interest().watch().borrow();
    world.directory.knows(&node, version);
    let known = world.bus.interest().known().await;
    assert!(known, "who waits for it does hear of it");
    assert!(!changes.has_changed().expect("the directory is there"));
}

#[tokio::test(start_paused = true)]
async fn what_a_node_knew_before_its_link_broke_it_may_have_forgotten() {
    let mut world = World::new();
    world.link(2, "b:1");
    let node = world.directory.get("b").expect("it is linked");
    let filter = crate::bus::Filter::new(crate::event::Pattern::any());
    let _stream = world.bus.wait_for(filter);
    let version = *world.bus.interest().watch().borrow();
    world.directory.knows(&node, version);
    assert!(world.bus.interest().known().await);
    world.directory.set_state(&node, NodeState::Unreachable);
    world.directory.set_state(&node, NodeState::Connected);
    assert!(!world.bus.interest().known().await, "it has not said so");
    world.directory.knows(&node, version);
    assert!(world.bus.interest().known().await);
}
