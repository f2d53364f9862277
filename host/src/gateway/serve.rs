//! Connections: accepts them within a bound, ends those that stall, and drains.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;

use super::{Gateway, GatewayLimits};

/// Pause after an accept that failed for lack of resources, so that the loop
/// does not spin until some are free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why a gateway stopped other than as asked.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// Requests were still in flight at the deadline and were cut off.
    #[error("{connections} connections were still busy after {} and were closed", humantime::format_duration(*.deadline))]
    DrainTimedOut {
        /// Connections that were cut off.
        connections: usize,
        /// Time that they had.
        deadline: Duration,
    },
}

impl Gateway {
    /// Serves connections of `listener` until `shutdown` is cancelled. Then it
    /// stops accepting, ends streams and waiters, and lets requests in flight
    /// finish for at most `drain`.
    ///
    /// # Errors
    /// [`GatewayError::DrainTimedOut`] if requests had to be cut off.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: CancellationToken,
        drain: Duration,
    ) -> Result<(), GatewayError> {
        let limits = &self.context.limits;
        let draining = &self.context.draining;
        let router = self.router();
        let permits = Arc::new(Semaphore::new(limits.connections));
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(ended) = connections.join_next() => log_panic(ended),
                (stream, permit) = accept(&listener, &permits) => {
                    let serving = serve_connection(
                        stream, router.clone(), draining.clone(), limits.clone(), permit,
                    );
                    connections.spawn(serving);
                }
            }
        }
        drop(listener);
        draining.cancel();
        let finished = async {
            while let Some(ended) = connections.join_next().await {
                log_panic(ended);
            }
        };
        if tokio::time::timeout(drain, finished).await.is_ok() {
            return Ok(());
        }
        let left = connections.len();
        connections.shutdown().await;
        Err(GatewayError::DrainTimedOut {
            connections: left,
            deadline: drain,
        })
    }
}

/// The next connection; takes the permit first, so that connections beyond the
/// bound wait in the listener's backlog.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> (TcpStream, OwnedSemaphorePermit) {
    let permit = Arc::clone(permits)
        .acquire_owned()
        .await
        .expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, permit),
            // Errors of one connection that was gone before it was accepted.
            Err(error) if is_of_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "cannot accept HTTP connections");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_of_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

async fn serve_connection(
    stream: TcpStream,
    router: Router,
    draining: CancellationToken,
    limits: GatewayLimits,
    _permit: OwnedSemaphorePermit,
) {
    // Small messages leave at once; a failure only costs latency.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(limits.write_stall));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .serve_connection(
            TokioIo::new(Box::pin(stream)),
            TowerToHyperService::new(router),
        );
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        biased;
        result = connection.as_mut() => result,
        () = draining.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "an HTTP connection ended early");
    }
}

fn log_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "an HTTP connection's task failed");
    }
}

#[cfg(test)]
mod tests;
