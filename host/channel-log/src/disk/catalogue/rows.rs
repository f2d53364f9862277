//! What the database says of channels.

use std::time::Duration;

use redb::{ReadTransaction, ReadableTable as _, WriteTransaction};

use super::checked::{checked, insert, whole};
use super::tables::{
    CELLS, CHANNELS, FIRST, GIVEN, LAST_BATCH, LOSSES, NEXT, NODE, PINNED, PROGRESS, RELEASED,
    SETTINGS, STORE, Settings,
};
use super::{Catalogue, CatalogueFault};
use crate::{ChannelName, Discard, Epoch, LogSettings, Span};

/// Everything but the cells.
#[derive(Clone, Debug, Default)]
pub(in crate::disk) struct Loaded {
    /// The number that all files carry; nothing in a database that has just been made.
    pub(in crate::disk) store: Option<u64>,
    pub(in crate::disk) next: u64,
    pub(in crate::disk) released: Option<u64>,
    /// Up to which file the journal is kept only for channels that failed.
    pub(in crate::disk) pinned: u64,
    pub(in crate::disk) rows: Vec<Row>,
}

/// A channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::disk) struct Row {
    pub(in crate::disk) id: u64,
    pub(in crate::disk) name: ChannelName,
    pub(in crate::disk) epoch: Epoch,
    pub(in crate::disk) created: u64,
    pub(in crate::disk) removing: bool,
    pub(in crate::disk) settings: LogSettings,
    pub(in crate::disk) kept_from: Option<u64>,
    pub(in crate::disk) first: u64,
    pub(in crate::disk) progress: Progress,
    pub(in crate::disk) losses: Vec<Loss>,
    /// The number that it gave last, if it has failed.
    pub(in crate::disk) given: u64,
}

/// What of a channel is synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::disk) struct Progress {
    /// The last segment, by the number of its first event.
    pub(in crate::disk) segment: u64,
    /// How many bytes of it.
    pub(in crate::disk) synced: u64,
    /// The last event in it, or before it.
    pub(in crate::disk) last: u64,
    /// When that was recorded.
    pub(in crate::disk) time: u64,
    /// Bytes of the batch that ends where it is synced; 0 if that is not known.
    pub(in crate::disk) batch: u64,
}

/// Events that are no longer what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::disk) struct Loss {
    pub(in crate::disk) span: Span,
    pub(in crate::disk) given_up: bool,
}

impl Catalogue {
    /// Reads everything but the cells.
    pub(in crate::disk) fn load(&self) -> Result<Loaded, CatalogueFault> {
        self.read(load)
    }
}

fn load(transaction: &ReadTransaction) -> Result<Loaded, redb::Error> {
    let channels = transaction.open_table(CHANNELS)?;
    let settings = transaction.open_table(SETTINGS)?;
    let firsts = transaction.open_table(FIRST)?;
    let progress = transaction.open_table(PROGRESS)?;
    let batches = transaction.open_table(LAST_BATCH)?;
    let losses = transaction.open_table(LOSSES)?;
    let given = transaction.open_table(GIVEN)?;
    let node = transaction.open_table(NODE)?;
    let number = |key| match node.get(key)? {
        Some(row) => whole(NODE, &key, row.value()).map(Some),
        None => Ok(None),
    };
    let mut loaded = Loaded {
        store: number(STORE)?,
        next: number(NEXT)?.unwrap_or(1),
        released: number(RELEASED)?,
        pinned: number(PINNED)?.unwrap_or(0),
        rows: Vec::new(),
    };
    for channel in channels.iter()? {
        let (id, channel) = channel?;
        let id = id.value();
        let (name, epoch, created, removing) = whole(CHANNELS, &id, channel.value())?;
        let corrupted = |what| redb::Error::Corrupted(format!("the {what} of channel {id}"));
        let name = ChannelName::new(name).map_err(|_| corrupted("name"))?;
        let row = settings.get(id)?.ok_or_else(|| corrupted("settings"))?;
        let (settings, kept_from) = settings_of(whole(SETTINGS, &id, row.value())?);
        let synced = progress.get(id)?.ok_or_else(|| corrupted("progress"))?;
        let (segment, synced, last, time) = whole(PROGRESS, &id, synced.value())?;
        let batch = match batches.get(id)? {
            Some(batch) => whole(LAST_BATCH, &id, batch.value())?,
            None => 0,
        };
        let mut lost = Vec::new();
        for loss in losses.range((id, 0)..=(id, u64::MAX))? {
            let (first, loss) = loss?;
            let first = first.value();
            let (last, given_up) = whole(LOSSES, &first, loss.value())?;
            let span = Span::new(first.1, last).ok_or_else(|| corrupted("losses"))?;
            lost.push(Loss { span, given_up });
        }
        let first = match firsts.get(id)? {
            Some(first) => whole(FIRST, &id, first.value())?,
            None => 1,
        };
        let given = match given.get(id)? {
            Some(given) => whole(GIVEN, &id, given.value())?,
            None => 0,
        };
        loaded.rows.push(Row {
            id,
            name,
            epoch: Epoch::new(epoch),
            created,
            removing,
            settings,
            kept_from,
            first,
            progress: Progress {
                segment,
                synced,
                last,
                time,
                batch,
            },
            losses: lost,
            given,
        });
    }
    Ok(loaded)
}

/// A single number.
pub(super) fn number(
    transaction: &WriteTransaction,
    key: &'static str,
) -> Result<Option<u64>, redb::Error> {
    match transaction.open_table(NODE)?.get(key)? {
        Some(row) => whole(NODE, &key, row.value()).map(Some),
        None => Ok(None),
    }
}

/// Notes the number that all files carry.
pub(in crate::disk) fn set_store(
    transaction: &WriteTransaction,
    store: u64,
) -> Result<(), redb::Error> {
    insert(transaction, NODE, STORE, store)
}

/// Notes up to which group the journal is not needed any more.
pub(in crate::disk) fn set_released(
    transaction: &WriteTransaction,
    group: u64,
) -> Result<(), redb::Error> {
    insert(transaction, NODE, RELEASED, group)
}

/// Notes up to which file the journal is kept only for channels that failed.
pub(in crate::disk) fn set_pinned(
    transaction: &WriteTransaction,
    file: u64,
) -> Result<(), redb::Error> {
    insert(transaction, NODE, PINNED, file)
}

/// Notes the number that a channel gave last, which has failed; 0 if it has not.
pub(in crate::disk) fn set_given(
    transaction: &WriteTransaction,
    id: u64,
    last: u64,
) -> Result<(), redb::Error> {
    if last == 0 {
        transaction.open_table(GIVEN)?.remove(id)?;
        return Ok(());
    }
    insert(transaction, GIVEN, id, last)
}

/// Adds a channel; the next one has a higher number.
pub(in crate::disk) fn add(transaction: &WriteTransaction, row: &Row) -> Result<(), redb::Error> {
    let name = row.name.as_str();
    let channel = (name, row.epoch.bits(), row.created, row.removing);
    insert(transaction, CHANNELS, row.id, channel)?;
    set_settings(transaction, row.id, &row.settings, row.kept_from)?;
    set_first(transaction, row.id, row.first)?;
    set_progress(transaction, row.id, row.progress)?;
    let next = number(transaction, NEXT)?.unwrap_or(1);
    let next = next.max(row.id.saturating_add(1));
    insert(transaction, NODE, NEXT, next)
}

/// Notes that a channel is being removed: from then on it is gone for good.
pub(in crate::disk) fn set_removing(
    transaction: &WriteTransaction,
    row: (u64, &ChannelName, Epoch, u64),
) -> Result<(), redb::Error> {
    let (id, name, epoch, created) = row;
    let channel = (name.as_str(), epoch.bits(), created, true);
    insert(transaction, CHANNELS, id, channel)?;
    transaction
        .open_table(CELLS)?
        .retain_in((id, "")..(id + 1, ""), |_, _| false)?;
    Ok(())
}

/// Forgets a channel.
pub(in crate::disk) fn forget(transaction: &WriteTransaction, id: u64) -> Result<(), redb::Error> {
    transaction.open_table(CHANNELS)?.remove(id)?;
    transaction.open_table(SETTINGS)?.remove(id)?;
    transaction.open_table(FIRST)?.remove(id)?;
    transaction.open_table(PROGRESS)?.remove(id)?;
    transaction.open_table(LAST_BATCH)?.remove(id)?;
    transaction.open_table(GIVEN)?.remove(id)?;
    let mut losses = transaction.open_table(LOSSES)?;
    losses.retain_in((id, 0)..=(id, u64::MAX), |_, _| false)?;
    Ok(())
}

pub(in crate::disk) fn set_settings(
    transaction: &WriteTransaction,
    id: u64,
    settings: &LogSettings,
    kept_from: Option<u64>,
) -> Result<(), redb::Error> {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let row = (
        settings.max_events,
        settings.max_bytes,
        settings.max_age.map(millis),
        settings.discard == Discard::Refuse,
        millis(settings.dedupe),
        kept_from,
    );
    insert(transaction, SETTINGS, id, row)
}

fn settings_of(row: Settings) -> (LogSettings, Option<u64>) {
    let (max_events, max_bytes, max_age, refuse, dedupe, kept_from) = row;
    let settings = LogSettings {
        max_events,
        max_bytes,
        max_age: max_age.map(Duration::from_millis),
        discard: if refuse {
            Discard::Refuse
        } else {
            Discard::Oldest
        },
        dedupe: Duration::from_millis(dedupe),
    };
    (settings, kept_from)
}

/// Notes the oldest event that is kept, unless a newer one is noted.
pub(in crate::disk) fn set_first(
    transaction: &WriteTransaction,
    id: u64,
    first: u64,
) -> Result<(), redb::Error> {
    let noted = match transaction.open_table(FIRST)?.get(id)? {
        Some(noted) => whole(FIRST, &id, noted.value())?,
        None => 0,
    };
    if first > noted {
        insert(transaction, FIRST, id, first)?;
    }
    Ok(())
}

pub(in crate::disk) fn set_progress(
    transaction: &WriteTransaction,
    id: u64,
    progress: Progress,
) -> Result<(), redb::Error> {
    let row = (
        progress.segment,
        progress.synced,
        progress.last,
        progress.time,
    );
    insert(transaction, PROGRESS, id, row)?;
    if progress.batch == 0 {
        transaction.open_table(LAST_BATCH)?.remove(id)?;
        return Ok(());
    }
    insert(transaction, LAST_BATCH, id, progress.batch)
}

/// Notes all losses of a channel, in place of those that were noted.
pub(in crate::disk) fn set_losses(
    transaction: &WriteTransaction,
    id: u64,
    losses: &[Loss],
) -> Result<(), redb::Error> {
    let mut table = transaction.open_table(LOSSES)?;
    table.retain_in((id, 0)..=(id, u64::MAX), |_, _| false)?;
    for Loss { span, given_up } in losses {
        let place = (id, span.first);
        table.insert(place, checked(LOSSES, &place, (span.last, *given_up)))?;
    }
    Ok(())
}
