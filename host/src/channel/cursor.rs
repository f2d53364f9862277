//! Positions that clients keep at the node, each under a name.

use bytes::Bytes;
use hearken_channel_log::{CellChange, CellError, CellRange, CellRow};
use serde::{Deserialize, Serialize};

use super::error::{CursorFailure, cell_error};
use super::handle::Channel;
use super::reader::{ClientName, Reader};
use super::timeout::in_time;

/// Most cursors of a channel.
pub const MAX_CURSORS: usize = 1000;

/// Most of them that one principal makes which may not operate: nobody takes the place of all
/// others.
pub const MAX_CURSORS_OF_ONE: usize = 100;

/// What the keys of their cells begin with.
const PREFIX: &str = "cursor/";

/// A position that a client keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Under which name.
    pub client: ClientName,
    /// Number of the last event that it has read.
    pub after: u64,
    /// Who made it, or for whom it was made, and may move it.
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
    /// Whether it may move those of others, give them to somebody else, and make those for
    /// which unread events are kept.
    pub operates: bool,
}

impl Channel {
    /// The cursor of a client. It is never behind the end.
    ///
    /// # Errors
    /// [`CursorFailure`] when there is none, or it cannot be read.
    pub async fn cursor(&self, client: &ClientName) -> Result<Cursor, CursorFailure> {
        let (Some(Kept { after, owner }), _) = self.kept_of(client).await? else {
            return Err(CursorFailure::None(client.clone()));
        };
        Ok(Cursor {
            client: client.clone(),
            after: after.min(self.last()),
            owner,
        })
    }

    /// The cursor of a client, for its owner or whoever operates.
    ///
    /// # Errors
    /// As [`Channel::cursor`], and [`CursorFailure::Foreign`].
    pub async fn cursor_for(
        &self,
        client: &ClientName,
        mover: Mover<'_>,
    ) -> Result<Cursor, CursorFailure> {
        let cursor = self.cursor(client).await?;
        mover.check(client, &cursor.owner)?;
        Ok(cursor)
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
        self.place_cursor(client, after, mover, None, durable).await
    }

    /// The same, and it belongs to `owner` from then on, if one is named by somebody who
    /// operates.
    ///
    /// # Errors
    /// [`CursorFailure`] says why not.
    pub async fn place_cursor(
        &self,
        client: &ClientName,
        after: u64,
        mover: Mover<'_>,
        owner: Option<&str>,
        durable: bool,
    ) -> Result<bool, CursorFailure> {
        self.info().map_err(cell_error)?;
        let last = self.last();
        if after > last {
            return Err(CursorFailure::Beyond { after, last });
        }
        let kept = self.is_kept(client);
        let durable = durable || kept;
        loop {
            let (before, version) = self.kept_of(client).await?;
            let owner_now = match &before {
                Some(before) => mover.check(client, &before.owner)?,
                None => {
                    self.check_new(client, kept, mover).await?;
                    mover.principal
                }
            };
            let given = owner.filter(|_| mover.operates);
            let there = before.as_ref().is_some_and(|before| before.after == after);
            if there && !durable && given.is_none() {
                return Ok(false);
            }
            let owner = given.unwrap_or(owner_now).to_owned();
            let value = serde_json::to_vec(&Kept { after, owner }).expect("a number and a text");
            let moved = self.change_cursor(client, Some(value), version, durable);
            if moved.await? {
                if kept {
                    self.keep_unread().await?;
                }
                return Ok(before.is_none());
            }
        }
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
        self.info().map_err(cell_error)?;
        loop {
            let (before, version) = self.kept_of(client).await?;
            let before = before.ok_or_else(|| CursorFailure::None(client.clone()))?;
            mover.check(client, &before.owner)?;
            if self.change_cursor(client, None, version, true).await? {
                break;
            }
        }
        if self.is_kept(client) {
            self.keep_unread().await?;
        }
        Ok(())
    }

    /// Whether this one may make the cursor of a client, for which events may be `kept`.
    async fn check_new(
        &self,
        client: &ClientName,
        kept: bool,
        mover: Mover<'_>,
    ) -> Result<(), CursorFailure> {
        if kept && !mover.operates {
            let client = client.clone();
            return Err(CursorFailure::Reserved { client });
        }
        let rows = self.cursor_rows().await?;
        if rows.len() >= MAX_CURSORS {
            return Err(CursorFailure::TooMany(MAX_CURSORS));
        }
        let owners = rows.iter().filter_map(|row| read(&row.cell.value));
        let own = owners.filter(|kept| kept.owner == mover.principal).count();
        if own >= MAX_CURSORS_OF_ONE && !mover.operates {
            return Err(CursorFailure::TooManyOfOne(MAX_CURSORS_OF_ONE));
        }
        Ok(())
    }

    /// What is kept for a client, and the version of its cell.
    async fn kept_of(&self, client: &ClientName) -> Result<(Option<Kept>, u64), CellError> {
        let key = key(client);
        let cell = in_time(self.engine.cell(&self.name, &key), CellError::Storage).await?;
        let version = cell.as_ref().map_or(0, |cell| cell.version);
        Ok((cell.and_then(|cell| read(&cell.value)), version))
    }

    /// Changes the cell of a client; returns whether it still had the version.
    async fn change_cursor(
        &self,
        client: &ClientName,
        value: Option<Vec<u8>>,
        version: u64,
        durable: bool,
    ) -> Result<bool, CellError> {
        let change = CellChange {
            key: key(client),
            value: value.map(Bytes::from),
            version: Some(version),
        };
        let changed = self.engine.change_cells(&self.name, vec![change], durable);
        match in_time(changed, CellError::Storage).await {
            Ok(_) => Ok(true),
            // Somebody else was quicker.
            Err(CellError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error),
        }
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
        let rows = self.engine.cells(&self.name, range);
        Ok(in_time(rows, CellError::Storage).await?)
    }

    fn last(&self) -> u64 {
        self.bounds().map_or(0, |bounds| bounds.last)
    }
}

impl Mover<'_> {
    /// Checks that it may move a cursor of this owner, whose it stays.
    fn check<'o>(&self, client: &ClientName, owner: &'o str) -> Result<&'o str, CursorFailure> {
        if owner == self.principal || self.operates {
            return Ok(owner);
        }
        Err(CursorFailure::Foreign {
            client: client.clone(),
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
