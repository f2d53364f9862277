//! `hearken:engine`: what the engine of a language evaluates, and when it has to say where it is.

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Linker, Lower};

use crate::plugin::guest::progress;
use crate::plugin::guest::state::Guest;

/// What is evaluated.
/// What an engine has the texts from that it evaluates.
pub(crate) const INTERFACE: &str = "hearken:engine/script@0.1.0";

/// How long it may take.
const DEADLINE: &str = "hearken:engine/deadline@0.1.0";

/// Which event is in hand.
const FRAMES: &str = "hearken:engine/frames@0.1.0";

/// How it is to be evaluated.
#[derive(ComponentType, Lower)]
#[component(record)]
struct Options {
    /// Whose scripts it is written for; empty for this host's.
    compat: String,
    /// Bytes of memory that an instance may have.
    memory: u64,
    /// Bytes of stack for the language.
    stack: u32,
}

/// By hand and not by `bindgen!`: no component but the engines imports it.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut functions = linker.instance(INTERFACE)?;
    functions.func_wrap("texts", |store: StoreContextMut<'_, Guest>, (): ()| {
        let script = store.data().script.as_ref();
        let texts = script.map(|script| script.texts()).unwrap_or_default();
        let texts: Vec<(String, String)> = (texts.iter())
            .map(|text| (text.name.clone(), text.text.clone()))
            .collect();
        Ok((texts,))
    })?;
    functions.func_wrap("prepares", |store: StoreContextMut<'_, Guest>, (): ()| {
        let script = store.data().script.as_ref();
        Ok((script.is_some_and(|script| script.prepares),))
    })?;
    functions.func_wrap("call-bytes", |store: StoreContextMut<'_, Guest>, (): ()| {
        Ok((store.data().plugin.call_bytes() as u64,))
    })?;
    functions.func_wrap("settings", |store: StoreContextMut<'_, Guest>, (): ()| {
        let guest = store.data();
        let script = guest.script.as_ref();
        Ok((Options {
            compat: script.map_or_else(String::new, |script| script.compat.clone()),
            memory: guest.memory.limit(),
            stack: script.map_or(0, |script| script.stack),
        },))
    })?;
    let mut functions = linker.instance(DEADLINE)?;
    functions.func_wrap("is-late", |store: StoreContextMut<'_, Guest>, (): ()| {
        Ok((progress::is_late(store),))
    })?;
    let mut functions = linker.instance(FRAMES)?;
    functions.func_wrap("take", |store: StoreContextMut<'_, Guest>, (): ()| {
        Ok(progress::take_frames(store)?)
    })?;
    functions.func_wrap("next", |store: StoreContextMut<'_, Guest>, (): ()| {
        Ok((progress::next(store)?,))
    })
}
