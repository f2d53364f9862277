//! `GET /connection/websocket`: a session over WebSocket (RFC 6455).

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode, Version, header};
use axum::response::{IntoResponse, Response};
use hearken_session_protocol::{Encoding, websocket};

use super::conversation::{Conversation, Spoken};
use super::refusal::SessionRefusal;
use crate::gateway::context::Context;
use crate::gateway::query::Parameters;
use crate::gateway::rejection::Rejection;
use crate::gateway::serve::client::Client;
use crate::gateway::serve::upgrade::{Io, Upgrade};
use crate::session::{Arrival, Framing, Sessions, SessionsSettings, Transport, Variant};

/// The version of the protocol that there is.
const VERSION: &str = "13";

/// The names by which clients may say how messages are written. A client that offers some wants
/// one of them.
const PROTOCOLS: [(&str, Encoding); 2] = [
    ("centrifuge-json", Encoding::Json),
    ("centrifuge-protobuf", Encoding::Protobuf),
];

/// Connect a session over WebSocket
///
/// Speaks the client protocol of Centrifugo, version 2, as the `centrifuge` client libraries do.
/// Messages are JSON, or protobuf with `cf_protocol=protobuf`, `format=protobuf` or the
/// subprotocol `centrifuge-protobuf`. With `cf_ws_frame_ping_pong=true` the node pings by
/// WebSocket frames. The client's first command says who it is and what it may do.
#[utoipa::path(
    get,
    path = "/connection/websocket",
    tag = "sessions",
    params(
        ("cf_protocol" = Option<String>, Query, description = "`json` or `protobuf`"),
        ("format" = Option<String>, Query, description = "The same"),
        ("cf_ws_frame_ping_pong" = Option<bool>, Query, description = "Whether the node pings by WebSocket frames instead of messages"),
    ),
    responses(
        (status = 101, description = "WebSocket from here on"),
        (status = 400, description = "The request is no handshake of WebSocket", body = crate::gateway::problem::Problem, content_type = "application/problem+json"),
        (status = 404, description = "Sessions are off", body = crate::gateway::problem::Problem, content_type = "application/problem+json"),
        (status = 429, description = "The address has as many sessions as one may have", body = crate::gateway::problem::Problem, content_type = "application/problem+json"),
        (status = 503, description = "The node has as many sessions as it may have", body = crate::gateway::problem::Problem, content_type = "application/problem+json"),
        (status = 426, description = "WebSocket of another version, or over another HTTP than 1.1", body = crate::gateway::problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn connect(
    State(context): State<Arc<Context>>,
    client: Client,
    parameters: Parameters,
    request: Request<axum::body::Body>,
) -> Result<Response, Rejection> {
    context.check_sessions()?;
    let headers = request.headers();
    let accept = accept(request.version(), headers)?;
    let offered = offered(headers);
    let encoding = match offered {
        Some((_, encoding)) => encoding,
        None => named(&parameters),
    };
    let has_native_pings = parameters.get("cf_ws_frame_ping_pong") == Some("true");
    let settings = context.sessions.settings();
    // Clients come back from an answer, and from the code that says the same they do not.
    let arrival = context.sessions.arrive(client.address);
    let start = Start {
        sessions: context.sessions.clone(),
        arrival: arrival.map_err(Rejection::no_place)?,
        encoding,
        has_native_pings,
        headers: seen_by_plugins(&settings.hook_headers, headers),
        settings,
    };
    let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
    let answer = response.headers_mut();
    answer.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    answer.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    answer.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    if let Some((protocol, _)) = offered {
        let protocol = HeaderValue::from_static(protocol);
        answer.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    let upgrade = Upgrade::to(move |io, read| Box::pin(start.begin(io).speak(read)));
    response.extensions_mut().insert(upgrade);
    Ok(response)
}

/// What is known of a session before it says anything.
struct Start {
    sessions: Sessions,
    settings: Arc<SessionsSettings>,
    arrival: Arrival,
    encoding: Encoding,
    has_native_pings: bool,
    headers: Vec<(String, String)>,
}

impl Start {
    fn begin(self, io: Box<dyn Io>) -> Conversation {
        let Self {
            sessions,
            settings,
            encoding,
            ..
        } = self;
        let spoken = Spoken {
            encoding,
            max_message: settings.max_message,
            native_pings: self.has_native_pings.then_some(settings.ping_interval),
        };
        let transport = Transport {
            variant: Variant {
                encoding,
                framing: Framing::WebSocket,
            },
            address: self.arrival.address(),
            headers: self.headers,
            pings: !self.has_native_pings,
            has_secret: false,
        };
        let queue = settings.queue_max_size;
        Conversation::begin(&sessions, self.arrival, transport, spoken, queue, io)
    }
}

/// Checks that the request is a handshake, and answers its key (RFC 6455, section 4.2).
fn accept(version: Version, headers: &HeaderMap) -> Result<HeaderValue, SessionRefusal> {
    if version != Version::HTTP_11 {
        return Err(SessionRefusal::UpgradeRequired(
            "WebSocket begins with a request of HTTP/1.1",
        ));
    }
    let has = |name, token: &str| {
        let values = headers.get_all(name).iter();
        let mut tokens = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        tokens.any(|has| has.trim().eq_ignore_ascii_case(token))
    };
    if !has(header::CONNECTION, "upgrade") || !has(header::UPGRADE, "websocket") {
        return Err(SessionRefusal::UpgradeRequired(
            "sessions come here by WebSocket: send `Connection: Upgrade` and `Upgrade: websocket`",
        ));
    }
    if !has(header::SEC_WEBSOCKET_VERSION, VERSION) {
        return Err(SessionRefusal::UpgradeRequired(
            "the version of WebSocket is 13: send `Sec-WebSocket-Version: 13`",
        ));
    }
    let mut keys = headers.get_all(header::SEC_WEBSOCKET_KEY).iter();
    let key = match (keys.next().map(HeaderValue::to_str), keys.next()) {
        (Some(Ok(key)), None) if is_key(key) => key,
        _ => return Err(SessionRefusal::Key),
    };
    HeaderValue::try_from(websocket::accept_key(key)).map_err(|_| SessionRefusal::Key)
}

/// Whether it is 16 bytes in base64 (RFC 6455, section 4.1).
fn is_key(key: &str) -> bool {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(key);
    bytes.is_ok_and(|bytes| bytes.len() == 16)
}

/// The first of the subprotocols offered that there is.
fn offered(headers: &HeaderMap) -> Option<(&'static str, Encoding)> {
    let values = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    let mut names = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    names.find_map(|name| {
        let known = PROTOCOLS.iter().find(|(known, _)| *known == name.trim());
        known.copied()
    })
}

/// How messages are written, by the parameters of the query.
fn named(parameters: &Parameters) -> Encoding {
    let is = |name| parameters.get(name) == Some("protobuf");
    match is("cf_protocol") || is("format") {
        true => Encoding::Protobuf,
        false => Encoding::Json,
    }
}

/// Those headers that plugins see when somebody connects.
pub(super) fn seen_by_plugins(named: &[String], headers: &HeaderMap) -> Vec<(String, String)> {
    let values = named.iter().flat_map(|name| {
        let values = headers.get_all(name).iter();
        let values = values.filter_map(|value| value.to_str().ok());
        values.map(move |value| (name.clone(), value.to_owned()))
    });
    values.collect()
}
