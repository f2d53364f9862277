//! The tables of the database, all in one place.

use redb::{Database, TableDefinition};

/// The records: their value by bucket and key.
pub(super) const RECORDS: TableDefinition<(&str, &str), &[u8]> = TableDefinition::new("records");

/// Bytes that the records of a bucket take, by bucket.
pub(super) const SIZES: TableDefinition<&str, u64> = TableDefinition::new("sizes");

/// What is written and deleted again to see whether the disk takes it.
pub(super) const PROBE: TableDefinition<u8, &[u8]> = TableDefinition::new("probe");

/// Makes the tables that are missing, so that whoever reads finds them.
pub(super) fn make(database: &Database) -> Result<(), redb::Error> {
    let setup = database.begin_write()?;
    setup.open_table(RECORDS)?;
    setup.open_table(SIZES)?;
    Ok(setup.commit()?)
}

/// Shows that the disk takes changes: writes `bytes` bytes, and deletes them again.
pub(super) fn probe(database: &Database, bytes: usize) -> Result<(), redb::Error> {
    let write = database.begin_write()?;
    write
        .open_table(PROBE)?
        .insert(0, vec![0xa5; bytes].as_slice())?;
    write.commit()?;
    let delete = database.begin_write()?;
    delete.open_table(PROBE)?.remove(0)?;
    Ok(delete.commit()?)
}
