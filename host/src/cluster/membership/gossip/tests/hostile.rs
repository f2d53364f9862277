//! Messages that no node sends.

use std::sync::LazyLock;

use bytes::{BufMut, Bytes};
use foca::{Codec, Header, Message, PostcardCodec};
use proptest::prelude::*;
use proptest::sample::Index;

use super::super::MAX_MESSAGE_BYTES;
use super::super::identity::Identity;
use super::world::World;
use super::*;

/// What `a` said to `b` in the first seconds of a cluster of three.
static GENUINE: LazyLock<Vec<Bytes>> = LazyLock::new(|| {
    run(async {
        let mut world = joined(1, &NAMES[..3]).await;
        world.pass(Duration::from_secs(5)).await;
        world.crash("c");
        world.pass(Duration::from_secs(5)).await;
        let to_b = world
            .sent
            .iter()
            .filter(|sent| *sent.from.node == *"a" && *sent.to == *"b");
        to_b.map(|sent| sent.message.clone()).collect()
    })
});

/// Hands `b` the messages as if `a` had sent them. The world checks that `b` goes
/// on running.
async fn endure(messages: Vec<Vec<u8>>) -> World {
    let mut world = joined(1, &NAMES[..3]).await;
    for message in messages {
        world.forge("a", "b", message.into());
        world.pass(Duration::from_millis(300)).await;
    }
    world
}

fn damage(mut message: Vec<u8>, changes: &[(Index, u8)], cut: Option<Index>) -> Vec<u8> {
    for (at, value) in changes {
        let at = at.index(message.len());
        message[at] = *value;
    }
    if let Some(cut) = cut {
        message.truncate(cut.index(message.len()));
    }
    message
}

#[tokio::test(start_paused = true)]
async fn what_is_no_message_changes_nothing() {
    let longest = GENUINE.iter().max_by_key(|message| message.len()).unwrap();
    let longer = |bytes| {
        let mut message = longest.to_vec();
        message.resize(bytes, 0);
        message
    };
    let messages = vec![
        Vec::new(),
        longer(longest.len() - 1),
        longer(longest.len() + 1),
        longer(MAX_MESSAGE_BYTES + 1),
    ];
    let world = endure(messages).await;
    assert!(world.agree(&NAMES[..3]));
}

#[tokio::test(start_paused = true)]
async fn a_node_speaks_for_itself_only() {
    // What `c` says when it leaves.
    let mut world = joined(1, &NAMES[..3]).await;
    world.sent.clear();
    world.leave("c").await;
    let last_word = world.sent.iter().find(|sent| *sent.to == *"b").unwrap();
    let last_word = last_word.message.clone();

    for (sender, believed) in [("a", false), ("c", true)] {
        // The same nodes, none of which leaves.
        let mut world = joined(1, &NAMES[..3]).await;
        world.forge(sender, "b", last_word.clone());
        world.pass(Duration::from_millis(10)).await;
        assert_eq!(
            world.found("b").contains(&address("c")),
            !believed,
            "from {sender}"
        );
    }
}

/// The beginning of a message from `a` to `b`.
fn begun(world: &World, message: Message<Identity>) -> Vec<u8> {
    let header = Header {
        src: Identity::new(world.member("a")),
        src_incarnation: 0,
        dst: Identity::new(world.member("b")),
        message,
    };
    let mut begun = Vec::new();
    PostcardCodec.encode_header(&header, &mut begun).unwrap();
    begun
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_told_to_be_down_goes_on_watching_the_others() {
    let mut world = joined(1, &NAMES[..3]).await;
    world.forge("a", "b", begun(&world, Message::TurnUndead).into());
    // Nobody is left to say a word that would rouse it.
    world.crash("a");
    world.crash("c");
    world.until("b is alone", |world| world.agree(&["b"])).await;
}

/// A message in which `a` tells `b` of nodes.
fn gossip_about(world: &World, nodes: impl Iterator<Item = String>) -> Bytes {
    let mut message = begun(world, Message::Gossip);
    let nodes: Vec<_> = nodes.collect();
    message.put_u16(nodes.len().try_into().unwrap());
    for node in nodes {
        let member = Member {
            address: address(&node).into(),
            node: node.into(),
            incarnation: incarnation(1_000),
        };
        let update = foca::Member::alive(Identity::new(&member));
        PostcardCodec.encode_member(&update, &mut message).unwrap();
    }
    message.into()
}

#[tokio::test(start_paused = true)]
async fn nodes_that_do_not_exist_are_not_taken_in_without_end() {
    let mut world = joined(1, &NAMES[..2]).await;
    for round in 0..50 {
        let nodes = (0..100).map(|number| format!("made-up-{round}-{number}"));
        world.forge("a", "b", gossip_about(&world, nodes));
    }
    world.pass(Duration::from_millis(20)).await;
    let found = world.found("b").len();
    assert!((100..=1024).contains(&found), "{found}");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_names_more_nodes_than_have_room_still_counts() {
    let mut world = joined(1, &NAMES[..2]).await;
    for round in 0..50 {
        let nodes = (0..100).map(|number| format!("made-up-{round}-{number}"));
        world.forge("a", "b", gossip_about(&world, nodes));
    }
    world.pass(Duration::from_millis(20)).await;
    assert!(world.found("b").contains(&address("made-up-0-0")));

    // One more stranger, and the news that a known node is gone.
    let member = |node: &str| Member {
        address: address(node).into(),
        node: node.into(),
        incarnation: incarnation(1_000),
    };
    let mut message = begun(&world, Message::Gossip);
    message.put_u16(2);
    for update in [
        foca::Member::alive(Identity::new(&member("one-too-many"))),
        foca::Member::down(Identity::new(&member("made-up-0-0"))),
    ] {
        PostcardCodec.encode_member(&update, &mut message).unwrap();
    }
    world.forge("a", "b", message.into());
    world.pass(Duration::from_millis(20)).await;
    let found = world.found("b");
    assert!(!found.contains(&address("one-too-many")));
    assert!(!found.contains(&address("made-up-0-0")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_bytes_change_anything(
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..10),
    ) {
        run(async {
            let world = endure(messages).await;
            assert!(world.agree(&NAMES[..3]));
        });
    }

    #[test]
    fn damaged_messages_end_nothing(
        damages in prop::collection::vec(
            (
                any::<Index>(),
                prop::collection::vec((any::<Index>(), any::<u8>()), 0..4),
                prop::option::weighted(0.2, any::<Index>()),
            ),
            1..10,
        ),
    ) {
        let damaged = damages
            .iter()
            .map(|(which, changes, cut)| damage(which.get(&GENUINE).to_vec(), changes, *cut))
            .collect();
        run(async {
            // They may well be believed, as may what any member says.
            endure(damaged).await.pass(Duration::from_secs(5)).await;
        });
    }
}
