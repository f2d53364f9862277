//! The endpoint over `wasi:http`.

use std::time::Duration;

use wstd::http::error::ErrorCode;
use wstd::http::{Body, Client, Error};
use wstd::runtime::block_on;

use crate::delivery::{Endpoint, PostError};
use crate::request::Request;

/// With the pauses, [`MAX_ATTEMPTS`](crate::MAX_ATTEMPTS) of these must fit into
/// the manifest's `deadline`, or the host ends the event instead of this plugin.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Posts for real.
pub struct Http;

impl Endpoint for Http {
    fn post(&mut self, request: &Request) -> Result<u16, PostError> {
        let mut client = Client::new();
        client.set_connect_timeout(CONNECT_TIMEOUT);
        client.set_first_byte_timeout(ANSWER_TIMEOUT);
        let mut builder = wstd::http::Request::post(&request.url);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        let request = builder
            .body(Body::from(request.body.clone()))
            .map_err(|error| PostError::Refused(error.to_string()))?;
        // The body of the answer is nobody's concern; dropping it closes the stream.
        let response = block_on(client.send(request)).map_err(post_error)?;
        Ok(response.status().as_u16())
    }

    fn pause(&mut self, pause: Duration) {
        block_on(wstd::task::sleep(pause.into()));
    }
}

fn post_error(error: Error) -> PostError {
    let lasting = matches!(
        error.downcast_ref(),
        None | Some(
            ErrorCode::HttpRequestDenied
                | ErrorCode::HttpRequestUriInvalid
                | ErrorCode::HttpRequestMethodInvalid
        )
    );
    if lasting {
        PostError::Refused(format!("{error:#}"))
    } else {
        PostError::Connection(format!("{error:#}"))
    }
}
