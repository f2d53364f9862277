//! What an instance makes its own, where all begin with the same memory: chance and time.
#![expect(
    unsafe_code,
    reason = "QuickJS keeps both where its interface does not reach"
)]

use rquickjs::{Ctx, qjs};
use wasip2::random::random::get_random_u64;

use crate::memory;

// In `moment.c`.
unsafe extern "C" {
    fn hearken_settle(runtime: *mut qjs::JSRuntime);
    fn hearken_begin(context: *mut qjs::JSContext, seed: u64);
    fn hearken_go_on(context: *mut qjs::JSContext, seed: u64);
}

/// Settles what all begin with: what is allocated from now on lies together behind it, and not on
/// pages all over it, of each of which an instance would have a copy of its own.
pub(crate) fn settle(ctx: &Ctx<'_>) {
    // SAFETY: the context is in use.
    unsafe { hearken_settle(qjs::JS_GetRuntime(ctx.as_raw().as_ptr())) }
    memory::close_gaps();
}

/// Begins with a text: from now on `Math.random`, the order of keys and `performance` are the
/// instance's own.
pub(crate) fn begin(ctx: &Ctx<'_>) {
    // SAFETY: the context is in use.
    unsafe { hearken_begin(ctx.as_raw().as_ptr(), get_random_u64()) }
}

/// Goes on with a text that has been evaluated elsewhere: the same, but for keys, which may be in
/// use already.
pub(crate) fn go_on(ctx: &Ctx<'_>) {
    // SAFETY: the context is in use.
    unsafe { hearken_go_on(ctx.as_raw().as_ptr(), get_random_u64()) }
}
