//! Running a node until it is told to stop, and its end.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::task::JoinError;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

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
        let mut broken = Ok(());
        let parts = [
            Some(&mut self.drop_reports),
            self.channel_reports.as_mut(),
            Some(&mut self.brought),
            Some(&mut self.held),
            Some(&mut self.known),
            self.http_certificates.as_mut(),
            self.follower.as_mut(),
        ];
        tokio::select! {
            () = self.runner.run(&stop) => {}
            // It ends when told to, so it has failed.
            ended = &mut self.gateway => served = Some(ended),
            ended = &mut self.cluster => linked = Some(ended),
            // The node would go on without what only that does.
            panicked = first_panic(parts.into_iter().flatten()) => broken = Err(panicked),
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
        broken?;
        served?;
        linked??;
        Ok(())
    }
}

/// The panic that ends one of these first. One that has come to its end is no loss.
async fn first_panic<'p>(parts: impl Iterator<Item = &'p mut AbortOnDropHandle<()>>) -> JoinError {
    let mut running: FuturesUnordered<_> = parts.collect();
    while let Some(ended) = running.next().await {
        if let Err(panicked) = ended {
            return panicked;
        }
    }
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_part_that_panics_is_told_and_one_that_ends_is_not() {
        let spawn = |panics: bool| {
            AbortOnDropHandle::new(tokio::spawn(async move {
                tokio::task::yield_now().await;
                assert!(!panics, "broken");
            }))
        };
        let mut parts = [spawn(false), spawn(true)];
        assert!(first_panic(parts.iter_mut()).await.is_panic());
        let mut parts = [spawn(false)];
        let none = first_panic(parts.iter_mut());
        let none = tokio::time::timeout(Duration::from_secs(60), none).await;
        assert!(none.is_err());
    }
}
