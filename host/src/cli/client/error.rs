//! Why a node did not do what it was asked to.

use std::error::Error;
use std::fmt::Write;
use std::io;
use std::path::PathBuf;

use reqwest::{StatusCode, Url};
use rustls::CertificateError;
use serde::Deserialize;

use crate::tls::PemError;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum ClientError {
    /// The address of the node makes no sense.
    #[error(
        "`{host}` is not the address of a node: {reason}; give --host (or HEARKEN_HOST) a URL, \
         e.g. http://127.0.0.1:7070"
    )]
    BadHost { host: String, reason: String },
    /// The file of the key cannot be read.
    #[error("cannot read the key in {}: {source}; name its file with --key-file", path.display())]
    KeyFile { path: PathBuf, source: io::Error },
    /// There is no key where one is named.
    #[error(
        "{place} holds no key: that is one line, as `hearken access key` prints it, or a token"
    )]
    BadKey {
        /// The file or the variable.
        place: String,
    },
    /// The key would be sent for all to read.
    #[error(
        "the key in {place} is not sent to {host}, since anybody on the way could read it; use an \
         https:// address, or in a network that you trust --allow-plaintext"
    )]
    Plaintext {
        host: String,
        /// The file or the variable.
        place: String,
    },
    /// The files of certificates cannot be used.
    #[error(transparent)]
    Certificate(PemError),
    /// What answers there is not trusted, or does not trust.
    #[error("{host} is not trusted: {reason}")]
    Untrusted { host: String, reason: String },
    /// Nobody answers there.
    #[error(
        "cannot reach {host}: {reason}; is a node running? start one with `hearken run`, or \
         name another with --host"
    )]
    Unreachable { host: String, reason: String },
    /// It took too long.
    #[error(
        "{host} was reached but did not answer in time; is it overloaded? try again, or look at its log"
    )]
    Silent { host: String },
    /// The connection broke.
    #[error("the connection to {host} broke: {reason}; look at the node's log and try again")]
    Broken { host: String, reason: String },
    /// The node says no.
    #[error("{host} answered {status}: {explanation}")]
    Refused {
        host: String,
        status: StatusCode,
        /// The kind of problem, where it says one.
        kind: Option<String>,
        explanation: String,
    },
    /// The answer is not understood.
    #[error("{host} answered something unexpected ({source}); is it a Hearken node of this version ({})?", env!("CARGO_PKG_VERSION"))]
    BadAnswer {
        host: String,
        source: serde_json::Error,
    },
    /// The node ended a stream.
    #[error(
        "{host} ended the stream, as a node does when it shuts down; run the command again once it is back"
    )]
    StreamEnded { host: String },
    /// Whoever listens may not any more.
    #[error(
        "{host} ended the stream{}; listen again with other credentials",
        reason.as_deref().map_or_else(String::new, |reason| format!(": {reason}"))
    )]
    AccessEnded {
        host: String,
        reason: Option<String>,
    },
    /// Events came faster than they were read.
    #[error(
        "{host} ended the stream because events came faster than they were read{}; narrow the \
         pattern, or read faster",
        dropped.map_or_else(String::new, |dropped| format!(" ({dropped} were not sent)"))
    )]
    StreamOverflowed { host: String, dropped: Option<u64> },
}

/// RFC 9457, as far as it is shown.
#[derive(Deserialize)]
struct Problem {
    #[serde(rename = "type")]
    kind: Option<String>,
    title: Option<String>,
    detail: Option<String>,
    #[serde(default)]
    errors: Vec<ProblemError>,
}

/// One part of a request at fault.
#[derive(Deserialize)]
struct ProblemError {
    detail: String,
    parameter: Option<String>,
    header: Option<String>,
    pointer: Option<String>,
}

impl ClientError {
    /// Whether something else was expected of a channel: another last event.
    pub(in crate::cli) fn is_conflict(&self) -> bool {
        let conflict = "urn:hearken:problem:conflict";
        matches!(self, Self::Refused { kind: Some(kind), .. } if kind == conflict)
    }

    /// Whether what was asked for may be done, or may be done if it is asked for again.
    pub(in crate::cli) fn may_be_repeated(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Silent { .. } | Self::Broken { .. } => true,
            Self::Refused { status, .. } => *status == StatusCode::SERVICE_UNAVAILABLE,
            _ => false,
        }
    }

    /// The error for a request that got no answer.
    pub(super) fn transport(base: &Url, error: &reqwest::Error) -> Self {
        let host = shown(base);
        if let Some(reason) = distrust(error) {
            return Self::Untrusted { host, reason };
        }
        if error.is_builder() {
            // Nothing else is set that could be wrong.
            let reason = format!(
                "the authorities that this machine trusts cannot be used ({}); name one with --ca \
                 (or HEARKEN_CA)",
                root_cause(error)
            );
            return Self::Untrusted { host, reason };
        }
        match () {
            () if error.is_connect() => Self::Unreachable {
                host,
                reason: if error.is_timeout() {
                    "no connection in time".to_owned()
                } else {
                    root_cause(error)
                },
            },
            () if error.is_timeout() => Self::Silent { host },
            () => Self::Broken {
                host,
                reason: root_cause(error),
            },
        }
    }

    /// The error for an answer that is not a success.
    pub(super) fn refused(base: &Url, status: StatusCode, body: &[u8]) -> Self {
        let mut problem: Option<Problem> = serde_json::from_slice(body).ok();
        let kind = problem.as_mut().and_then(|problem| problem.kind.take());
        let explanation = problem.and_then(explain);
        Self::Refused {
            host: shown(base),
            status,
            kind,
            explanation: explanation.unwrap_or_else(|| unexplained(body)),
        }
    }
}

/// The node's URL as a person writes it.
pub(super) fn shown(base: &Url) -> String {
    base.as_str().trim_end_matches('/').to_owned()
}

fn explain(problem: Problem) -> Option<String> {
    // A single error is what the detail says already; its place may be news.
    let detail = problem.detail.clone();
    let mut text = match (problem.title, problem.detail) {
        (Some(title), Some(detail)) => format!("{title}: {detail}"),
        (Some(text), None) | (None, Some(text)) => text,
        (None, None) => return None,
    };
    for error in problem.errors {
        let places = [error.parameter, error.header, error.pointer];
        let place = places.into_iter().flatten().next();
        let said = detail.as_deref() == Some(error.detail.as_str());
        let _ = match (place, said) {
            (Some(place), true) => write!(text, " (at {place})"),
            (None, true) => Ok(()),
            (Some(place), false) => write!(text, "\n  {place}: {}", error.detail),
            (None, false) => write!(text, "\n  {}", error.detail),
        };
    }
    Some(text)
}

fn unexplained(body: &[u8]) -> String {
    /// Characters of a foreign answer that are shown.
    const SHOWN: usize = 200;
    let text = String::from_utf8_lossy(body);
    let start: String = text.trim().chars().take(SHOWN).collect();
    if start.is_empty() {
        "no explanation; is it a Hearken node?".to_owned()
    } else {
        format!("{start:?}; is it a Hearken node?")
    }
}

/// Why a connection could not be secured, if that is what went wrong.
fn distrust(error: &(dyn Error + 'static)) -> Option<String> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        // An error of the system holds the one of TLS, and is none of its causes.
        let within = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        let tls = error.downcast_ref::<rustls::Error>();
        let tls = tls.or_else(|| within.and_then(|within| within.downcast_ref()));
        if let Some(tls) = tls {
            return Some(match tls {
                rustls::Error::InvalidCertificate(
                    CertificateError::UnknownIssuer | CertificateError::BadSignature,
                ) => "its certificate is of an authority that is not trusted here; name that with \
                      --ca (or HEARKEN_CA)"
                    .to_owned(),
                rustls::Error::InvalidMessage(_) => {
                    "it does not speak TLS; is it an http:// address?".to_owned()
                }
                rustls::Error::AlertReceived(alert) => {
                    format!("it refuses this client ({alert:?}); is --cert one of its authority?")
                }
                other => other.to_string(),
            });
        }
        cause = within.map_or_else(|| error.source(), |within| Some(within as _));
    }
    None
}

/// The innermost cause, which is the one that a person can act on.
fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    match cause.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(kind @ (io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset)) => {
            kind.to_string()
        }
        _ => cause.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(problem: serde_json::Value) -> String {
        explain(serde_json::from_value(problem).unwrap()).unwrap()
    }

    #[test]
    fn only_another_last_event_is_a_conflict() {
        let base = Url::parse("http://127.0.0.1:7070").unwrap();
        for (kind, is_conflict) in [("conflict", true), ("exists", false)] {
            let body = serde_json::json!({
                "type": format!("urn:hearken:problem:{kind}"),
                "title": "t",
                "detail": "d",
            });
            let body = body.to_string();
            let refused =
                ClientError::refused(&base, StatusCode::PRECONDITION_FAILED, body.as_bytes());
            assert_eq!(refused.is_conflict(), is_conflict, "{kind}");
            assert!(refused.to_string().ends_with("t: d"), "{refused}");
        }
    }

    #[test]
    fn what_an_error_repeats_is_said_once() {
        let problem = serde_json::json!({
            "title": "bad event",
            "detail": "the type is empty",
            "errors": [{"detail": "the type is empty", "pointer": "#/type"}],
        });
        assert_eq!(
            explained(problem),
            "bad event: the type is empty (at #/type)"
        );
        let problem = serde_json::json!({
            "title": "bad event",
            "detail": "two mistakes",
            "errors": [{"detail": "one", "header": "ce-id"}, {"detail": "two"}],
        });
        assert_eq!(
            explained(problem),
            "bad event: two mistakes\n  ce-id: one\n  two"
        );
    }
}
