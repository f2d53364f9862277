//! `hearken:plugin/progress`: which event a framed listener has in hand.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, WasmList};

use crate::plugin::batch;
use crate::plugin::guest::Guest;

const PROGRESS: &str = "hearken:plugin/progress@0.1.0";

/// By hand and not by `bindgen!`, which would copy the counter that is to be read
/// in place.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut progress = linker.instance(PROGRESS)?;
    progress.func_wrap(
        "watch",
        |store: StoreContextMut<'_, Guest>, (counter,): (WasmList<u8>,)| {
            Ok(batch::watch(store, counter)?)
        },
    )?;
    progress.func_wrap(
        "fail",
        |mut store: StoreContextMut<'_, Guest>, (reason,): (String,)| {
            Ok(store.data_mut().batch.fail(reason)?)
        },
    )
}
