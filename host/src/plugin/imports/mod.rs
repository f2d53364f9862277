//! What guests may import. Everything is linked for every plugin; whether a use
//! is granted is decided when it happens, so that a guest gets an error that it
//! can handle, and the refusal is logged under its name.

mod config;
pub(super) mod events;
pub(super) mod http;
pub(super) mod keyvalue;
mod logging;
pub(super) mod messaging;
mod progress;
mod sockets;

use wasmtime::Engine;
use wasmtime::component::{HasData, Linker};

use super::bindings::{messaging as wasmcloud, plugin};
use super::guest::Guest;

/// Lends the whole guest to an interface's implementation.
struct Lend;

impl HasData for Lend {
    type Data<'a> = &'a mut Guest;
}

/// A linker with everything that this host provides.
///
/// # Errors
/// When two interfaces claim one name, which would be a mistake in this crate.
pub(super) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    sockets::refuse(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    config::add_to_linker(&mut linker)?;
    plugin::hearken::plugin::types::add_to_linker::<_, Lend>(&mut linker, |guest| guest)?;
    plugin::hearken::plugin::events::add_to_linker::<_, Lend>(&mut linker, |guest| guest)?;
    progress::add_to_linker(&mut linker)?;
    plugin::wasi::keyvalue::store::add_to_linker::<_, Lend>(&mut linker, |guest| guest)?;
    plugin::wasi::keyvalue::atomics::add_to_linker::<_, Lend>(&mut linker, |guest| guest)?;
    plugin::wasi::keyvalue::batch::add_to_linker::<_, Lend>(&mut linker, |guest| guest)?;
    plugin::wasi::logging::logging::add_to_linker::<_, Lend>(&mut linker, |guest| guest)?;
    wasmcloud::wasmcloud::messaging::types::add_to_linker::<_, Lend>(&mut linker, |guest| guest)?;
    wasmcloud::wasmcloud::messaging::consumer::add_to_linker::<_, Lend>(&mut linker, |guest| {
        guest
    })?;
    Ok(linker)
}
