//! Reading all of a channel to find what is damaged.
//!
//! It may take longer than anybody waits. So it goes on without those who have asked, and
//! whoever asks again is answered by the one that is under way, or by the one that has ended
//! since. One channel of the node is verified at a time: a disk that is read from one end to
//! the other has little left for readers.

use std::sync::Arc;

use hearken_channel_log::{ChannelError, Span};
use tokio::time::Instant;

use super::error::OperateFailure;
use super::handle::Channel;

impl Channel {
    /// Reads all that is stored; returns the numbers that are damaged.
    ///
    /// It goes on when its future is dropped, and is joined by whoever asks meanwhile.
    ///
    /// # Errors
    /// [`OperateFailure`] when that cannot be found out.
    pub async fn verify(self: &Arc<Self>) -> Result<Vec<Span>, OperateFailure> {
        self.info()?;
        let mut outcome = self.verification.join(|tell| {
            let channel = Arc::clone(self);
            self.tasks.spawn(async move {
                let found = channel.gone.run_until_cancelled(channel.verify_now()).await;
                tell.send_replace(found.map(|found| (Instant::now(), found)));
            });
        });
        let found = outcome.wait_for(Option::is_some).await;
        let found = found.ok().and_then(|found| found.clone());
        self.verification.told(&outcome);
        // It ends without an outcome when the channel is removed, or the node stops.
        let missing = || ChannelError::NoChannel(self.name.clone());
        let (_, found) = found.ok_or_else(missing)?;
        Ok(found?)
    }

    async fn verify_now(&self) -> Result<Vec<Span>, ChannelError> {
        let _turn = self.verify_turn.acquire().await;
        self.engine.verify(&self.name).await
    }
}
