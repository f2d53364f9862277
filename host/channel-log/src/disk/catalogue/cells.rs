//! Cells.

use bytes::Bytes;
use redb::{ReadableTable as _, WriteTransaction};

use super::checked::{checked, insert, whole};
use super::rows::number;
use super::tables::{CELLS, NODE, REVISION};
use super::{Catalogue, CatalogueFault};
use crate::{Cell, CellChange, CellError, CellRange, CellRow, MAX_CELL_ROWS};

/// Bytes of values that are listed at once, but for the first.
const MAX_LISTED_BYTES: usize = 4 << 20;

impl Catalogue {
    pub(in crate::disk) fn cell(
        &self,
        channel: u64,
        key: &str,
    ) -> Result<Option<Cell>, CatalogueFault> {
        self.read(|transaction| {
            let cells = transaction.open_table(CELLS)?;
            let Some(cell) = cells.get((channel, key))? else {
                return Ok(None);
            };
            Ok(Some(held(whole(CELLS, &(channel, key), cell.value())?)))
        })
    }

    pub(in crate::disk) fn cells(
        &self,
        channel: u64,
        range: &CellRange,
    ) -> Result<Vec<CellRow>, CatalogueFault> {
        let after = range.after.as_deref();
        let after = after.filter(|after| *after >= range.prefix.as_str());
        let start = after.unwrap_or(&range.prefix);
        self.read(|transaction| {
            let cells = transaction.open_table(CELLS)?;
            let (mut rows, mut bytes) = (Vec::new(), 0);
            for cell in cells.range((channel, start)..(channel + 1, ""))? {
                let (key, cell) = cell?;
                let (channel, key) = key.value();
                if Some(key) == after {
                    continue;
                }
                if rows.len() >= range.limit.min(MAX_CELL_ROWS)
                    || bytes > MAX_LISTED_BYTES
                    || !key.starts_with(&range.prefix)
                {
                    break;
                }
                let cell = held(whole(CELLS, &(channel, key), cell.value())?);
                bytes += cell.value.len();
                rows.push(CellRow {
                    key: key.to_owned(),
                    cell,
                });
            }
            Ok(rows)
        })
    }
}

/// Version and value of a cell, as the table has them.
type Held = (u64, Vec<u8>);

fn held((version, value): (u64, &[u8])) -> Cell {
    Cell {
        value: Bytes::copy_from_slice(value),
        version,
    }
}

/// Changes cells of a channel: all, or, if one is not as expected, none. `given` is the
/// highest version that was given since the start.
pub(in crate::disk) fn change(
    transaction: &WriteTransaction,
    channel: u64,
    changes: &[CellChange],
    given: &mut u64,
) -> Result<Result<Vec<u64>, CellError>, redb::Error> {
    let mut cells = transaction.open_table(CELLS)?;
    let noted = number(transaction, REVISION)?.unwrap_or(0);
    // What was given and then lost is not given again.
    let mut revision = noted.max(*given);
    let mut before: Vec<(&str, Option<Held>)> = Vec::with_capacity(changes.len());
    let mut versions = Vec::with_capacity(changes.len());
    for CellChange {
        key,
        value,
        version: expected,
    } in changes
    {
        let key = key.as_str();
        let old = match cells.get((channel, key))? {
            Some(cell) => {
                let (version, value) = whole(CELLS, &(channel, key), cell.value())?;
                Some((version, value.to_vec()))
            }
            None => None,
        };
        let version = old.as_ref().map_or(0, |(version, _)| *version);
        if expected.is_some_and(|expected| expected != version) {
            for (key, old) in before.into_iter().rev() {
                match old {
                    Some((version, value)) => {
                        let place = (channel, key);
                        let row = checked(CELLS, &place, (version, value.as_slice()));
                        cells.insert(place, row)?;
                    }
                    None => {
                        cells.remove((channel, key))?;
                    }
                }
            }
            let key = key.to_owned();
            return Ok(Err(CellError::Conflict { key, version }));
        }
        before.push((key, old));
        if let Some(value) = value {
            revision += 1;
            let row = checked(CELLS, &(channel, key), (revision, value.as_ref()));
            cells.insert((channel, key), row)?;
            versions.push(revision);
        } else {
            cells.remove((channel, key))?;
            versions.push(0);
        }
    }
    drop(cells);
    insert(transaction, NODE, REVISION, revision)?;
    *given = revision;
    Ok(Ok(versions))
}
