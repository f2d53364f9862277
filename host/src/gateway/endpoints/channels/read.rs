//! Reading a channel.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use tokio::sync::SemaphorePermit;
use tokio::time::Instant;

use super::at::At;
use super::begin::{Begin, begin, position_of};
use super::page::{EventPage, Form, accepts, answer, turn_to_read_behind};
use super::position::{limit, wait};
use super::refusal::ChannelRefusal;
use super::stream::{self, EVENT_STREAM};
use crate::access::{Act, Identity};
use crate::channel::{Channel, Found, ReadAmount, ReadFilter};
use crate::event::Pattern;
use crate::gateway::caller::Caller;
use crate::gateway::context::Context;
use crate::gateway::problem::Problem;
use crate::gateway::query::{Parameters, QueryError};
use crate::gateway::rejection::Rejection;
use crate::gateway::serve::client::Client;

/// Events of one answer unless told.
const DEFAULT_LIMIT: usize = 100;

/// Read a channel
///
/// Events after a position, ascending, at once if there are any, else after `wait`. `next`
/// is the position to go on from. Numbers that were asked for and are no longer kept are
/// reported as `gap`. With `type` or `subject` a bounded number of events is looked at, so a
/// page may be empty although there is more to read: until `next` is `last`.
///
/// With `client`, `after` is stored under that name; without `after` the stored one is used,
/// else 0. `Accept: text/event-stream` streams events, from now on unless `after`,
/// `since`, `client` or `Last-Event-ID` says otherwise: `id` is `EPOCH-SEQUENCE`, `event` the
/// type, `data` the event; `event: gap` names numbers that are no longer kept, and
/// `event: damaged` those that cannot be read. `application/cloudevents-batch+json` is the
/// bare array, and `application/vnd.hearken.frames` the events in their packed encoding, one
/// after the other; `next`, `last` and `gap` are headers of both (`hearken-next`, …).
#[utoipa::path(
    get,
    path = "/v1/channels/{name}/events",
    tag = "channels",
    params(
        ("name" = String, Path, description = "The channel's name"),
        ("after" = Option<String>, Query, description = "Number of the event after which to read, optionally with the epoch: `41`, `EPOCH-41`; 0 by default"),
        ("since" = Option<String>, Query, description = "Instead of `after`: from the first event recorded at that time (RFC 3339) or later"),
        ("limit" = Option<usize>, Query, description = "Most events, 1 to 1,000; 100 by default"),
        ("client" = Option<String>, Query, description = "Name under which the position is kept"),
        ("wait" = Option<String>, Query, description = "How long to wait for an event, up to `60s`; not at all by default"),
        ("type" = Option<String>, Query, description = "Pattern on the type"),
        ("subject" = Option<String>, Query, description = "Only events with exactly this subject"),
        ("last-event-id" = Option<String>, Header, description = "Id of the last message of a stream that is resumed"),
        ("access_token" = Option<String>, Query, description = "The credential, for clients that cannot send the header `Authorization`"),
    ),
    responses(
        (status = 200, description = "The events", content(
            (EventPage = "application/json"),
            (Vec<crate::gateway::openapi::CloudEventJson> = "application/cloudevents-batch+json"),
            (String = "application/vnd.hearken.frames"),
            (crate::gateway::openapi::CloudEventJson = "text/event-stream"),
        )),
        (status = 400, description = "Bad parameter or header", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The position of the client belongs to somebody else", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such channel", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The position is of another log, or the next events are damaged", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many waits or streams of one principal or from one address", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many waits or streams, the storage is busy or fails, or the node is shutting down", body = Problem, content_type = "application/problem+json"),
        (status = 507, description = "Too many cursors", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn read(
    State(context): State<Arc<Context>>,
    client: Client,
    Caller(identity): Caller,
    At(name): At<String>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Rejection> {
    context.check(&identity, &Act::Read(&name), client.address)?;
    parameters.allow(&[
        "after", "since", "limit", "client", "wait", "type", "subject",
    ])?;
    let filter = filter(&parameters)?;
    let limit = limit(&parameters, DEFAULT_LIMIT)?;
    let wait = wait(&parameters)?;
    let channel = context.readable(&identity, &name)?;
    let is_stream = accepts(&headers, EVENT_STREAM);
    let resumed = is_stream && headers.contains_key("last-event-id");
    let begin = begin(&channel, &parameters, &identity, resumed).await?;
    if is_stream {
        let after = stream::start(&channel, begin, &headers, &identity).await?;
        return stream::open(context, client, identity, channel, after, filter);
    }
    let form = Form::asked(&headers);
    let after = match begin {
        Begin::After(after) => after,
        Begin::Client(name) => position_of(&channel, &name, &identity).await?,
        Begin::Unsaid => 0,
    };
    let amount = ReadAmount::events(limit);
    let turn = turn_to_read_behind(&context, &channel, after).await?;
    let found = channel.read(after, amount, &filter).await;
    let found = found.map_err(ChannelRefusal::from)?;
    let is_empty = found.events.is_empty() && found.gap.is_none();
    let (found, _turn) = if is_empty && !wait.is_zero() {
        drop(turn);
        let more = wait_for(&context, &client, &identity, &channel, wait);
        more.events(found, amount, &filter).await?
    } else {
        (found, turn)
    };
    answer(&context, &client, &name, channel.epoch(), found, form)
}

fn filter(parameters: &Parameters) -> Result<ReadFilter, QueryError> {
    let named = parameters.filter(Some(Pattern::any()))?;
    Ok(ReadFilter {
        pattern: parameters.get("type").map(|_| named.pattern),
        subject: named.subject,
    })
}

/// Somebody who waits for events.
struct Wait<'w> {
    context: &'w Context,
    client: &'w Client,
    identity: &'w Identity,
    channel: &'w Channel,
    until: Instant,
}

fn wait_for<'w>(
    context: &'w Context,
    client: &'w Client,
    identity: &'w Identity,
    channel: &'w Channel,
    wait: Duration,
) -> Wait<'w> {
    Wait {
        context,
        client,
        identity,
        channel,
        until: Instant::now() + wait,
    }
}

impl<'w> Wait<'w> {
    /// What comes behind what was found, or nothing when the time is over; with the turn in which
    /// it was read.
    async fn events(
        self,
        mut found: Found,
        amount: ReadAmount,
        filter: &ReadFilter,
    ) -> Result<(Found, Option<SemaphorePermit<'w>>), Rejection> {
        let Self {
            context,
            client,
            identity,
            channel,
            until,
        } = self;
        let _held = context.hold_stream(identity)?;
        let slot = context.waiters.take(client.address);
        let _slot = slot.map_err(|full| Rejection::full("waiters", full))?;
        loop {
            tokio::select! {
                biased;
                ended = identity.ended() => return Err(Rejection::AccessEnded(ended)),
                () = context.draining.cancelled() => return Err(Rejection::Draining),
                more = channel.beyond(found.next) => more.map_err(ChannelRefusal::from)?,
                () = tokio::time::sleep_until(until) => return Ok((found, None)),
                // Nobody reads this, but the place is free again.
                () = client.gone() => return Err(Rejection::ClientGone),
            }
            let turn = turn_to_read_behind(context, channel, found.next).await?;
            found = channel
                .read(found.next, amount, filter)
                .await
                .map_err(ChannelRefusal::from)?;
            if !found.events.is_empty() || found.gap.is_some() || Instant::now() >= until {
                return Ok((found, turn));
            }
        }
    }
}
