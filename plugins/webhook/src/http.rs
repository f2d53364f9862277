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
        // No `content-length`: the host would close the body's stream at the last byte,
        // which looks like a broken connection from here.
        let request = builder
            .body(Body::from(request.body.clone()))
            .map_err(|error| PostError::Refused(error.to_string()))?;
        // The body of the answer is nobody's concern; dropping it closes the stream.
        let response = block_on(client.send(request)).map_err(post_error)?;
        Ok(response.status().as_u16())
    }

    fn pause(&mut self, pause: Duration) {
        // The timer has to be made within the runtime.
        block_on(async { wstd::task::sleep(pause.into()).await });
    }
}

fn post_error(error: Error) -> PostError {
    match error.downcast_ref() {
        Some(ErrorCode::HttpRequestDenied) => {
            return PostError::Refused(
                "its host is not allowed; add it to `[allow] http` of the manifest".to_owned(),
            );
        }
        Some(ErrorCode::DestinationIpProhibited) => {
            return PostError::Refused(
                "its host is in a private network; say so in `[allow] http` of the manifest: \
                 \"HOST private\""
                    .to_owned(),
            );
        }
        Some(ErrorCode::HttpRequestUriInvalid) => {}
        // The body's stream ends with an I/O error when the connection breaks.
        None if !error.is::<std::io::Error>() => {}
        _ => return PostError::Connection(format!("{error:#}")),
    }
    PostError::Refused(format!("{error:#}"))
}
