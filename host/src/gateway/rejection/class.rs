//! What each refusal is over HTTP: status, kind and title of its problem.

use axum::http::StatusCode;

use super::Rejection;
use crate::access::Unauthenticated;
use crate::admin::PluginCommandError;
use crate::bus::PublishError;
use crate::gateway::endpoints::publish::{BodyError, EventError};
use crate::gateway::serve::hosts::HostError;

impl Rejection {
    /// The status, the kind and the title of the problem.
    pub(in crate::gateway) fn classify(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::NoRoute(_) => (StatusCode::NOT_FOUND, "no-route", "Not found"),
            Self::MethodNotAllowed { .. } => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "Method not allowed",
            ),
            Self::ForeignOrigin(_) => (
                StatusCode::FORBIDDEN,
                "foreign-origin",
                "Not from another origin",
            ),
            Self::Unencrypted => (StatusCode::BAD_REQUEST, "unencrypted", "Not encrypted"),
            Self::ManyHeaders(_) => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "many-headers",
                "Too many headers",
            ),
            Self::Unauthenticated(Unauthenticated::TooManyWrong { .. }) => (
                StatusCode::TOO_MANY_REQUESTS,
                "wrong-credentials",
                "Too many wrong credentials",
            ),
            Self::Unauthenticated(_) | Self::AccessEnded(_) => {
                (StatusCode::UNAUTHORIZED, "unauthenticated", "Who are you?")
            }
            Self::Forbidden { .. } => (StatusCode::FORBIDDEN, "forbidden", "Not allowed"),
            Self::OverBudget(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                "over-budget",
                "More than the roles allow",
            ),
            Self::TwoCredentials | Self::TokenNotHere => (
                StatusCode::BAD_REQUEST,
                "bad-credentials",
                "Credentials in the wrong place",
            ),
            Self::Host(HostError::Foreign(_)) => {
                (StatusCode::FORBIDDEN, "foreign-host", "Not under this name")
            }
            Self::Host(_) => (StatusCode::BAD_REQUEST, "bad-host", "Bad `Host`"),
            Self::Query(_) => (
                StatusCode::BAD_REQUEST,
                "bad-parameter",
                "Bad query parameter",
            ),
            Self::MediaType { .. } | Self::ContentEncoding(_) => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "Unsupported media type",
            ),
            Self::Body(BodyError::TooLarge { .. })
            | Self::Event {
                error: EventError::LongBatch { .. },
                ..
            }
            | Self::Publish {
                error: PublishError::TooLarge { .. },
                ..
            } => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Too large"),
            Self::Body(BodyError::Slow(_)) => {
                (StatusCode::REQUEST_TIMEOUT, "slow-body", "Body too slow")
            }
            Self::Body(BodyError::Broken(_)) => {
                (StatusCode::BAD_REQUEST, "broken-body", "Body not readable")
            }
            Self::Body(BodyError::Busy(_)) | Self::Busy { .. } => {
                (StatusCode::SERVICE_UNAVAILABLE, "busy", "Node at a limit")
            }
            Self::Body(BodyError::AddressBusy(_)) | Self::AddressBusy { .. } => (
                StatusCode::TOO_MANY_REQUESTS,
                "address-busy",
                "Address at a limit",
            ),
            Self::Event { .. } | Self::Publish { .. } => {
                (StatusCode::BAD_REQUEST, "bad-event", "Bad event")
            }
            Self::Channel(refusal) => refusal.classify(),
            Self::Session(refusal) => refusal.classify(),
            Self::Plugin(PluginCommandError::NotFound(_)) => {
                (StatusCode::NOT_FOUND, "no-plugin", "No such plugin")
            }
            Self::Plugin(PluginCommandError::Failed(_)) => {
                (StatusCode::CONFLICT, "plugin-failed", "Command failed")
            }
            Self::PluginSlow { .. } => (
                StatusCode::GATEWAY_TIMEOUT,
                "plugin-slow",
                "Command not done in time",
            ),
            Self::Starting => (StatusCode::SERVICE_UNAVAILABLE, "starting", "Not ready yet"),
            Self::Troubled(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unhealthy",
                "A part of the node fails",
            ),
            Self::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining", "Shutting down"),
            Self::WaitTimedOut(_) => (
                StatusCode::GATEWAY_TIMEOUT,
                "wait-timed-out",
                "No such event in time",
            ),
            Self::ClientGone => (StatusCode::REQUEST_TIMEOUT, "client-gone", "Client gone"),
            Self::Internal => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "Internal error",
            ),
        }
    }
}
