//! The thread on which connections are secured.

use std::future::Future;
use std::io;

use tokio::runtime::{Builder, Runtime};
use tokio_util::task::AbortOnDropHandle;

/// A thread of its own for handshakes. One with a large key takes milliseconds of computing:
/// however many clients come at once, requests and streams of others are served meanwhile. It
/// ends when this is dropped.
pub(super) struct Handshakes {
    /// Present until it is dropped.
    runtime: Option<Runtime>,
}

impl Handshakes {
    /// Starts the thread.
    ///
    /// # Errors
    /// Those of the system, when it has no more threads or files to give.
    pub(super) fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("handshakes")
            .enable_all()
            .build()?;
        Ok(Self {
            runtime: Some(runtime),
        })
    }

    /// Does the work on the thread, unless this is dropped before it is done.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = io::Result<T>> + Send + 'static,
    ) -> io::Result<T> {
        let runtime = self.runtime.as_ref().expect("it is there until the drop");
        let done = AbortOnDropHandle::new(runtime.spawn(work)).await;
        done.map_err(io::Error::other)?
    }
}

impl Drop for Handshakes {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Waiting for the thread is not allowed on those of another runtime.
            runtime.shutdown_background();
        }
    }
}
