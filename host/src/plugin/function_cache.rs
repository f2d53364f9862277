//! Compiled functions in memory: a new version of a plugin has most of its functions
//! in common with the one before it, and plugins have their libraries in common.

use std::borrow::Cow;

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use wasmtime::CacheStore;

/// Most bytes of compiled functions that are kept: those of some twenty plugins
/// written in Rust.
const MAX_BYTES: u64 = 32 << 20;

/// What a compiled function has on average, in bytes; about.
const FUNCTION_BYTES: u64 = 2 << 10;

/// Functions by what they were compiled from, with which settings. Those that were
/// not used for long make room for others.
#[derive(Debug)]
pub(super) struct FunctionCache(Cache<Box<[u8]>, Box<[u8]>, Bytes>);

/// Weighs a function by its bytes.
#[derive(Clone, Debug)]
struct Bytes;

impl Weighter<Box<[u8]>, Box<[u8]>> for Bytes {
    fn weight(&self, key: &Box<[u8]>, function: &Box<[u8]>) -> u64 {
        (key.len() + function.len()) as u64
    }
}

impl Default for FunctionCache {
    fn default() -> Self {
        Self::with_capacity(MAX_BYTES)
    }
}

impl FunctionCache {
    fn with_capacity(bytes: u64) -> Self {
        let functions = usize::try_from(bytes / FUNCTION_BYTES).unwrap_or(usize::MAX);
        Self(Cache::with_weighter(functions, bytes, Bytes))
    }
}

impl CacheStore for FunctionCache {
    fn get(&self, key: &[u8]) -> Option<Cow<'_, [u8]>> {
        let function = self.0.get(key)?;
        Some(Cow::Owned(function.into_vec()))
    }

    fn insert(&self, key: &[u8], value: Vec<u8>) -> bool {
        self.0.insert(key.into(), value.into_boxed_slice());
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_no_more_than_fits() {
        let cache = FunctionCache::with_capacity(64 << 10);
        for number in 0..1_000_u32 {
            cache.insert(&number.to_le_bytes(), vec![0; 1 << 10]);
        }
        let kept = (0..1_000_u32)
            .filter(|number| cache.get(&number.to_le_bytes()).is_some())
            .count();
        assert!((1..64).contains(&kept), "{kept} functions of 1 KiB");
    }
}
