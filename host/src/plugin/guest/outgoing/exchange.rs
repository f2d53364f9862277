//! A request and its answer over a connection.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::connector::Stream;
use super::metered::Metered;
use super::traffic::Traffic;

/// How long a guest waits for each step unless it says otherwise; its own deadline ends
/// before.
const MAX_TIMEOUT: Duration = Duration::from_secs(600);

/// What drives a connection; nothing comes of it but its end.
pub(super) type Driving = Box<dyn Future<Output = Result<(), Error>> + Send>;

/// How long each step may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    pub(super) connect: Duration,
    first_byte: Duration,
    between_bytes: Duration,
}

impl Timeouts {
    pub(super) fn of(options: Option<RequestOptions>) -> Self {
        let options = options.unwrap_or_default();
        // A time-out of nothing would end before it has begun.
        let bounded = |time: Option<Duration>| {
            let time = time.unwrap_or(MAX_TIMEOUT);
            time.clamp(Duration::from_millis(1), MAX_TIMEOUT)
        };
        Self {
            connect: bounded(options.connect_timeout),
            first_byte: bounded(options.first_byte_timeout),
            between_bytes: bounded(options.between_bytes_timeout),
        }
    }
}

/// Sends a request; returns the answer, whose body comes as long as the connection is
/// driven.
pub(super) async fn exchange(
    stream: Box<dyn Stream>,
    request: http::Request<WasiBody>,
    traffic: &Arc<Traffic>,
    timeouts: Timeouts,
) -> Result<(http::Response<WasiBody>, Driving), Error> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = request.map(|body| Metered::sent(body, Arc::clone(traffic)));
    let mut connection = Box::pin(connection);
    let mut has_ended = false;
    let mut answer = pin!(timeout(timeouts.first_byte, sender.send_request(request)));
    let answer = tokio::select! {
        answer = &mut answer => answer,
        ended = &mut connection => {
            ended?;
            has_ended = true;
            // It may have come with the connection's end.
            answer.await
        }
    };
    let answer = answer.map_err(|_| Error::ConnectionReadTimeout)??;
    let answer = answer.map(|body| {
        let body = Metered::received(body, Arc::clone(traffic), timeouts.between_bytes);
        body.boxed_unsync()
    });
    let driving: Driving = Box::new(async move {
        match has_ended {
            true => Ok(()),
            false => connection.await.map_err(Error::from),
        }
    });
    Ok((answer, driving))
}
