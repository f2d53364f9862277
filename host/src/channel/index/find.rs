//! Asking an index.

use std::time::Duration;

use bytes::Bytes;
use hearken_channel_log::{CellError, CellRange, ReadLimit};
use tokio::time::timeout;

use super::rows::{IndexId, key_before, number_in};
use crate::channel::field::{FieldPath, IndexName};
use crate::channel::handle::Channel;
use crate::channel::read::MAX_READ;
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
}

impl Channel {
    /// The events whose data has `value` in the field of an index, newest first and below
    /// the number `before`, `limit` at most. Events that are damaged are not among them.
    ///
    /// # Errors
    /// [`IndexFailure`] when there is no such index, or it is behind.
    pub async fn find(
        &self,
        index: &str,
        value: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Result<IndexedPage, IndexFailure> {
        let (id, field) = self.index(index)?;
        let bounds = self.bounds().unwrap_or_default();
        let mut reached = self.indexer.reached();
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
        let prefix = id.value(value);
        let range = CellRange {
            after: before.map(|before| key_before(&prefix, before)),
            prefix: prefix.clone(),
            limit,
        };
        let rows = self.engine.cells(&self.name, range).await?;
        let more = rows.len() >= limit;
        let mut page = IndexedPage {
            field,
            events: Vec::new(),
            before: None,
        };
        let mut bytes = 0;
        for row in rows {
            let Some(number) = number_in(&prefix, &row.key).filter(|number| *number > 0) else {
                continue;
            };
            if number < bounds.first {
                // What follows is older still.
                return Ok(IndexedPage {
                    before: None,
                    ..page
                });
            }
            let one = ReadLimit {
                events: 1,
                bytes: MAX_READ,
            };
            let read = self.engine.read(&self.name, number - 1, one).await;
            let event = read.ok().filter(|read| read.gap.is_none());
            if let Some(event) = event.and_then(|read| read.events.into_iter().next()) {
                bytes += event.len();
                page.events.push(event);
            }
            page.before = Some(number);
            if bytes >= MAX_READ {
                return Ok(page);
            }
        }
        page.before = page.before.filter(|_| more);
        Ok(page)
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
