//! Bodies of answers, while they come.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use rquickjs::{Ctx, IntoJs as _, Result, TypedArray, Value};
use wasip2::http::types::{IncomingBody, IncomingResponse, http_error_code};
use wasip2::io::poll::Pollable;
use wasip2::io::streams::{InputStream, StreamError};

use crate::drive::Operation;
use crate::values;

/// Bytes that are read at once.
const CHUNK: u64 = 64 << 10;

/// Bodies that may be open at once.
const MAX_BODIES: usize = 64;

/// A body. What depends on something else goes before it.
struct Body {
    stream: InputStream,
    _body: IncomingBody,
    _response: IncomingResponse,
}

thread_local! {
    static BODIES: RefCell<(u32, BTreeMap<u32, Rc<Body>>)> = const {
        RefCell::new((0, BTreeMap::new()))
    };
}

/// Keeps the body of an answer; returns its number, unless there is none.
///
/// # Errors
/// Throws a `RangeError` if there are too many.
pub(super) fn keep(ctx: &Ctx<'_>, response: IncomingResponse) -> Result<Option<u32>> {
    if BODIES.with_borrow(|(_, bodies)| bodies.len()) >= MAX_BODIES {
        let message = format!(
            "fetch: no more than {MAX_BODIES} answers can be open at once; read their bodies"
        );
        return Err(values::throw(ctx, "RangeError", &message));
    }
    let Ok(body) = response.consume() else {
        return Ok(None);
    };
    let Ok(stream) = body.stream() else {
        return Ok(None);
    };
    let body = Body {
        stream,
        _body: body,
        _response: response,
    };
    Ok(Some(BODIES.with_borrow_mut(|(last, bodies)| {
        *last = last.wrapping_add(1);
        bodies.insert(*last, Rc::new(body));
        *last
    })))
}

/// Ends a body.
pub(super) fn close(number: u32) {
    let closed = BODIES.with_borrow_mut(|(_, bodies)| bodies.remove(&number));
    drop(closed);
}

/// Whether there is none.
pub(crate) fn are_none() -> bool {
    BODIES.with_borrow(|(_, bodies)| bodies.is_empty())
}

/// Ends all.
pub(crate) fn clear() {
    let closed = BODIES.with_borrow_mut(|(_, bodies)| std::mem::take(bodies));
    drop(closed);
}

/// The next chunk of a body.
pub(super) struct Reading(Rc<Body>);

impl Reading {
    /// Of the body with this number.
    pub(super) fn of(ctx: &Ctx<'_>, number: u32) -> Result<Self> {
        let body = BODIES.with_borrow(|(_, bodies)| bodies.get(&number).cloned());
        body.map(Self).ok_or_else(|| {
            let message = "the body is gone: it is read before the handler is done";
            values::throw(ctx, "TypeError", message)
        })
    }
}

impl Operation for Reading {
    fn subscribe(&self) -> Pollable {
        self.0.stream.subscribe()
    }

    /// Bytes, or `null` at the end.
    fn take<'js>(&mut self, ctx: &Ctx<'js>) -> Option<Result<Value<'js>>> {
        Some(match self.0.stream.read(CHUNK) {
            Ok(bytes) if bytes.is_empty() => return None,
            Ok(bytes) => TypedArray::new(ctx.clone(), bytes).and_then(|bytes| bytes.into_js(ctx)),
            Err(StreamError::Closed) => Ok(Value::new_null(ctx.clone())),
            Err(StreamError::LastOperationFailed(error)) => {
                let code = http_error_code(&error).map(|code| format!("{code:?}"));
                let why = code.unwrap_or_else(|| error.to_debug_string());
                let message = format!("the body broke off: {why}");
                Err(values::throw(ctx, "TypeError", &message))
            }
        })
    }
}
