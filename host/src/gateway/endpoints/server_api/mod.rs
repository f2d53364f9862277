//! `POST /api/{method}`: the API by which servers of applications command Centrifugo, so that
//! they move here as they are. It is thin: what it does the room `session` does.
//!
//! | file | what it is |
//! | --- | --- |
//! | `requests`, `results` | what they send and get |
//! | `bounded` | lists in what they send |
//! | `batch` | several commands in one request |
//! | `methods` | what is done |
//! | `publishing` | the same of what publishes |
//! | `answers` | answers, and the memory that they take |

mod answers;
mod batch;
mod bounded;
mod methods;
mod publishing;
mod requests;
mod results;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use hearken_session_protocol::ClientError;
use hearken_session_protocol::codes::errors;
use serde_json::value::RawValue;

use super::publish::{batch_limit, read_held_body};
use super::session::SessionRefusal;
use crate::access::{Identity, Principal, Unauthenticated};
use crate::gateway::caller::Caller;
use crate::gateway::context::Context;
use crate::gateway::problem::Problem;
use crate::gateway::query::NoParameters;
use crate::gateway::rejection::Rejection;
use crate::gateway::serve::client::Client;
use answers::{Room, answered};
use requests::MAX_CHANNELS;
use results::Reply;

/// Where a client may ask for statuses in place of errors within answers of 200.
const ERROR_MODE: &str = "x-centrifugo-error-mode";

/// Command the sessions as a server of an application
///
/// The server API of Centrifugo: `publish`, `broadcast`, `subscribe`, `unsubscribe`,
/// `disconnect`, `refresh`, `presence`, `presence_stats`, `history`, `history_remove`,
/// `channels`, `info` and `batch`, with the key of `sessions.api.key_file` in the header
/// `X-API-Key` or as `Authorization: apikey KEY`, or with any credential of `access`: then
/// publish and broadcast need `append` for the channel, and for a declared durable channel
/// `publish` for `custom.channel.published`, history and presence `read`, and the rest
/// `operate`. It is answered 200 with `result` or with `error: {code, message}`; with
/// `X-Centrifugo-Error-Mode: transport` the status says the same.
#[utoipa::path(
    post,
    path = "/api/{method}",
    tag = "sessions",
    params(("method" = String, Path, description = "What is to be done")),
    responses(
        (status = 200, description = "`{result}`, or `{error: {code, message}}`"),
        (status = 400, description = "Unknown parameter, or the body is no JSON object", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "The key is missing or wrong, or nobody may do that without a credential", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Sessions are off", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body came too slowly", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Body too large", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn call(
    State(context): State<Arc<Context>>,
    client: Client,
    Caller(identity): Caller,
    method: Result<Path<String>, PathRejection>,
    NoParameters: NoParameters,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Rejection> {
    let method = method.map_or_else(|_| String::new(), |Path(method)| method);
    context.check_sessions()?;
    let limit = batch_limit(&context.bus);
    let body = read_held_body(&context, &identity, &client, &headers, body, limit).await?;
    let text = match body.bytes.trim_ascii() {
        // `info` has nothing to say.
        [] => b"{}",
        text => text,
    };
    let sent = serde_json::from_slice::<Box<RawValue>>(text);
    let sent = sent.map_err(|error| SessionRefusal::Json(error.to_string()))?;
    let calling = Calling {
        context: &context,
        identity: &identity,
        client: &client,
        channels: AtomicUsize::new(MAX_CHANNELS),
    };
    let is_anonymous = *identity.principal() == Principal::Anonymous;
    if method == "batch" {
        return Ok(match calling.batch(&sent).await {
            Ok((batch, _)) if batch.is_denied() && is_anonymous => {
                return Err(Unauthenticated::Missing.into());
            }
            Ok((batch, room)) => answered(&context, &client, StatusCode::OK, &batch, room)?,
            Err(error) => {
                let reply = Reply::from(Err(error));
                answered(&context, &client, StatusCode::OK, &reply, Room::of_batch())?
            }
        });
    }
    let called = calling.call(&method, &sent).await;
    if called.as_ref().is_err_and(is_denied) && is_anonymous {
        // As any other route, and as Centrifugo.
        return Err(Unauthenticated::Missing.into());
    }
    let by_status = headers
        .get(ERROR_MODE)
        .is_some_and(|mode| mode == "transport");
    let status = match &called {
        Err(error) if by_status => status(error),
        _ => StatusCode::OK,
    };
    let room = Room::of(&method);
    answered(&context, &client, status, &Reply::from(called), room)
}

/// Who calls, and on which node.
struct Calling<'c> {
    context: &'c Context,
    identity: &'c Identity,
    client: &'c Client,
    /// To how many channels what is broadcast may still go.
    channels: AtomicUsize,
}

impl Calling<'_> {
    /// Takes so many of the channels that what is broadcast by a request may go to.
    fn take_channels(&self, count: usize) -> Result<(), ClientError> {
        let order = Ordering::Relaxed;
        let taken = self
            .channels
            .fetch_update(order, order, |left| left.checked_sub(count));
        taken.map(drop).map_err(|_| errors::LIMIT_EXCEEDED)
    }
}

fn is_denied(error: &ClientError) -> bool {
    error.code == errors::PERMISSION_DENIED.code
}

/// The status that says the same, as in Centrifugo.
fn status(error: &ClientError) -> StatusCode {
    let codes = [
        (errors::UNKNOWN_CHANNEL, StatusCode::NOT_FOUND),
        (errors::METHOD_NOT_FOUND, StatusCode::NOT_FOUND),
        (errors::PERMISSION_DENIED, StatusCode::FORBIDDEN),
        (errors::BAD_REQUEST, StatusCode::BAD_REQUEST),
        (errors::NOT_AVAILABLE, StatusCode::BAD_REQUEST),
        (errors::TOO_MANY_REQUESTS, StatusCode::TOO_MANY_REQUESTS),
        (
            errors::UNRECOVERABLE_POSITION,
            StatusCode::RANGE_NOT_SATISFIABLE,
        ),
        (errors::CONCURRENT_PAGINATION, StatusCode::CONFLICT),
    ];
    let known = codes.iter().find(|(known, _)| known.code == error.code);
    known.map_or(StatusCode::INTERNAL_SERVER_ERROR, |(_, status)| *status)
}
