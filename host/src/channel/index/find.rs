//! Asking an index.

use std::time::Duration;

use bytes::Bytes;
use hearken_channel_log::{Bounds, CellError, CellRange, ChannelState, ReadError, ReadLimit, Span};
use tokio::time::timeout;

use super::rows::{IndexId, key_before, number_in};
use crate::channel::error::{ReadFailure, cell_error};
use crate::channel::field::{FieldPath, IndexName};
use crate::channel::handle::Channel;
use crate::channel::read::MAX_READ;
use crate::channel::timeout::in_time;
use crate::nearest;

/// How long is waited for an index that is behind.
const CATCH_UP: Duration = Duration::from_secs(5);

/// Events that have a value, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexedPage {
    /// The field that was looked at.
    pub field: FieldPath,
    /// The events in their wire encoding.
    pub events: Vec<Bytes>,
    /// The number before which to go on, where there may be more.
    pub before: Option<u64>,
    /// Numbers of the channel's events that are damaged, and so are not among these, whatever
    /// their data was.
    pub damaged: Vec<Span>,
}

/// An index that has all that its channel had when it was asked for.
#[derive(Debug)]
pub struct CurrentIndex<'c> {
    channel: &'c Channel,
    id: IndexId,
    field: FieldPath,
    /// Of the channel when it was asked for.
    bounds: Bounds,
}

/// Why an index finds nothing.
#[derive(Clone, Debug, thiserror::Error)]
pub enum IndexFailure {
    /// There is none of that name.
    #[error("the channel has no index `{name}`{hint}")]
    None {
        /// The name that was asked for.
        name: String,
        /// What was probably meant, as it stands behind that.
        hint: String,
    },
    /// It has not read the log to its end.
    #[error("the index has read {reached} of {last} events; try again later")]
    Behind {
        /// Number up to which it has read.
        reached: u64,
        /// Number of the last event.
        last: u64,
    },
    /// The rows cannot be read.
    #[error(transparent)]
    Cell(#[from] CellError),
    /// The events cannot be read.
    #[error(transparent)]
    Read(#[from] ReadFailure),
}

impl Channel {
    /// The events whose data has `value` in the field of an index, newest first and below
    /// the number `before`, `limit` at most. Events that are damaged are not among them, and
    /// told.
    ///
    /// # Errors
    /// [`IndexFailure`] when there is no such index, it is behind, or something cannot be read.
    pub async fn find(
        &self,
        index: &str,
        value: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Result<IndexedPage, IndexFailure> {
        let current = self.current_index(index).await?;
        current.find(value, before, limit).await
    }

    /// The index of this name, once it has all that the channel has now. It reads nothing.
    ///
    /// # Errors
    /// [`IndexFailure`] when there is no such index, or it is behind for too long.
    pub async fn current_index(&self, index: &str) -> Result<CurrentIndex<'_>, IndexFailure> {
        let (id, field) = self.index(index)?;
        self.info().map_err(cell_error)?;
        let bounds = self.bounds().ok_or(ReadFailure::Removed)?;
        let Some(mut reached) = self.indexer.reached(&id) else {
            return Err(IndexFailure::Behind {
                reached: 0,
                last: bounds.last,
            });
        };
        let caught_up = async {
            let whole = |reached: &u64| *reached >= bounds.last;
            reached.wait_for(whole).await.is_ok()
        };
        if !timeout(CATCH_UP, caught_up).await.unwrap_or(false) {
            return Err(IndexFailure::Behind {
                reached: *reached.borrow(),
                last: bounds.last,
            });
        }
        Ok(CurrentIndex {
            channel: self,
            id,
            field,
            bounds,
        })
    }

    /// All numbers that are known to be damaged, ascending, with these that were met.
    fn damaged(&self, mut met: Vec<Span>) -> Result<Vec<Span>, IndexFailure> {
        let known = match self.info().map_err(cell_error)?.state {
            ChannelState::Damaged { ranges } => ranges,
            ChannelState::Ok | ChannelState::Failed { .. } => Vec::new(),
        };
        let is_new = |span: &Span| {
            let mut known = known.iter();
            !known.any(|known| known.first <= span.first && span.last <= known.last)
        };
        met.retain(is_new);
        met.extend(known);
        met.sort_unstable_by_key(|span| span.first);
        met.dedup();
        Ok(met)
    }

    /// The field of the index of this name, if there is one.
    #[must_use]
    pub fn field_of(&self, index: &IndexName) -> Option<FieldPath> {
        self.extras().indexes.get(index).cloned()
    }

    /// The index of this name.
    fn index(&self, name: &str) -> Result<(IndexId, FieldPath), IndexFailure> {
        let extras = self.extras();
        let mut indexes = extras.indexes.iter();
        if let Some((name, field)) = indexes.find(|(known, _)| known.as_str() == name) {
            return Ok((IndexId::of(name, field), field.clone()));
        }
        let known = extras.indexes.keys().map(IndexName::as_str);
        let hint = nearest::nearest(name, known);
        let hint = hint.map(|hint| format!("; did you mean `{hint}`?"));
        Err(IndexFailure::None {
            name: name.to_owned(),
            hint: hint.unwrap_or_default(),
        })
    }
}

impl CurrentIndex<'_> {
    /// As [`Channel::find`], of what was there when the index was asked for.
    ///
    /// # Errors
    /// [`IndexFailure`] when something cannot be read.
    pub async fn find(
        &self,
        value: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Result<IndexedPage, IndexFailure> {
        let channel = self.channel;
        let prefix = self.id.value(value);
        let range = CellRange {
            after: before.map(|before| key_before(&prefix, before)),
            prefix: prefix.clone(),
            limit,
        };
        let rows = channel.engine.cells(&channel.name, range);
        let rows = in_time(rows, CellError::Storage).await?;
        let more = rows.len() >= limit;
        let mut page = IndexedPage {
            field: self.field.clone(),
            events: Vec::new(),
            before: None,
            damaged: Vec::new(),
        };
        let mut damaged = Vec::new();
        let mut bytes = 0;
        for row in rows {
            let Some(number) = number_in(&prefix, &row.key).filter(|number| *number > 0) else {
                continue;
            };
            if number < self.bounds.first {
                // What follows is older still.
                page.before = None;
                page.damaged = channel.damaged(damaged)?;
                return Ok(page);
            }
            let one = ReadLimit {
                events: 1,
                bytes: MAX_READ,
            };
            match channel.page(number - 1, one).await {
                // Dropped meanwhile, or given up by a repair.
                Ok(read) if read.gap.is_some() => {}
                Ok(read) => {
                    let event = read.events.into_iter().next();
                    bytes += event.as_ref().map_or(0, Bytes::len);
                    page.events.extend(event);
                }
                Err(ReadFailure::Log(ReadError::Damaged(span))) => damaged.push(span),
                Err(error) => return Err(error.into()),
            }
            page.before = Some(number);
            if bytes >= MAX_READ {
                page.damaged = channel.damaged(damaged)?;
                return Ok(page);
            }
        }
        page.before = page.before.filter(|_| more);
        page.damaged = channel.damaged(damaged)?;
        Ok(page)
    }
}
