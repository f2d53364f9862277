//! The threads that links work on.

use std::io;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Cluster, ClusterError};

/// Threads for one [`Cluster`] and nothing else, as many as there are cores: however
/// busy the rest of the process is, other nodes get their sign of life. They end when
/// this is dropped.
#[derive(Debug)]
pub struct LinkThreads {
    /// Present until it is dropped.
    runtime: Option<Runtime>,
}

impl LinkThreads {
    /// Starts the threads.
    ///
    /// # Errors
    /// Those of the system, when it has no more threads or files to give.
    pub fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .thread_name("link")
            .enable_all()
            .build()?;
        Ok(Self {
            runtime: Some(runtime),
        })
    }

    /// Runs the node's part in the cluster until `leave`, see [`Cluster::run`].
    pub fn spawn(
        &self,
        cluster: Cluster,
        leave: CancellationToken,
    ) -> JoinHandle<Result<(), ClusterError>> {
        let runtime = self.runtime.as_ref().expect("it is there until the drop");
        runtime.spawn(cluster.run(leave))
    }
}

impl Drop for LinkThreads {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Waiting for the threads is not allowed on those of another runtime.
            runtime.shutdown_background();
        }
    }
}
