//! Asks for the `authority` of its configuration, goes where the answers redirect it, at most three times, and reports where it asked and what came of the last request.
#![cfg(target_family = "wasm")]

use hearken_guests::{Event, config, plugin, report};
use serde_json::{Value, json};
use wasip2::http::outgoing_handler;
use wasip2::http::types::{ErrorCode, Fields, Method, OutgoingRequest, Scheme};

/// What a server answers: its status, and where it redirects to.
type Answer = (u16, Option<String>);

fn request(authority: &str) -> Result<Answer, ErrorCode> {
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
    let Some(Ok(answer)) = response.get() else {
        return Err(ErrorCode::InternalError(Some("no response".to_owned())));
    };
    let answer = answer?;
    let location = answer.headers().get("location").into_iter().next();
    let location = location.and_then(|location| String::from_utf8(location).ok());
    Ok((answer.status(), location))
}

/// The authority of a URL.
fn authority(url: &str) -> Option<&str> {
    url.strip_prefix("http://")?.split('/').next()
}

fn attempt(_: Event) -> Result<(), String> {
    let mut asked = vec![config("authority").unwrap_or_default()];
    let (status, error) = loop {
        match request(&asked[asked.len() - 1]) {
            Ok((_, Some(location))) if asked.len() <= 3 => {
                let next = authority(&location).ok_or("a redirect to nowhere")?;
                asked.push(next.to_owned());
            }
            Ok((status, _)) => break (json!(status), Value::Null),
            Err(error) => break (Value::Null, json!(format!("{error:?}"))),
        }
    };
    report(
        "report.redirected",
        json!({ "asked": asked, "status": status, "error": error }),
    )
}

plugin!("custom.redirected.*", attempt);
