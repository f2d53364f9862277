//! Logs on several nodes against a model: whatever the order in which messages come, and
//! whoever comes, goes, is cut off or misses something, there is one order in an epoch, what is
//! said to be recovered is whole, and nothing comes twice.

use proptest::prelude::*;

use super::log::{RETRY_DELAY, Todo};
use super::step::{Step, home_among, peer};
use super::word::Word;
use super::world::{BYTES, World};

const COUNT: usize = 4;

fn node() -> impl Strategy<Value = usize> {
    0..COUNT
}

/// What happens where nobody fails.
fn calm() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (node(), node()).prop_map(|(from, to)| Step::Deliver(from, to)),
        4 => node().prop_map(Step::Publish),
        2 => node().prop_map(Step::Subscribe),
        1 => (1..200_u64).prop_map(Step::Wait),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => calm(),
        2 => (node(), node()).prop_map(|(one, other)| Step::See(one, other)),
        1 => (node(), node()).prop_map(|(one, other)| Step::Part(one, other)),
        1 => (node(), node()).prop_map(|(one, other)| Step::LoseSight(one, other)),
        1 => (node(), node()).prop_map(|(from, to)| Step::Lose(from, to)),
        1 => node().prop_map(Step::Drain),
        1 => (1..3_000_u64).prop_map(Step::Wait),
    ]
}

/// Whether a step can be where only these nodes have met the others.
fn happens(step: &Step, here: &[usize]) -> bool {
    match step {
        Step::Publish(at) | Step::Subscribe(at) => here.contains(at),
        _ => true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever happens; one node at most crashes.
    #[test]
    fn there_is_one_order_in_an_epoch(
        steps in proptest::collection::vec(any_step(), 0..150),
        crash in proptest::option::of((node(), 0..150_usize)),
    ) {
        let mut world = World::new(COUNT, 6);
        for (number, step) in steps.iter().enumerate() {
            if let Some((node, at)) = crash && at == number {
                world.step(&Step::Crash(node));
            }
            world.step(step);
        }
        for node in world.nodes.iter_mut().flatten() {
            node.drains.clear();
        }
        world.heal();
    }

    /// Nodes come and go in order, each once the others have come to rest.
    #[test]
    fn who_comes_and_goes_in_order_changes_nothing_for_anybody(
        first in node(),
        phases in proptest::collection::vec(
            (node(), any::<bool>(), proptest::collection::vec(calm(), 0..40)),
            1..6,
        ),
    ) {
        let mut world = World::new(COUNT, 1_000);
        let mut here = vec![first];
        world.step(&Step::Subscribe(first));
        world.step(&Step::Publish(first));
        for (node, may_go, steps) in phases {
            match here.contains(&node) {
                false => {
                    // One after the other, and something happens in between.
                    for (at, other) in here.iter().enumerate() {
                        world.see(node, *other);
                        for step in steps.iter().skip(at * 4).take(4) {
                            if happens(step, &here) {
                                world.step(step);
                            }
                        }
                    }
                    here.push(node);
                }
                true if may_go && here.len() > 1 => world.step(&Step::Drain(node)),
                true => {}
            }
            for step in &steps {
                if happens(step, &here) {
                    world.step(step);
                }
            }
            world.settle();
            prop_assert_eq!(world.told(), 0);
            if world.nodes[node].as_ref().is_some_and(|it| it.drains.contains(&node)) {
                prop_assert!(!world.nodes[node].as_ref().unwrap().log.is_owned());
                world.step(&Step::Crash(node));
                world.nodes[node] = World::new(1, 6).nodes.pop().unwrap();
                here.retain(|at| *at != node);
            }
        }
        prop_assert_eq!(world.told(), 0);
        prop_assert!(world.epochs() <= 1, "there is one log");
    }
}

#[test]
fn a_log_that_is_handed_over_in_parts_arrives_whole() {
    let mut world = World::new(2, 6);
    // The other is the home of the two.
    let home = home_among(0..2).unwrap();
    let first = 1 - home;
    assert!(world.subscribe(first));
    for _ in 0..10 {
        assert!(world.publish(first));
    }
    world.see(first, home);
    world.settle();
    assert!(world.nodes[home].as_ref().unwrap().log.is_owned());
    assert!(world.subscribe(home));
    for node in [first, home] {
        let kept = world.nodes[node].as_ref().unwrap().log.kept().unwrap();
        assert_eq!((kept.1.top().offset, kept.1.len()), (10, 6));
    }
    assert!(world.publish(home));
    world.settle();
    assert_eq!((world.told(), world.epochs()), (0, 1));
    assert_eq!(world.client(first).position.as_ref().unwrap().offset, 11);
}

/// One that has a log of so many publications has met the other, which is the home.
fn met_with(count: usize) -> (World, usize, usize) {
    let mut world = World::new(2, count);
    let home = home_among(0..2).unwrap();
    let first = 1 - home;
    assert!(world.subscribe(first));
    for _ in 0..count {
        assert!(world.publish(first));
    }
    world.see(first, home);
    (world, first, home)
}

#[test]
fn parts_of_a_log_are_under_way_together_and_the_last_alone() {
    let (mut world, first, home) = met_with(24);
    // Two publications are a part, so there are 12.
    world.under_way = 4 * 2 * BYTES;
    let before = world.on_the_way(first, home);
    world.step(&Step::Wait(1));
    let mut most = world.on_the_way(first, home) - before;
    let mut rounds = 0;
    while !world.nodes[home].as_ref().unwrap().log.is_owned() {
        rounds += 1;
        for (from, to) in [(first, home), (home, first)] {
            for _ in 0..world.on_the_way(from, to) {
                world.step(&Step::Deliver(from, to));
            }
        }
        most = most.max(world.on_the_way(first, home));
        assert!(rounds < 20, "it comes");
    }
    assert_eq!(most, 4, "parts under way");
    assert!(rounds <= 6, "{rounds}");
    world.settle();
    assert_eq!((world.told(), world.epochs()), (0, 1));
}

#[test]
fn a_log_of_which_a_part_is_lost_amid_others_stays_where_it_is_and_comes_again() {
    let (mut world, first, home) = met_with(24);
    world.under_way = 4 * 2 * BYTES;
    world.step(&Step::Wait(1));
    for _ in 0..2 {
        world.step(&Step::Deliver(first, home));
    }
    world.step(&Step::Lose(first, home));
    world.settle();
    world.settle();
    assert!(world.nodes[home].as_ref().unwrap().log.is_owned());
    assert_eq!((world.told(), world.epochs()), (0, 1));
}

#[test]
fn a_home_that_comes_back_costs_each_subscriber_one_loss() {
    let mut world = World::new(3, 6);
    let home = home_among(0..3).unwrap();
    let others: Vec<_> = (0..3).filter(|node| *node != home).collect();
    world.see(others[0], others[1]);
    for other in &others {
        world.see(home, *other);
    }
    for node in 0..3 {
        world.subscribe(node);
    }
    world.settle();
    for node in 0..3 {
        assert!(world.subscribe(node));
    }
    assert!(world.publish(home));
    world.settle();
    for other in &others {
        world.step(&Step::Part(home, *other));
    }
    world.settle();
    for other in &others {
        assert_eq!(world.client(*other).told, 1);
        assert!(world.subscribe(*other));
    }
    assert!(world.publish(home_among(others.iter().copied()).unwrap()));
    world.settle();
    assert_eq!((world.client(home).told, world.epochs()), (0, 2));
    for other in &others {
        world.see(home, *other);
    }
    world.settle();
    for node in 0..3 {
        assert_eq!(world.client(node).told, 1);
    }
}

#[test]
fn what_was_answered_before_nodes_lost_sight_of_each_other_does_no_harm() {
    let mut world = World::new(2, 6);
    let home = home_among(0..2).unwrap();
    let other = 1 - home;
    world.see(home, other);
    for node in [home, other] {
        world.subscribe(node);
    }
    world.settle();
    assert!(world.subscribe(home) && world.subscribe(other));
    assert!(world.publish(home));
    world.step(&Step::Lose(home, other));
    world.step(&Step::Wait(1));
    // The question comes, and its answer is on its way.
    world.step(&Step::Deliver(other, home));
    world.step(&Step::LoseSight(other, home));
    world.step(&Step::LoseSight(home, other));
    world.step(&Step::Wait(1));
    assert_eq!(world.client(other).told, 1, "another log begins");
    assert!(world.subscribe(other) && world.publish(other));

    world.see(home, other);
    world.settle();
    assert_eq!(world.client(other).told, 1, "that stays");
    let kept = world.nodes[other].as_ref().unwrap().log.kept().unwrap();
    assert_eq!((kept.1.top().offset, kept.1.len()), (1, 1));
}

#[test]
fn an_answer_that_goes_on_from_another_log_is_not_the_whole() {
    let mut world = World::new(3, 6);
    let home = home_among(0..3).unwrap();
    let others = || (0..3).filter(|node| *node != home);
    let owner = home_among(others()).unwrap();
    let follower = others().find(|node| *node != owner).unwrap();
    assert!(world.subscribe(home) && world.publish(home));
    // One that begins later, and stays.
    world.step(&Step::Wait(1));
    world.see(owner, follower);
    for node in [owner, follower] {
        world.subscribe(node);
    }
    world.settle();
    assert!(world.subscribe(owner) && world.subscribe(follower));
    for _ in 0..3 {
        assert!(world.publish(owner));
    }
    world.settle();

    let deliver = |from, to| Step::Deliver(from, to);
    world.see(follower, home);
    world.step(&deliver(follower, home));
    world.step(&deliver(home, follower));
    world.see(owner, home);
    // The follower is told to look for it at the home, which has another log still,
    world.step(&deliver(owner, follower));
    world.step(&deliver(follower, home));
    // asks once more, and is answered when the home has taken the log over.
    world.step(&Step::Wait(RETRY_DELAY));
    world.step(&deliver(owner, home));
    world.step(&deliver(owner, home));
    world.step(&deliver(follower, home));
    world.settle();
    for node in 0..3 {
        let kept = world.nodes[node].as_ref().unwrap().log.kept().unwrap();
        assert_eq!((kept.1.top().offset, kept.1.len()), (3, 3), "{node}");
    }
}

#[test]
fn who_has_yet_to_meet_the_owner_begins_no_log() {
    let mut world = World::new(3, 6);
    let home = home_among(0..3).unwrap();
    let owner = home_among((0..3).filter(|node| *node != home)).unwrap();
    let third = 3 - home - owner;
    world.see(owner, third);
    assert!(!world.subscribe(owner));
    world.settle();
    assert!(world.subscribe(owner) && world.publish(owner));

    world.see(home, third);
    assert!(!world.subscribe(third));
    for _ in 0..3 {
        for (from, to) in [(third, home), (home, third)] {
            world.step(&Step::Deliver(from, to));
        }
    }
    assert!(!world.nodes[home].as_ref().unwrap().log.is_owned());
    world.see(home, owner);
    world.settle();
    assert!(world.subscribe(third) && world.publish(home));
    assert_eq!((world.epochs(), world.told()), (1, 0));
}

#[test]
fn a_log_that_began_in_the_place_of_one_that_nobody_knows_of_stays() {
    let mut world = World::new(2, 6);
    let home = home_among(0..2).unwrap();
    let other = 1 - home;
    world.see(home, other);
    world.subscribe(home);
    world.settle();
    assert!(world.subscribe(home) && world.publish(home));
    // The other one does not hear of the home any more, which stands still.
    world.step(&Step::LoseSight(other, home));
    world.step(&Step::Wait(1));
    assert!(world.subscribe(other) && world.publish(other));

    world.see(home, other);
    world.settle();
    assert_eq!(world.client(other).told, 0);
    assert_eq!(world.client(home).told, 1);
    assert!(world.subscribe(home) && world.publish(home));
    world.settle();
    assert_eq!(world.client(other).position.as_ref().unwrap().offset, 2);
}

#[test]
fn keys_of_a_log_that_is_not_taken_are_not_remembered() {
    let mut world = World::new(2, 6);
    world.step(&Step::Publish(0));
    let mut are_remembered = |rank| {
        world.with(0, |log, view, _| {
            assert!(log.is_owned());
            let word = Word::Keys {
                epoch: "another".into(),
                rank,
                keys: Vec::new(),
            };
            let mut todo = Vec::new();
            log.hear(&peer(1), word, view, &mut todo);
            matches!(todo[..], [Todo::Remember(_)])
        })
    };
    assert_eq!(are_remembered(0), Some(false), "it has one of its own");
    assert_eq!(are_remembered(u64::MAX), Some(true), "this one stays");
}
