//! Keys of events whose segments were dropped while the keys are still to be remembered.

use redb::WriteTransaction;

use super::tables::KEYS;
use super::{Catalogue, CatalogueFault};
use crate::DedupeKey;
use crate::dedupe::Stored;

/// Bytes of a key with the event that it was stored with: number, time, key.
const ENTRY: usize = 32;
/// Bytes of the checksum in front of them.
const CHECKSUM: usize = 4;
/// Most keys of a row.
const ROW: usize = 16_384;

impl Catalogue {
    /// The keys of a channel that were kept when its segments were dropped, oldest first.
    /// What is not what was written is not known any more.
    pub(in crate::disk) fn keys(
        &self,
        channel: u64,
    ) -> Result<Vec<(DedupeKey, Stored)>, CatalogueFault> {
        self.read(|transaction| {
            let mut keys = Vec::new();
            let table = transaction.open_table(KEYS)?;
            for row in table.range((channel, 0)..=(channel, u64::MAX))? {
                let (_, row) = row?;
                keys.extend(entries(row.value()));
            }
            Ok(keys)
        })
    }
}

/// Keeps keys of a channel, oldest first, beside those that are there already and were
/// stored at `since` or later.
pub(in crate::disk) fn keep_keys(
    transaction: &WriteTransaction,
    channel: u64,
    since: u64,
    keys: &[(DedupeKey, Stored)],
) -> Result<(), redb::Error> {
    let mut table = transaction.open_table(KEYS)?;
    table.retain_in((channel, 0)..=(channel, u64::MAX), |_, row| {
        let newest = entries(row).next_back();
        newest.is_some_and(|(_, stored)| stored.time >= since)
    })?;
    for keys in keys.chunks(ROW) {
        let mut row = vec![0; CHECKSUM];
        for (key, stored) in keys {
            row.extend_from_slice(&stored.sequence.to_le_bytes());
            row.extend_from_slice(&stored.time.to_le_bytes());
            row.extend_from_slice(key);
        }
        let checksum = crc32fast::hash(&row[CHECKSUM..]);
        row[..CHECKSUM].copy_from_slice(&checksum.to_le_bytes());
        if let Some((_, first)) = keys.first() {
            table.insert((channel, first.sequence), row.as_slice())?;
        }
    }
    Ok(())
}

/// Forgets all keys of a channel.
pub(in crate::disk) fn forget_keys(
    transaction: &WriteTransaction,
    channel: u64,
) -> Result<(), redb::Error> {
    let mut table = transaction.open_table(KEYS)?;
    table.retain_in((channel, 0)..=(channel, u64::MAX), |_, _| false)?;
    Ok(())
}

/// What a row has; nothing if it is not what was written.
fn entries(row: &[u8]) -> impl DoubleEndedIterator<Item = (DedupeKey, Stored)> {
    let whole = row.split_first_chunk::<CHECKSUM>();
    let whole = whole.filter(|(sum, keys)| u32::from_le_bytes(**sum) == crc32fast::hash(keys));
    let keys = whole.map_or(&[][..], |(_, keys)| keys);
    let entries = keys.as_chunks::<ENTRY>().0.iter();
    entries.map(|entry| {
        let number = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&entry[at..at + 8]);
            u64::from_le_bytes(bytes)
        };
        let mut key = [0; 16];
        key.copy_from_slice(&entry[16..]);
        let stored = Stored {
            sequence: number(0),
            time: number(8),
        };
        (key, stored)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_changed_has_nothing() {
        let mut row = vec![0; CHECKSUM];
        row.extend_from_slice(&[7; 2 * ENTRY]);
        let checksum = crc32fast::hash(&row[CHECKSUM..]);
        row[..CHECKSUM].copy_from_slice(&checksum.to_le_bytes());
        let seven = u64::from_le_bytes([7; 8]);
        let stored = Stored {
            sequence: seven,
            time: seven,
        };
        let all: Vec<_> = entries(&row).collect();
        assert_eq!(all, [([7; 16], stored); 2]);
        row[20] ^= 1;
        assert_eq!(entries(&row).count(), 0);
        assert_eq!(entries(&[]).count(), 0);
    }
}
