//! The events that a request brings, however it carries them.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use tokio::time::Instant;

use super::body::{self, ReadBody};
use super::{binary, shorthand, structured, trace};
use crate::access::Identity;
use crate::bus::PublishError;
use crate::event::Draft;
use crate::gateway::context::Context;
use crate::gateway::rejection::Rejection;
use crate::gateway::serve::client::Client;

pub(super) const SHORTHAND: &str = "application/json";
pub(super) const STRUCTURED: &str = "application/cloudevents+json";
pub(super) const BATCHED: &str = "application/cloudevents-batch+json";

/// Time for a body to come after which it is asked again whether whoever sends it still may: a
/// key that was removed publishes nothing with requests that were begun before.
const A_WHILE: Duration = Duration::from_millis(250);

/// How a request carries its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gateway) enum Mode {
    Shorthand,
    Structured,
    Batched,
    Binary,
}

/// The events of a request. Only a batch has another number of them than one.
#[derive(Debug)]
pub(in crate::gateway) struct Submission {
    pub(in crate::gateway) drafts: Vec<Draft<'static>>,
    pub(in crate::gateway) mode: Mode,
    /// Counts for as long as the request is worked on.
    body: ReadBody,
}

/// Reads the whole body of somebody who still has to be allowed in once it has come.
pub(in crate::gateway) async fn read_held_body(
    context: &Context,
    identity: &Identity,
    client: &Client,
    headers: &HeaderMap,
    body: Body,
    limit: usize,
) -> Result<ReadBody, Rejection> {
    let began = Instant::now();
    let body = body::read(context, client, headers, body, limit).await?;
    if began.elapsed() >= A_WHILE {
        identity.check_holds().map_err(Rejection::AccessEnded)?;
    }
    Ok(body)
}

impl Submission {
    /// Reads the request.
    pub(in crate::gateway) async fn read(
        context: &Context,
        identity: &Identity,
        client: &Client,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Self, Rejection> {
        let mode = mode(headers)?;
        let limit = match mode {
            Mode::Batched => body::batch_limit(&context.bus),
            _ => body::single_limit(&context.bus),
        };
        let body = read_held_body(context, identity, client, headers, body, limit).await?;
        // Only now: who has sent the whole body gets to read the answer.
        if !context.readiness.is_ready() {
            return Err(Rejection::Starting);
        }
        let one = match mode {
            Mode::Shorthand => shorthand::read(&body.bytes),
            Mode::Structured => structured::read(&body.bytes),
            Mode::Binary => binary::read(headers, &body.bytes),
            Mode::Batched => {
                let drafts = structured::read_batch(&body.bytes, context.limits.batch_events);
                let drafts = drafts.map_err(|(at, error)| Rejection::Event { at, error })?;
                return Ok(Self::of(drafts, mode, headers, body));
            }
        };
        let one = one.map_err(|error| Rejection::Event { at: None, error })?;
        Ok(Self::of(vec![one], mode, headers, body))
    }

    fn of(
        mut drafts: Vec<Draft<'static>>,
        mode: Mode,
        headers: &HeaderMap,
        body: ReadBody,
    ) -> Self {
        trace::inherit(headers, &mut drafts);
        Self { drafts, mode, body }
    }

    /// The body as it came.
    pub(in crate::gateway) fn body(&self) -> Bytes {
        self.body.bytes.clone()
    }

    /// Position of an event in the request, if that may have several.
    pub(in crate::gateway) fn position(&self, at: usize) -> Option<usize> {
        (self.mode == Mode::Batched).then_some(at)
    }

    /// What is wrong with an event, told of its place.
    pub(in crate::gateway) fn refused(&self, at: usize, error: PublishError) -> Rejection {
        Rejection::Publish {
            at: self.position(at),
            binary: self.mode == Mode::Binary,
            error,
        }
    }

    /// A refusal of an event, told of its place.
    pub(in crate::gateway) fn placed(&self, at: usize, refused: Rejection) -> Rejection {
        match self.position(at) {
            Some(at) => refused.of_event(at),
            None => refused,
        }
    }
}

/// Tells the mode as the HTTP binding of CloudEvents does (section 3): first by
/// the media type, then by the headers.
fn mode(headers: &HeaderMap) -> Result<Mode, Rejection> {
    if let Some(coding) = headers.get(header::CONTENT_ENCODING)
        && coding != "identity"
    {
        return Err(Rejection::ContentEncoding(
            String::from_utf8_lossy(coding.as_bytes()).into_owned(),
        ));
    }
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .map(|value| String::from_utf8_lossy(value.as_bytes()));
    let essence = content_type
        .as_deref()
        .and_then(|value| value.split(';').next())
        .map(|essence| essence.trim().to_ascii_lowercase());
    match essence.as_deref() {
        Some(STRUCTURED) => Ok(Mode::Structured),
        Some(BATCHED) => Ok(Mode::Batched),
        Some(other) if other.starts_with("application/cloudevents") => Err(Rejection::MediaType {
            given: format!("`{other}`"),
        }),
        _ if binary::is_binary(headers) => Ok(Mode::Binary),
        Some(SHORTHAND) => Ok(Mode::Shorthand),
        Some(other) => Err(Rejection::MediaType {
            given: format!("`{other}`"),
        }),
        None => Err(Rejection::MediaType {
            given: "not given".to_owned(),
        }),
    }
}
