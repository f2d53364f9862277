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
    /// Bits change while the engine is not open.
    Flips,
}

pub(super) fn play(world: &mut World) -> Result<(), String> {
    let kind = match world.random.below(5) {
        0 | 1 => Kind::Crashes,
        2 => Kind::Faults,
        3 => Kind::Full,
        _ => Kind::Flips,
    };
    world.may_be_full = kind == Kind::Full;
    for _ in 0..=world.random.below(SESSIONS) {
        let at_start = faults(world, kind);
        starts::start(world, at_start)?;
        let faults = faults(world, kind);
        world.disk.set_faults(faults);
        for _ in 0..world.random.below(ACTS) {
            if world.random.chance(10) {
                let operations = world.random.below(SHORT_LIFE);
                world.disk.stop_after(operations);
            }
            acts::act(world)?;
            world.take_answers()?;
            if world.disk.is_stopped() {
                break;
            }
        }
        let proves = kind == Kind::Flips && !world.disk.is_stopped();
        if proves {
            // Else the last of it might be cut, as if it had never been whole.
            world.disk.go_on();
            world.steps().commit();
            world.take_answers()?;
            world.steps().prove();
        }
        end(world)?;
        if proves && world.random.chance(700) {
            world.flip();
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

fn faults(world: &mut World, kind: Kind) -> Faults {
    let mut often = |thousandths| world.random.below(thousandths);
    match kind {
        Kind::Crashes | Kind::Flips => Faults {
            short: often(100),
            ..Faults::default()
        },
        Kind::Faults => Faults {
            read: often(10),
            write: often(20),
            sync: often(40),
            short: often(100),
            full: 0,
        },
        Kind::Full => Faults {
            full: often(200),
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
    world.steps().commit();
    world.steps().keep();
    world.take_answers()?;
    let engine = world.engine();
    now(engine.close());
    let steps = world.steps();
    steps.commit();
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
