//! The tables. Channels are rows under their number, which is also the name of their folder.

use redb::{ReadTransaction, TableDefinition, TableHandle as _, WriteTransaction};

use super::checked::Checked;

/// Name, epoch, when it was made, and whether it is being removed.
pub(super) const CHANNELS: TableDefinition<'_, u64, Checked<(&str, u64, u64, bool)>> =
    TableDefinition::new("channels");

/// `max_events`, `max_bytes`, `max_age` in milliseconds, whether appends are refused when
/// it is full, `dedupe` in milliseconds, and from which event on all are kept.
pub(super) const SETTINGS: TableDefinition<'_, u64, Checked<Settings>> =
    TableDefinition::new("settings");

pub(super) type Settings = (Option<u64>, u64, Option<u64>, bool, u64, Option<u64>);

/// Number of the oldest event that is kept.
pub(super) const FIRST: TableDefinition<'_, u64, Checked<u64>> = TableDefinition::new("first");

/// What is synced: the last segment, by the number of its first event; how many bytes of
/// it; the number and the time of the last event in it.
pub(super) const PROGRESS: TableDefinition<'_, u64, Checked<(u64, u64, u64, u64)>> =
    TableDefinition::new("progress");

/// Bytes of the batch that ends where the last segment is synced, if that is known: a start
/// looks there for what the channel gave last.
pub(super) const LAST_BATCH: TableDefinition<'_, u64, Checked<u64>> =
    TableDefinition::new("last_batch");

/// Numbers whose events are no longer what was written: the channel and the first of them;
/// the last of them and whether they were given up.
pub(super) const LOSSES: TableDefinition<'_, (u64, u64), Checked<(u64, bool)>> =
    TableDefinition::new("losses");

/// Keys of events whose segments were dropped: the channel and the number of the first of
/// them; a checksum and all of them.
pub(super) const KEYS: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("keys");

/// Of a channel that has failed, the number that it gave last: only the journal has it.
pub(super) const GIVEN: TableDefinition<'_, u64, Checked<u64>> = TableDefinition::new("given");

/// Cells by channel and key: version and value.
pub(super) const CELLS: TableDefinition<'_, (u64, &str), Checked<Held<'_>>> =
    TableDefinition::new("cells");

pub(super) type Held<'a> = (u64, &'a [u8]);

/// Single numbers.
pub(super) const NODE: TableDefinition<'_, &str, Checked<u64>> = TableDefinition::new("node");

/// In [`NODE`]: the number that all of the store's files carry.
pub(super) const STORE: &str = "store";
/// In [`NODE`]: the number of the channel that is made next.
pub(super) const NEXT: &str = "next";
/// In [`NODE`]: up to which group the journal is not needed any more.
pub(super) const RELEASED: &str = "released";
/// In [`NODE`]: up to which of its files the journal is kept only for channels that failed.
pub(super) const PINNED: &str = "pinned";
/// In [`NODE`]: the version of the cell that was changed last.
pub(super) const REVISION: &str = "revision";

pub(super) fn create(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    transaction.open_table(CHANNELS)?;
    transaction.open_table(SETTINGS)?;
    transaction.open_table(FIRST)?;
    transaction.open_table(PROGRESS)?;
    transaction.open_table(LAST_BATCH)?;
    transaction.open_table(LOSSES)?;
    transaction.open_table(GIVEN)?;
    transaction.open_table(CELLS)?;
    transaction.open_table(KEYS)?;
    transaction.open_table(NODE)?;
    Ok(())
}

/// Whether all of them are there.
pub(super) fn are_there(transaction: &ReadTransaction) -> Result<bool, redb::Error> {
    let there: Vec<String> = transaction
        .list_tables()?
        .map(|table| table.name().to_owned())
        .collect();
    let all = [
        CHANNELS.name(),
        SETTINGS.name(),
        FIRST.name(),
        PROGRESS.name(),
        LAST_BATCH.name(),
        LOSSES.name(),
        GIVEN.name(),
        CELLS.name(),
        KEYS.name(),
        NODE.name(),
    ];
    Ok(all
        .iter()
        .all(|table| there.iter().any(|known| known == table)))
}
