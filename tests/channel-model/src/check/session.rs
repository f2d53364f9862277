//! Using the engine at random.

mod acts;
mod starts;

use hearken_channel_log::Engine as _;

use super::world::{World, now};
use crate::disk::Faults;

/// Sessions of a run at most: times that the engine is opened and used.
const SESSIONS: u64 = 5;
/// What is done in a session at most.
const ACTS: u64 = 120;
/// Operations of the disk after which a process that shall not live long is gone, at most.
const SHORT_LIFE: u64 = 80;

/// What may go wrong in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Crashes alone.
    Crashes,
    /// The disk fails.
    Faults,
    /// The disk is full now and then.
    Full,
    /// The journal and segments are damaged while the engine is not open,
    Damage,
    /// or the catalogue is.
    Catalogue,
}

pub(super) fn play(world: &mut World) -> Result<(), String> {
    let kind = match world.random.below(6) {
        0 => Kind::Crashes,
        1 => Kind::Faults,
        2 => Kind::Full,
        3 => Kind::Catalogue,
        _ => Kind::Damage,
    };
    // Damage is there also on disks that fail, or are full.
    let disk = match world.random.below(4) {
        0 if kind == Kind::Damage => Kind::Faults,
        1 if kind == Kind::Damage => Kind::Full,
        _ => kind,
    };
    world.may_be_full = disk == Kind::Full;
    world.may_start_full = kind == Kind::Full;
    world.may_start_full_and_damaged = kind == Kind::Damage && disk == Kind::Full;
    // Damaged logs may lose the catalogue too. Beside the other choices, which stay the same.
    let mut aside = world.random.clone();
    aside.bits();
    let loses_both = disk == Kind::Damage && aside.chance(300);
    world.may_lose_catalogue = kind == Kind::Catalogue || loses_both;
    for _ in 0..=world.random.below(SESSIONS) {
        let at_start = faults(world, disk);
        starts::start(world, at_start)?;
        let faults = faults(world, disk);
        world.disk.set_faults(faults);
        for _ in 0..world.random.below(ACTS) {
            if world.random.chance(10) {
                let operations = world.random.below(SHORT_LIFE);
                world.disk.stop_after(operations);
            }
            if world.random.chance(30) {
                world.disk.set_room(u64::MAX);
            }
            acts::act(world)?;
            world.take_answers()?;
            if world.disk.is_stopped() {
                break;
            }
        }
        let proven = kind == Kind::Damage && !world.disk.is_stopped() && prove(world)?;
        end(world)?;
        if proven && world.random.chance(700) {
            world.damage_logs();
        }
        if loses_both && world.random.chance(300) {
            world.give_catalogue_up();
        }
        if kind == Kind::Catalogue && world.random.chance(500) {
            world.damage_catalogue();
        }
    }
    // At last the disk works, and what is there once is there twice.
    for _ in 0..2 {
        starts::start(world, Faults::default())?;
        crash(world)?;
    }
    starts::start(world, Faults::default())?;
    acts::verify(world)?;
    end(world)
}

/// Makes sure that the last group is proven: else it might be cut, as if it had never been
/// whole. Returns whether it could be.
fn prove(world: &mut World) -> Result<bool, String> {
    world.disk.go_on();
    world.disk.set_room(u64::MAX);
    world.disk.set_faults(Faults::default());
    world.commit();
    world.take_answers()?;
    world.steps().tidy();
    let appends = world.outcome.appends;
    for _ in 0..8 {
        let name = world.any_name();
        acts::append(world, &name);
    }
    world.commit();
    world.take_answers()?;
    world.group += 1;
    world.steps().prove();
    Ok(world.outcome.appends > appends)
}

fn faults(world: &mut World, kind: Kind) -> Faults {
    let mut often = |thousandths| world.random.below(thousandths);
    match kind {
        Kind::Crashes | Kind::Damage | Kind::Catalogue => Faults {
            short: often(100),
            ..Faults::default()
        },
        Kind::Faults => Faults {
            read: often(10),
            write: often(20),
            sync: often(40),
            short: often(100),
            ..Faults::default()
        },
        Kind::Full => Faults {
            full: often(200),
            full_inside: often(40),
            sync_full: often(20),
            short: often(100),
            ..Faults::default()
        },
    }
}

/// Ends a session: by a crash, or not.
fn end(world: &mut World) -> Result<(), String> {
    if world.disk.is_stopped() || world.random.chance(500) {
        return crash(world);
    }
    if world.random.chance(300) {
        // Killed amid it.
        world.disk.kill();
        world.lose_answers()?;
        world.engine = None;
        return Ok(());
    }
    world.commit();
    world.steps().keep();
    world.take_answers()?;
    let engine = world.engine();
    now(engine.close());
    world.commit();
    let steps = world.steps();
    steps.keep();
    steps.settle();
    steps.seal();
    steps.tidy();
    steps.checkpoint();
    world.take_answers()?;
    world.lose_answers()?;
    drop(engine);
    world.engine = None;
    if world.random.chance(500) {
        world.disk.crash();
    }
    Ok(())
}

fn crash(world: &mut World) -> Result<(), String> {
    world.outcome.crashes += 1;
    // What is dropped below does nothing to the disk any more.
    world.disk.crash();
    world.lose_answers()?;
    world.engine = None;
    Ok(())
}
