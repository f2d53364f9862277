//! Cross-origin resource sharing (the Fetch standard, section 3.3): which pages may use the
//! node, and what their browsers are told.

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Methods that pages may use.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, DELETE");

/// Headers of answers that pages may read, besides those that they always may.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Accept-Post, Allow, ETag, Hearken-Gap, Hearken-Last, Hearken-Next, Location, Retry-After, \
     WWW-Authenticate",
);

/// Seconds for which a browser need not ask again.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// The same of sessions, as Centrifugo has it.
const SESSIONS_MAX_AGE: HeaderValue = HeaderValue::from_static("300");

const REQUEST_PRIVATE_NETWORK: &str = "access-control-request-private-network";
const ALLOW_PRIVATE_NETWORK: HeaderName =
    HeaderName::from_static("access-control-allow-private-network");

/// Whether a browser asks what a page may, before it does what the page asks for.
pub(super) fn is_preflight(request: &Parts) -> bool {
    request.method == Method::OPTIONS
        && request
            .headers
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// What a browser is answered that asks so for a page of an allowed origin.
pub(super) fn preflight(asked: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    // Which headers mean anything is for the routes to say.
    if let Some(wanted) = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    if asked.contains_key(REQUEST_PRIVATE_NETWORK) {
        headers.insert(ALLOW_PRIVATE_NETWORK, HeaderValue::from_static("true"));
    }
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    response
}

/// Lets the page of an allowed origin read the answer.
pub(super) fn let_read(response: &mut Response, origin: &str) {
    let Ok(origin) = HeaderValue::from_str(origin) else {
        return;
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
}

/// Whether pages use the path for sessions, as they would another node's of this protocol.
pub(super) fn is_of_sessions(path: &str) -> bool {
    path.starts_with("/connection/") || path == "/emulation"
}

/// What pages of allowed origins are told of sessions beside that: that their browsers may
/// send cookies, which plugins can be shown, and for how long that need not be asked again.
pub(super) fn of_sessions(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
        HeaderValue::from_static("true"),
    );
    if headers.contains_key(header::ACCESS_CONTROL_MAX_AGE) {
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, SESSIONS_MAX_AGE);
    }
}

/// Says that the answer depends on who asks, so that no cache gives it to others.
pub(super) fn vary(response: &mut Response) {
    let origin = HeaderValue::from_static("Origin");
    response.headers_mut().append(header::VARY, origin);
}
