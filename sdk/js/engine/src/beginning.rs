//! What every instance begins with: a context before any text is evaluated in it. It is made when
//! the engine is built, and is part of the component: an instance shares its pages with all
//! others, until it writes to them.

use std::cell::Cell;

use rquickjs::{Context, Ctx, Error, Module, Result, Runtime};

use crate::api::Hearken;
use crate::event::EventObject;
use crate::failure::{self, Failure};
use crate::memory::LibraryMemory;
use crate::modules::HEARKEN;
use crate::{drive, moment, progress, values, web};

/// What the text's calls may have of the stack at most. It lies in the instance's memory, where
/// the linker leaves it 1 MiB, of which the engine's own functions need some.
pub(crate) const MAX_STACK: u32 = 704 << 10;

/// Bytes of a page of memory.
const PAGE: usize = 64 << 10;

/// What the text may have at least, in bytes, lest nothing runs in it.
const MIN_MEMORY: usize = 1 << 20;

/// Bytes in use at which garbage is looked for first. That writes to each object there is, so
/// that nothing of the context is shared any more: no small text is to bring it about.
const GARBAGE_BYTES: usize = 512 << 10;

thread_local! {
    /// Bytes of memory that are in use before there is a context.
    static USED: Cell<usize> = const { Cell::new(0) };
}

/// Makes it. Nothing may get into it that is of one node or of one moment: see
/// [`moment`](crate::moment).
pub(crate) fn make() -> std::result::Result<Context, Failure> {
    let found = |error: Error| Failure::found(error.to_string());
    let runtime = Runtime::new_with_alloc(LibraryMemory).map_err(found)?;
    USED.set(core::arch::wasm32::memory_size(0).saturating_mul(PAGE));
    runtime.set_max_stack_size(MAX_STACK as usize);
    runtime.set_host_promise_rejection_tracker(Some(Box::new(drive::track_rejection)));
    runtime.set_interrupt_handler(Some(Box::new(progress::is_interrupted)));
    let context = Context::full(&runtime).map_err(found)?;
    context.with(|ctx| {
        let installed = install(&ctx);
        installed.map_err(|error| failure::caught(&ctx, &error))
    })?;
    runtime.run_gc();
    runtime.set_gc_threshold(GARBAGE_BYTES);
    context.with(|ctx| moment::settle(&ctx));
    Ok(context)
}

fn install(ctx: &Ctx<'_>) -> Result<()> {
    values::keep_errors(ctx)?;
    web::install(ctx)?;
    Module::evaluate_def::<Hearken, _>(ctx.clone(), HEARKEN)?;
    EventObject::shared(ctx)?;
    Ok(())
}

/// What the text may have of the memory that the instance may have, in bytes: what is not in use
/// yet, less an eighth for frames and for what the allocator cannot use.
pub(crate) fn memory_limit(all: u64) -> Option<usize> {
    if all == 0 {
        return None;
    }
    let all = usize::try_from(all).unwrap_or(usize::MAX);
    let left = all.saturating_sub(USED.get());
    Some((left - left / 8).max(MIN_MEMORY))
}
