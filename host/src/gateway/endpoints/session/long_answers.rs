//! Sessions over answers that do not end: `/connection/http_stream`, `/connection/sse`, and
//! those on which clients only listen, `/connection/uni_http_stream` and
//! `/connection/uni_sse`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::response::Response;
use hearken_session_protocol::{
    Command, ConnectRequest, Encoding, Request as Asked, decode, decode_connect,
};

use super::not_begun::{NotBegunByBody, NotBegunByQuery};
use super::refusal::SessionRefusal;
use super::streamed::Start;
use super::web_socket::seen_by_plugins;
use crate::gateway::context::Context;
use crate::gateway::endpoints::publish::read_body;
use crate::gateway::problem::Problem;
use crate::gateway::query::{Parameters, QueryError};
use crate::gateway::rejection::Rejection;
use crate::gateway::serve::client::Client;
use crate::session::{Framing, Session, Variant};

/// The parameter with what would be the body, for what cannot send one.
const CONNECT: &str = "cf_connect";

/// The media type of protobuf.
const PROTOBUF: &str = "application/octet-stream";

/// Connect a session over an answer that does not end
///
/// The body is the client's first command, which connects it; replies and pushes are lines of
/// JSON (`application/x-ndjson`). All further commands go to `/emulation`, with the `session`
/// and the `node` of the first reply. With the media type `application/octet-stream` both are
/// protobuf, each message after its length. The last message is a `disconnect`.
#[utoipa::path(
    post,
    path = "/connection/http_stream",
    tag = "sessions",
    responses(
        (status = 200, description = "Replies and pushes", body = String, content_type = "application/x-ndjson"),
        (status = 400, description = "The body is no command", body = Problem, content_type = "application/problem+json"),
        NotBegunByBody,
    )
)]
pub(in crate::gateway) async fn http_stream(
    State(context): State<Arc<Context>>,
    client: Client,
    parameters: Parameters,
    request: Request,
) -> Result<Response, Rejection> {
    let variant = stream(encoding(request.headers()));
    connect(&context, &client, &parameters, request, variant).await
}

/// Connect a session over server-sent events
///
/// The parameter `cf_connect` is the client's first command, which connects it; each reply and
/// push is an event. All further commands go to `/emulation`, with the `session` and the `node`
/// of the first reply. The last message is a `disconnect`.
#[utoipa::path(
    get,
    path = "/connection/sse",
    tag = "sessions",
    params(("cf_connect" = String, Query, description = "The command, as JSON")),
    responses(
        (status = 200, description = "Replies and pushes", body = String, content_type = "text/event-stream"),
        (status = 400, description = "`cf_connect` is missing, or no command", body = Problem, content_type = "application/problem+json"),
        NotBegunByQuery,
    )
)]
pub(in crate::gateway) async fn sse(
    State(context): State<Arc<Context>>,
    client: Client,
    parameters: Parameters,
    request: Request,
) -> Result<Response, Rejection> {
    connect(&context, &client, &parameters, request, SSE).await
}

/// Connect a session over server-sent events, with the command as the body
///
/// As `GET`, for clients that can send one.
#[utoipa::path(
    post,
    path = "/connection/sse",
    tag = "sessions",
    responses(
        (status = 200, description = "Replies and pushes", body = String, content_type = "text/event-stream"),
        (status = 400, description = "The body is no command", body = Problem, content_type = "application/problem+json"),
        NotBegunByBody,
    )
)]
pub(in crate::gateway) async fn post_sse(
    State(context): State<Arc<Context>>,
    client: Client,
    parameters: Parameters,
    request: Request,
) -> Result<Response, Rejection> {
    connect(&context, &client, &parameters, request, SSE).await
}

/// Listen by server-sent events
///
/// For clients that only listen: the parameter `cf_connect` is what a `connect` command has
/// (`{"token": …}`), and may be absent. Each event is a push: the first a `connect`, `{}` a
/// ping that nobody has to answer, the last a `disconnect`. Its token, a plugin or
/// the server decides what it is subscribed to.
#[utoipa::path(
    get,
    path = "/connection/uni_sse",
    tag = "sessions",
    params(("cf_connect" = Option<String>, Query, description = "What connects it, as JSON")),
    responses(
        (status = 200, description = "Pushes", body = String, content_type = "text/event-stream"),
        (status = 400, description = "`cf_connect` connects nobody", body = Problem, content_type = "application/problem+json"),
        NotBegunByQuery,
    )
)]
pub(in crate::gateway) async fn uni_sse(
    State(context): State<Arc<Context>>,
    client: Client,
    parameters: Parameters,
    request: Request,
) -> Result<Response, Rejection> {
    connect(&context, &client, &parameters, request, UNI_SSE).await
}

/// Listen by server-sent events, with what connects as the body
///
/// As `GET`, for clients that can send one.
#[utoipa::path(
    post,
    path = "/connection/uni_sse",
    tag = "sessions",
    responses(
        (status = 200, description = "Pushes", body = String, content_type = "text/event-stream"),
        (status = 400, description = "The body connects nobody", body = Problem, content_type = "application/problem+json"),
        NotBegunByBody,
    )
)]
pub(in crate::gateway) async fn post_uni_sse(
    State(context): State<Arc<Context>>,
    client: Client,
    parameters: Parameters,
    request: Request,
) -> Result<Response, Rejection> {
    connect(&context, &client, &parameters, request, UNI_SSE).await
}

/// Listen by lines of JSON
///
/// As `/connection/uni_sse`, one push per line.
#[utoipa::path(
    get,
    path = "/connection/uni_http_stream",
    tag = "sessions",
    params(("cf_connect" = Option<String>, Query, description = "What connects it, as JSON")),
    responses(
        (status = 200, description = "Pushes", body = String, content_type = "application/x-ndjson"),
        (status = 400, description = "`cf_connect` connects nobody", body = Problem, content_type = "application/problem+json"),
        NotBegunByQuery,
    )
)]
pub(in crate::gateway) async fn uni_http_stream(
    State(context): State<Arc<Context>>,
    client: Client,
    parameters: Parameters,
    request: Request,
) -> Result<Response, Rejection> {
    let variant = uni_stream(Encoding::Json);
    connect(&context, &client, &parameters, request, variant).await
}

/// Listen by lines of JSON, with what connects as the body
///
/// As `GET`, for clients that can send one. With the media type `application/octet-stream` both
/// are protobuf, each push after its length.
#[utoipa::path(
    post,
    path = "/connection/uni_http_stream",
    tag = "sessions",
    responses(
        (status = 200, description = "Pushes", body = String, content_type = "application/x-ndjson"),
        (status = 400, description = "The body connects nobody", body = Problem, content_type = "application/problem+json"),
        NotBegunByBody,
    )
)]
pub(in crate::gateway) async fn post_uni_http_stream(
    State(context): State<Arc<Context>>,
    client: Client,
    parameters: Parameters,
    request: Request,
) -> Result<Response, Rejection> {
    let variant = uni_stream(encoding(request.headers()));
    connect(&context, &client, &parameters, request, variant).await
}

const SSE: Variant = Variant {
    encoding: Encoding::Json,
    framing: Framing::Events,
};

const UNI_SSE: Variant = Variant {
    encoding: Encoding::Json,
    framing: Framing::BareEvents,
};

fn stream(encoding: Encoding) -> Variant {
    Variant {
        encoding,
        framing: Framing::Stream,
    }
}

fn uni_stream(encoding: Encoding) -> Variant {
    Variant {
        encoding,
        framing: Framing::BareStream,
    }
}

/// How messages are written, by the media type of the body.
pub(super) fn encoding(headers: &HeaderMap) -> Encoding {
    let given = headers.get(header::CONTENT_TYPE);
    match given.is_some_and(|given| given == PROTOBUF) {
        true => Encoding::Protobuf,
        false => Encoding::Json,
    }
}

/// Begins a session with what the request brings.
async fn connect(
    context: &Arc<Context>,
    client: &Client,
    parameters: &Parameters,
    request: Request,
    variant: Variant,
) -> Result<Response, Rejection> {
    context.check_sessions()?;
    let (parts, body) = request.into_parts();
    let is_bare = variant.framing.is_bare();
    let settings = context.sessions.settings();
    let limits = Session::decode_limits(settings.max_message);
    let encoding = variant.encoding;
    let sent = sent(context, client, parameters, &parts, body, limits.message).await?;
    let commands = match &sent {
        Some(sent) if is_bare => vec![connecting(
            decode_connect(encoding, sent, &limits).map_err(SessionRefusal::Decode)?,
        )],
        None if is_bare => vec![connecting(ConnectRequest::default())],
        Some(sent) => decode(encoding, sent, &limits).map_err(SessionRefusal::Decode)?,
        None => return Err(QueryError::Missing(CONNECT).into()),
    };
    let start = Start {
        variant,
        emulated: !is_bare,
        headers: seen_by_plugins(&settings.hook_headers, &parts.headers),
        version: parts.version,
        commands,
        received: sent.map_or(0, |sent| sent.len()),
    };
    start.answer(context, client)
}

/// What a client sends that only listens, as the others would.
fn connecting(request: ConnectRequest) -> Command {
    Command {
        id: 1,
        request: Asked::Connect(request),
    }
}

/// What was sent to connect with.
async fn sent(
    context: &Context,
    client: &Client,
    parameters: &Parameters,
    parts: &Parts,
    body: Body,
    limit: usize,
) -> Result<Option<Vec<u8>>, Rejection> {
    if parts.method == Method::POST {
        let body = read_body(context, client, &parts.headers, body, limit).await?;
        return Ok(Some(Vec::from(body.bytes)));
    }
    let parameter = parameters.get_filled(CONNECT);
    Ok(parameter.map(|text| text.as_bytes().to_owned()))
}
