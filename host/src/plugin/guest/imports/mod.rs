//! What guests may import. Everything is linked for every plugin; whether a use
//! is granted is decided when it happens, so that a guest gets an error that it
//! can handle, and the refusal is logged under its name.

mod channels;
mod config;
pub(crate) mod events;
mod events_0_1;
mod forms;
mod http;
mod keyvalue;
mod linking;
mod logging;
pub(crate) mod messaging;
mod progress;
pub(crate) mod script;
mod secrets;
mod sessions;
mod sockets;
mod waiting;

use linking::Lend;
use wasmtime::Engine;
use wasmtime::component::Linker;

use crate::plugin::guest::bindings::{messaging as wasmcloud, plugin, plugin_0_1};
use crate::plugin::guest::state::Guest;

/// A linker with everything that this host provides.
///
/// # Errors
/// When two interfaces claim one name, which would be a mistake in this crate.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    sockets::refuse(&mut linker)?;
    http::add_to_linker(&mut linker)?;
    config::add_to_linker(&mut linker)?;
    plugin::hearken::plugin::types::add_to_linker::<_, Lend>(&mut linker, |guest| guest)?;
    plugin::hearken::plugin::events::add_to_linker::<_, Lend>(&mut linker, |guest| guest)?;
    plugin::hearken::plugin::waiting::add_to_linker::<_, Lend>(&mut linker, |guest| guest)?;
    plugin::hearken::plugin::channels::add_to_linker::<_, Lend>(&mut linker, |guest| guest)?;
    plugin::hearken::plugin::session_types::add_to_linker::<_, Lend>(&mut linker, |guest| guest)?;
    plugin::hearken::plugin::sessions::add_to_linker::<_, Lend>(&mut linker, |guest| guest)?;
    plugin_0_1::hearken::plugin::types::add_to_linker::<_, Lend>(&mut linker, |guest| guest)?;
    plugin_0_1::hearken::plugin::events::add_to_linker::<_, Lend>(&mut linker, |guest| guest)?;
    progress::add_to_linker(&mut linker)?;
    script::add_to_linker(&mut linker)?;
    keyvalue::add_to_linker(&mut linker)?;
    plugin::wasmcloud::secrets::store::add_to_linker::<_, Lend>(&mut linker, |guest| guest)?;
    plugin::wasmcloud::secrets::reveal::add_to_linker::<_, Lend>(&mut linker, |guest| guest)?;
    plugin::wasi::logging::logging::add_to_linker::<_, Lend>(&mut linker, |guest| guest)?;
    wasmcloud::wasmcloud::messaging::types::add_to_linker::<_, Lend>(&mut linker, |guest| guest)?;
    wasmcloud::wasmcloud::messaging::consumer::add_to_linker::<_, Lend>(&mut linker, |guest| {
        guest
    })?;
    Ok(linker)
}

#[cfg(test)]
mod tests {
    use super::linking::replace;
    use super::*;
    use crate::plugin::code::engine::new_engine;

    #[test]
    fn only_what_is_there_can_be_replaced() {
        let mut linker = linker(&new_engine().unwrap()).expect("all of it links");
        let nothing = |linker: &mut Linker<Guest>, interface: &str, function: &str| {
            replace(linker, interface, function, |instance, name| {
                instance.func_wrap(name, |_, (): ()| Ok(()))
            })
        };
        let poll = "wasi:io/poll@0.2.12";
        assert!(nothing(&mut linker, poll, "poll").is_ok());
        assert!(nothing(&mut linker, poll, "pull").is_err());
        assert!(nothing(&mut linker, "wasi:io/poll@0.2.11", "poll").is_err());
    }
}
