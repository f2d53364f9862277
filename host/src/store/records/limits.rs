//! How much records, changes and reads may hold.

/// Longest key in bytes.
pub(in crate::store) const MAX_KEY_BYTES: usize = 1024;

/// Longest value in bytes.
pub(in crate::store) const MAX_VALUE_BYTES: usize = 1 << 20;

/// Most bytes of keys and values in one change: what it writes is in one transaction,
/// for which all others wait.
pub(in crate::store) const MAX_CHANGE_BYTES: usize = 4 << 20;

/// Most bytes in one bucket, overhead included; bounds what a plugin that
/// writes without end takes of the disk.
pub(in crate::store) const MAX_BUCKET_BYTES: u64 = 256 << 20;

/// Most bytes of values that one call reads; bounds what a guest that names one
/// large record many times makes the host allocate.
pub(in crate::store) const MAX_READ_BYTES: usize = 16 << 20;

/// Most keys whose values one call reads; bounds how long it reads.
pub(in crate::store) const MAX_KEYS_READ: usize = 512;

/// What a record takes of its bucket beyond key and value: about its share of
/// the store's own pages, so that tiny records are bounded too.
pub(in crate::store) const RECORD_OVERHEAD_BYTES: usize = 64;
