//! `POST /emulation`: commands for a session that cannot send any itself.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use hearken_session_protocol::decode_emulated;
use tokio::time::{Instant, timeout, timeout_at};

use super::long_answers::encoding;
use super::refusal::SessionRefusal;
use crate::access::Principal;
use crate::gateway::context::Context;
use crate::gateway::endpoints::publish::read_body;
use crate::gateway::problem::Problem;
use crate::gateway::rejection::Rejection;
use crate::gateway::serve::client::Client;
use crate::passing::{EMULATION, PassFailure, PassedRequest, PassedRights, changed};
use crate::session::{Session, Sessions};

/// How long it is waited for that commands are carried out, which they are not for as long as a
/// client does not read what its session is sent.
const CARRIED_OUT: Duration = Duration::from_secs(5);

/// How long commands wait for the link to the session's node to come back: after that its
/// sessions are taken to be gone.
const BACK: Duration = Duration::from_secs(5);

/// How often it is tried meanwhile: the other end may see the link later than this one.
const RETRY_DELAY: Duration = Duration::from_millis(200);

/// Send commands of a session
///
/// For sessions over answers that do not end: the body is `{session, node, data}`, where the
/// first two are from the reply to `connect`, and `data` is the commands, lines of JSON as a
/// string. With the media type `application/octet-stream` it is protobuf. Any node takes it.
/// The answer comes once the commands are carried out, or have waited for 5 seconds because
/// the client does not read, and is the same if the session is over;
/// replies come with the session's other messages. While the link to the session's node is
/// lost, commands wait for it up to 5 seconds.
#[utoipa::path(
    post,
    path = "/emulation",
    tag = "sessions",
    responses(
        (status = 204, description = "Carried out, or about to be, or the session no longer exists"),
        (status = 400, description = "The body is not of that form", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such node, or sessions are off", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body came too slowly", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Body larger than `sessions.max_message`", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too much of one address is in memory, or on its way to the node", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Shutting down, too many bodies are in memory, or the session's node does not answer", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn emulate(
    State(context): State<Arc<Context>>,
    client: Client,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Rejection> {
    // Sessions that a draining node has yet may say what they have to.
    let sessions = context.sessions_on()?;
    let limits = Session::decode_limits(sessions.settings().max_message);
    let body = read_body(&context, &client, &headers, body, limits.message).await?;
    let sent = decode_emulated(encoding(&headers), &body.bytes, &limits);
    let sent = sent.map_err(SessionRefusal::Decode)?;
    if *sent.node == **context.bus.node() {
        // What it takes of the memory for bodies is kept meanwhile. Then the commands wait in
        // the inbox, which is bounded.
        let handed = context.inboxes.hand(&sent.session, sent.data);
        let _ = timeout(CARRIED_OUT, handed).await;
        return Ok(StatusCode::NO_CONTENT);
    }
    if client.was_passed || context.elsewhere.is_reachable(&sent.node).is_none() {
        return Err(SessionRefusal::UnknownNode(sent.node).into());
    }
    let request = passed(&client, &headers, body.bytes.clone());
    pass_on(&context, sessions, &client, &sent.node, request).await
}

/// Passes commands on to the node of their session, once that can be reached.
async fn pass_on(
    context: &Context,
    sessions: &Sessions,
    client: &Client,
    node: &str,
    request: PassedRequest,
) -> Result<StatusCode, Rejection> {
    let _place = context.ways.place(node, request.kind(), client.address)?;
    let unknown = || Rejection::from(SessionRefusal::UnknownNode(node.to_owned()));
    let until = Instant::now() + BACK;
    let mut changes = context.elsewhere.changes();
    loop {
        let answered = match context.elsewhere.is_reachable(node) {
            Some(true) => context.elsewhere.pass(node, request.clone()).await,
            Some(false) | None => Err(PassFailure::Away),
        };
        match answered {
            Ok(answer) if answer.status == StatusCode::NO_CONTENT => {
                return Ok(StatusCode::NO_CONTENT);
            }
            // Nothing was done, and its sessions are there yet.
            Err(PassFailure::Away) if sessions.has_node(node) && Instant::now() < until => {
                let again = until.min(Instant::now() + RETRY_DELAY);
                // Either way it is tried anew.
                let _ = timeout_at(again, changed(&mut changes)).await;
            }
            // It was started anew under its name, without sessions.
            Ok(answer) if answer.status == StatusCode::NOT_FOUND => return Err(unknown()),
            Err(PassFailure::Away) => return Err(unknown()),
            Ok(_) | Err(PassFailure::Busy | PassFailure::TooLarge | PassFailure::Unknown) => {
                return Err(SessionRefusal::NodeSilent(node.to_owned()).into());
            }
        }
    }
}

/// The request as the session's node gets it.
fn passed(client: &Client, headers: &HeaderMap, body: Bytes) -> PassedRequest {
    let media_type = headers.get(header::CONTENT_TYPE).map(|value| {
        let value = Bytes::copy_from_slice(value.as_bytes());
        (header::CONTENT_TYPE.as_str().to_owned(), value)
    });
    PassedRequest {
        method: "POST".to_owned(),
        target: EMULATION.to_owned(),
        headers: media_type.into_iter().collect(),
        address: client.address,
        principal: Principal::Anonymous.to_string(),
        rights: PassedRights::default(),
        body,
        lasting: false,
    }
}
