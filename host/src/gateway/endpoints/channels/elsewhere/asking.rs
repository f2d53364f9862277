//! A request that is passed on, up to its answer.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;

use super::place::{Place, bare, target};
use super::refusal::ElsewhereRefusal;
use super::relay::{self, Places};
use super::whole::{self, NotWhole};
use crate::access::Identity;
use crate::channel::SettingsDocument;
use crate::gateway::context::Context;
use crate::gateway::endpoints::channels::address::address;
use crate::gateway::endpoints::channels::body::MAX_BODY_BYTES;
use crate::gateway::endpoints::channels::refusal::ChannelRefusal;
use crate::gateway::endpoints::channels::stream::EVENT_STREAM;
use crate::gateway::endpoints::publish::{Sender, Submission, read_held_body};
use crate::gateway::rejection::Rejection;
use crate::gateway::serve::client::Client;
use crate::passing::{PassFailure, PassedBody, PassedRequest, PassedResponse, PassedRights};

/// Headers that say something of a channel, beside the attributes of events.
const PASSED: [&str; 7] = [
    "accept",
    "content-type",
    "if-match",
    "if-none-match",
    "last-event-id",
    "traceparent",
    "tracestate",
];

/// Attributes of an event in binary mode begin so.
const ATTRIBUTE: &str = "ce-";

/// Headers of an answer that are its connection's.
const OF_CONNECTION: [&str; 4] = ["connection", "keep-alive", "transfer-encoding", "upgrade"];

/// How a request may last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gateway) enum Lasting {
    /// As a stream of events.
    Stream,
    /// As a wait for some.
    Wait,
}

/// A request for another node.
pub(in crate::gateway) struct Asking<'a> {
    pub(in crate::gateway) context: &'a Arc<Context>,
    pub(in crate::gateway) client: &'a Client,
    pub(in crate::gateway) identity: &'a Identity,
    /// The channel.
    pub(in crate::gateway) name: &'a str,
    /// The node that it lies on.
    pub(in crate::gateway) node: &'a str,
    pub(in crate::gateway) method: &'a Method,
    /// Path and query, as the other node is asked.
    pub(in crate::gateway) target: String,
    pub(in crate::gateway) headers: &'a HeaderMap,
    pub(in crate::gateway) body: Bytes,
    pub(in crate::gateway) rights: PassedRights,
    pub(in crate::gateway) lasting: Option<Lasting>,
}

/// What a request that lasts takes here, as on the other node.
pub(super) fn slot(
    context: &Context,
    client: &Client,
    identity: &Identity,
    lasting: Lasting,
) -> Result<Places, Rejection> {
    let held = context.hold_stream(identity)?;
    let (slots, what) = match lasting {
        Lasting::Stream => (&context.streams, "event streams"),
        Lasting::Wait => (&context.waiters, "waiters"),
    };
    let slot = slots.take(client.address);
    let slot = slot.map_err(|full| Rejection::full(what, full))?;
    if context.draining.is_cancelled() {
        return Err(Rejection::Draining);
    }
    Ok(Places::new(slot, held))
}

/// Reads the body of a request that no event comes with.
pub(super) async fn read_small(
    context: &Context,
    identity: &Identity,
    client: &Client,
    headers: &HeaderMap,
    body: Body,
) -> Result<Bytes, Rejection> {
    let body = read_held_body(context, identity, client, headers, body, MAX_BODY_BYTES).await?;
    Ok(body.bytes)
}

/// Passes on an append to the channel that is called so, if it lies on another node.
pub(in crate::gateway) async fn append_there(
    sender: Sender<'_>,
    shared: &Arc<Context>,
    given: &str,
    headers: &HeaderMap,
    submission: &mut Submission,
) -> Result<Option<Response>, Rejection> {
    if sender.client.was_passed {
        return Ok(None);
    }
    let placed = shared.placed(given).await;
    let node = match placed.map_err(ChannelRefusal::from)? {
        Place::Here => return Ok(None),
        Place::There(node) => node,
    };
    let name = bare(given);
    address(submission, name, &node)?;
    sender.check(submission)?;
    sender.take(submission.drafts.len())?;
    let asking = Asking {
        context: shared,
        client: sender.client,
        identity: sender.identity,
        name,
        node: &node,
        method: &Method::POST,
        target: target(name, "/events"),
        headers,
        body: submission.body(),
        rights: PassedRights {
            publish: sender
                .identity
                .rights()
                .publish()
                .map(str::to_owned)
                .collect(),
            append: vec![name.to_owned()],
            ..PassedRights::default()
        },
        lasting: None,
    };
    asking.answer().await.map(Some)
}

/// Has a channel made on another node.
pub(in crate::gateway) async fn make_there(
    sender: Sender<'_>,
    shared: &Arc<Context>,
    name: &str,
    node: &str,
    headers: &HeaderMap,
    settings: &SettingsDocument,
) -> Result<Response, Rejection> {
    let placed = shared.place_on(name, node).map_err(ChannelRefusal::from)?;
    let Place::There(node) = placed else {
        return Err(Rejection::Internal);
    };
    let body = serde_json::to_vec(settings).map_err(|_| Rejection::Internal)?;
    let asking = Asking {
        context: shared,
        client: sender.client,
        identity: sender.identity,
        name,
        node: &node,
        method: &Method::PUT,
        target: target(name, ""),
        headers,
        body: body.into(),
        rights: PassedRights {
            operate: true,
            ..PassedRights::default()
        },
        lasting: None,
    };
    asking.answer().await
}

impl Asking<'_> {
    /// What the other node answers.
    pub(in crate::gateway) async fn answer(self) -> Result<Response, Rejection> {
        let Self {
            context,
            client,
            identity,
            lasting,
            ..
        } = self;
        let places = match lasting {
            Some(lasting) => Some(slot(context, client, identity, lasting)?),
            None => None,
        };
        let request = PassedRequest {
            method: self.method.to_string(),
            target: self.target.clone(),
            headers: passed(self.headers),
            address: client.address,
            principal: identity.principal().to_string(),
            rights: self.rights.clone(),
            body: self.body.clone(),
            lasting: lasting.is_some(),
        };
        let ways = &context.ways;
        let way = ways.place(self.node, request.kind(), client.address)?;
        let ended = async {
            match lasting {
                Some(_) => identity.ended().await,
                None => std::future::pending().await,
            }
        };
        let draining = async {
            match lasting {
                Some(_) => context.draining.cancelled().await,
                None => std::future::pending().await,
            }
        };
        let (mut response, streamed) = tokio::select! {
            biased;
            answered = self.answered(request) => answered?,
            ended = ended => return Err(Rejection::AccessEnded(ended)),
            () = draining => return Err(Rejection::Draining),
            // Nobody reads this, but the other node is told to stop.
            () = client.gone() => return Err(Rejection::ClientGone),
        };
        if let Some((messages, places)) = streamed.zip(places) {
            let (connection, places) = (&client.connection, places.on(way));
            *response.body_mut() = relay::body(context, connection, identity, messages, places);
        }
        Ok(response)
    }

    /// The answer, and its messages if it streams. Any other is whole: it takes no place on
    /// the way while its client reads it.
    async fn answered(
        &self,
        request: PassedRequest,
    ) -> Result<(Response, Option<PassedBody>), Rejection> {
        let answer = self.context.elsewhere.pass(self.node, request).await;
        let PassedResponse {
            status,
            headers,
            body,
        } = answer.map_err(|failure| self.failed(failure))?;
        let mut response = Response::new(Body::empty());
        *response.status_mut() =
            StatusCode::from_u16(status).map_err(|_| self.failed(PassFailure::Unknown))?;
        *response.headers_mut() = received(headers);
        let media_type = response.headers().get(header::CONTENT_TYPE);
        let streams = media_type.is_some_and(|media_type| media_type == EVENT_STREAM);
        if streams && self.lasting == Some(Lasting::Stream) {
            return Ok((response, Some(body)));
        }
        let whole = match self.is_safe() {
            true => whole::page(self.context, self.client.address, body).await,
            // Only with the whole of it is it known what was done.
            false => whole::receipt(self.context, self.client.address, body).await,
        };
        let whole = whole.map_err(|not_whole| match not_whole {
            NotWhole::Cut => self.failed(PassFailure::Unknown),
            NotWhole::Full(full) => {
                Rejection::full("bytes of memory for requests and answers", full)
            }
        })?;
        *response.body_mut() = Body::from(whole);
        Ok((response, None))
    }

    /// Whether it changes nothing.
    fn is_safe(&self) -> bool {
        self.method.is_safe()
    }

    fn failed(&self, failure: PassFailure) -> Rejection {
        let (name, node) = (self.name.to_owned(), self.node.to_owned());
        let refusal = match failure {
            PassFailure::Busy => ElsewhereRefusal::Busy { node },
            PassFailure::TooLarge => ElsewhereRefusal::TooLarge { name, node },
            PassFailure::Unknown if !self.is_safe() => ElsewhereRefusal::Unknown { name, node },
            PassFailure::Away | PassFailure::Unknown => ElsewhereRefusal::Away {
                name,
                nodes: vec![node],
            },
        };
        ChannelRefusal::from(refusal).into()
    }
}

/// The headers that matter for channels.
fn passed(headers: &HeaderMap) -> Vec<(String, Bytes)> {
    let matters =
        |name: &HeaderName| PASSED.contains(&name.as_str()) || name.as_str().starts_with(ATTRIBUTE);
    let headers = headers.iter().filter(|(name, _)| matters(name));
    headers
        .map(|(name, value)| {
            let value = Bytes::copy_from_slice(value.as_bytes());
            (name.as_str().to_owned(), value)
        })
        .collect()
}

/// The headers of an answer; what is none is left out.
fn received(headers: Vec<(String, Bytes)>) -> HeaderMap {
    let headers = headers.into_iter().filter_map(|(name, value)| {
        let name: HeaderName = name.parse().ok()?;
        let value = HeaderValue::from_maybe_shared(value).ok()?;
        (!OF_CONNECTION.contains(&name.as_str())).then_some((name, value))
    });
    let mut received = HeaderMap::new();
    for (name, value) in headers {
        received.append(name, value);
    }
    received
}
