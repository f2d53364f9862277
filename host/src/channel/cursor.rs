//! Positions that clients keep at the node, each under a name.

use bytes::Bytes;
use hearken_channel_log::{CellChange, CellRange, CellRow};
use serde::{Deserialize, Serialize};

use super::error::CursorFailure;
use super::handle::Channel;
use super::reader::{ClientName, Reader};

/// Most cursors of a channel.
pub const MAX_CURSORS: usize = 1000;

/// What the keys of their cells begin with.
const PREFIX: &str = "cursor/";

/// A position that a client keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Under which name.
    pub client: ClientName,
    /// Number of the last event that it has read.
    pub after: u64,
    /// Who made it, and may move it.
    pub owner: String,
}

/// What lies in the cell.
#[derive(Deserialize, Serialize)]
struct Kept {
    after: u64,
    owner: String,
}

/// Who moves a cursor.
#[derive(Clone, Copy, Debug)]
pub struct Mover<'m> {
    /// Who it is; owns the cursor, if there was none.
    pub principal: &'m str,
    /// Whether it may move those of others.
    pub operates: bool,
}

impl Channel {
    /// The cursor of a client. It is never behind the end.
    ///
    /// # Errors
    /// [`CursorFailure`] when there is none, or it cannot be read.
    pub async fn cursor(&self, client: &ClientName) -> Result<Cursor, CursorFailure> {
        let cell = self.engine.cell(&self.name, &key(client)).await?;
        let kept = cell.and_then(|cell| read(&cell.value));
        let Some(Kept { after, owner }) = kept else {
            return Err(CursorFailure::None(client.clone()));
        };
        Ok(Cursor {
            client: client.clone(),
            after: after.min(self.last()),
            owner,
        })
    }

    /// All cursors, by name.
    ///
    /// # Errors
    /// [`CursorFailure`] when they cannot be read.
    pub async fn cursors(&self) -> Result<Vec<Cursor>, CursorFailure> {
        let last = self.last();
        let rows = self.cursor_rows().await?.into_iter();
        let cursors = rows.filter_map(|row| {
            let client = ClientName::new(row.key.strip_prefix(PREFIX)?).ok()?;
            let Kept { after, owner } = read(&row.cell.value)?;
            Some(Cursor {
                client,
                after: after.min(last),
                owner,
            })
        });
        Ok(cursors.collect())
    }

    /// Moves the cursor of a client, or makes it. Returns whether it was made. It is durable
    /// at once where `durable`, or where unread events are kept for the client.
    ///
    /// # Errors
    /// [`CursorFailure`] says why not.
    pub async fn set_cursor(
        &self,
        client: &ClientName,
        after: u64,
        mover: Mover<'_>,
        durable: bool,
    ) -> Result<bool, CursorFailure> {
        let last = self.last();
        if after > last {
            return Err(CursorFailure::Beyond { after, last });
        }
        let before = match self.cursor(client).await {
            Ok(before) => Some(before),
            Err(CursorFailure::None(_)) => None,
            Err(error) => return Err(error),
        };
        let owner = match &before {
            Some(before) => mover.check(before)?,
            None => mover.principal.to_owned(),
        };
        if before.is_none() && self.cursor_rows().await?.len() >= MAX_CURSORS {
            return Err(CursorFailure::TooMany(MAX_CURSORS));
        }
        if before.as_ref().is_some_and(|before| before.after == after) {
            return Ok(false);
        }
        let kept = self.is_kept(client);
        let value = serde_json::to_vec(&Kept { after, owner }).expect("a number and a text");
        let change = CellChange {
            key: key(client),
            value: Some(Bytes::from(value)),
            version: None,
        };
        self.engine
            .change_cells(&self.name, vec![change], durable || kept)
            .await?;
        if kept {
            self.keep_unread().await?;
        }
        Ok(before.is_none())
    }

    /// Removes the cursor of a client.
    ///
    /// # Errors
    /// [`CursorFailure`] says why not.
    pub async fn remove_cursor(
        &self,
        client: &ClientName,
        mover: Mover<'_>,
    ) -> Result<(), CursorFailure> {
        let before = self.cursor(client).await?;
        mover.check(&before)?;
        let change = CellChange {
            key: key(client),
            value: None,
            version: None,
        };
        self.engine
            .change_cells(&self.name, vec![change], true)
            .await?;
        if self.is_kept(client) {
            self.keep_unread().await?;
        }
        Ok(())
    }

    fn is_kept(&self, client: &ClientName) -> bool {
        let extras = self.extras();
        let mut kept = extras.keep_unread.iter();
        kept.any(|reader| matches!(reader, Reader::Client(name) if name == client))
    }

    async fn cursor_rows(&self) -> Result<Vec<CellRow>, CursorFailure> {
        let range = CellRange {
            prefix: PREFIX.to_owned(),
            after: None,
            limit: MAX_CURSORS,
        };
        Ok(self.engine.cells(&self.name, range).await?)
    }

    fn last(&self) -> u64 {
        self.bounds().map_or(0, |bounds| bounds.last)
    }
}

impl Mover<'_> {
    /// Checks that it may move the cursor; returns whose it stays.
    fn check(&self, cursor: &Cursor) -> Result<String, CursorFailure> {
        if cursor.owner == self.principal || self.operates {
            return Ok(cursor.owner.clone());
        }
        Err(CursorFailure::Foreign {
            client: cursor.client.clone(),
            owner: cursor.owner.clone(),
        })
    }
}

fn key(client: &ClientName) -> String {
    format!("{PREFIX}{client}")
}

/// What lies in a cell, which this room alone has written.
fn read(value: &[u8]) -> Option<Kept> {
    serde_json::from_slice(value).ok()
}
