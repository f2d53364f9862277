//! Outgoing `wasi:http`.

mod bounds;

use wasmtime::component::Linker;
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

use crate::plugin::guest::state::Guest;

/// Links the interfaces.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    bounds::replace_unbounded(linker)
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.outgoing_http,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}
