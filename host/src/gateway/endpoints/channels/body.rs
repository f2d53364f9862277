//! Bodies of requests on channels: small JSON objects.

use axum::body::Body;
use axum::http::HeaderMap;
use serde::de::DeserializeOwned;

use super::refusal::ChannelRefusal;
use crate::access::Identity;
use crate::gateway::context::Context;
use crate::gateway::endpoints::publish::read_held_body;
use crate::gateway::rejection::Rejection;
use crate::gateway::serve::client::Client;

/// Largest such body.
pub(super) const MAX_BODY_BYTES: usize = 64 << 10;

/// Reads the body as JSON; an empty one is an empty object. Whoever sends it still has to be
/// allowed in once it has come.
pub(in crate::gateway) async fn json<T: DeserializeOwned>(
    context: &Context,
    identity: &Identity,
    client: &Client,
    headers: &HeaderMap,
    body: Body,
) -> Result<T, Rejection> {
    let body = read_held_body(context, identity, client, headers, body, MAX_BODY_BYTES).await?;
    let text = match body.bytes.trim_ascii() {
        [] => b"{}",
        text => text,
    };
    // A struct is read of an array too.
    if !text.starts_with(b"{") {
        return Err(ChannelRefusal::Body {
            member: None,
            reason: "it is no JSON object".to_owned(),
        }
        .into());
    }
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let read = serde_path_to_error::deserialize(&mut deserializer);
    let read = read.map_err(|error| {
        let path = error.path().to_string();
        let member = Some(path).filter(|path| path != ".");
        ChannelRefusal::Body {
            member,
            reason: error.into_inner().to_string(),
        }
    })?;
    deserializer.end().map_err(|error| ChannelRefusal::Body {
        member: None,
        reason: error.to_string(),
    })?;
    Ok(read)
}
