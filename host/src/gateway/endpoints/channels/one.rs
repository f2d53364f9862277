//! One event of a channel, by its number.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::at::At;
use super::page::{counted, event_of, room, turn_to_read_behind};
use super::refusal::ChannelRefusal;
use crate::access::Act;
use crate::channel::{ReadAmount, ReadFailure, ReadFilter};
use crate::event::CloudEvent;
use crate::gateway::caller::Caller;
use crate::gateway::context::Context;
use crate::gateway::problem::Problem;
use crate::gateway::query::NoParameters;
use crate::gateway::rejection::Rejection;
use crate::gateway::serve::client::Client;

/// Read one event by its number
#[utoipa::path(
    get,
    path = "/v1/channels/{name}/events/{sequence}",
    tag = "channels",
    params(
        ("name" = String, Path, description = "The channel's name"),
        ("sequence" = u64, Path, description = "Number of the event, from 1"),
    ),
    responses(
        (status = 200, description = "The event", body = crate::gateway::openapi::CloudEventJson, content_type = "application/cloudevents+json"),
        (status = 400, description = "Unknown parameter", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such channel or event", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The event is damaged", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "The event is no longer kept", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The storage is busy or fails", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn one(
    State(context): State<Arc<Context>>,
    client: Client,
    Caller(identity): Caller,
    At((name, sequence)): At<(String, String)>,
    NoParameters: NoParameters,
) -> Result<Response, Rejection> {
    context.check(&identity, &Act::Read(&name), client.address)?;
    let channel = context.readable(&identity, &name)?;
    let bounds = channel.bounds().ok_or(ReadFailure::Removed);
    let bounds = bounds.map_err(ChannelRefusal::from)?;
    let number: u64 = sequence.parse().unwrap_or(0);
    if number == 0 || number > bounds.last {
        return Err(ChannelRefusal::NoEvent {
            number: sequence,
            last: bounds.last,
        }
        .into());
    }
    let trimmed = |first| ChannelRefusal::Trimmed { number, first };
    if number < bounds.first {
        return Err(trimmed(bounds.first).into());
    }
    let one = ReadAmount::events(1);
    let _turn = turn_to_read_behind(&context, &channel, number - 1).await?;
    let found = channel.read(number - 1, one, &ReadFilter::default()).await;
    let found = found.map_err(ChannelRefusal::from)?;
    let event = found.events.first().map(|event| event_of(event));
    // It may have been dropped meanwhile.
    let event = event.filter(|event| event.sequence() == Some(number));
    let event = event.ok_or_else(|| trimmed(number + 1))?;
    let part = room(&context, &client, &found.events)?;
    let localorigin = event.origin() == &**context.bus.node();
    let text = CloudEvent::new(&event, localorigin).to_json();
    let headers = [(header::CONTENT_TYPE, "application/cloudevents+json")];
    Ok((headers, counted(text.into_bytes(), part)).into_response())
}
