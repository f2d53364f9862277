//! The task that follows a log and writes what its indexes need.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hearken_channel_log::{CellChange, CellError, CellRange, ReadError, ReadLimit};
use hearken_wire::EventRef;
use serde_json::Value;
use tokio::sync::watch;

use super::rows::{IndexId, POSITIONS, remove};
use crate::channel::field::FieldPath;
use crate::channel::handle::Channel;
use crate::channel::settings::MAX_INDEXES;
use crate::event::is_json;
use crate::panics::keep_going;

/// Events that are read at once: with two rows for each index, fewer than the changes that
/// an engine makes at once.
const EVENTS_A_PAGE: usize = 100;

/// Bytes that are read at once.
const BYTES_A_PAGE: usize = 1 << 20;

/// Rows that are removed at once.
const ROWS_A_PAGE: usize = 1000;

/// Pause after the storage or the log has failed.
const PAUSE: Duration = Duration::from_secs(1);

/// How far each index is.
type Positions = BTreeMap<IndexId, Position>;

#[derive(Clone)]
struct Position {
    field: FieldPath,
    number: u64,
}

impl Channel {
    /// Begins to follow the log for the indexes that there are now; ends what followed it
    /// for others. A channel without indexes is not followed.
    pub(in crate::channel) fn follow_indexes(self: &Arc<Self>) {
        let wanted: Positions = {
            let extras = self.extras();
            let indexes = extras.indexes.iter();
            let position = |field: &FieldPath| Position {
                field: field.clone(),
                number: 0,
            };
            indexes
                .map(|(name, field)| (IndexId::of(name, field), position(field)))
                .collect()
        };
        if wanted.is_empty() && !self.indexer.is_used() {
            return;
        }
        let stop = self.gone.child_token();
        let ids = wanted.keys().cloned().collect();
        let reached = self.indexer.replace(ids, stop.clone());
        let channel = Arc::clone(self);
        self.tasks.spawn(async move {
            let keep = keep_going("who keeps the indexes of a channel", || {
                channel.keep_indexes(wanted.clone(), &reached)
            });
            stop.run_until_cancelled(keep).await
        });
    }

    async fn keep_indexes(&self, mut positions: Positions, told: &watch::Sender<u64>) {
        while let Err(error) = self.begin(&mut positions).await {
            self.fails(&error);
            tokio::time::sleep(PAUSE).await;
        }
        if positions.is_empty() {
            return;
        }
        loop {
            if let Err(error) = self.advance(&mut positions).await {
                self.fails(&error);
                tokio::time::sleep(PAUSE).await;
            }
            let reached = least(&positions);
            told.send_replace(reached);
            if self.beyond(reached).await.is_err() {
                return;
            }
        }
    }

    fn fails(&self, error: &CellError) {
        tracing::warn!(channel = %self.name, %error, "the indexes of a channel are behind");
    }

    /// Finds out where each index is, and removes those that are not wanted any more.
    async fn begin(&self, positions: &mut Positions) -> Result<(), CellError> {
        let range = CellRange {
            prefix: POSITIONS.to_owned(),
            after: None,
            // Those that are wanted, and those that have not been removed yet.
            limit: 16 * MAX_INDEXES,
        };
        for row in self.engine.cells(&self.name, range).await? {
            let Some(id) = IndexId::of_position(&row.key) else {
                continue;
            };
            let number = std::str::from_utf8(&row.cell.value).ok();
            let number = number.and_then(|digits| digits.parse().ok()).unwrap_or(0);
            match positions.get_mut(&id) {
                Some(position) => position.number = number,
                None => {
                    // First, so that one that is wanted again before the last row has gone
                    // does not take those that are left for all.
                    let from_anew = vec![id.advance(0)];
                    self.engine
                        .change_cells(&self.name, from_anew, false)
                        .await?;
                    self.remove_rows(&id.values()).await?;
                    self.remove_rows(&id.numbers()).await?;
                    let changes = vec![remove(row.key)];
                    self.engine.change_cells(&self.name, changes, false).await?;
                }
            }
        }
        Ok(())
    }

    async fn remove_rows(&self, prefix: &str) -> Result<(), CellError> {
        loop {
            let range = CellRange {
                prefix: prefix.to_owned(),
                after: None,
                limit: ROWS_A_PAGE,
            };
            let rows = self.engine.cells(&self.name, range).await?;
            if rows.is_empty() {
                return Ok(());
            }
            let changes = rows.into_iter().map(|row| remove(row.key)).collect();
            self.engine.change_cells(&self.name, changes, false).await?;
        }
    }

    /// Reads a page of the log for the index that is furthest behind, and for all that have
    /// not read it either.
    async fn advance(&self, positions: &mut Positions) -> Result<(), CellError> {
        let after = least(positions);
        let limit = ReadLimit {
            events: EVENTS_A_PAGE,
            bytes: BYTES_A_PAGE,
        };
        let (events, next) = match self.engine.read(&self.name, after, limit).await {
            Ok(page) => (page.events, page.next),
            // They can be found by no field.
            Err(ReadError::Damaged(span)) => (Vec::new(), span.last),
            Err(ReadError::NoChannel(name)) => return Err(CellError::NoChannel(name)),
            Err(ReadError::Storage(fault)) => return Err(CellError::Storage(fault)),
            Err(ReadError::Overloaded) => return Err(CellError::Overloaded),
        };
        let mut changes = Vec::new();
        for event in &events {
            index(EventRef::assume_encoded(event), positions, &mut changes);
        }
        for (id, position) in positions.iter_mut() {
            if position.number < next {
                position.number = next;
                changes.push(id.advance(next));
            }
        }
        if !changes.is_empty() {
            let changed = self.engine.change_cells(&self.name, changes, false).await;
            if let Err(error) = changed {
                // Read again.
                for position in positions.values_mut() {
                    position.number = position.number.min(after);
                }
                return Err(error);
            }
        }
        self.forget_dropped(positions).await
    }

    /// Removes the rows of events that are not kept any more.
    async fn forget_dropped(&self, positions: &Positions) -> Result<(), CellError> {
        let first = self.bounds().map_or(0, |bounds| bounds.first);
        for id in positions.keys() {
            let range = CellRange {
                prefix: id.numbers(),
                after: None,
                limit: ROWS_A_PAGE,
            };
            let kept = format!("{}{first:016x}", id.numbers());
            let rows = self.engine.cells(&self.name, range).await?;
            let dropped = rows.iter().take_while(|row| row.key < kept);
            let changes: Vec<_> = dropped
                .flat_map(|row| id.remove(&row.key, &row.cell.value))
                .collect();
            if !changes.is_empty() {
                self.engine.change_cells(&self.name, changes, false).await?;
            }
        }
        Ok(())
    }
}

/// Adds the rows of an event for the indexes that have not read it.
fn index(event: EventRef<'_>, positions: &Positions, changes: &mut Vec<CellChange>) {
    let Some(number) = event.sequence() else {
        return;
    };
    let json = event.data().filter(|_| is_json(event.datacontenttype()));
    let data: Option<Value> = json.and_then(|json| serde_json::from_slice(json).ok());
    for (id, position) in positions {
        if position.number < number
            && let Some(value) = position.field.value_of(event, data.as_ref())
        {
            changes.extend(id.insert(&value, number));
        }
    }
}

fn least(positions: &Positions) -> u64 {
    let numbers = positions.values().map(|position| position.number);
    numbers.min().unwrap_or(u64::MAX)
}
