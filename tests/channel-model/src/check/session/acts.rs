//! What is done with the engine.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hearken_channel_log::conformance::{event, key};
use hearken_channel_log::{
    Batch, ChannelName, ChannelState, CreateError, Discard, Engine as _, Environment as _,
    Expected, LogSettings, MIN_LOG_BYTES, ReadError, ReadLimit,
};

use crate::check::world::{Known, World, bounds, now, poll};
use crate::model::{LARGE, ModelCells, ModelLog, Submitted};

/// The cells that there are, or not.
pub(super) const KEYS: [&str; 3] = ["client:a", "plugin:b", "c"];

/// Does something.
pub(super) fn act(world: &mut World) -> Result<(), String> {
    world.pass_time();
    let name = world.any_name();
    match world.random.below(100) {
        0..=34 => append(world, &name),
        35..=53 => world.commit(),
        54 => world.jump(),
        55..=61 => drop(world.steps().file()),
        62..=65 => world.steps().checkpoint(),
        66..=67 => {
            world.group += 1;
            world.steps().prove();
        }
        68..=69 => world.steps().settle(),
        70..=72 => world.steps().tidy(),
        73 => world.steps().seal(),
        74..=79 => read(world, &name)?,
        80 => since(world, &name)?,
        81 => keep(world, &name),
        82..=83 => trim(world, &name)?,
        84..=89 => put_cell(world, &name)?,
        90..=91 => check_cell(world, &name)?,
        92..=95 => create(world, &name)?,
        96..=97 => change(world, &name)?,
        98 => repair(world, &name)?,
        _ => remove(world, &name)?,
    }
    Ok(())
}

/// Checks all that can be checked while the engine is open.
pub(super) fn verify(world: &mut World) -> Result<(), String> {
    let names: Vec<_> = world.channels.keys().cloned().collect();
    for name in names {
        let Some(Known::There(log, _)) = world.channels.get(&name) else {
            continue;
        };
        let log = log.clone();
        let found = now(world.engine().verify(&name));
        let found = found.map_err(|error| format!("{name}: {error}"))?;
        for span in found {
            let checked = log.check_damaged(span);
            checked.map_err(|what| format!("{name}: {what}"))?;
        }
        for _ in 0..20 {
            read(world, &name)?;
        }
    }
    Ok(())
}

/// What becomes of an order, if the disk has not stopped meanwhile.
pub(super) fn order<T>(world: &mut World, future: impl Future<Output = T> + Send) -> Option<T> {
    let mut future = Box::pin(future);
    let mut answer = poll(future.as_mut());
    while answer.is_none() {
        world.steps().keep();
        answer = poll(future.as_mut());
    }
    answer.filter(|_| !world.disk.is_stopped())
}

pub(super) fn append(world: &mut World, name: &ChannelName) {
    let Some(Known::There(log, _)) = world.channels.get(name) else {
        return;
    };
    let (last, epoch) = (log.last, log.epoch);
    let is_small = log.is_small();
    let again = log.any_recent(&mut world.random.clone());
    let mut batch = Batch::new();
    let mut ids = Vec::new();
    // Now and then so much that the journal needs another file.
    let events = match world.random.below(100) {
        0 if !is_small => 40,
        _ => world.random.below(4),
    };
    for _ in 0..=events {
        let again = again.filter(|_| world.random.chance(150));
        let again = again.filter(|id| !ids.iter().any(|(other, _)| other == id));
        // Every other event has a key, so that one that comes again has one.
        let id = again.unwrap_or_else(|| {
            world.next_id += 1;
            world.next_id - 1
        });
        let keyed = id % 2 == 0;
        let most = if (world.random.chance(30) || events == 40) && !is_small {
            60_000
        } else {
            1200
        };
        let data = vec![b'x'; usize::try_from(world.random.below(most)).unwrap_or(0)];
        let event = event(&id.to_string(), &data);
        let pushed = batch.push(&event, keyed.then(|| key(id)));
        pushed.expect("a few events are no large batch");
        ids.push((id, keyed));
    }
    let expected = match world.random.below(10) {
        0 => Expected::Last { epoch: None, last },
        1 => Expected::Last {
            epoch: Some(epoch),
            last: last.saturating_sub(1),
        },
        _ => Expected::Any,
    };
    let (engine, own_name) = (world.engine(), name.clone());
    let answer = async move { engine.append(&own_name, batch, expected).await };
    world.submit(name, Submitted { ids }, answer);
}

fn read(world: &mut World, name: &ChannelName) -> Result<(), String> {
    let Some(Known::There(log, _)) = world.channels.get(name) else {
        return Ok(());
    };
    let log = log.clone();
    let after = world.random.below(log.last + 3);
    let limit = ReadLimit {
        events: 1 + usize::try_from(world.random.below(30)).unwrap_or(0),
        bytes: usize::try_from(world.random.below(20_000)).unwrap_or(0),
    };
    let engine = world.engine();
    let page = now(engine.read(name, after, limit));
    if world.disk.is_stopped() {
        return Ok(());
    }
    match page {
        Ok(page) => {
            let checked = log.check_page(after, &page);
            checked.map_err(|what| format!("{name}: {what}"))?;
        }
        Err(ReadError::Damaged(span)) => {
            let checked = log.check_damaged(span);
            checked.map_err(|what| format!("{name}: {what}"))?;
        }
        // Which the disk may do.
        Err(ReadError::Storage(_)) if world.has_failed() => {}
        Err(error) => return Err(format!("{name} after {after}: {error}")),
    }
    let Some(info) = engine.info(name) else {
        return Err(format!("{name} is gone"));
    };
    if matches!(info.state, ChannelState::Failed { .. }) && !world.has_failed() {
        return Err(format!("{name}: it has failed though the disk has not"));
    }
    let is_whole = matches!(info.state, ChannelState::Ok);
    if is_whole {
        let tail = engine.tail(name).map(|tail| *tail.borrow());
        if tail != Some(bounds(&info)) {
            return Err(format!("{name}: who follows it is told {tail:?}"));
        }
        // What waits for an answer has none yet, so nothing of it is shown.
        log.check_bounds(bounds(&info))
            .map_err(|what| format!("{name}: {what}"))?;
    }
    if matches!(info.state, ChannelState::Damaged { .. }) && !log.is_damaged() {
        return Err(format!("{name}: damage is told where there is none"));
    }
    Ok(())
}

fn since(world: &mut World, name: &ChannelName) -> Result<(), String> {
    let Some(Known::There(log, _)) = world.channels.get(name) else {
        return Ok(());
    };
    let log = log.clone();
    let back = world.random.below(100_000);
    let time = world.environment.now_millis().saturating_sub(back);
    let engine = world.engine();
    let found = now(engine.since(name, time));
    if world.disk.is_stopped() {
        return Ok(());
    }
    match found {
        Ok(position) => {
            let Some(info) = engine.info(name) else {
                return Err(format!("{name} is gone"));
            };
            // One that failed may have more in the journal, of which nothing is known.
            let failed = matches!(info.state, ChannelState::Failed { .. });
            let last = if failed { info.last } else { log.last };
            let checked = log.check_since(time, position, last);
            checked.map_err(|what| format!("{name}: {what}"))
        }
        // Which the disk may do.
        Err(ReadError::Storage(_)) if world.has_failed() => Ok(()),
        Err(error) => Err(format!("{name} since {time}: {error}")),
    }
}

fn keep(world: &mut World, name: &ChannelName) {
    let Some(Known::There(log, _)) = world.channels.get(name) else {
        return;
    };
    let from = world.random.below(log.last + 2);
    let from = Some(from).filter(|_| world.random.chance(500));
    let engine = world.engine();
    let kept = order(world, engine.keep(name, from));
    let now = world.environment.now_millis();
    if let Some(Known::There(log, _)) = world.channels.get_mut(name) {
        log.keep(from, matches!(kept, Some(Ok(()))), now);
    }
}

fn trim(world: &mut World, name: &ChannelName) -> Result<(), String> {
    let Some(Known::There(log, _)) = world.channels.get(name) else {
        return Ok(());
    };
    let before = world.random.below(log.last + 2);
    let engine = world.engine();
    let trimmed = order(world, engine.trim(name, before));
    let Some(Known::There(log, _)) = world.channels.get_mut(name) else {
        return Ok(());
    };
    let sure = matches!(trimmed, Some(Ok(_)));
    log.trim(before, sure);
    if let Some(Ok(bounds)) = trimmed
        && bounds.first < before.min(bounds.last + 1)
    {
        return Err(format!("{name}: trimmed to {bounds:?} when told {before}"));
    }
    Ok(())
}

pub(super) fn put_cell(world: &mut World, name: &ChannelName) -> Result<(), String> {
    let Some(Known::There(..)) = world.channels.get(name) else {
        return Ok(());
    };
    let key = KEYS[usize::try_from(world.random.below(3)).unwrap_or(0)];
    let value = Bytes::from(world.random.bits().to_le_bytes().to_vec());
    let durable = world.random.chance(400);
    let engine = world.engine();
    let put = order(
        world,
        engine.put_cell(name, key, value.clone(), None, durable),
    );
    let lossy = world.may_be_full;
    if let Some(Known::There(_, cells)) = world.channels.get_mut(name) {
        cells.lossy = lossy;
        match put {
            Some(Ok(_)) => cells.put(key, Some(value), durable),
            _ => cells.may_put(key, Some(value)),
        }
    }
    Ok(())
}

fn check_cell(world: &mut World, name: &ChannelName) -> Result<(), String> {
    let Some(Known::There(_, cells)) = world.channels.get(name) else {
        return Ok(());
    };
    let key = KEYS[usize::try_from(world.random.below(3)).unwrap_or(0)];
    match now(world.engine().cell(name, key)) {
        Ok(cell) => cells.check_now(key, cell.map(|cell| cell.value).as_ref()),
        // Which the disk may do.
        Err(_) => Ok(()),
    }
}

fn create(world: &mut World, name: &ChannelName) -> Result<(), String> {
    if let Some(Known::Unsure(_)) = world.channels.get(name) {
        return Ok(());
    }
    let settings = LogSettings {
        max_events: world.random.chance(300).then(|| 1 + world.random.below(30)),
        max_bytes: if world.random.chance(300) {
            MIN_LOG_BYTES
        } else {
            LARGE
        },
        max_age: (world.random.chance(200)).then(|| Duration::from_mins(1)),
        discard: if world.random.chance(100) {
            Discard::Refuse
        } else {
            Discard::Oldest
        },
        ..LogSettings::default()
    };
    let engine = world.engine();
    let created = order(world, engine.create(name, &settings));
    let there = matches!(world.channels.get(name), Some(Known::There(..)));
    match created {
        Some(Ok(_)) if there => Err(format!("{name} is made twice")),
        Some(Ok(info)) => {
            let log = ModelLog::new(info.epoch, settings.clone());
            let known = Known::There(Box::new(log), ModelCells::default());
            world.channels.insert(name.clone(), known);
            Ok(())
        }
        Some(Err(CreateError::Exists(_))) if there => Ok(()),
        Some(Err(CreateError::Exists(_))) => Err(format!("{name} is told to be there")),
        _ if there => Ok(()),
        _ => {
            world.channels.insert(name.clone(), Known::Unsure(None));
            Ok(())
        }
    }
}

fn change(world: &mut World, name: &ChannelName) -> Result<(), String> {
    let Some(Known::There(..)) = world.channels.get(name) else {
        return Ok(());
    };
    let engine = world.engine();
    let Some(info) = engine.info(name) else {
        return Err(format!("{name} is gone"));
    };
    let most = 1 + world.random.below(30);
    let settings = LogSettings {
        max_events: Some(most),
        ..info.settings
    };
    let changed = order(world, engine.change(name, &settings));
    if let Some(Known::There(log, _)) = world.channels.get_mut(name) {
        let unsure = log.settings.max_events.unwrap_or(u64::MAX).min(most);
        let most = if matches!(changed, Some(Ok(_))) {
            most
        } else {
            unsure
        };
        log.set_max_events(Some(most));
    }
    Ok(())
}

pub(super) fn repair(world: &mut World, name: &ChannelName) -> Result<(), String> {
    let engine = world.engine();
    let damaged = match engine.info(name).map(|info| info.state) {
        Some(ChannelState::Damaged { ranges }) => ranges,
        _ => Vec::new(),
    };
    let repaired = order(world, engine.repair(name));
    // One whose removal failed is repaired too.
    let known = world.channels.get_mut(name);
    let Some(Known::There(log, _) | Known::Unsure(Some((log, _)))) = known else {
        return Ok(());
    };
    let checked = match repaired {
        Some(Ok(spans)) => log.give_up(&spans),
        _ => log.may_give_up(&damaged),
    };
    checked.map_err(|what| format!("{name}: {what}"))
}

pub(super) fn remove(world: &mut World, name: &ChannelName) -> Result<(), String> {
    if world.may_lose_catalogue {
        // Without it a channel whose removal has begun is there again.
        return Ok(());
    }
    let Some(Known::There(..)) = world.channels.get(name) else {
        return Ok(());
    };
    let engine = Arc::clone(&world.engine());
    let removed = order(world, engine.remove(name));
    let Some(Known::There(log, cells)) = world.channels.remove(name) else {
        return Ok(());
    };
    let known = match removed {
        Some(Ok(())) => Known::Missing,
        _ => Known::Unsure(Some((log, cells))),
    };
    world.channels.insert(name.clone(), known);
    Ok(())
}
