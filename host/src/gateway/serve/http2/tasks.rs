//! The tasks of one connection.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

tokio::task_local! {
    /// Ends the task that a request runs in.
    static ENDING: CancellationToken;
}

/// What ends the task in which this is called, if it is one of a request.
pub(super) fn ending() -> Option<CancellationToken> {
    ENDING.try_with(CancellationToken::clone).ok()
}

/// What the requests of a connection run in; all end with it.
#[derive(Clone, Default)]
pub(super) struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl<F> hyper::rt::Executor<F> for Tasks
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, task: F) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(ended) = tasks.try_join_next() {
            if let Err(error) = ended {
                tracing::error!(%error, "an HTTP request's task failed");
            }
        }
        let ending = CancellationToken::new();
        let task = ENDING.scope(ending.clone(), task);
        tasks.spawn(async move {
            // Without its task, the client is told that there is no more of the answer.
            tokio::select! {
                biased;
                () = ending.cancelled() => {}
                _ = task => {}
            }
        });
    }
}
