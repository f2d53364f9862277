//! What it takes to serve the requests of connections, by whatever version of HTTP.

use std::convert::Infallible;
use std::fmt::Display;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use tokio::time::{Instant, sleep, timeout_at};
use tower::ServiceExt;

use super::connection::{Connection, Stage};
use crate::gateway::context::Context;

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// By itself, or idle.
    Done,
    /// It was cut at this stage because the node stopped.
    Cut(Stage),
}

impl Ended {
    /// By itself.
    pub(super) fn by_itself(result: Result<(), impl Display>) -> Self {
        if let Err(error) = result {
            tracing::debug!(%error, "an HTTP connection ended early");
        }
        Self::Done
    }
}

/// What it takes to serve requests.
pub(super) struct Requests {
    pub(super) context: Arc<Context>,
    pub(super) router: Router,
    /// When connections of a draining gateway are cut, whatever they are at.
    deadline: OnceLock<Instant>,
}

impl Requests {
    /// Has requests answered by `router`.
    pub(super) fn new(context: Arc<Context>, router: Router) -> Self {
        Self {
            context,
            router,
            deadline: OnceLock::new(),
        }
    }

    /// Has the gateway drain, and connections cut at `deadline`.
    pub(super) fn drain(&self, deadline: Instant) {
        // Set before it is looked at.
        let _ = self.deadline.set(deadline);
        self.context.drain();
    }

    /// Waits until a connection of a draining gateway is to be cut: at the deadline, or when
    /// it is its client that is waited for, and that does not move for a while. A head has
    /// no longer than that to come whole, since it would be refused, and a stream, which has
    /// ended by then, to be written. `stage` says how far the connection is.
    pub(super) async fn give_up(
        &self,
        connection: &Connection,
        stage: impl Fn() -> Stage,
    ) -> Stage {
        let grace = self.context.limits.grace;
        let deadline = self.deadline.get().copied();
        let mut deadline = deadline.expect("known before the gateway drains");
        let was_stream = stage() == Stage::Streaming;
        if was_stream {
            deadline = deadline.min(Instant::now() + 2 * grace);
        }
        let mut moved = connection.moved();
        while timeout_at(deadline, sleep(grace)).await.is_ok() {
            let before = std::mem::replace(&mut moved, connection.moved());
            let stage = stage();
            // What is spoken over an upgraded connection ends it in its own way.
            let is_client_waited_for = !matches!(stage, Stage::Working | Stage::Upgraded);
            if stage == Stage::Head || (before == moved && is_client_waited_for) {
                break;
            }
        }
        if was_stream {
            Stage::Streaming
        } else {
            stage()
        }
    }
}

/// Answers one request.
pub(super) async fn respond(
    router: Router,
    connection: Arc<Connection>,
    request: Request<Incoming>,
) -> Result<Response, Infallible> {
    /// Marks the end of the work, however it ends.
    struct Work(Arc<Connection>);

    impl Drop for Work {
        fn drop(&mut self) {
            self.0.answer();
        }
    }

    connection.begin();
    let mut request = request.map(axum::body::Body::new);
    request.extensions_mut().insert(Arc::clone(&connection));
    let work = Work(connection);
    let answer = router.oneshot(request).await;
    drop(work);
    answer
}
