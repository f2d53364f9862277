//! Opening the engine, and comparing what is there with what must be.

#[cfg(test)]
mod tests;

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
    if world.logs().any(|log| log.hides_damage()) {
        world.damage = rest;
    } else {
        world.damage = 0;
        world.trimmed_damage += rest;
    }
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
