//! What each operation needs: one table, which requests are checked by and which the document
//! shows.

use axum::http::Method;

/// What whoever asks has to be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gateway) enum Right {
    /// Nothing: nobody is asked who they are.
    Open,
    /// Nothing, but who they are is of interest.
    Known,
    /// To publish, which is checked by the events.
    Publish,
    /// To hear, which is checked by the pattern.
    Listen,
    /// To append, which is checked by the channel.
    Append,
    /// To read, which is checked by the channel.
    Read,
    /// To see the node.
    Observe,
    /// To command the node.
    Operate,
    /// What a server of an application asks for, which is checked by the method.
    ServerApi,
    /// A session, which is asked who it is by its own commands.
    Session,
}

impl Right {
    /// As the document has it, in `x-right`.
    pub(in crate::gateway) fn as_str(self) -> &'static str {
        match self {
            Self::Open | Self::Known => "none",
            Self::Publish => "publish",
            Self::Listen => "listen",
            Self::Append => "append",
            Self::Read => "read",
            Self::Observe => "observe",
            Self::Operate => "operate",
            Self::ServerApi => "server-api",
            Self::Session => "session",
        }
    }

    /// Whether a browser cannot always give a request of this method headers, so that a token
    /// may stand in its query. What changes something is never such a request.
    pub(in crate::gateway) fn takes_token_in_query(self, method: &Method) -> bool {
        matches!(self, Self::Listen | Self::Read) && [Method::GET, Method::HEAD].contains(method)
    }
}

/// Every operation, in the order of the document.
const RIGHTS: [(&str, &str, Right); 51] = [
    ("POST", "/v1/events", Right::Publish),
    ("GET", "/v1/events", Right::Listen),
    ("GET", "/v1/wait", Right::Listen),
    ("GET", "/v1/channels", Right::Observe),
    ("GET", "/v1/channels/{name}", Right::Observe),
    ("PUT", "/v1/channels/{name}", Right::Operate),
    ("DELETE", "/v1/channels/{name}", Right::Operate),
    ("POST", "/v1/channels/{name}/events", Right::Append),
    ("GET", "/v1/channels/{name}/events", Right::Read),
    ("GET", "/v1/channels/{name}/events/{sequence}", Right::Read),
    ("GET", "/v1/channels/{name}/latest", Right::Read),
    ("GET", "/v1/channels/{name}/cursors/{client}", Right::Read),
    ("PUT", "/v1/channels/{name}/cursors/{client}", Right::Read),
    (
        "DELETE",
        "/v1/channels/{name}/cursors/{client}",
        Right::Read,
    ),
    ("PUT", "/v1/channels/{name}/indexes/{index}", Right::Operate),
    (
        "GET",
        "/v1/channels/{name}/indexes/{index}/{value}",
        Right::Read,
    ),
    ("POST", "/v1/channels/{name}/trim", Right::Operate),
    ("POST", "/v1/channels/{name}/verify", Right::Operate),
    ("POST", "/v1/channels/{name}/repair", Right::Operate),
    (
        "POST",
        "/v1/channels/{name}/consumers/{plugin}/retry",
        Right::Operate,
    ),
    (
        "POST",
        "/v1/channels/{name}/consumers/{plugin}/seek",
        Right::Operate,
    ),
    (
        "DELETE",
        "/v1/channels/{name}/consumers/{plugin}",
        Right::Operate,
    ),
    ("GET", "/v1/plugins", Right::Observe),
    ("GET", "/v1/plugins/{name}", Right::Observe),
    ("POST", "/v1/plugins/{name}/reload", Right::Operate),
    ("POST", "/v1/plugins/{name}/pause", Right::Operate),
    ("POST", "/v1/plugins/{name}/resume", Right::Operate),
    ("POST", "/v1/plugins/{name}/replay", Right::Operate),
    ("DELETE", "/v1/plugins/{name}/replay", Right::Operate),
    ("GET", "/v1/nodes", Right::Observe),
    ("GET", "/v1/whoami", Right::Known),
    ("GET", "/connection/websocket", Right::Session),
    ("POST", "/connection/http_stream", Right::Session),
    ("GET", "/connection/sse", Right::Session),
    ("POST", "/connection/sse", Right::Session),
    ("GET", "/connection/uni_sse", Right::Session),
    ("POST", "/connection/uni_sse", Right::Session),
    ("GET", "/connection/uni_http_stream", Right::Session),
    ("POST", "/connection/uni_http_stream", Right::Session),
    ("POST", "/emulation", Right::Session),
    ("GET", "/v1/sessions", Right::Observe),
    ("POST", "/v1/sessions/messages", Right::Operate),
    ("POST", "/v1/sessions/disconnect", Right::Operate),
    ("GET", "/v1/sessions/{id}", Right::Observe),
    ("DELETE", "/v1/sessions/{id}", Right::Operate),
    ("POST", "/v1/sessions/{id}/messages", Right::Operate),
    ("POST", "/api/{method}", Right::ServerApi),
    ("GET", "/livez", Right::Open),
    ("GET", "/readyz", Right::Open),
    ("GET", "/metrics", Right::Observe),
    ("GET", "/openapi.json", Right::Open),
];

/// What the operation on this route needs; `None` if there is no such operation.
pub(in crate::gateway) fn right(method: &Method, route: &str) -> Option<Right> {
    let is_head = *method == Method::HEAD;
    let method = match *method {
        // Answered as the other, without its body.
        Method::HEAD => Method::GET.as_str(),
        ref method => method.as_str(),
    };
    let operation = RIGHTS
        .iter()
        .find(|(its_method, its_route, _)| *its_route == route && *its_method == method);
    let right = operation.map(|(_, _, right)| *right);
    // There is nothing of a session before it is connected.
    right.filter(|right| !(is_head && *right == Right::Session))
}
