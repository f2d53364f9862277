//! Asks the host for an HTTP request to the `authority` of its configuration and reports what came of it.
#![cfg(target_family = "wasm")]

use hearken_guests::{Event, config, plugin, report};
use serde_json::{Value, json};
use wasip2::http::outgoing_handler;
use wasip2::http::types::{ErrorCode, Fields, Method, OutgoingRequest, Scheme};

fn request(authority: &str) -> Result<u16, ErrorCode> {
    let request = OutgoingRequest::new(Fields::new());
    let set = request
        .set_method(&Method::Get)
        .and(request.set_scheme(Some(&Scheme::Http)))
        .and(request.set_authority(Some(authority)))
        .and(request.set_path_with_query(Some("/")));
    if set.is_err() {
        return Err(ErrorCode::HttpRequestUriInvalid);
    }
    let response = outgoing_handler::handle(request, None)?;
    response.subscribe().block();
    match response.get() {
        Some(Ok(outcome)) => outcome.map(|response| response.status()),
        _ => Err(ErrorCode::InternalError(Some("no response".to_owned()))),
    }
}

fn attempt(_: Event) -> Result<(), String> {
    let authority = config("authority").unwrap_or_else(|| "example.com".to_owned());
    let (status, error) = match request(&authority) {
        Ok(status) => (json!(status), Value::Null),
        Err(error) => (Value::Null, json!(format!("{error:?}"))),
    };
    report(
        "report.ungranted-http",
        json!({ "authority": authority, "status": status, "error": error }),
    )
}

plugin!("custom.ungranted-http.*", attempt);
