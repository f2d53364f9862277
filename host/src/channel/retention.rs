//! Keeps the events that somebody named in `keep_unread` has not read.

use hearken_channel_log::{CellError, ChangeError, ChannelError, LogSettings};

use super::error::{CursorFailure, SetFailure, cell_error};
use super::handle::Channel;
use super::reader::Reader;
use super::timeout::in_time;

impl Channel {
    /// Has the engine keep all that one of the readers in `keep_unread` has not read; one
    /// without a position has read nothing.
    pub(super) async fn keep_unread(&self) -> Result<(), CellError> {
        // One at a time, so that the last speaks for all positions that were written before.
        let _turn = self.keeping.acquire().await;
        let from = self.unread().await?;
        self.keep(from).await
    }

    /// Has the engine hold to `log`. What is kept before or after that is kept meanwhile, so
    /// that nothing is dropped which the new readers have not read.
    pub(super) async fn hold_to(&self, log: &LogSettings) -> Result<(), SetFailure> {
        if self.present()?.settings != *log {
            let turn = self.keeping.acquire().await;
            let unread = self.unread().await?;
            let kept = self.present()?.kept_from;
            let both = [kept, unread].into_iter().flatten().min();
            self.keep(both).await?;
            drop(turn);
            in_time(self.engine.change(&self.name, log), ChangeError::Storage).await?;
        }
        Ok(self.keep_unread().await?)
    }

    /// Number of the oldest event that one of the readers in `keep_unread` has not read.
    async fn unread(&self) -> Result<Option<u64>, CellError> {
        let readers = self.extras().keep_unread.clone();
        let mut least: Option<u64> = None;
        for reader in &readers {
            let after = match reader {
                Reader::Client(client) => match self.cursor(client).await {
                    Ok(cursor) => cursor.after,
                    Err(CursorFailure::Cell(error)) => return Err(error),
                    Err(_) => 0,
                },
                Reader::Plugin(plugin) => self.consumed_up_to(plugin).await?,
            };
            least = Some(least.map_or(after, |least| least.min(after)));
        }
        Ok(least.map(|after| after.saturating_add(1)))
    }

    /// Has the engine keep what lies from that number on, unless it does already.
    async fn keep(&self, from: Option<u64>) -> Result<(), CellError> {
        if self.info().map_err(cell_error)?.kept_from == from {
            return Ok(());
        }
        let kept = self.engine.keep(&self.name, from);
        in_time(kept, ChannelError::Storage)
            .await
            .map_err(cell_error)
    }
}
