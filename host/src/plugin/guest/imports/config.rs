//! `wasi:config`: the `[config]` table of the plugin's manifest.

use wasmtime::component::Linker;
use wasmtime_wasi_config::WasiConfig;

use crate::plugin::guest::state::Guest;

pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    wasmtime_wasi_config::add_to_linker(linker, |guest| WasiConfig::from(&guest.config))
}
