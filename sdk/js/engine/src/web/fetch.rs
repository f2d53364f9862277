//! Requests over `wasi:http`, several at once.

use rquickjs::convert::List;
use rquickjs::{Ctx, Function, IntoJs as _, Object, Promise, Result, Value};
use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme,
};
use wasip2::io::poll::Pollable;
use wasip2::io::streams::StreamError;

use super::{bodies, bytes};
use crate::drive::{self, Operation};
use crate::text::{self, Text};
use crate::{start, values};

/// Bytes of a body that are written at once: what the node takes with one call.
const CHUNK: usize = 4096;

/// The functions.
pub(super) fn native<'js>(ctx: &Ctx<'js>) -> Result<Object<'js>> {
    let native = bytes::native(ctx)?;
    native.set("send", Function::new(ctx.clone(), send)?)?;
    native.set("read", Function::new(ctx.clone(), read)?)?;
    native.set("close", Function::new(ctx.clone(), bodies::close)?)?;
    native.set("cancel", Function::new(ctx.clone(), drive::cancel)?)?;
    let check = |ctx: Ctx<'js>| start::check_evaluated(&ctx, "fetch");
    native.set("check", Function::new(ctx.clone(), check)?)?;
    Ok(native)
}

/// A promise of the next chunk of a body, and the number of the operation.
fn read<'js>(ctx: Ctx<'js>, number: u32) -> Result<List<(Promise<'js>, u32)>> {
    let reading = bodies::Reading::of(&ctx, number)?;
    drive::begin(&ctx, reading).map(List)
}

/// A promise of status, headers and the number of the body; and the number of the operation.
fn send<'js>(
    ctx: Ctx<'js>,
    Text(method): Text,
    Text(scheme): Text,
    Text(authority): Text,
    Text(path): Text,
    headers: Vec<List<(Text, Text)>>,
    body: Value<'js>,
) -> Result<List<(Promise<'js>, u32)>> {
    let refuse = |what: &str| values::throw(&ctx, "TypeError", &format!("fetch: {what}"));
    let headers: Vec<(String, Vec<u8>)> = headers
        .into_iter()
        .map(|List((Text(name), Text(value)))| (name, value.into_bytes()))
        .collect();
    text::check_all(
        &ctx,
        headers.iter().map(|(name, value)| name.len() + value.len()),
    )?;
    let fields = Fields::from_list(&headers);
    let fields = fields.map_err(|error| refuse(&format!("a header cannot be sent: {error:?}")))?;
    let request = OutgoingRequest::new(fields);
    let is_set = request.set_method(&method_of(method)).is_ok()
        && request.set_scheme(Some(&scheme_of(scheme))).is_ok()
        && request.set_authority(Some(&authority)).is_ok()
        && request.set_path_with_query(Some(&path)).is_ok();
    if !is_set {
        return Err(refuse("the method or the URL is not valid, or too long"));
    }
    let bytes = body.as_object().and_then(values::bytes_of);
    // Of a request without one too: it ends the request.
    let outgoing = request
        .body()
        .map_err(|()| refuse("there is no memory left for the body"))?;
    let response = handle(request, None).map_err(|error| refuse(&told(&error)))?;
    write(outgoing, bytes.as_deref().unwrap_or_default());
    drive::begin(&ctx, Sending(response)).map(List)
}

/// Writes a body. If that fails, so does the request, which says why.
fn write(body: OutgoingBody, bytes: &[u8]) {
    if !bytes.is_empty() {
        let Ok(stream) = body.write() else {
            return;
        };
        for chunk in bytes.chunks(CHUNK) {
            match stream.blocking_write_and_flush(chunk) {
                Ok(()) => {}
                Err(StreamError::Closed) => break,
                Err(StreamError::LastOperationFailed(_)) => return,
            }
        }
    }
    // What the node thinks of it comes with the answer.
    let _ = OutgoingBody::finish(body, None);
}

struct Sending(FutureIncomingResponse);

impl Operation for Sending {
    fn subscribe(&self) -> Pollable {
        self.0.subscribe()
    }

    fn take<'js>(&mut self, ctx: &Ctx<'js>) -> Option<Result<Value<'js>>> {
        let response = match self.0.get()? {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                let message = format!("fetch: {}", told(&error));
                return Some(Err(values::throw(ctx, "TypeError", &message)));
            }
            Err(()) => {
                return Some(Err(values::throw(
                    ctx,
                    "TypeError",
                    "fetch: it was answered",
                )));
            }
        };
        let headers = response.headers().entries().into_iter();
        let headers: Vec<List<(String, String)>> = headers
            .map(|(name, value)| List((name, String::from_utf8_lossy(&value).into_owned())))
            .collect();
        let status = response.status();
        let body = bodies::keep(ctx, response);
        Some(body.and_then(|body| List((status, headers, body)).into_js(ctx)))
    }
}

fn method_of(method: String) -> Method {
    match method.as_str() {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        "PATCH" => Method::Patch,
        _ => Method::Other(method),
    }
}

fn scheme_of(scheme: String) -> Scheme {
    match scheme.as_str() {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        _ => Scheme::Other(scheme),
    }
}

/// Why there is no answer.
fn told(error: &ErrorCode) -> String {
    match error {
        ErrorCode::HttpRequestDenied => {
            "its host is not allowed; add it to `[allow] http` of the manifest".to_owned()
        }
        ErrorCode::DestinationIpProhibited => {
            "its host is in a private network; say so in `[allow] http` of the manifest: \
             \"HOST private\""
                .to_owned()
        }
        ErrorCode::ConnectionRefused => "the connection was refused".to_owned(),
        ErrorCode::DnsError(_) => "there is no such host".to_owned(),
        ErrorCode::InternalError(Some(why)) => why.clone(),
        error => format!("{error:?}"),
    }
}
