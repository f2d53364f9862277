//! Messages that no node sends.

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::Index;

use super::world::World;
use super::*;

/// Runs a story on a clock of its own.
fn run<T>(story: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(story)
}

/// What `a` said to `b` in the first seconds of a cluster of three.
fn genuine() -> Vec<Bytes> {
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
}

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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

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
        let genuine = genuine();
        let damaged = damages
            .iter()
            .map(|(which, changes, cut)| damage(which.get(&genuine).to_vec(), changes, *cut))
            .collect();
        run(async {
            // They may well be believed, as may what any member says.
            endure(damaged).await.pass(Duration::from_secs(5)).await;
        });
    }
}
