//! What is answered in the place of a session over an answer that does not end, as it is
//! described to clients. A rejection is what is answered.

use utoipa::IntoResponses;

use crate::gateway::problem::Problem;

/// Where the query connects it.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it is a description alone")]
pub(super) enum NotBegunByQuery {
    /// Sessions are off
    #[response(status = 404, content_type = "application/problem+json")]
    Off(Problem),
    /// The address has as many sessions as one may have or, but for HTTP/1.1, streams
    #[response(status = 429, content_type = "application/problem+json")]
    Share(Problem),
    /// Shutting down, or the node has as many sessions as it may have or, but for HTTP/1.1,
    /// streams
    #[response(status = 503, content_type = "application/problem+json")]
    Full(Problem),
}

/// Where a body does.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it is a description alone")]
pub(super) enum NotBegunByBody {
    /// Sessions are off
    #[response(status = 404, content_type = "application/problem+json")]
    Off(Problem),
    /// The body came too slowly
    #[response(status = 408, content_type = "application/problem+json")]
    Slow(Problem),
    /// Body larger than `sessions.max_message`
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Problem),
    /// Too much of one address is in memory, or it has as many sessions as one may have or, but
    /// for HTTP/1.1, streams
    #[response(status = 429, content_type = "application/problem+json")]
    Share(Problem),
    /// Shutting down, or too many bodies are in memory, or the node has as many sessions as it
    /// may have or, but for HTTP/1.1, streams
    #[response(status = 503, content_type = "application/problem+json")]
    Full(Problem),
}
