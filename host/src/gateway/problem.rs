//! Problem details (RFC 9457) on the wire.

use std::time::Duration;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Media type of every error.
pub(super) const PROBLEM_CONTENT_TYPE: &str = "application/problem+json";

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// What kind of problem, e.g. `urn:hearken:problem:bad-event`; stable.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The response's status.
    pub status: u16,
    /// What was wrong this time, where, and what to do.
    pub detail: String,
    /// The right that is missing, e.g. `publish custom.shop.paid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub right: Option<String>,
    /// Number of the last event of the channel, where another was expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<u64>,
    /// Which log the channel has, where another was meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,
    /// Numbers of the events that cannot be read; those after them can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damaged: Option<Numbers>,
    /// The parts of the request at fault, where they can be told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProblemError>,
}

/// Numbers of events that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Numbers {
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
}

/// One part of a request at fault; exactly one of the places is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemError {
    /// What is wrong with it.
    pub detail: String,
    /// A query parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// A request header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// A member of the body, as a JSON Pointer fragment (RFC 6901), e.g. `#/0/type`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
}

/// A time as `Retry-After` has it: never too early.
pub(super) fn whole_seconds(after: Duration) -> u64 {
    let seconds = after.as_millis().div_ceil(1000).max(1);
    u64::try_from(seconds).unwrap_or(u64::MAX)
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = axum::http::StatusCode::from_u16(self.status)
            .expect("made from a status by the only constructor");
        let body = serde_json::to_vec(&self).expect("strings and a number");
        let content_type = HeaderValue::from_static(PROBLEM_CONTENT_TYPE);
        (status, [(header::CONTENT_TYPE, content_type)], body).into_response()
    }
}
