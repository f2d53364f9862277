//! `setTimeout` and its like. What they call runs while a function of the text waits for
//! something, and ends with it.

use std::cell::RefCell;

use rquickjs::function::{Args, Opt, Rest};
use rquickjs::{Ctx, Error, Function, Object, Persistent, Result, Value};
use wasip2::clocks::monotonic_clock::{now, subscribe_instant};
use wasip2::io::poll::Pollable;

use crate::values;
use crate::{drive, failure};

/// Timers that may be set at once.
const MAX_TIMERS: usize = 1024;

/// Nanoseconds of a millisecond.
const MILLISECOND: u64 = 1_000_000;

struct Timer {
    number: u32,
    /// When it is due, in nanoseconds of the clock.
    due: u64,
    /// After how many nanoseconds again.
    every: Option<u64>,
    /// Whether it is nothing that the text has to wait for.
    quiet: bool,
    call: Persistent<Function<'static>>,
    arguments: Vec<Persistent<Value<'static>>>,
}

thread_local! {
    static TIMERS: RefCell<(u32, Vec<Timer>)> = const { RefCell::new((0, Vec::new())) };
}

/// Adds the functions to the global object.
pub(super) fn install(ctx: &Ctx<'_>) -> Result<()> {
    let globals = ctx.globals();
    for (name, function) in [
        ("setTimeout", Function::new(ctx.clone(), set_timeout)?),
        ("setInterval", Function::new(ctx.clone(), set_interval)?),
        ("setImmediate", Function::new(ctx.clone(), set_immediate)?),
        ("clearTimeout", Function::new(ctx.clone(), unset)?),
        ("clearInterval", Function::new(ctx.clone(), unset)?),
        ("clearImmediate", Function::new(ctx.clone(), unset)?),
    ] {
        globals.set(name, function.with_name(name)?)?;
    }
    Ok(())
}

/// What pieces need of timers.
pub(super) fn native<'js>(ctx: &Ctx<'js>) -> Result<Object<'js>> {
    let native = Object::new(ctx.clone())?;
    let quietly = |ctx: Ctx<'js>, call: Function<'js>, delay: Value<'js>| {
        let number = set(&ctx, call, nanoseconds(Some(&delay)), false, Vec::new())?;
        TIMERS.with_borrow_mut(|(_, timers)| {
            let set = timers.iter_mut().find(|timer| timer.number == number);
            set.into_iter().for_each(|timer| timer.quiet = true);
        });
        Ok::<_, Error>(number)
    };
    native.set("quietly", Function::new(ctx.clone(), quietly)?)?;
    Ok(native)
}

fn set_timeout<'js>(
    ctx: Ctx<'js>,
    call: Function<'js>,
    delay: Opt<Value<'js>>,
    arguments: Rest<Value<'js>>,
) -> Result<u32> {
    set(
        &ctx,
        call,
        nanoseconds(delay.0.as_ref()),
        false,
        arguments.0,
    )
}

fn set_interval<'js>(
    ctx: Ctx<'js>,
    call: Function<'js>,
    delay: Opt<Value<'js>>,
    arguments: Rest<Value<'js>>,
) -> Result<u32> {
    let every = nanoseconds(delay.0.as_ref()).max(MILLISECOND);
    set(&ctx, call, every, true, arguments.0)
}

fn set_immediate<'js>(
    ctx: Ctx<'js>,
    call: Function<'js>,
    arguments: Rest<Value<'js>>,
) -> Result<u32> {
    set(&ctx, call, 0, false, arguments.0)
}

fn nanoseconds(delay: Option<&Value<'_>>) -> u64 {
    let milliseconds = delay.and_then(Value::as_number).unwrap_or(0.0);
    let milliseconds = values::whole(milliseconds.max(0.0).ceil()).unwrap_or(0);
    milliseconds.saturating_mul(MILLISECOND)
}

fn set<'js>(
    ctx: &Ctx<'js>,
    call: Function<'js>,
    after: u64,
    repeats: bool,
    arguments: Vec<Value<'js>>,
) -> Result<u32> {
    if TIMERS.with_borrow(|(_, timers)| timers.len() >= MAX_TIMERS) {
        let message = format!("no more than {MAX_TIMERS} timers can be set");
        return Err(values::throw(ctx, "RangeError", &message));
    }
    TIMERS.with_borrow_mut(|(last, timers)| {
        *last = last.wrapping_add(1);
        let arguments = arguments
            .into_iter()
            .map(|value| Persistent::save(ctx, value));
        timers.push(Timer {
            number: *last,
            due: now().saturating_add(after),
            every: repeats.then_some(after),
            quiet: false,
            call: Persistent::save(ctx, call),
            arguments: arguments.collect(),
        });
        Ok(*last)
    })
}

fn unset(number: Opt<Value<'_>>) {
    let number = number
        .0
        .and_then(|number| number.as_number())
        .and_then(values::whole);
    let unset = TIMERS.with_borrow_mut(|(_, timers)| {
        let at = timers
            .iter()
            .position(|timer| Some(u64::from(timer.number)) == number)?;
        Some(timers.remove(at))
    });
    drop(unset);
}

/// Ready when the next timer is due.
pub(crate) fn next() -> Option<Pollable> {
    let due = TIMERS.with_borrow(|(_, timers)| timers.iter().map(|timer| timer.due).min());
    due.map(subscribe_instant)
}

/// Calls the timer that has been due for longest; `false` if none is due.
pub(crate) fn run_due(ctx: &Ctx<'_>) -> bool {
    let Some((call, arguments)) = take_due() else {
        return false;
    };
    if let Err(error) = run(ctx, call, arguments) {
        drive::thrown(failure::caught(ctx, &error));
    }
    true
}

type Due = (
    Persistent<Function<'static>>,
    Vec<Persistent<Value<'static>>>,
);

fn take_due() -> Option<Due> {
    TIMERS.with_borrow_mut(|(_, timers)| {
        if timers.is_empty() {
            return None;
        }
        let now = now();
        // Of those that are due at the same moment the first that was set.
        let (at, _) = timers
            .iter()
            .enumerate()
            .min_by_key(|(_, timer)| timer.due)?;
        let timer = timers.get_mut(at).filter(|timer| timer.due <= now)?;
        if let Some(every) = timer.every {
            timer.due = now.saturating_add(every);
            return Some((timer.call.clone(), timer.arguments.clone()));
        }
        let timer = timers.remove(at);
        Some((timer.call, timer.arguments))
    })
}

fn run(
    ctx: &Ctx<'_>,
    call: Persistent<Function<'static>>,
    arguments: Vec<Persistent<Value<'static>>>,
) -> Result<()> {
    let mut handed = Args::new(ctx.clone(), arguments.len());
    for argument in arguments {
        handed.push_arg(argument.restore(ctx)?)?;
    }
    call.restore(ctx)?.call_arg::<Value<'_>>(handed).map(|_| ())
}

/// Whether there is none.
pub(crate) fn are_none() -> bool {
    TIMERS.with_borrow(|(_, timers)| timers.is_empty())
}

/// Unsets all timers; returns how many of them the text would have had to wait for.
pub(crate) fn clear() -> usize {
    let timers = TIMERS.with_borrow_mut(|(_, timers)| std::mem::take(timers));
    timers.iter().filter(|timer| !timer.quiet).count()
}
