//! The layer in front of all routes of channels.

use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use percent_encoding::percent_decode_str;

use super::asking::{Asking, Lasting, read_small};
use super::place::{CHANNELS, Place, bare, target};
use super::waiting;
use crate::access::{Act, Identity};
use crate::gateway::caller::Caller;
use crate::gateway::caller::passed::Passed;
use crate::gateway::context::Context;
use crate::gateway::endpoints::channels::page::accepts;
use crate::gateway::endpoints::channels::refusal::ChannelRefusal;
use crate::gateway::endpoints::channels::stream::EVENT_STREAM;
use crate::gateway::openapi::rights::{Right, right};
use crate::gateway::rejection::Rejection;
use crate::gateway::serve::client::Client;
use crate::passing::PassedRights;

/// All routes of a channel begin so.
const CHANNEL: &str = "/v1/channels/{name}";

/// The one whose answers may last.
const EVENTS: &str = "/v1/channels/{name}/events";

/// Passes on what is asked of a channel of another node.
pub(in crate::gateway) async fn pass_on(
    State(context): State<Arc<Context>>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let there = match way(&context, &parts).await {
        Ok(Way::Here) => return next.run(Request::from_parts(parts, body)).await,
        Ok(Way::There(there)) => there,
        Ok(Way::Wait { identity, given }) => {
            let Ok(client) = Client::from_request_parts(&mut parts, &context).await;
            let waiting = waiting::wait(&context, &client, &identity, &given);
            return waiting.unwrap_or_else(IntoResponse::into_response);
        }
        Err(rejection) => return rejection.into_response(),
    };
    let Ok(client) = Client::from_request_parts(&mut parts, &context).await;
    let There {
        identity,
        given,
        node,
        target,
        rights,
        lasting,
    } = there;
    let answered = async {
        let body = match parts.method {
            Method::POST | Method::PUT => {
                read_small(&context, &identity, &client, &parts.headers, body).await?
            }
            _ => Bytes::new(),
        };
        let asking = Asking {
            context: &context,
            client: &client,
            identity: &identity,
            name: bare(&given),
            node: &node,
            method: &parts.method,
            target,
            headers: &parts.headers,
            body,
            rights,
            lasting,
        };
        asking.answer().await
    };
    let answer = answered.await.unwrap_or_else(IntoResponse::into_response);
    // The node that is linked does not answer, or has just been started, or stops.
    let is_away = answer.status() == StatusCode::SERVICE_UNAVAILABLE;
    if is_away && lasting == Some(Lasting::Stream) && !context.draining.is_cancelled() {
        let waiting = waiting::wait(&context, &client, &identity, &given);
        return waiting.unwrap_or(answer);
    }
    answer
}

/// The way that a request takes.
enum Way {
    /// It is answered here.
    Here,
    /// It is answered by the node of its channel.
    There(There),
    /// It is a stream of a channel that cannot be read now.
    Wait {
        identity: Identity,
        /// The name of the channel, perhaps with that of its node.
        given: String,
    },
}

/// What is passed on, and where.
struct There {
    identity: Identity,
    /// The name of the channel, perhaps with that of its node.
    given: String,
    node: Arc<str>,
    target: String,
    rights: PassedRights,
    lasting: Option<Lasting>,
}

/// Which way a request takes.
async fn way(context: &Context, parts: &Parts) -> Result<Way, Rejection> {
    let route = parts.extensions.get::<MatchedPath>();
    let Some(route) = route.map(MatchedPath::as_str) else {
        return Ok(Way::Here);
    };
    // What was passed on is not passed on again.
    if !route.starts_with(CHANNEL) || parts.extensions.get::<Passed>().is_some() {
        return Ok(Way::Here);
    }
    let Some(Caller(identity)) = parts.extensions.get::<Caller>().cloned() else {
        return Ok(Way::Here);
    };
    let Some((given, rest)) = named(&parts.uri) else {
        return Ok(Way::Here);
    };
    let mut rights = PassedRights {
        operate: identity.check(&Act::Operate).is_ok(),
        ..PassedRights::default()
    };
    let name = bare(&given);
    match right(&parts.method, route) {
        // Once its events were checked.
        Some(Right::Append) | None => return Ok(Way::Here),
        Some(Right::Read) => {
            // Whoever may not is told so by the route.
            if identity.check(&Act::Read(name)).is_err() {
                return Ok(Way::Here);
            }
            rights.read.push(name.to_owned());
        }
        Some(Right::Observe) => rights.observe = true,
        // Asked before.
        Some(_) => {}
    }
    let makes = parts.method == Method::PUT && route == CHANNEL;
    // Where it is to be new, it is made here, or not at all.
    if makes && given == name && parts.headers.contains_key(header::IF_NONE_MATCH) {
        let new = context.check_new(name).await;
        new.map_err(ChannelRefusal::from)?;
        return Ok(Way::Here);
    }
    let may_last = parts.method == Method::GET && route == EVENTS;
    let lasting = may_last.then(|| lasting(parts)).flatten();
    if lasting == Some(Lasting::Stream) && waiting::is_awaited(context, &given) {
        return Ok(Way::Wait { identity, given });
    }
    let placed = context.placed(&given).await;
    let node = match placed.map_err(ChannelRefusal::from)? {
        Place::Here => return Ok(Way::Here),
        Place::There(node) => node,
    };
    Ok(Way::There(There {
        target: target(name, rest),
        identity,
        given,
        node,
        rights,
        lasting,
    }))
}

/// The name of the channel in a path, and what of path and query is behind it.
fn named(uri: &Uri) -> Option<(String, &str)> {
    let target = uri.path_and_query()?.as_str();
    let behind = target.strip_prefix(CHANNELS)?;
    let end = behind.find(['/', '?']).unwrap_or(behind.len());
    let (name, rest) = behind.split_at(end);
    let name = percent_decode_str(name).decode_utf8().ok()?;
    Some((name.into_owned(), rest))
}

/// Whether a request may wait for events that are yet to come.
fn lasting(parts: &Parts) -> Option<Lasting> {
    let streams = accepts(&parts.headers, EVENT_STREAM);
    let query = parts.uri.query().unwrap_or_default();
    let name = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
    let is_wait = |name: String| percent_decode_str(&name).decode_utf8_lossy() == "wait";
    let waits = || query.split('&').map(name).any(is_wait);
    match () {
        () if streams => Some(Lasting::Stream),
        () if waits() => Some(Lasting::Wait),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_stands_in_the_path_and_what_is_behind_it_stays() {
        for (path, expected) in [
            ("/v1/channels/orders", Some(("orders", ""))),
            (
                "/v1/channels/shop%2Forders%40a/events?after=1",
                Some(("shop/orders@a", "/events?after=1")),
            ),
            ("/v1/channels/a?x=/y", Some(("a", "?x=/y"))),
            ("/v1/channels/%ff", None),
            ("/v1/nodes", None),
        ] {
            let uri: Uri = path.parse().unwrap();
            let named = named(&uri);
            let named = named.as_ref().map(|(name, rest)| (name.as_str(), *rest));
            assert_eq!(named, expected, "{path}");
        }
        assert_eq!(
            target("shop/orders", "/events?after=1"),
            "/v1/channels/shop%2Forders/events?after=1"
        );
    }

    #[test]
    fn what_waits_for_events_is_told_however_it_is_written() {
        for (query, waits) in [
            ("after=1&wait=5s", true),
            ("after=1&%77ait=5s", true),
            ("await=5s", false),
            ("after=1", false),
        ] {
            let request = Request::get(format!("/v1/channels/a/events?{query}"));
            let (parts, ()) = request.body(()).unwrap().into_parts();
            assert_eq!(
                matches!(lasting(&parts), Some(Lasting::Wait)),
                waits,
                "{query}"
            );
        }
    }
}
