//! What the model lets a start show, and what not.

use hearken_channel_log::conformance::event;
use hearken_channel_log::{Batch, ChannelName, Expected, LogSettings};

use super::*;
use crate::check::session::acts::{order, put_cell, remove, repair};
use crate::check::session::{crash, end};
use crate::model::Submitted;

const WORKS: &str = "the disk works";

fn append(world: &mut World, name: &ChannelName, events: u64) {
    store(world, name, events);
    world.take_answers().expect("it is stored");
}

/// Has events stored without anybody being told.
fn store(world: &mut World, name: &ChannelName, events: u64) {
    let mut batch = Batch::new();
    let mut ids = Vec::new();
    for id in world.next_id..world.next_id + events {
        let event = event(&id.to_string(), &[b'x'; 600]);
        batch.push(&event, None).expect("it is small");
        ids.push((id, false));
    }
    world.next_id += events;
    let (engine, own_name) = (world.engine(), name.clone());
    let answer = async move { engine.append(&own_name, batch, Expected::Any).await };
    world.submit(name, Submitted { ids }, answer);
    world.commit();
}

fn set_max_events(world: &mut World, name: &ChannelName, max_events: Option<u64>) {
    let settings = LogSettings {
        max_events,
        ..LogSettings::default()
    };
    let engine = world.engine();
    let changed = order(world, engine.change(name, &settings)).expect(WORKS);
    changed.expect(WORKS);
    for log in world.logs() {
        log.set_max_events(max_events);
    }
}

/// Changes a byte of an event of ten, which lie in one file.
fn flip(world: &World, number: u64) {
    let mut files = world.disk.files().into_iter();
    let segment = files.rfind(|(path, _)| path.starts_with("/channels/1"));
    let (path, bytes) = segment.expect("it has a segment");
    world.disk.flip_at(&path, bytes * (2 * number - 1) / 20);
}

fn orders() -> ChannelName {
    ChannelName::new("orders").expect("it is valid")
}

/// A channel of ten events, which were appended so many at once and lie in a segment.
fn with_events(at_once: u64) -> World {
    let mut world = World::new(1);
    start(&mut world, Faults::default()).expect("there is nothing yet");
    let name = orders();
    let engine = world.engine();
    let settings = LogSettings::default();
    let created = order(&mut world, engine.create(&name, &settings)).expect(WORKS);
    let epoch = created.expect(WORKS).epoch;
    let log = ModelLog::new(epoch, settings);
    let known = Known::There(Box::new(log), ModelCells::default());
    world.channels.insert(name.clone(), known);
    for _ in 0..10 / at_once {
        append(&mut world, &name, at_once);
    }
    world.steps().checkpoint();
    world
}

/// A channel of ten events, of which the third was damaged while six are not shown, and
/// are there again after the next crash.
fn with_hidden_damage(at_once: u64) -> World {
    let mut world = with_events(at_once);
    let name = orders();
    set_max_events(&mut world, &name, Some(4));
    crash(&mut world).expect("nothing waits");
    flip(&world, 3);
    world.damaged(1);
    start(&mut world, Faults::default()).expect("it may be damaged");
    let info = world.engine().info(&name).expect("it is there");
    assert_eq!((info.first, info.last), (7, 10));
    set_max_events(&mut world, &name, None);
    crash(&mut world).expect("nothing waits");
    world
}

#[test]
fn damage_may_be_found_once_it_is_shown() {
    let mut world = with_hidden_damage(1);
    assert_eq!(world.damage, 1);
    assert_eq!(start(&mut world, Faults::default()), Ok(()));
    assert_eq!(world.damage, 0);
    assert!(world.logs().all(|log| log.is_damaged()));
}

#[test]
fn what_was_shown_whole_stays_so() {
    let mut world = with_hidden_damage(1);
    flip(&world, 9);
    let found = start(&mut world, Faults::default()).expect_err("that was shown");
    assert!(found.contains("9 is told to be damaged"), "{found}");
}

#[test]
fn no_more_is_damaged_than_was() {
    let mut world = with_hidden_damage(1);
    flip(&world, 5);
    let found = start(&mut world, Faults::default()).expect_err("one may be");
    assert!(found.contains("events of 2 groups are damaged"), "{found}");
}

#[test]
fn damage_of_a_batch_counts_once_however_much_of_it_is_shown() {
    let mut world = with_hidden_damage(10);
    assert_eq!(world.damage, 0);
    assert_eq!(start(&mut world, Faults::default()), Ok(()));
    assert!(world.logs().all(|log| log.is_damaged()));
}

/// Ten events one by one, of which the third was damaged once five were trimmed.
fn with_trimmed_damage() -> World {
    let mut world = with_events(1);
    let engine = world.engine();
    let trimmed = order(&mut world, engine.trim(&orders(), 6)).expect(WORKS);
    trimmed.expect(WORKS);
    for log in world.logs() {
        log.trim(6, true);
    }
    crash(&mut world).expect("nothing waits");
    flip(&world, 3);
    world.damaged(1);
    assert_eq!(start(&mut world, Faults::default()), Ok(()));
    assert!(!world.logs().any(|log| log.is_damaged()));
    crash(&mut world).expect("nothing waits");
    world
}

#[test]
fn what_was_damaged_once_it_was_trimmed_may_be_found_without_the_catalogue() {
    let mut world = with_trimmed_damage();
    world.lose_catalogue();
    assert_eq!(start(&mut world, Faults::default()), Ok(()));
    assert!(world.logs().all(|log| log.is_damaged()));
    assert_eq!((world.damage, world.trimmed_damage), (0, 0));
}

#[test]
fn no_more_is_damaged_of_what_was_trimmed_than_was() {
    let mut world = with_trimmed_damage();
    flip(&world, 5);
    world.lose_catalogue();
    let found = start(&mut world, Faults::default()).expect_err("one may be");
    assert!(found.contains("events of 2 groups are damaged"), "{found}");
}

#[test]
fn what_a_crash_amid_a_repair_has_given_up_may_be_a_gap() {
    let (mut damaged, mut given_up) = (0, 0);
    for operations in 0..40 {
        let mut world = with_events(1);
        crash(&mut world).expect("nothing waits");
        flip(&world, 3);
        world.damaged(1);
        start(&mut world, Faults::default()).expect("it may be damaged");
        world.disk.stop_after(operations);
        repair(&mut world, &orders()).expect("what is damaged may be given up");
        crash(&mut world).expect("nothing waits");
        assert_eq!(start(&mut world, Faults::default()), Ok(()));
        match world.engine().info(&orders()).expect("it is there").state {
            ChannelState::Ok => given_up += 1,
            _ => damaged += 1,
        }
    }
    assert!(damaged > 0 && given_up > 0, "{damaged} and {given_up}");
}

#[test]
fn what_is_given_up_of_a_channel_whose_removal_failed_is_a_gap() {
    let mut world = with_events(1);
    crash(&mut world).expect("nothing waits");
    flip(&world, 3);
    world.damaged(1);
    start(&mut world, Faults::default()).expect("it may be damaged");
    world.disk.set_faults(Faults {
        full_inside: 1000,
        ..Faults::default()
    });
    remove(&mut world, &orders()).expect("a full disk may refuse it");
    assert!(matches!(world.channels[&orders()], Known::Unsure(Some(_))));
    world.disk.set_faults(Faults::default());
    repair(&mut world, &orders()).expect("what is damaged may be given up");
    crash(&mut world).expect("nothing waits");
    assert_eq!(start(&mut world, Faults::default()), Ok(()));
    let info = world.engine().info(&orders()).expect("it is there");
    assert_eq!((info.state, info.given_up), (ChannelState::Ok, 3));
}

#[test]
fn a_catalogue_is_moved_away_wholly_or_not_at_all() {
    let mut lost = 0;
    for run in 0..20 {
        let mut world = with_events(1);
        for _ in 0..10 + run {
            put_cell(&mut world, &orders()).expect(WORKS);
        }
        end(&mut world).expect("nothing waits");
        world.disk.stop_after(1);
        world.damage_catalogue();
        lost += world.outcome.lost_catalogues;
        assert_eq!(start(&mut world, Faults::default()), Ok(()));
    }
    assert!(lost > 0);
}

#[test]
fn what_was_dropped_before_anybody_saw_it_may_come_back() {
    let mut world = with_events(1);
    set_max_events(&mut world, &orders(), Some(2));
    store(&mut world, &orders(), 3);
    crash(&mut world).expect("nobody was told");
    start(&mut world, Faults::default()).expect("it is stored");
    let info = world.engine().info(&orders()).expect("it is there");
    assert_eq!((info.first, info.last), (12, 13));
    set_max_events(&mut world, &orders(), None);
    crash(&mut world).expect("nothing waits");
    assert_eq!(start(&mut world, Faults::default()), Ok(()));
    let info = world.engine().info(&orders()).expect("it is there");
    assert!(info.first < 12, "{}", info.first);
}
