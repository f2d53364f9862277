//! What authors expect to be global beside the language: small, and made when it is first
//! touched, since most texts need little of it.
//!
//! A piece is a text of its own, an expression that is a function of what the engine offers it
//! and returns an object with the globals.

pub(crate) mod bodies;
mod bytes;
pub(crate) mod console;
mod digests;
mod fetch;
pub(crate) mod timers;

use rquickjs::context::EvalOptions;
use rquickjs::function::This;
use rquickjs::object::{Accessor, Property};
use rquickjs::{Ctx, Function, Object, Result, Value};

/// A text that makes globals, and which.
struct Piece {
    name: &'static str,
    text: &'static str,
    globals: &'static [&'static str],
    /// What it is given.
    native: for<'js> fn(&Ctx<'js>) -> Result<Object<'js>>,
}

const PIECES: &[Piece] = &[
    Piece {
        name: "hearken:encoding",
        text: include_str!("encoding.js"),
        globals: &["TextEncoder", "TextDecoder"],
        native: bytes::native,
    },
    Piece {
        name: "hearken:url",
        text: include_str!("url.js"),
        globals: &["URL", "URLSearchParams"],
        native: bytes::native,
    },
    Piece {
        name: "hearken:clone",
        text: include_str!("clone.js"),
        globals: &["structuredClone"],
        native: bytes::native,
    },
    Piece {
        name: "hearken:crypto",
        text: include_str!("crypto.js"),
        globals: &["crypto", "CryptoKey"],
        native: digests::native,
    },
    Piece {
        name: "hearken:abort",
        text: include_str!("abort.js"),
        globals: &["AbortController", "AbortSignal", "EventTarget", "Event"],
        native: timers::native,
    },
    Piece {
        name: "hearken:fetch",
        text: include_str!("fetch.js"),
        globals: &["fetch", "Headers", "Request", "Response"],
        native: fetch::native,
    },
];

/// Adds all of it to the global object.
pub(crate) fn install(ctx: &Ctx<'_>) -> Result<()> {
    let globals = ctx.globals();
    for piece in PIECES {
        lazily(&globals, piece)?;
    }
    timers::install(ctx)?;
    console::install(ctx)
}

/// Defines the globals of a piece by getters that evaluate it.
fn lazily<'js>(globals: &Object<'js>, piece: &'static Piece) -> Result<()> {
    for name in piece.globals {
        let get = move |ctx: Ctx<'js>| first_touch(&ctx, piece, name);
        let set = move |this: This<Object<'js>>, value: Value<'js>| own(&this.0, name, value);
        globals.prop(*name, Accessor::new(get, set).configurable())?;
    }
    Ok(())
}

fn first_touch<'js>(ctx: &Ctx<'js>, piece: &'static Piece, name: &str) -> Result<Value<'js>> {
    let made = evaluate(ctx, piece)?;
    let globals = ctx.globals();
    for name in piece.globals {
        own(&globals, name, made.get(*name)?)?;
    }
    globals.get(name)
}

fn evaluate<'js>(ctx: &Ctx<'js>, piece: &Piece) -> Result<Object<'js>> {
    let make: Function<'js> = script(ctx, piece.name, piece.text)?;
    make.call(((piece.native)(ctx)?,))
}

/// The value of a text of the engine's own.
pub(crate) fn script<'js, V: rquickjs::FromJs<'js>>(
    ctx: &Ctx<'js>,
    name: &str,
    text: &str,
) -> Result<V> {
    let mut options = EvalOptions::default();
    options.filename = Some(name.to_owned());
    ctx.eval_with_options(text, options)
}

/// Puts a value in the place of a getter.
fn own<'js>(object: &Object<'js>, name: &str, value: Value<'js>) -> Result<()> {
    object.prop(name, Property::from(value).writable().configurable())
}
