//! `wasi:keyvalue`: the granted buckets of the node's store.

mod bounds;
mod host;

use wasmtime::component::Linker;

use crate::plugin::guest::bindings::plugin::wasi::keyvalue::{atomics, batch, store};
use crate::plugin::guest::imports::linking::Lend;
use crate::plugin::guest::state::Guest;

/// Links the interfaces.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    store::add_to_linker::<_, Lend>(linker, |guest| guest)?;
    atomics::add_to_linker::<_, Lend>(linker, |guest| guest)?;
    batch::add_to_linker::<_, Lend>(linker, |guest| guest)?;
    bounds::replace_unbounded(linker)
}
