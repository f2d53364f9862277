//! Rows that say whether they are what was written. The database checks its pages only when
//! it is opened, and would write what has changed since then on to others, as its own.

use redb::{Key, TableDefinition, TableHandle as _, Value, WriteTransaction};

use crate::disk::format::checksum;

/// A value, and the checksum of it, of its key, and of the name of its table.
pub(super) type Checked<V> = (V, u32);

/// Puts a value under a key, in place of what there was.
pub(super) fn insert<K: Key + 'static, V: Value + 'static>(
    transaction: &WriteTransaction,
    table: TableDefinition<'_, K, Checked<V>>,
    key: K::SelfType<'_>,
    value: V::SelfType<'_>,
) -> Result<(), redb::Error> {
    let row = checked(table, &key, value);
    transaction.open_table(table)?.insert(&key, &row)?;
    Ok(())
}

/// A value as it is written.
pub(super) fn checked<'v, K: Key + 'static, V: Value + 'static>(
    table: TableDefinition<'_, K, Checked<V>>,
    key: &K::SelfType<'_>,
    value: V::SelfType<'v>,
) -> (V::SelfType<'v>, u32) {
    let sum = sum(table, key, &value);
    (value, sum)
}

/// The value of a row.
///
/// # Errors
/// [`redb::Error::Corrupted`] if the row is not what was written.
pub(super) fn whole<'v, K: Key + 'static, V: Value + 'static>(
    table: TableDefinition<'_, K, Checked<V>>,
    key: &K::SelfType<'_>,
    (value, noted): (V::SelfType<'v>, u32),
) -> Result<V::SelfType<'v>, redb::Error> {
    if sum(table, key, &value) == noted {
        return Ok(value);
    }
    let text = format!("a row of the table `{}` has changed", table.name());
    Err(redb::Error::Corrupted(text))
}

fn sum<K: Key + 'static, V: Value + 'static>(
    table: TableDefinition<'_, K, Checked<V>>,
    key: &K::SelfType<'_>,
    value: &V::SelfType<'_>,
) -> u32 {
    let (key, value) = (K::as_bytes(key), V::as_bytes(value));
    checksum(&[table.name().as_bytes(), key.as_ref(), value.as_ref()])
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: TableDefinition<'_, u64, Checked<(u64, &str)>> = TableDefinition::new("rows");
    const OTHER: TableDefinition<'_, u64, Checked<(u64, &str)>> = TableDefinition::new("others");

    #[test]
    fn a_row_that_has_changed_is_none() {
        let (value, sum) = checked(TABLE, &7, (8, "nine"));
        assert_eq!(whole(TABLE, &7, (value, sum)).unwrap(), (8, "nine"));
        assert!(whole(TABLE, &6, (value, sum)).is_err());
        assert!(whole(TABLE, &7, ((9, "nine"), sum)).is_err());
        assert!(whole(TABLE, &7, ((8, "mine"), sum)).is_err());
        assert!(whole(TABLE, &7, (value, sum ^ 1)).is_err());
        assert!(whole(OTHER, &7, (value, sum)).is_err());
    }
}
