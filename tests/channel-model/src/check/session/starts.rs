//! Opening the engine, and comparing what is there with what must be.

use std::collections::BTreeSet;

use hearken_channel_log::disk::OpenError;
use hearken_channel_log::{CellRange, ChannelState, Engine as _};

use crate::check::world::{Known, World, bounds, now};
use crate::disk::Faults;
use crate::model::{ModelCells, ModelLog, Started};

/// Attempts after which the disk works.
const ATTEMPTS: u32 = 4;

/// Opens the engine, perhaps after attempts that a crash or the disk ends.
pub(super) fn start(world: &mut World, faults: Faults) -> Result<(), String> {
    for attempt in 1.. {
        let last = attempt >= ATTEMPTS;
        let fails = !last && world.random.chance(400);
        let faults = if fails { faults } else { Faults::default() };
        world.disk.set_faults(faults);
        world.disk.set_room(u64::MAX);
        let is_full = !fails && world.is_old && world.starts_full();
        if is_full {
            world.outcome.full_starts += 1;
            world.disk.fill();
        }
        if !last && world.random.chance(300) {
            let operations = world.random.below(super::SHORT_LIFE);
            world.disk.stop_after(operations);
        }
        let before = world.disk.faults();
        let opened = world.open();
        let gone = world.disk.is_stopped();
        world.disk.go_on();
        match opened {
            Ok(opened) if !gone => {
                world.disk.set_faults(Faults::default());
                world.engine = Some(opened);
                let failing = world.disk.faults() > before && !is_full;
                world.faults = before;
                world.was_full = is_full;
                world.is_old = true;
                world.is_being_made = false;
                return compare(world, failing);
            }
            // A crash amid the start that makes it has left a part of it, as is told.
            Err(error) if !gone && world.is_being_made && says_to_move_it(&error) => {
                world.disk.kill();
                world.lose_catalogue();
            }
            Err(error) if !gone && !fails => return Err(format!("it does not open: {error}")),
            opened => {
                world.outcome.broken_recoveries += 1;
                if world.random.chance(500) {
                    world.outcome.crashes += 1;
                    world.disk.crash();
                } else {
                    world.disk.kill();
                }
                drop(opened);
            }
        }
    }
    Ok(())
}

/// Whether an operator is told to move the catalogue away.
fn says_to_move_it(error: &OpenError) -> bool {
    error.to_string().contains("move this file away")
}

/// Compares what is there with what must be, and takes it for what it is.
fn compare(world: &mut World, failing: bool) -> Result<(), String> {
    let started = Started {
        failing,
        group: world.group,
        since: world.since(),
    };
    let mut groups = BTreeSet::new();
    let names: Vec<_> = world.channels.keys().cloned().collect();
    for info in world.engine().channels() {
        if !names.contains(&info.name) {
            return Err(format!(
                "there is a channel {}, which nobody made",
                info.name
            ));
        }
    }
    for name in names {
        let known = world.channels.remove(&name);
        let info = world.engine().info(&name);
        let now_known = match (known, info) {
            (None | Some(Known::Missing | Known::Unsure(_)), None) => Known::Missing,
            (Some(Known::There(..)), None) => return Err(format!("{name} is gone")),
            (None | Some(Known::Missing), Some(_)) => {
                return Err(format!("{name} is there again"));
            }
            (Some(Known::Unsure(None)), Some(info)) => {
                if info.last != 0 {
                    return Err(format!("{name} is new and has events"));
                }
                let log = ModelLog::new(info.epoch, info.settings.clone());
                Known::There(Box::new(log), ModelCells::default())
            }
            (
                Some(Known::There(mut log, mut cells) | Known::Unsure(Some((mut log, mut cells)))),
                Some(info),
            ) => {
                if info.epoch != log.epoch {
                    return Err(format!("{name} is another log"));
                }
                let read = world.read_all(&name);
                let damaged = matches!(info.state, ChannelState::Damaged { .. });
                world.outcome.damages += u64::from(damaged);
                let told = (bounds(&info), &info.state);
                let recovered = log.recover(told, &read, started);
                groups.extend(recovered.map_err(|what| format!("{name}: {what}; {info:?}"))?);
                check_cells(world, &name, &mut cells)?;
                Known::There(log, cells)
            }
        };
        world.channels.insert(name, now_known);
    }
    let damaged = groups.len() as u64;
    let Some(rest) = world.damage.checked_sub(damaged) else {
        return Err(format!(
            "events of {damaged} groups are damaged, and no more than {} can be",
            world.damage
        ));
    };
    // What a channel has that failed, or does not show, is found out later.
    let is_over = !world.logs().any(|log| log.hides_damage());
    world.damage = if is_over { 0 } else { rest };
    Ok(())
}

fn check_cells(
    world: &World,
    name: &hearken_channel_log::ChannelName,
    cells: &mut ModelCells,
) -> Result<(), String> {
    let engine = world.engine();
    for key in super::acts::KEYS {
        let cell = now(engine.cell(name, key));
        let cell = cell.map_err(|error| format!("{name}: {key}: {error}"))?;
        let value = cell.map(|cell| cell.value);
        cells
            .check_after(key, value)
            .map_err(|what| format!("{name}: {what}"))?;
    }
    let all = CellRange {
        limit: 100,
        ..CellRange::default()
    };
    let rows = now(engine.cells(name, all));
    let rows = rows.map_err(|error| format!("{name}: {error}"))?;
    let strange = rows
        .iter()
        .find(|row| !super::acts::KEYS.contains(&row.key.as_str()));
    strange.map_or(Ok(()), |row| {
        Err(format!("{name}: nobody made the cell {}", row.key))
    })
}

#[cfg(test)]
mod tests {
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
}
