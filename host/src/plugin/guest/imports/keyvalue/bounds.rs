//! Calls of `wasi:keyvalue/batch`, whose lists are measured before they are copied:
//! a long list of nothing would hold the guest's thread for longer than a tick.

use wasmtime::StoreContextMut;
use wasmtime::component::{Lift, Linker, Resource, WasmList};

use super::host::Answer;
use crate::plugin::guest::bindings::plugin::wasi::keyvalue::{batch, store};
use crate::plugin::guest::bucket::Bucket;
use crate::plugin::guest::context::BURST;
use crate::plugin::guest::imports::linking::{lift, replace};
use crate::plugin::guest::state::Guest;

const BATCH: &str = "wasi:keyvalue/batch@0.2.0-draft";

/// Keys or records that one call may have.
const MAX_RECORDS: usize = BURST as usize;

/// What the engine awaits of an import.
type Call<'a, T> =
    Box<dyn Future<Output = wasmtime::Result<(Result<T, store::Error>,)>> + Send + 'a>;

/// A record for each key that there is.
type Found = Vec<Option<(String, Vec<u8>)>>;

/// Takes the place of the calls that would copy lists of any length.
pub(super) fn replace_unbounded(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    replace(linker, BATCH, "get-many", |batch, name| {
        batch.func_wrap_async(name, get_many)
    })?;
    replace(linker, BATCH, "set-many", |batch, name| {
        batch.func_wrap_async(name, set_many)
    })?;
    replace(linker, BATCH, "delete-many", |batch, name| {
        batch.func_wrap_async(name, delete_many)
    })
}

fn get_many(
    mut store: StoreContextMut<'_, Guest>,
    (bucket, keys): (Resource<Bucket>, WasmList<String>),
) -> Call<'_, Found> {
    Box::new(async move {
        Ok((match lift_records(&mut store, &keys)? {
            Ok(keys) => batch::Host::get_many(&mut store.data_mut(), bucket, keys).await?,
            Err(too_many) => Err(too_many),
        },))
    })
}

fn set_many(
    mut store: StoreContextMut<'_, Guest>,
    (bucket, records): (Resource<Bucket>, WasmList<(String, Vec<u8>)>),
) -> Call<'_, ()> {
    Box::new(async move {
        Ok((match lift_records(&mut store, &records)? {
            Ok(records) => batch::Host::set_many(&mut store.data_mut(), bucket, records).await?,
            Err(too_many) => Err(too_many),
        },))
    })
}

fn delete_many(
    mut store: StoreContextMut<'_, Guest>,
    (bucket, keys): (Resource<Bucket>, WasmList<String>),
) -> Call<'_, ()> {
    Box::new(async move {
        Ok((match lift_records(&mut store, &keys)? {
            Ok(keys) => batch::Host::delete_many(&mut store.data_mut(), bucket, keys).await?,
            Err(too_many) => Err(too_many),
        },))
    })
}

fn lift_records<T: Lift + 'static>(
    store: &mut StoreContextMut<'_, Guest>,
    list: &WasmList<T>,
) -> Answer<Vec<T>> {
    Ok(lift(store, list, MAX_RECORDS)?.ok_or_else(|| {
        store::Error::Other(format!(
            "one call may have {MAX_RECORDS} keys; these are {}",
            list.len()
        ))
    }))
}
