//! What is kept beside a channel for the plugins that consume it: how far each is.

use bytes::Bytes;
use hearken_channel_log::{CellChange, CellError, CellRange, MAX_CELL_ROWS};
use serde::Deserialize;

use super::error::cell_error;
use super::handle::Channel;
use super::reader::Reader;
use super::timeout::in_time;

/// What the keys of their cells begin with.
const PREFIX: &str = "consumer/";

/// What the keys of the cells begin with that say which dead letters were given again.
const RETRIED: &str = "retried/";

/// All that the channel itself reads of what is kept for a plugin, a JSON object.
#[derive(Deserialize)]
struct Place {
    /// Number before the oldest event that it has not handled.
    after: u64,
}

impl Channel {
    /// What is kept for a plugin.
    ///
    /// # Errors
    /// [`CellError`] when it cannot be read.
    pub async fn consumed(&self, plugin: &str) -> Result<Option<Bytes>, CellError> {
        self.note(&key(plugin)).await
    }

    /// What is kept for all plugins, by their names.
    ///
    /// # Errors
    /// [`CellError`] when it cannot be read.
    pub async fn all_consumed(&self) -> Result<Vec<(String, Bytes)>, CellError> {
        let range = CellRange {
            prefix: PREFIX.to_owned(),
            after: None,
            limit: MAX_CELL_ROWS,
        };
        self.info().map_err(cell_error)?;
        let rows = self.engine.cells(&self.name, range);
        let rows = in_time(rows, CellError::Storage).await?;
        Ok(rows
            .into_iter()
            .filter_map(|row| Some((row.key.strip_prefix(PREFIX)?.to_owned(), row.cell.value)))
            .collect())
    }

    /// Keeps this for a plugin, a JSON object whose member `after` is how far it is; or
    /// nothing any more. It is durable when it returns.
    ///
    /// # Errors
    /// [`CellError`] when it cannot be written.
    pub async fn set_consumed(&self, plugin: &str, place: Option<Bytes>) -> Result<(), CellError> {
        self.set_note(key(plugin), place).await?;
        let is_kept = {
            let extras = self.extras();
            let mut kept = extras.keep_unread.iter();
            kept.any(|reader| matches!(reader, Reader::Plugin(name) if &**name == plugin))
        };
        if is_kept {
            self.keep_unread().await?;
        }
        Ok(())
    }

    /// Up to which of its numbers the dead letters of another channel were given again.
    ///
    /// # Errors
    /// [`CellError`] when it cannot be read.
    pub async fn retried(&self, channel: &str) -> Result<u64, CellError> {
        let place = self.note(&format!("{RETRIED}{channel}")).await?;
        Ok(place.and_then(|place| after(&place)).unwrap_or_default())
    }

    /// The dead letters of another channel up to this number were given again. It is durable
    /// when it returns.
    ///
    /// # Errors
    /// [`CellError`] when it cannot be written.
    pub async fn set_retried(&self, channel: &str, after: u64) -> Result<(), CellError> {
        let value = serde_json::json!({ "after": after }).to_string();
        self.set_note(format!("{RETRIED}{channel}"), Some(value.into()))
            .await
    }

    /// How far a plugin is; at the beginning where nothing is kept for it.
    pub(super) async fn consumed_up_to(&self, plugin: &str) -> Result<u64, CellError> {
        let place = self.consumed(plugin).await?;
        Ok(place.and_then(|place| after(&place)).unwrap_or_default())
    }

    /// Reads a cell of this log; another one of its name may be there meanwhile.
    async fn note(&self, key: &str) -> Result<Option<Bytes>, CellError> {
        self.info().map_err(cell_error)?;
        let cell = self.engine.cell(&self.name, key);
        let cell = in_time(cell, CellError::Storage).await?;
        Ok(cell.map(|cell| cell.value))
    }

    async fn set_note(&self, key: String, value: Option<Bytes>) -> Result<(), CellError> {
        let change = CellChange {
            key,
            value,
            version: None,
        };
        self.info().map_err(cell_error)?;
        let changed = self.engine.change_cells(&self.name, vec![change], true);
        in_time(changed, CellError::Storage).await?;
        Ok(())
    }
}

fn key(plugin: &str) -> String {
    format!("{PREFIX}{plugin}")
}

fn after(value: &[u8]) -> Option<u64> {
    let place: Place = serde_json::from_slice(value).ok()?;
    Some(place.after)
}
