//! What a guest can make the host hold with `wasi:http`: its functions that would
//! keep more than their share, or keep it for ever, are replaced here.

use http_body_util::BodyExt;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, LinkerInstance, Resource, WasmList};
use wasmtime_wasi_http::p2::bindings::http::outgoing_handler::Host as _;
use wasmtime_wasi_http::p2::bindings::http::types::{
    ErrorCode, HeaderError, Host as _, HostFields as _, HostOutgoingRequest as _, Method,
};
use wasmtime_wasi_http::p2::body::HostOutgoingBody;
use wasmtime_wasi_http::p2::types::{
    HostFutureIncomingResponse, HostOutgoingRequest, HostOutgoingResponse,
};
use wasmtime_wasi_http::{FieldMap, RequestOptions, WasiHttpView};

use crate::plugin::guest::imports::linking::{lift, replace};
use crate::plugin::guest::outgoing::hooks::{BODY_CHUNK_BYTES, BODY_CHUNKS};
use crate::plugin::guest::state::Guest;

const TYPES: &str = "wasi:http/types@0.2.12";

/// Longest method in bytes.
const MAX_METHOD_BYTES: usize = 64;

/// Longest authority in bytes: more than a name of 253 and a port; what has credentials is
/// refused when it is sent.
const MAX_AUTHORITY_BYTES: usize = 1 << 10;

/// Longest path and query in bytes: what most servers take at most.
const MAX_PATH_BYTES: usize = 8 << 10;

/// Most fields, or values of one field, that a call may hand over.
const MAX_FIELDS: usize = 256;

/// What a body holds until it is sent: the chunks that wait, and the one that is
/// being written.
const BODY_BYTES: u64 = ((BODY_CHUNKS + 1) * BODY_CHUNK_BYTES) as u64;

/// What a setter answers: whether the value was taken.
type Set = wasmtime::Result<(Result<(), ()>,)>;

type Headers<T> = wasmtime::Result<(Result<T, HeaderError>,)>;

/// Takes the place of the base's functions.
pub(super) fn replace_unbounded(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let handler = "wasi:http/outgoing-handler@0.2.12";
    replace(linker, handler, "handle", |handler, name| {
        handler.func_wrap(name, handle)
    })?;
    for (name, define) in FUNCTIONS {
        replace(linker, TYPES, name, define)?;
    }
    Ok(())
}

type Define = fn(&mut LinkerInstance<'_, Guest>, &str) -> wasmtime::Result<()>;

const FUNCTIONS: [(&str, Define); 7] = [
    ("[method]outgoing-request.set-method", |types, name| {
        types.func_wrap(name, set_method)
    }),
    ("[method]outgoing-request.set-authority", |types, name| {
        types.func_wrap(name, set_authority)
    }),
    (
        "[method]outgoing-request.set-path-with-query",
        |types, name| types.func_wrap(name, set_path),
    ),
    ("[method]outgoing-request.body", |types, name| {
        types.func_wrap(name, request_body)
    }),
    ("[method]outgoing-response.body", |types, name| {
        types.func_wrap(name, response_body)
    }),
    ("[method]fields.set", |types, name| {
        types.func_wrap(name, set_field)
    }),
    ("[static]fields.from-list", |types, name| {
        types.func_wrap(name, fields_from_list)
    }),
];

/// The base takes the options over and never deletes them.
fn handle(
    mut store: StoreContextMut<'_, Guest>,
    (request, options): (
        Resource<HostOutgoingRequest>,
        Option<Resource<RequestOptions>>,
    ),
) -> wasmtime::Result<(Result<Resource<HostFutureIncomingResponse>, ErrorCode>,)> {
    let mut http = store.data_mut().http();
    let lent = options
        .as_ref()
        .map(|options| Resource::new_borrow(options.rep()));
    let sent = http.handle(request, lent);
    if let Some(options) = options {
        http.table.delete(options)?;
    }
    match sent {
        Ok(response) => Ok((Ok(response),)),
        Err(error) => Ok((Err(http.convert_error_code(error)?),)),
    }
}

fn set_method(
    mut store: StoreContextMut<'_, Guest>,
    (request, method): (Resource<HostOutgoingRequest>, Method),
) -> Set {
    if matches!(&method, Method::Other(name) if name.len() > MAX_METHOD_BYTES) {
        return Ok((Err(()),));
    }
    Ok((store.data_mut().http().set_method(request, method)?,))
}

fn set_authority(
    mut store: StoreContextMut<'_, Guest>,
    (request, authority): (Resource<HostOutgoingRequest>, Option<String>),
) -> Set {
    if is_longer(&authority, MAX_AUTHORITY_BYTES) {
        return Ok((Err(()),));
    }
    let mut http = store.data_mut().http();
    Ok((http.set_authority(request, authority)?,))
}

fn set_path(
    mut store: StoreContextMut<'_, Guest>,
    (request, path): (Resource<HostOutgoingRequest>, Option<String>),
) -> Set {
    if is_longer(&path, MAX_PATH_BYTES) {
        return Ok((Err(()),));
    }
    let mut http = store.data_mut().http();
    Ok((http.set_path_with_query(request, path)?,))
}

fn is_longer(text: &Option<String>, most: usize) -> bool {
    text.as_ref().is_some_and(|text| text.len() > most)
}

/// Charges the instance for the body, until whoever sends it is done with it.
fn request_body(
    mut store: StoreContextMut<'_, Guest>,
    (request,): (Resource<HostOutgoingRequest>,),
) -> wasmtime::Result<(Result<Resource<HostOutgoingBody>, ()>,)> {
    let guest = store.data_mut();
    let Some(charge) = guest.memory.account().charge(BODY_BYTES) else {
        let why = format!("no memory is left for the {BODY_BYTES} bytes of a request's body");
        guest.plugin.log_refusal("wasi:http", &why);
        return Ok((Err(()),));
    };
    let of = Resource::new_borrow(request.rep());
    let body = guest.http().body(request)?;
    if body.is_ok() {
        let request: &mut HostOutgoingRequest = guest.table.get_mut(&of)?;
        request.body = request.body.take().map(|body| {
            let charged = body.map_frame(move |frame| {
                let _ = &charge;
                frame
            });
            charged.boxed_unsync()
        });
    }
    Ok((body,))
}

/// Plugins answer no requests; a body would only be kept.
fn response_body(
    _: StoreContextMut<'_, Guest>,
    _: (Resource<HostOutgoingResponse>,),
) -> wasmtime::Result<(Result<Resource<HostOutgoingBody>, ()>,)> {
    Ok((Err(()),))
}

fn set_field(
    mut store: StoreContextMut<'_, Guest>,
    (fields, name, values): (Resource<FieldMap>, String, WasmList<Vec<u8>>),
) -> Headers<()> {
    let Some(values) = lift(&mut store, &values, MAX_FIELDS)? else {
        return Ok((Err(HeaderError::InvalidSyntax),));
    };
    let mut http = store.data_mut().http();
    match http.set(fields, name, values) {
        Ok(()) => Ok((Ok(()),)),
        Err(error) => Ok((Err(http.convert_header_error(error)?),)),
    }
}

fn fields_from_list(
    mut store: StoreContextMut<'_, Guest>,
    (fields,): (WasmList<(String, Vec<u8>)>,),
) -> Headers<Resource<FieldMap>> {
    let Some(fields) = lift(&mut store, &fields, MAX_FIELDS)? else {
        return Ok((Err(HeaderError::InvalidSyntax),));
    };
    let mut http = store.data_mut().http();
    match http.from_list(fields) {
        Ok(fields) => Ok((Ok(fields),)),
        Err(error) => Ok((Err(http.convert_header_error(error)?),)),
    }
}
