//! `GET /v1/wait`: the next event that matches.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use crate::access::Act;
use crate::gateway::caller::Caller;
use crate::gateway::context::Context;
use crate::gateway::problem::Problem;
use crate::gateway::query::{Parameters, QueryError};
use crate::gateway::rejection::Rejection;
use crate::gateway::serve::client::Client;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// Wait for the next event
///
/// Answers with the next event that matches, in the CloudEvents JSON format: of those
/// published on this node after the request was read; on another node, after it knows
/// of the wait, or as an answer to an event published here after the request was read.
#[utoipa::path(
    get,
    path = "/v1/wait",
    tag = "events",
    params(
        ("type" = String, Query, description = "Pattern on the type: `*` matches any run of characters, `{a,b}` is an alternative"),
        ("subject" = Option<String>, Query, description = "Only an event with exactly this subject"),
        ("channel" = Option<String>, Query, description = "Only an event of this channel"),
        ("local_only" = Option<bool>, Query, description = "Only an event published on this node"),
        ("access_token" = Option<String>, Query, description = "The credential, for clients that cannot send the header `Authorization`"),
        ("timeout" = Option<String>, Query, description = "How long to wait, with a unit, e.g. `500ms`, `10s` (default) or `2m`; at most 5 minutes", example = "10s"),
    ),
    responses(
        (status = 200, description = "The event", body = crate::gateway::openapi::CloudEventJson, content_type = "application/cloudevents+json"),
        (status = 400, description = "Bad parameter", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many waiters of one principal or from one address", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many waiters, or the node is shutting down", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "No such event in time", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn wait(
    State(context): State<Arc<Context>>,
    client: Client,
    Caller(identity): Caller,
    parameters: Parameters,
) -> Result<impl IntoResponse, Rejection> {
    parameters.allow(&["type", "subject", "channel", "local_only", "timeout"])?;
    let filter = parameters.filter(None)?;
    let timeout = timeout(&parameters, context.limits.longest_wait)?;
    context.check(&identity, &Act::Listen(&filter.pattern), client.address)?;
    let _held = context.hold_stream(&identity)?;
    let slot = context.waiters.take(client.address);
    let _slot = slot.map_err(|full| Rejection::full("waiters", full))?;
    // Dropped, like the place, with this future when the client goes away.
    let receiver = context.bus.wait_for(filter);
    let event = tokio::select! {
        biased;
        received = receiver.recv() => received.map_err(|_| Rejection::Draining)?,
        ended = identity.ended() => return Err(Rejection::AccessEnded(ended)),
        () = context.draining.cancelled() => return Err(Rejection::Draining),
        () = tokio::time::sleep(timeout) => return Err(Rejection::WaitTimedOut(timeout)),
        // Nobody reads this, but the place is free again.
        () = client.gone() => return Err(Rejection::ClientGone),
    };
    Ok((
        [(header::CONTENT_TYPE, "application/cloudevents+json")],
        context.stream_memory.answer(
            context.renderings.json(&event),
            Arc::clone(&client.connection),
        ),
    ))
}

fn timeout(parameters: &Parameters, longest: Duration) -> Result<Duration, QueryError> {
    let invalid = |reason| QueryError::Invalid {
        name: "timeout",
        reason,
    };
    let Some(text) = parameters.get_filled("timeout") else {
        return Ok(DEFAULT_TIMEOUT.min(longest));
    };
    let timeout = humantime::parse_duration(text)
        .map_err(|error| invalid(format!("{text:?}: {error}; write e.g. `10s`")))?;
    if timeout > longest {
        let longest = humantime::format_duration(longest);
        return Err(invalid(format!("{text:?} is longer than {longest}")));
    }
    Ok(timeout)
}

#[cfg(test)]
mod tests;
