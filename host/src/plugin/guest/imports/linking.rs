//! How functions are linked: by lending them the guest, or in the place of others.

use wasmtime::component::{HasData, Lift, Linker, LinkerInstance, WasmList};
use wasmtime::{AsContextMut, StoreContextMut};

use crate::plugin::guest::state::Guest;

/// Lends the whole guest to an interface's implementation.
pub(super) struct Lend;

impl HasData for Lend {
    type Data<'a> = &'a mut Guest;
}

/// Puts another function in the place of one that is linked already.
///
/// # Errors
/// When there is no such function: then what was to be prevented would not be.
pub(super) fn replace(
    linker: &mut Linker<Guest>,
    interface: &str,
    function: &str,
    define: impl FnOnce(&mut LinkerInstance<'_, Guest>, &str) -> wasmtime::Result<()>,
) -> wasmtime::Result<()> {
    let mut instance = linker.instance(interface)?;
    if instance.func_wrap(function, |_, (): ()| Ok(())).is_ok() {
        return Err(wasmtime::format_err!(
            "there is no function `{function}` in `{interface}` to be replaced"
        ));
    }
    linker.allow_shadowing(true);
    let defined = define(&mut linker.instance(interface)?, function);
    linker.allow_shadowing(false);
    defined
}

/// The elements of a list of the guest's, unless there are more than `most`.
pub(super) fn lift<T: Lift + 'static>(
    store: &mut StoreContextMut<'_, Guest>,
    list: &WasmList<T>,
    most: usize,
) -> wasmtime::Result<Option<Vec<T>>> {
    if list.len() > most {
        return Ok(None);
    }
    let elements = list.iter(store.as_context_mut())?;
    elements.collect::<wasmtime::Result<_>>().map(Some)
}
