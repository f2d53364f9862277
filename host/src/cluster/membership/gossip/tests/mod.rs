mod churn;
mod hostile;
mod world;

use std::time::Duration;

use tokio::sync::mpsc;

use self::world::{Sent, World, incarnation};
use super::{Gossip, LinkNews, Member, Settings};
use crate::cluster::membership::Membership;

const NAMES: [&str; 10] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];

/// An address for each name.
fn address(name: &str) -> String {
    format!("{name}.test:7071")
}

/// Nodes that join through the first of them.
fn start(world: &mut World, names: &[&str]) {
    for name in names {
        let join = address(names[0]);
        world.start(name, &address(name), incarnation(1_000), &[&join]);
    }
}

/// Runs a story on a clock of its own.
fn run<T>(story: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(story)
}

async fn joined(seed: u64, names: &[&str]) -> World {
    let mut world = World::new(seed);
    start(&mut world, names);
    world
        .until("all find all", |world| world.agree(names))
        .await;
    world
}

#[tokio::test(start_paused = true)]
async fn a_lone_node_finds_nobody() {
    let mut world = World::new(1);
    start(&mut world, &["a"]);
    world.pass(Duration::from_secs(60)).await;
    assert!(world.found("a").is_empty());
    assert!(world.sent.is_empty());
}

#[tokio::test(start_paused = true)]
async fn joining_through_any_one_member_finds_all() {
    let mut world = World::new(1);
    for (index, name) in NAMES.iter().enumerate() {
        let before = address(NAMES[index.saturating_sub(1)]);
        world.start(name, &address(name), incarnation(1_000), &[&before]);
    }
    world
        .until("all find all", |world| world.agree(&NAMES))
        .await;

    world.start(
        "late",
        &address("late"),
        incarnation(1_000),
        &[&address("e")],
    );
    let all = [&NAMES[..], &["late"]].concat();
    world
        .until("and the late one", |world| world.agree(&all))
        .await;
}

#[tokio::test(start_paused = true)]
async fn members_that_live_stay() {
    let mut world = joined(1, &NAMES).await;
    for _ in 0..120 {
        world.pass(Duration::from_secs(1)).await;
        assert!(world.agree(&NAMES));
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_does_not_know_its_address_learns_it_from_its_first_link() {
    let mut world = World::new(1);
    world.start_unspecified("a", &address("a"), &[]);
    world.start_unspecified("b", &address("b"), &[&address("a")]);
    world.start_unspecified("c", &address("c"), &[&address("b")]);
    let names = &NAMES[..3];
    world
        .until("all find all", |world| world.agree(names))
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_member_that_crashes_disappears_everywhere() {
    let mut world = joined(1, &NAMES).await;
    world.crash("c");
    let rest: Vec<_> = NAMES.into_iter().filter(|name| *name != "c").collect();
    world
        .until("the rest agree", |world| world.agree(&rest))
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_member_that_goes_silent_with_its_links_up_disappears_everywhere() {
    let mut world = joined(1, &NAMES).await;
    world.silence("c");
    let rest: Vec<_> = NAMES.into_iter().filter(|name| *name != "c").collect();
    world
        .until("the rest agree", |world| world.agree(&rest))
        .await;
}

#[tokio::test(start_paused = true)]
async fn of_two_nodes_the_one_that_crashes_disappears() {
    let mut world = joined(1, &["a", "b"]).await;
    world.crash("b");
    world.until("a is alone", |world| world.agree(&["a"])).await;
}

#[tokio::test(start_paused = true)]
async fn a_link_that_breaks_takes_no_member_away_while_others_reach_it() {
    let mut world = joined(1, &NAMES).await;
    world.cut(&["a"], &["b"]);
    for _ in 0..60 {
        world.pass(Duration::from_secs(1)).await;
        assert!(world.agree(&NAMES));
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_that_leaves_is_removed_at_once() {
    let mut world = joined(1, &NAMES).await;
    world.leave("c").await;
    let rest: Vec<_> = NAMES.into_iter().filter(|name| *name != "c").collect();
    // Every node has heard it from its link; nothing needed to be found out.
    world.pass(Duration::from_millis(20)).await;
    assert!(world.agree(&rest));
    for _ in 0..60 {
        world.pass(Duration::from_secs(1)).await;
        assert!(world.agree(&rest));
    }
}

#[tokio::test(start_paused = true)]
async fn a_leaving_is_spread_to_those_without_a_link() {
    let mut world = joined(1, &NAMES).await;
    world.cut(&["c"], &["d", "e", "f", "g", "h", "i", "j"]);
    world.leave("c").await;
    let rest: Vec<_> = NAMES.into_iter().filter(|name| *name != "c").collect();
    world.pass(Duration::from_secs(1)).await;
    assert!(world.agree(&rest), "sooner than a silence would be noticed");
}

#[tokio::test(start_paused = true)]
async fn a_restarted_node_replaces_its_former_life() {
    for restarted_at in [
        "c.test:7071",
        // Elsewhere.
        "c.test:7072",
    ] {
        let mut world = joined(1, &NAMES).await;
        world.crash("c");
        world.start("c", restarted_at, incarnation(2_000), &[&address("b")]);
        world
            .until("all find all", |world| world.agree(&NAMES))
            .await;
        // The former life is not declared down in the new one's stead.
        for _ in 0..60 {
            world.pass(Duration::from_secs(1)).await;
            assert!(world.agree(&NAMES));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_left_may_come_back() {
    let mut world = joined(1, &NAMES).await;
    world.leave("c").await;
    world.start("c", &address("c"), incarnation(2_000), &[&address("b")]);
    world
        .until("all find all", |world| world.agree(&NAMES))
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_node_whose_clock_was_set_back_replaces_its_former_life() {
    for down in [false, true] {
        let mut world = joined(1, &NAMES).await;
        // It once started long after the moment at which its clock now stands.
        world.crash("c");
        world.start(
            "c",
            &address("c"),
            incarnation(1_000_000_000),
            &[&address("b")],
        );
        world
            .until("all find all", |world| world.agree(&NAMES))
            .await;
        world.crash("c");
        if down {
            let rest: Vec<_> = NAMES.into_iter().filter(|name| *name != "c").collect();
            world
                .until("the rest agree", |world| world.agree(&rest))
                .await;
        }
        world.start("c", "c.test:7072", incarnation(10), &[&address("b")]);
        world
            .until("all find all", |world| world.agree(&NAMES))
            .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_node_at_the_address_of_one_that_went_is_found() {
    let mut world = joined(1, &NAMES).await;
    world.crash("c");
    world.start("new", &address("c"), incarnation(2_000), &[&address("b")]);
    let names: Vec<_> = NAMES
        .map(|name| if name == "c" { "new" } else { name })
        .to_vec();
    world
        .until("all find all", |world| world.agree(&names))
        .await;
    world.pass(Duration::from_secs(60)).await;
    assert!(world.agree(&names));
}

#[tokio::test(start_paused = true)]
async fn the_sides_of_a_partition_part_and_find_each_other_again() {
    for (one, other) in [(5, 5), (9, 1), (1, 1)] {
        let names = &NAMES[..one + other];
        let (one, other) = names.split_at(one);
        let mut world = joined(1, names).await;
        for round in 0..3 {
            world.cut(one, other);
            let parted = |world: &World| world.agree(one) && world.agree(other);
            world.until("each side agrees", parted).await;
            world.heal();
            let what = format!("all find all again after partition {round} of {names:?}");
            world.until(&what, |world| world.agree(names)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_heals_before_anyone_is_down_costs_nobody() {
    let mut world = joined(1, &NAMES).await;
    let (one, other) = NAMES.split_at(5);
    world.cut(one, other);
    world.pass(Duration::from_millis(1500)).await;
    world.heal();
    world
        .until("all find all", |world| world.agree(&NAMES))
        .await;
    world.pass(Duration::from_secs(20)).await;
    assert!(world.agree(&NAMES));
}

#[tokio::test(start_paused = true)]
async fn a_node_may_leave_before_it_knows_its_address() {
    let mut world = World::new(1);
    world.start_unspecified("a", &address("a"), &[]);
    world.leave("a").await;
}

fn settings() -> Settings {
    Settings {
        node: "a".into(),
        incarnation: incarnation(1_000),
        address: Some(address("a").into()),
        seed: 1,
    }
}

fn up(name: &str) -> LinkNews {
    LinkNews::Up {
        peer: Member {
            node: name.into(),
            incarnation: incarnation(1_000),
            address: address(name).into(),
        },
        local_address: address("a").into(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_outgoing_queue_holds_up_nothing() {
    let (news, told) = mpsc::channel(1);
    let (says, _unread) = mpsc::channel(1);
    let task = tokio::spawn(Box::new(Gossip::new(settings(), told, says)).run());
    for name in &NAMES[1..] {
        news.send(up(name)).await.unwrap();
    }
    news.send(LinkNews::Leaving).await.unwrap();
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_membership_ends_with_the_news() {
    let (news, told) = mpsc::channel(1);
    let (says, _heard) = mpsc::channel(16);
    let task = tokio::spawn(Box::new(Gossip::new(settings(), told, says)).run());
    news.send(up("b")).await.unwrap();
    drop(news);
    task.await.unwrap();
}

/// All that is said while nodes join, fall silent, restart and part.
async fn story(seed: u64) -> Vec<Sent> {
    let mut world = joined(seed, &NAMES).await;
    world.silence("c");
    world.pass(Duration::from_secs(10)).await;
    world.crash("c");
    world.start("c", &address("c"), incarnation(2_000), &[&address("b")]);
    world.cut(&["a", "b"], &["d", "e", "f"]);
    world.pass(Duration::from_secs(10)).await;
    world.heal();
    world.leave("d").await;
    world.pass(Duration::from_secs(20)).await;
    std::mem::take(&mut world.sent)
}

#[tokio::test(start_paused = true)]
async fn the_seed_alone_decides_about_every_message() {
    let first = story(1).await;
    assert!(first.len() > 100);
    assert!(first == story(1).await, "one seed, two stories");
    assert!(first != story(2).await, "the seed decides nothing");
}
