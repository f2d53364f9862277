//! `hearken:plugin/progress`: which event a framed listener has in hand.

use std::time::Duration;

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, WasmList};

use crate::plugin::guest::batch::{FailureKind, Shown};
use crate::plugin::guest::progress;
use crate::plugin::guest::state::Guest;

/// What a listener shows by `watch`, by the version of the interface.
const VERSIONS: [(&str, Shown); 2] = [
    ("hearken:plugin/progress@0.2.0", Shown::CounterAndStop),
    ("hearken:plugin/progress@0.1.0", Shown::Counter),
];

/// By hand and not by `bindgen!`, which would copy what is to be read in place.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    for (interface, shown) in VERSIONS {
        add_version(linker, interface, shown)?;
    }
    // Which 0.1.0 does not have.
    let (newest, _) = VERSIONS[0];
    let mut functions = linker.instance(newest)?;
    functions.func_wrap(
        "reject",
        |mut store: StoreContextMut<'_, Guest>, (reason,): (String,)| {
            Ok(store.data_mut().batch.fail(FailureKind::Reject, reason)?)
        },
    )?;
    functions.func_wrap(
        "retry",
        |mut store: StoreContextMut<'_, Guest>, (reason, after_ms): (String, u64)| {
            let kind = FailureKind::AgainAfter(Duration::from_millis(after_ms));
            Ok(store.data_mut().batch.fail(kind, reason)?)
        },
    )?;
    functions.func_wrap(
        "part",
        |mut store: StoreContextMut<'_, Guest>, (name,): (String,)| {
            Ok(store.data_mut().batch.begin_part(&name)?)
        },
    )
}

fn add_version(linker: &mut Linker<Guest>, interface: &str, shown: Shown) -> wasmtime::Result<()> {
    let mut functions = linker.instance(interface)?;
    functions.func_wrap(
        "watch",
        move |store: StoreContextMut<'_, Guest>, (place,): (WasmList<u8>,)| {
            Ok(progress::watch(store, place, shown)?)
        },
    )?;
    functions.func_wrap(
        "fail",
        |mut store: StoreContextMut<'_, Guest>, (reason,): (String,)| {
            Ok(store.data_mut().batch.fail(FailureKind::Again, reason)?)
        },
    )
}
