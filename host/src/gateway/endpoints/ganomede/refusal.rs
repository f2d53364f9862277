//! What can go wrong, and how the API says it: a code and a message.

use axum::Json;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::gateway::endpoints::channels::ChannelRefusal;
use crate::gateway::endpoints::publish::BodyError;
use crate::gateway::problem::whole_seconds;
use crate::gateway::rejection::Rejection;

/// Why a request is not answered as asked.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It does not show the secret.
    Secret,
    /// A parameter or a member is missing or not what it must be: in the words of the API.
    Invalid(&'static str),
    /// The same, where the API has no words for it.
    Content(String),
    /// There is no such thing.
    NotFound(String),
    /// The node that the channel lies on says no, and why.
    Told(StatusCode, String),
    /// What any request may be refused for.
    Rejected(Box<Rejection>),
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(Box::new(rejection))
    }
}

impl From<ChannelRefusal> for Refusal {
    fn from(refusal: ChannelRefusal) -> Self {
        Rejection::from(refusal).into()
    }
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        Rejection::from(error).into()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let retry_after = match &self {
            Self::Rejected(rejection) => rejection.retry_after(rejection.classify().0),
            _ => None,
        };
        let (status, message) = match self {
            Self::Secret => (StatusCode::UNAUTHORIZED, String::new()),
            Self::Invalid(message) => (StatusCode::BAD_REQUEST, message.to_owned()),
            Self::Content(message) => (StatusCode::BAD_REQUEST, message),
            Self::NotFound(message) => (StatusCode::NOT_FOUND, message),
            Self::Told(status, message) => (status, message),
            Self::Rejected(rejection) => (rejection.classify().0, rejection.to_string()),
        };
        let body = json!({"code": code(status), "message": message});
        let mut response = (status, Json(body)).into_response();
        if let Some(after) = retry_after {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, whole_seconds(after).into());
        }
        response
    }
}

/// What the API, or the library that it is made with, calls a status.
fn code(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "InvalidContent",
        StatusCode::UNAUTHORIZED => "InvalidCredentialsError",
        StatusCode::NOT_FOUND => "ResourceNotFound",
        StatusCode::METHOD_NOT_ALLOWED => "MethodNotAllowed",
        StatusCode::REQUEST_TIMEOUT => "RequestTimeout",
        StatusCode::CONFLICT => "Conflict",
        StatusCode::PAYLOAD_TOO_LARGE => "PayloadTooLarge",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "UnsupportedMediaType",
        StatusCode::TOO_MANY_REQUESTS => "TooManyRequests",
        StatusCode::SERVICE_UNAVAILABLE => "ServiceUnavailable",
        StatusCode::INSUFFICIENT_STORAGE => "InsufficientStorage",
        _ => "InternalServer",
    }
}

/// Answers to what is not there.
pub(super) async fn nothing_there(uri: Uri) -> Response {
    Refusal::NotFound(format!("{} does not exist", uri.path())).into_response()
}

/// Answers to what a route does not take.
pub(super) async fn method_not_allowed(method: Method, uri: Uri) -> Response {
    let path = uri.path().to_owned();
    Refusal::from(Rejection::MethodNotAllowed { method, path }).into_response()
}
