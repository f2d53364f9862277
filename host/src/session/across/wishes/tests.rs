use uuid::Uuid;

use super::*;

fn peer(name: &str) -> PeerNode {
    PeerNode {
        name: name.into(),
        incarnation: Uuid::from_u128(1),
    }
}

/// With a node that follows and knows all.
fn followed() -> Wishes {
    let mut wishes = Wishes::new();
    wishes.join(&peer("b"));
    let (version, hashes) = wishes.whole(&peer("b")).unwrap();
    assert_eq!((version, hashes.len()), (0, 0));
    wishes
}

#[tokio::test(start_paused = true)]
async fn a_change_is_said_at_once_and_more_when_that_is_known_or_50_ms_later() {
    let mut wishes = followed();
    assert_eq!(wishes.hold(1, Instant::now()), 1);
    let first = wishes.turn(Instant::now()).unwrap();
    assert_eq!((first.after, first.version), (0, 1));
    assert_eq!((first.added, first.to), (vec![1], vec![peer("b")]));
    // The other node does not know of that yet.
    assert_eq!(wishes.hold(2, Instant::now()), 2);
    assert_eq!(wishes.hold(3, Instant::now()), 2);
    assert_eq!(wishes.turn(Instant::now()), None);
    assert_eq!(wishes.next(), Some(Instant::now() + GATHER));
    tokio::time::advance(GATHER).await;
    let second = wishes.turn(Instant::now()).unwrap();
    assert_eq!((second.after, second.version), (1, 2));
    assert_eq!(second.added, [2, 3]);
    wishes.knows(&peer("b"), 2);
    wishes.hold(4, Instant::now());
    assert_eq!(wishes.turn(Instant::now()).unwrap().added, [4]);
}

#[tokio::test(start_paused = true)]
async fn a_channel_is_wanted_for_10_s_behind_its_last_subscriber() {
    let mut wishes = followed();
    for _ in 0..2 {
        wishes.hold(1, Instant::now());
    }
    wishes.turn(Instant::now()).unwrap();
    wishes.knows(&peer("b"), 1);
    wishes.release(1, Instant::now());
    assert_eq!(wishes.next(), None, "one is left");
    wishes.release(1, Instant::now());
    tokio::time::advance(KEPT / 2).await;
    // Somebody was there for a moment.
    assert_eq!(wishes.hold(1, Instant::now()), 1, "that is known already");
    wishes.release(1, Instant::now());
    tokio::time::advance(KEPT / 2).await;
    assert_eq!(wishes.turn(Instant::now()), None);
    assert_eq!(wishes.next(), Some(Instant::now() + KEPT / 2));
    tokio::time::advance(KEPT / 2).await;
    let change = wishes.turn(Instant::now()).unwrap();
    assert_eq!((change.added.len(), change.removed), (0, vec![1]));
    assert_eq!((wishes.len(), wishes.next()), (0, None));
}

#[tokio::test(start_paused = true)]
async fn much_that_changes_together_is_said_in_several_changes() {
    let mut wishes = followed();
    let many = 0..2 * MOST as u64;
    let mut said = Vec::new();
    for hash in many.clone() {
        let since = wishes.hold(hash, Instant::now());
        while let Some(change) = wishes.turn(Instant::now()) {
            assert!(change.added.len() <= MOST && change.version <= since);
            said.extend(change.added);
        }
    }
    tokio::time::advance(GATHER).await;
    said.extend(
        wishes
            .turn(Instant::now())
            .into_iter()
            .flat_map(|it| it.added),
    );
    said.sort_unstable();
    assert!(said.into_iter().eq(many.clone()));
    for hash in many.clone() {
        wishes.release(hash, Instant::now());
    }
    tokio::time::advance(KEPT).await;
    let mut removed = 0;
    while let Some(change) = wishes.turn(Instant::now()) {
        assert!(change.removed.len() <= MOST);
        removed += change.removed.len();
    }
    tokio::time::advance(GATHER).await;
    removed += wishes.turn(Instant::now()).map_or(0, |it| it.removed.len());
    assert_eq!(removed, 2 * MOST);
}

#[tokio::test(start_paused = true)]
async fn who_comes_later_is_told_all_and_then_what_changes() {
    let mut wishes = followed();
    wishes.hold(1, Instant::now());
    wishes.turn(Instant::now());
    wishes.knows(&peer("b"), 1);
    wishes.join(&peer("c"));
    assert_eq!(wishes.known(), 0, "it knows nothing yet");
    wishes.hold(2, Instant::now());
    // It cannot follow on what it was not told.
    tokio::time::advance(GATHER).await;
    assert_eq!(wishes.turn(Instant::now()).unwrap().to, [peer("b")]);
    assert_eq!(wishes.whole(&peer("c")), Some((2, vec![1, 2])));
    wishes.hold(3, Instant::now());
    tokio::time::advance(GATHER).await;
    let change = wishes.turn(Instant::now()).unwrap();
    assert_eq!((change.after, change.to.len()), (2, 2));
    assert_eq!(wishes.whole(&peer("d")), None, "it is not there");
}

#[tokio::test(start_paused = true)]
async fn who_is_told_all_while_something_is_yet_to_be_said_follows_on_that() {
    let mut wishes = followed();
    wishes.hold(1, Instant::now());
    wishes.turn(Instant::now());
    wishes.knows(&peer("b"), 1);
    wishes.release(1, Instant::now());
    tokio::time::advance(KEPT).await;
    wishes.hold(2, Instant::now());
    let change = wishes.turn(Instant::now()).unwrap();
    assert_eq!((change.added, change.removed), (vec![2], vec![1]));

    // One is about to be said to be wanted, and another not to be.
    wishes.release(2, Instant::now());
    tokio::time::advance(KEPT - Duration::from_millis(1)).await;
    wishes.hold(3, Instant::now());
    wishes.turn(Instant::now()).unwrap();
    wishes.hold(4, Instant::now());
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(wishes.turn(Instant::now()), None);
    wishes.join(&peer("c"));
    assert_eq!(wishes.whole(&peer("c")), Some((3, vec![2, 3])));
    let since = wishes.hold(2, Instant::now());
    assert_eq!(since, 3, "it was told that this is wanted");
    tokio::time::advance(GATHER).await;
    let change = wishes.turn(Instant::now()).unwrap();
    assert_eq!(
        (change.after, change.added, change.removed),
        (3, vec![4], vec![])
    );
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_twice_for_a_node_that_says_nothing() {
    let mut wishes = followed();
    wishes.join(&peer("c"));
    wishes.whole(&peer("c"));
    let since = wishes.hold(1, Instant::now());
    wishes.turn(Instant::now());
    wishes.knows(&peer("b"), since);
    assert!(wishes.known() < since);
    wishes.pass_over(since);
    assert_eq!(wishes.known(), since);
    wishes.knows(&peer("c"), since);
    let since = wishes.hold(2, Instant::now());
    wishes.turn(Instant::now());
    wishes.knows(&peer("b"), since);
    assert!(wishes.known() < since, "it is waited for again");
    wishes.set_away(&peer("c"), true);
    assert_eq!(wishes.known(), since);
    wishes.part(&peer("b"));
    assert_eq!(wishes.known(), u64::MAX);
}
