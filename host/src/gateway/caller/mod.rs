//! Who asks, and whether they may: asked of every request before its route sees it.
//!
//! `credential` is what a request shows, `server_key` the same of one API, `passed` what another node says that passes it on, `denials` tells of those that were refused, and `audit`
//! of those that command the node.

pub(super) mod audit;
mod credential;
pub(super) mod denials;
pub(super) mod passed;
mod server_key;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::HttpBody;
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::context::Context;
use super::openapi::rights::{Right, right};
use super::rejection::Rejection;
use super::serve::client::Client;
use super::serve::discard::discard;
use crate::access::{Act, Identity, Unauthenticated};
use audit::Command;
use credential::Shown;
use passed::Passed;

/// Whoever sent a request.
#[derive(Clone, Debug)]
pub(super) struct Caller(pub(super) Identity);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        // No route without a right takes it, as a test checks for each.
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or(Rejection::Internal)
    }
}

/// Lets those requests through that may be.
pub(super) async fn ask(
    State(context): State<Arc<Context>>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, mut body) = request.into_parts();
    let Ok(client) = from_parts(&mut parts, &context).await;
    match admit(&context, &client, &mut parts).await {
        Ok(Some((Right::Operate, identity))) => {
            let command = Command::of(identity, client.address, &parts);
            let response = next.run(Request::from_parts(parts, body)).await;
            command.answered(response.status());
            response
        }
        Ok(_) => next.run(Request::from_parts(parts, body)).await,
        Err(rejection) => {
            // Who asks before sending is told at once, and sends nothing.
            if !body.is_end_stream() && !parts.headers.contains_key(header::EXPECT) {
                discard(&context.limits, &mut body).await;
            }
            rejection.into_response()
        }
    }
}

async fn from_parts(parts: &mut Parts, context: &Arc<Context>) -> Result<Client, Infallible> {
    Client::from_request_parts(parts, context).await
}

/// Who it is, and what was needed; `None` where nobody is asked. The routes check what depends
/// on the request's content.
async fn admit(
    context: &Context,
    client: &Client,
    parts: &mut Parts,
) -> Result<Option<(Right, Identity)>, Rejection> {
    let route = parts.extensions.get::<MatchedPath>();
    let right = match route.and_then(|route| right(&parts.method, route.as_str())) {
        Some(Right::Open | Right::Session) => return Ok(None),
        Some(right) => right,
        // Also where a route answers: what nobody has said the right of, nobody may.
        None => {
            return Err(Rejection::MethodNotAllowed {
                method: parts.method.clone(),
                path: parts.uri.path().to_owned(),
            });
        }
    };
    let identity = match parts.extensions.get::<Passed>().cloned() {
        Some(Passed(identity)) => identity,
        None => match by_server_key(context, client, parts, right)? {
            Some(identity) => identity,
            None => identify(context, client, parts, right).await?,
        },
    };
    if let Err(full) = client.connection.admit(&identity) {
        context.denials.over_budget();
        return Err(full.into());
    }
    match right {
        Right::Observe => context.check(&identity, &Act::Observe, client.address)?,
        Right::Operate => context.check(&identity, &Act::Operate, client.address)?,
        Right::Open | Right::Known | Right::Session => {}
        // By the route, which knows what it is for.
        Right::Publish | Right::Listen | Right::Append | Right::Read | Right::ServerApi => {}
    }
    parts.extensions.insert(Caller(identity.clone()));
    Ok(Some((right, identity)))
}

/// Who it is, by a key that is of one API alone.
fn by_server_key(
    context: &Context,
    client: &Client,
    parts: &mut Parts,
    right: Right,
) -> Result<Option<Identity>, Rejection> {
    match right {
        Right::ServerApi => server_key::identify(context, client, parts),
        _ => Ok(None),
    }
}

/// Who it is, by what the request shows.
async fn identify(
    context: &Context,
    client: &Client,
    parts: &mut Parts,
    right: Right,
) -> Result<Identity, Rejection> {
    let in_query = right.takes_token_in_query(&parts.method);
    let shown = match Shown::take(parts, in_query) {
        // A node that asks nobody does not mind what a proxy shows it.
        Err(Rejection::Unauthenticated(_)) if !context.access.is_configured() => Shown::nothing(),
        Err(Rejection::Unauthenticated(unknown)) => {
            context.denials.unauthenticated(&unknown, client.address);
            return Err(unknown.into());
        }
        shown => shown?,
    };
    let names = client.connection.certificate_names();
    let known = context
        .access
        .authenticate(shown.credential(names), client.address)
        .await;
    match known {
        Ok(identity) => Ok(identity),
        Err(Unauthenticated::Missing) if right == Right::Known => Ok(context.access.anonymous()),
        Err(unknown) => {
            context.denials.unauthenticated(&unknown, client.address);
            Err(unknown.into())
        }
    }
}

impl Context {
    /// Checks that somebody at `address` may do this.
    pub(super) fn check(
        &self,
        identity: &Identity,
        act: &Act<'_>,
        address: std::net::IpAddr,
    ) -> Result<(), Rejection> {
        identity.check(act).map_err(|forbidden| {
            self.denials.forbidden(&forbidden, address);
            match forbidden.unauthenticated() {
                Some(unknown) => unknown.into(),
                None => Rejection::Forbidden {
                    at: None,
                    forbidden,
                },
            }
        })
    }
}
