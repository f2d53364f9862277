//! Running a node until it is told to stop, and its end.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::{Node, NodeError};

/// What a drain keeps of its time, a tenth at most, for links to send what they still
/// have and to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

impl Node {
    /// Follows the plugins folder until `stop`, then drains: takes no more
    /// requests, lets the plugins work off what they have, ends them one after the
    /// other, and leaves the cluster.
    ///
    /// # Errors
    /// [`NodeError`] when a part failed.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), NodeError> {
        let mut served = None;
        let mut linked = None;
        tokio::select! {
            () = self.runner.run(&stop) => {}
            // It ends when told to, so it has failed.
            ended = &mut self.gateway => served = Some(ended),
            ended = &mut self.cluster => linked = Some(ended),
        }
        let deadline = Instant::now() + self.shutdown_timeout;
        tracing::info!("draining");
        self.gateway_stages.drain.cancel();
        let sent_away = self
            .sessions
            .finish(Instant::now() + self.shutdown_timeout / 2);
        let drained = async {
            if served.is_none() {
                tokio::select! {
                    () = self.gateway_stages.drained.cancelled() => {}
                    ended = &mut self.gateway => served = Some(ended),
                }
            }
        };
        tokio::join!(sent_away, drained);
        // The plugins take none of the time that the goodbye needs.
        let goodbye = GOODBYE.min(self.shutdown_timeout / 10);
        self.runner.drain(deadline - goodbye).await;
        self.consumers.close(deadline - goodbye).await;
        self.channels.finish(deadline - goodbye).await;
        drop(self.channel_reports);
        drop(self.drop_reports);
        drop(self.brought);
        drop(self.follower);
        self.bus.report_last_drops();
        // Last, so that the others get what the plugins had still to say.
        self.leave_cluster.cancel();
        let cluster = self.cluster;
        let leave = async move {
            match linked {
                Some(ended) => ended,
                None => match timeout_at(deadline, cluster).await {
                    Ok(ended) => ended,
                    Err(_) => {
                        tracing::warn!("left the cluster before everything was sent to all nodes");
                        Ok(Ok(()))
                    }
                },
            }
        };
        // A disk that hangs takes none of the goodbye's time.
        let (linked, ()) = tokio::join!(leave, self.channels.close(deadline));
        // Until now it says that the node drains.
        self.gateway_stages.end.cancel();
        let served = match served {
            Some(ended) => ended,
            None => self.gateway.await,
        };
        self.hosting.answer_no_more();
        tracing::info!("stopped");
        served?;
        linked??;
        Ok(())
    }
}
