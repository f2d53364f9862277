//! What all answers of the API have in common.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::poll::EVENTS;
use crate::gateway::context::Context;
use crate::gateway::serve::client::Client;

/// After which time a poll is refused: the npm client asks again at once, thousands of times
/// a second.
const PAUSE: Duration = Duration::from_secs(1);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives each answer an id, and lets polls that are refused wait for a while.
pub(in crate::gateway) async fn answer(
    State(context): State<Arc<Context>>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let Ok(client) = Client::from_request_parts(&mut parts, &context).await;
    let reads = matches!(parts.method, Method::GET | Method::HEAD);
    let is_poll = reads && parts.uri.path() == EVENTS;
    let mut response = next.run(Request::from_parts(parts, body)).await;
    let status = response.status();
    if is_poll && (status.is_client_error() || status.is_server_error()) {
        pause(&context, &client).await;
    }
    let id = HeaderValue::try_from(Uuid::new_v4().to_string()).expect("digits and dashes");
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// Waits for a while, unless nobody waits any more. Keeps no node from ending.
async fn pause(context: &Context, client: &Client) {
    let until = Instant::now() + PAUSE;
    let until = match context.grace_ends.get() {
        Some(grace_ends) => until.min(*grace_ends),
        None => until,
    };
    let begins_to_drain = async {
        match context.draining.is_cancelled() {
            true => std::future::pending().await,
            false => context.draining.cancelled().await,
        }
    };
    tokio::select! {
        () = sleep_until(until) => {}
        () = begins_to_drain => {}
        () = client.gone() => {}
    }
}
