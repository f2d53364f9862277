//! What can go wrong with a request, and the one place where that becomes an
//! HTTP status (`class`).

mod class;

use std::any::Any;
use std::time::Duration;

use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::endpoints::channels::ChannelRefusal;
use super::endpoints::publish::{BodyError, EventError, JSON_TYPES};
use super::endpoints::session::SessionRefusal;
use super::pointer::{header_of, pointer};
use super::problem::{Problem, ProblemError, whole_seconds};
use super::query::QueryError;
use super::serve::hosts::HostError;
use super::serve::slots::Full;
use crate::access::{Ended, Forbidden, RetryAfter, Unauthenticated};
use crate::admin::{PluginCommandError, Trouble};
use crate::bus::PublishError;
use crate::panics::panic_text;
use crate::session::NoPlace;

/// Time after which a client may try again when the node is at a bound.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What may be tried again as it was.
const RETRIED: [StatusCode; 2] = [
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::TOO_MANY_REQUESTS,
];

/// Why a request is not answered as asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum Rejection {
    #[error("there is nothing at `{0}`; `/openapi.json` lists what there is")]
    NoRoute(String),
    #[error("`{path}` does not take {method}; the `Allow` header lists what it takes")]
    MethodNotAllowed { method: Method, path: String },
    #[error(
        "the request comes from a web page of another origin, `{0}`; pages can use this node only from its own address and from `access.allowed_origins`"
    )]
    ForeignOrigin(String),
    #[error(
        "this port speaks HTTPS, and the request came unencrypted; write `https://` in place of `http://`"
    )]
    Unencrypted,
    #[error("the request has more than {0} headers")]
    ManyHeaders(usize),
    #[error(transparent)]
    Unauthenticated(#[from] Unauthenticated),
    #[error("{0}; ask again with other credentials")]
    AccessEnded(Ended),
    #[error("{}{forbidden}", place(*at))]
    Forbidden {
        /// Position in a batch.
        at: Option<usize>,
        forbidden: Forbidden,
    },
    #[error(transparent)]
    OverBudget(#[from] RetryAfter),
    #[error(
        "the request has more than one credential; send one, in the header `Authorization` or, for streams, waits and reads, in the parameter `access_token`"
    )]
    TwoCredentials,
    #[error(
        "`access_token` may be in the query only of streams, waits and reads of channels, since queries are logged on the way; send `Authorization: Bearer …`"
    )]
    TokenNotHere,
    #[error(transparent)]
    Host(HostError),
    #[error(transparent)]
    Query(#[from] QueryError),
    #[error(
        "the body's media type is {given}; send {JSON_TYPES}, or a CloudEvent in `ce-` headers"
    )]
    MediaType { given: String },
    #[error("the body is encoded as `{0}`; send it without `content-encoding`")]
    ContentEncoding(String),
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error("{}{error}", place(*at))]
    Event {
        /// Position in a batch.
        at: Option<usize>,
        error: EventError,
    },
    #[error("{}{error}", place(*at))]
    Publish {
        /// Position in a batch.
        at: Option<usize>,
        /// Whether the attributes came in headers.
        binary: bool,
        error: PublishError,
    },
    #[error(transparent)]
    Channel(Box<ChannelRefusal>),
    #[error(transparent)]
    Session(#[from] SessionRefusal),
    #[error(transparent)]
    Plugin(#[from] PluginCommandError),
    #[error("the command on plugin `{plugin}` was not done within {}", humantime::format_duration(*.within))]
    PluginSlow { plugin: String, within: Duration },
    #[error("all {limit} {what} of this node are taken; try again later")]
    Busy { what: &'static str, limit: usize },
    #[error(
        "your address has {limit} {what}, which is all that one address may have; end some, or try again later"
    )]
    AddressBusy { what: &'static str, limit: usize },
    #[error("the node's plugins are not loaded yet; try again in a moment")]
    Starting,
    #[error("{}", told(.0))]
    Troubled(Vec<Trouble>),
    #[error("the node is shutting down")]
    Draining,
    #[error("no such event was published within {}", humantime::format_duration(*.0))]
    WaitTimedOut(Duration),
    #[error("the client went away")]
    ClientGone,
    #[error("the request failed through a fault of the node; its log says more")]
    Internal,
}

fn place(at: Option<usize>) -> String {
    at.map_or_else(String::new, |at| format!("event {at} of the batch: "))
}

fn told(troubles: &[Trouble]) -> String {
    let told = |trouble: &Trouble| {
        let Trouble {
            part,
            reason,
            since,
        } = trouble;
        format!("{part} has not worked since {since}: {reason}")
    };
    troubles.iter().map(told).collect::<Vec<_>>().join("; ")
}

impl Rejection {
    /// There is no place among `what`.
    pub(super) fn full(what: &'static str, full: Full) -> Self {
        match full {
            Full::All { limit } => Self::Busy { what, limit },
            Full::Address { limit } => Self::AddressBusy { what, limit },
        }
    }

    /// There is no place for another session.
    pub(super) fn no_place(no_place: NoPlace) -> Self {
        let full = match no_place {
            NoPlace::Node { limit } => Full::All { limit },
            NoPlace::Address { limit } => Full::Address { limit },
        };
        Self::full("sessions", full)
    }

    /// The same of an event at this position of a batch.
    pub(super) fn of_event(self, at: usize) -> Self {
        match self {
            Self::Forbidden { forbidden, .. } => Self::Forbidden {
                at: Some(at),
                forbidden,
            },
            other => other,
        }
    }

    /// The right that is missing.
    fn right(&self) -> Option<String> {
        match self {
            Self::Forbidden { forbidden, .. } => Some(forbidden.right.clone()),
            _ => None,
        }
    }

    /// What is wrong with a request on a channel.
    fn channel(&self) -> Option<&ChannelRefusal> {
        let Self::Channel(refusal) = self else {
            return None;
        };
        Some(refusal)
    }

    /// When a client may try again.
    pub(super) fn retry_after(&self, status: StatusCode) -> Option<Duration> {
        match self {
            Self::Unauthenticated(Unauthenticated::TooManyWrong { retry_after }) => {
                Some(*retry_after)
            }
            Self::OverBudget(over) => Some(over.after()),
            _ if RETRIED.contains(&status) => Some(RETRY_AFTER),
            _ => None,
        }
    }

    /// The parts of the request at fault.
    fn errors(&self) -> Vec<ProblemError> {
        let error = match self {
            Self::Channel(refusal) => return refusal.error().into_iter().collect(),
            Self::Query(error) => ProblemError {
                detail: error.to_string(),
                parameter: error.parameter().map(str::to_owned),
                ..ProblemError::default()
            },
            Self::Event { at, error } => ProblemError {
                detail: error.to_string(),
                header: error.header(),
                pointer: error.member().map(|member| pointer(*at, Some(member))),
                ..ProblemError::default()
            },
            Self::Forbidden {
                at: Some(at),
                forbidden,
            } => ProblemError {
                detail: forbidden.to_string(),
                pointer: Some(pointer(Some(*at), None)),
                ..ProblemError::default()
            },
            Self::Publish { at, binary, error } => {
                let attribute = match error {
                    PublishError::Draft(error) => error.attribute(),
                    PublishError::OfChannel(_) => Some("channel"),
                    PublishError::TooLarge { .. } => None,
                };
                let known = at.is_some() || attribute.is_some();
                ProblemError {
                    detail: error.to_string(),
                    header: attribute.filter(|_| *binary).map(header_of),
                    pointer: (known && !binary).then(|| pointer(*at, attribute)),
                    ..ProblemError::default()
                }
            }
            _ => return Vec::new(),
        };
        let located = error.parameter.is_some() || error.header.is_some();
        if located || error.pointer.is_some() {
            vec![error]
        } else {
            Vec::new()
        }
    }
}

impl From<ChannelRefusal> for Rejection {
    fn from(refusal: ChannelRefusal) -> Self {
        Self::Channel(Box::new(refusal))
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let (status, kind, title) = self.classify();
        let problem = Problem {
            kind: format!("urn:hearken:problem:{kind}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: self.to_string(),
            right: self.right(),
            last: self.channel().and_then(ChannelRefusal::last),
            epoch: self.channel().and_then(ChannelRefusal::epoch),
            damaged: self.channel().and_then(ChannelRefusal::damaged),
            errors: self.errors(),
        };
        let mut response = problem.into_response();
        let headers = response.headers_mut();
        if let Some(after) = self.retry_after(status) {
            headers.insert(header::RETRY_AFTER, whole_seconds(after).into());
        }
        if status == StatusCode::UNAUTHORIZED {
            // RFC 6750, section 3.
            let bearer = HeaderValue::from_static("Bearer");
            headers.insert(header::WWW_AUTHENTICATE, bearer);
        }
        // What would have been taken, in the headers made for telling it.
        match self {
            Self::Session(refusal) => refusal.tell(headers),
            Self::MediaType { .. } => {
                headers.insert("accept-post", HeaderValue::from_static(JSON_TYPES));
            }
            Self::ContentEncoding(_) => {
                headers.insert(
                    header::ACCEPT_ENCODING,
                    HeaderValue::from_static("identity"),
                );
            }
            _ => {}
        }
        response
    }
}

/// Turns a handler's panic into a response.
#[expect(clippy::needless_pass_by_value, reason = "the signature of the layer")]
pub(super) fn panicked(payload: Box<dyn Any + Send>) -> Response {
    let message = panic_text(&*payload);
    tracing::error!(message, "a request handler panicked");
    Rejection::Internal.into_response()
}
