//! Goes on with what a function of the text has begun until it is done.
//!
//! The functions of a text wait by promises, which three things settle: the text itself, in its
//! jobs; a timer; and an [`Operation`] under way at the node. All that are under way are waited
//! for at once.

use std::cell::RefCell;

use rquickjs::promise::PromiseState;
use rquickjs::{Ctx, Error, Function, Persistent, Promise, Result, Value, qjs};
use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::io::poll::{Pollable, poll};

use crate::bindings::wasi::logging::logging::Level;
use crate::failure::{self, Failure};
use crate::web::{bodies, console, timers};
use crate::{progress, values};

/// Operations that may be under way at once.
const MAX_OPERATIONS: usize = 128;

/// Rejected promises that are remembered at once, lest a flood of them takes the memory that is
/// not the text's, and the time to look for each.
const MAX_UNHANDLED: usize = 256;

/// Something that the node does meanwhile.
pub(crate) trait Operation {
    /// Ready when there may be something to take.
    fn subscribe(&self) -> Pollable;

    /// What came of it; `None` while it goes on.
    fn take<'js>(&mut self, ctx: &Ctx<'js>) -> Option<Result<Value<'js>>>;
}

/// An operation, and the promise of it. What is ready depends on the operation, and so goes
/// before it.
struct UnderWay {
    number: u32,
    pollable: Pollable,
    operation: Box<dyn Operation>,
    resolve: Persistent<Function<'static>>,
    reject: Persistent<Function<'static>>,
}

thread_local! {
    static UNDER_WAY: RefCell<(u32, Vec<UnderWay>)> = const { RefCell::new((0, Vec::new())) };
    /// Rejected promises that nobody has looked at, and why they were rejected.
    static UNHANDLED: RefCell<Vec<(Kept, Kept)>> = const { RefCell::new(Vec::new()) };
    /// What was thrown first where nobody could catch it.
    static THROWN: RefCell<Option<Failure>> = const { RefCell::new(None) };
}

type Kept = Persistent<Value<'static>>;

/// Begins an operation; the promise is settled while the text waits for something. The number
/// is for [`cancel`].
pub(crate) fn begin<'js>(
    ctx: &Ctx<'js>,
    operation: impl Operation + 'static,
) -> Result<(Promise<'js>, u32)> {
    if UNDER_WAY.with_borrow(|(_, under_way)| under_way.len() >= MAX_OPERATIONS) {
        let message = format!("no more than {MAX_OPERATIONS} operations can be under way");
        return Err(values::throw(ctx, "RangeError", &message));
    }
    let (promise, resolve, reject) = ctx.promise()?;
    UNDER_WAY.with_borrow_mut(|(last, under_way)| {
        *last = last.wrapping_add(1);
        under_way.push(UnderWay {
            number: *last,
            pollable: operation.subscribe(),
            operation: Box::new(operation),
            resolve: Persistent::save(ctx, resolve),
            reject: Persistent::save(ctx, reject),
        });
        Ok((promise, *last))
    })
}

/// Forgets an operation; its promise is never settled.
pub(crate) fn cancel(number: u32) {
    let cancelled = UNDER_WAY.with_borrow_mut(|(_, under_way)| {
        let at = under_way
            .iter()
            .position(|operation| operation.number == number)?;
        Some(under_way.remove(at))
    });
    drop(cancelled);
}

/// A promise of what is known already.
pub(crate) fn settled<'js>(ctx: &Ctx<'js>, result: Result<Value<'js>>) -> Result<Promise<'js>> {
    let (promise, resolve, reject) = ctx.promise()?;
    settle(ctx, result, &resolve, &reject)?;
    Ok(promise)
}

fn settle<'js>(
    ctx: &Ctx<'js>,
    result: Result<Value<'js>>,
    resolve: &Function<'js>,
    reject: &Function<'js>,
) -> Result<()> {
    match result {
        Ok(value) => resolve.call((value,)),
        Err(Error::Exception) => reject.call((ctx.catch(),)),
        Err(error) => {
            let error = values::error(ctx, "Error", &error.to_string())?;
            reject.call((error,))
        }
    }
}

/// Remembers a promise that was rejected while nobody looked, until somebody does.
pub(crate) fn track_rejection<'js>(
    ctx: Ctx<'js>,
    promise: Value<'js>,
    reason: Value<'js>,
    is_handled: bool,
) {
    let promise = Persistent::save(&ctx, promise);
    if !is_handled {
        // What it says is read when it is told, if ever: that may run functions of the text.
        let reason = Persistent::save(&ctx, reason);
        UNHANDLED.with_borrow_mut(|unhandled| {
            if unhandled.len() < MAX_UNHANDLED {
                unhandled.push((promise, reason));
            }
        });
        return;
    }
    let handled = UNHANDLED.with_borrow_mut(|unhandled| {
        let at = unhandled
            .iter()
            .position(|(rejected, _)| *rejected == promise)?;
        Some(unhandled.swap_remove(at))
    });
    drop((handled, promise));
}

/// Remembers what was thrown where nobody could catch it, unless something was before.
pub(crate) fn thrown(failure: Failure) {
    THROWN.with_borrow_mut(|thrown| {
        thrown.get_or_insert(failure);
    });
}

/// Goes on until what a function has returned is settled, and ends what it has left behind.
///
/// # Errors
/// What it has thrown, or somebody else meanwhile.
pub(crate) fn to_the_end<'js>(
    ctx: &Ctx<'js>,
    name: &str,
    returned: Result<Value<'js>>,
) -> std::result::Result<Value<'js>, Failure> {
    let result = returned.and_then(|value| wait_for(ctx, value));
    let result = result.map_err(|error| failure::caught(ctx, &error));
    match (result, finish(ctx, name)) {
        (Ok(_), Some(failure)) => Err(failure),
        (result, _) => result,
    }
}

/// Whether a function has left nothing behind, as most do.
#[expect(unsafe_code, reason = "the binding has this only for a whole runtime")]
fn is_done(ctx: &Ctx<'_>) -> bool {
    // SAFETY: the context is in use.
    let has_jobs = unsafe { qjs::JS_IsJobPending(qjs::JS_GetRuntime(ctx.as_raw().as_ptr())) };
    !has_jobs
        && UNDER_WAY.with_borrow(|(_, under_way)| under_way.is_empty())
        && UNHANDLED.with_borrow(Vec::is_empty)
        && THROWN.with_borrow(Option::is_none)
        && timers::are_none()
        && bodies::are_none()
}

/// Calls a function of the text with an event, and goes on until it is done.
///
/// # Errors
/// As [`to_the_end`].
#[expect(unsafe_code, reason = "the binding makes a list of the arguments")]
pub(crate) fn handle<'js>(
    ctx: &Ctx<'js>,
    name: &str,
    handler: &Function<'js>,
    event: &Value<'js>,
) -> std::result::Result<(), Failure> {
    let mut event = event.as_raw();
    let function = handler.as_value().as_raw();
    // SAFETY: all are of this context, which is in use.
    let returned = unsafe {
        let context = ctx.as_raw().as_ptr();
        qjs::JS_Call(context, function, qjs::JS_UNDEFINED, 1, &raw mut event)
    };
    // SAFETY: it is a value.
    if unsafe { qjs::JS_IsUndefined(returned) } && is_done(ctx) {
        return Ok(());
    }
    // SAFETY: it is of this context, and the caller's.
    let returned = unsafe { Value::from_raw(ctx.clone(), returned) };
    let returned = match returned.is_exception() {
        true => Err(Error::Exception),
        false => Ok(returned),
    };
    to_the_end(ctx, name, returned).map(|_| ())
}

/// The same of a function whose throws mean something to its caller.
///
/// # Errors
/// What it has thrown.
pub(crate) fn to_an_answer<'js>(
    ctx: &Ctx<'js>,
    name: &str,
    returned: Result<Value<'js>>,
) -> Result<Value<'js>> {
    let result = returned.and_then(|value| wait_for(ctx, value));
    let thrown = result
        .as_ref()
        .is_err_and(Error::is_exception)
        .then(|| ctx.catch());
    if let Some(failure) = finish(ctx, name) {
        console::say(Level::Error, &format!("{name}: {}", failure.reason));
    }
    match thrown {
        Some(thrown) => Err(ctx.throw(thrown)),
        None => result,
    }
}

/// Does what is to be done at once even if nobody waits for it, and ends all else; returns what
/// was thrown where nobody has caught it.
fn finish(ctx: &Ctx<'_>, name: &str) -> Option<Failure> {
    if !progress::is_interrupted()
        && let Err(error) = run_jobs(ctx)
    {
        thrown(failure::caught(ctx, &error));
    }
    let left = clear();
    if left > 0 {
        let message = format!(
            "{name}: timers or requests were under way when it was done, and are dropped: {left}; \
             await them"
        );
        console::say(Level::Warn, &message);
    }
    let unhandled = UNHANDLED.take().into_iter().next();
    let unhandled = unhandled.and_then(|(_, reason)| reason.restore(ctx).ok());
    let unhandled = unhandled.map(|reason| failure::thrown(&reason));
    // What is rejected while that is told is nobody's.
    UNHANDLED.take();
    THROWN.take().or(unhandled)
}

/// Runs what the text has put off until its functions have returned.
///
/// # Errors
/// When the text is interrupted; what is thrown otherwise is remembered.
#[expect(
    unsafe_code,
    reason = "the binding's own function says nothing of what a job throws"
)]
fn run_jobs(ctx: &Ctx<'_>) -> Result<()> {
    loop {
        let mut of = std::ptr::null_mut();
        // SAFETY: both pointers are those of this context, which is in use.
        let ran = unsafe {
            let runtime = qjs::JS_GetRuntime(ctx.as_raw().as_ptr());
            qjs::JS_ExecutePendingJob(runtime, &raw mut of)
        };
        match ran {
            0 => return Ok(()),
            1.. => {}
            _ => {
                let value = ctx.catch();
                if value.is_uncatchable_error() {
                    return Err(ctx.throw(value));
                }
                thrown(failure::thrown(&value));
            }
        }
    }
}

/// The value, or what its promise is settled with.
fn wait_for<'js>(ctx: &Ctx<'js>, value: Value<'js>) -> Result<Value<'js>> {
    let Some(promise) = promise_of(ctx, &value)? else {
        return Ok(value);
    };
    loop {
        run_jobs(ctx)?;
        if let Some(result) = promise.result() {
            if promise.state() == PromiseState::Rejected {
                let looked_at = Persistent::save(ctx, promise.into_value());
                UNHANDLED.with_borrow_mut(|all| all.retain(|(other, _)| *other != looked_at));
            }
            return result;
        }
        // Timers that are always due again do not keep what is ready waiting.
        let waits = !timers::run_due(ctx);
        if !pass_on(ctx, waits)? && waits {
            let message = "it waits for a promise that nothing can settle any more";
            return Err(values::throw(ctx, "Error", message));
        }
    }
}

/// The promise that is waited for, if the value is one or something like one.
fn promise_of<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> Result<Option<Promise<'js>>> {
    if let Some(promise) = value.as_promise() {
        return Ok(Some(promise.clone()));
    }
    let Some(object) = value.as_object() else {
        return Ok(None);
    };
    let then: Value<'js> = object.get("then")?;
    let Some(then) = then.as_function() else {
        return Ok(None);
    };
    let (promise, resolve, reject) = ctx.promise()?;
    then.call::<_, ()>((rquickjs::function::This(object.clone()), resolve, reject))?;
    Ok(Some(promise))
}

/// Passes on what came of operations that are ready; if it `waits`, until something is ready or
/// a timer due. `false` if nothing is under way.
fn pass_on(ctx: &Ctx<'_>, waits: bool) -> Result<bool> {
    let ready = UNDER_WAY.with_borrow(|(_, under_way)| {
        let other = match waits {
            true => timers::next(),
            false if under_way.is_empty() => None,
            // Which is ready at once.
            false => Some(subscribe_duration(0)),
        };
        let pollables = under_way.iter().map(|operation| &operation.pollable);
        let pollables: Vec<&Pollable> = pollables.chain(&other).collect();
        match pollables.is_empty() {
            true => None,
            false => Some(poll(&pollables)),
        }
    });
    let Some(ready) = ready else {
        return Ok(false);
    };
    let mut ready: Vec<usize> = ready.into_iter().map(|at| at as usize).collect();
    ready.sort_unstable();
    // Taken out, since what comes of one may call the text, which may begin others.
    let taken: Vec<UnderWay> = UNDER_WAY.with_borrow_mut(|(_, under_way)| {
        // From the last, so that the places of the others stay.
        let ready = ready.iter().rev().filter(|at| **at < under_way.len());
        let places: Vec<usize> = ready.copied().collect();
        places.into_iter().map(|at| under_way.remove(at)).collect()
    });
    for mut operation in taken.into_iter().rev() {
        let Some(result) = operation.operation.take(ctx) else {
            UNDER_WAY.with_borrow_mut(|(_, under_way)| under_way.push(operation));
            continue;
        };
        let (resolve, reject) = (operation.resolve.clone(), operation.reject.clone());
        drop(operation);
        settle(ctx, result, &resolve.restore(ctx)?, &reject.restore(ctx)?)?;
    }
    Ok(true)
}

/// Ends all that is under way; returns how much that was.
fn clear() -> usize {
    let operations = UNDER_WAY.with_borrow_mut(|(_, under_way)| std::mem::take(under_way));
    let left = operations.len() + timers::clear();
    drop(operations);
    bodies::clear();
    left
}
