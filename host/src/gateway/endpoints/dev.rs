//! `GET /dev/chat/`: a page that speaks the protocol of sessions by hand, for who tries a node
//! on their own machine.

use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};

/// The page.
const CHAT: &str = include_str!("dev/chat.html");

/// What the page may do: what is in it, and talk to the node.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page.
pub(in crate::gateway) async fn chat() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ];
    (headers, CHAT).into_response()
}

/// The page, for who forgot the `/` at its end.
pub(in crate::gateway) async fn to_chat() -> Redirect {
    Redirect::permanent("/dev/chat/")
}
