//! Keeps the events that somebody named in `keep_unread` has not read.

use hearken_channel_log::{CellError, ChannelError};

use super::error::CursorFailure;
use super::handle::Channel;
use super::reader::Reader;

impl Channel {
    /// Has the engine keep all that one of the readers in `keep_unread` has not read; one
    /// without a position has read nothing.
    pub(super) async fn keep_unread(&self) -> Result<(), CellError> {
        // One at a time, so that the last speaks for all positions that were written before.
        let _turn = self.keeping.acquire().await;
        let readers = self.extras().keep_unread.clone();
        let mut least: Option<u64> = None;
        for reader in &readers {
            let after = match reader {
                Reader::Client(client) => match self.cursor(client).await {
                    Ok(cursor) => cursor.after,
                    Err(CursorFailure::Cell(error)) => return Err(error),
                    Err(_) => 0,
                },
                // A plugin that has never consumed the channel.
                Reader::Plugin(_) => 0,
            };
            least = Some(least.map_or(after, |least| least.min(after)));
        }
        let from = least.map(|after| after.saturating_add(1));
        let kept = self.engine.keep(&self.name, from).await;
        kept.map_err(|error| match error {
            ChannelError::NoChannel(name) => CellError::NoChannel(name),
            ChannelError::Storage(fault) => CellError::Storage(fault),
        })
    }
}
