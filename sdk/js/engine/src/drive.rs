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

use crate::bindings::wasi::logging::logging;
use crate::failure::{self, Failure};
use crate::web::{bodies, timers};
use crate::{progress, values};

/// Operations that may be under way at once.
const MAX_OPERATIONS: usize = 128;

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
    /// Rejected promises that nobody has looked at.
    static UNHANDLED: RefCell<Vec<(Persistent<Value<'static>>, Failure)>> = const {
        RefCell::new(Vec::new())
    };
    /// What timers have thrown.
    static THROWN: RefCell<Vec<Failure>> = const { RefCell::new(Vec::new()) };
}

/// Begins an operation; the promise is settled while the text waits for something. The number
/// is for [`cancel`].
pub(crate) fn begin<'js>(
    ctx: &Ctx<'js>,
    operation: impl Operation + 'static,
) -> Result<(Promise<'js>, u32)> {
    let (promise, resolve, reject) = ctx.promise()?;
    UNDER_WAY.with_borrow_mut(|(last, under_way)| {
        if under_way.len() >= MAX_OPERATIONS {
            let message = format!("no more than {MAX_OPERATIONS} operations can be under way");
            return Err(values::throw(ctx, "RangeError", &message));
        }
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
        let failure = failure::thrown(&reason);
        UNHANDLED.with_borrow_mut(|unhandled| unhandled.push((promise, failure)));
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

/// Remembers what a timer has thrown.
pub(crate) fn thrown(failure: Failure) {
    THROWN.with_borrow_mut(|thrown| thrown.push(failure));
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
        logging::log(
            logging::Level::Error,
            "",
            &format!("{name}: {}", failure.reason),
        );
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
        logging::log(logging::Level::Warn, "", &message);
    }
    let unhandled = UNHANDLED
        .take()
        .into_iter()
        .map(|(_, failure)| failure)
        .next();
    THROWN.take().into_iter().next().or(unhandled)
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
    let mut done = Vec::new();
    UNDER_WAY.with_borrow_mut(|(_, under_way)| {
        // From the last, so that the places of the others stay.
        let mut ready: Vec<usize> = ready.into_iter().map(|at| at as usize).collect();
        ready.sort_unstable();
        for at in ready.into_iter().rev() {
            let Some(operation) = under_way.get_mut(at) else {
                continue;
            };
            if let Some(result) = operation.operation.take(ctx) {
                let result = match result {
                    Err(Error::Exception) => Err(ctx.catch()),
                    Err(error) => values::error(ctx, "Error", &error.to_string())
                        .map(|error| Err(error.into_value()))
                        .unwrap_or_else(|_| Err(ctx.catch())),
                    Ok(value) => Ok(value),
                };
                done.push((under_way.remove(at), result));
            }
        }
    });
    for (operation, result) in done.into_iter().rev() {
        match result {
            Ok(value) => operation
                .resolve
                .clone()
                .restore(ctx)?
                .call::<_, ()>((value,))?,
            Err(error) => operation
                .reject
                .clone()
                .restore(ctx)?
                .call::<_, ()>((error,))?,
        }
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
