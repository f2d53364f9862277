//! Compiled functions in memory: a new version of a plugin has most of its functions
//! in common with the one before it, and plugins have their libraries in common.

use std::borrow::Cow;

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use wasmtime::CacheStore;

/// Most bytes of compiled functions that a process which compiles keeps: those of some
/// twenty plugins written in Rust.
const MAX_BYTES: u64 = 32 << 20;

/// What a compiled function has on average, in bytes; about.
const FUNCTION_BYTES: u64 = 2 << 10;

/// What keeping a function takes besides it, in bytes; about.
const ENTRY_BYTES: usize = 128;

/// Parts of the cache with a lock each: some of the threads that compile meet, and the
/// largest functions still fit in.
const SHARDS: usize = 8;

/// How much of the cache is for functions that were asked for again; the rest is for
/// what was compiled last.
const HOT: f64 = 0.5;

/// Functions by a SHA-256 of all that decides how they are compiled, so that plugins
/// which do not trust each other can share them. What is seldom asked for makes room.
#[derive(Debug)]
pub(crate) struct FunctionCache(Cache<Box<[u8]>, Box<[u8]>, Bytes>);

/// Weighs a function by the memory that keeping it takes.
#[derive(Clone, Debug)]
struct Bytes;

impl Weighter<Box<[u8]>, Box<[u8]>> for Bytes {
    fn weight(&self, key: &Box<[u8]>, function: &Box<[u8]>) -> u64 {
        (key.len() + function.len() + ENTRY_BYTES) as u64
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
        let options = OptionsBuilder::new()
            .estimated_items_capacity(functions)
            .weight_capacity(bytes)
            .shards(SHARDS)
            .hot_allocation(HOT)
            .build()
            .expect("both capacities are set");
        Self(Cache::with_options(
            options,
            Bytes,
            DefaultHashBuilder::default(),
            DefaultLifecycle::default(),
        ))
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
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use wasmtime::component::Component;

    use super::*;
    use crate::plugin::code::engine::engine_with;

    /// Counts what it has been asked for and had.
    #[derive(Debug, Default)]
    struct Counting {
        functions: FunctionCache,
        hits: AtomicUsize,
    }

    impl CacheStore for Counting {
        fn get(&self, key: &[u8]) -> Option<Cow<'_, [u8]>> {
            let found = self.functions.get(key);
            self.hits
                .fetch_add(usize::from(found.is_some()), Ordering::Relaxed);
            found
        }

        fn insert(&self, key: &[u8], value: Vec<u8>) -> bool {
            self.functions.insert(key, value)
        }
    }

    /// A component with a function that never changes and one that does.
    fn version(number: i32) -> Vec<u8> {
        let text = format!(
            "(component (core module
                (func $same (export \"same\") (param i32) (result i32)
                    (i32.mul (local.get 0) (i32.add (local.get 0) (i32.const 7))))
                (func (export \"changed\") (param i32) (result i32)
                    (i32.add (call $same (local.get 0)) (i32.const {number})))))"
        );
        wat::parse_str(text).expect("a valid component")
    }

    #[test]
    fn a_new_version_is_compiled_from_what_has_changed_to_the_same_code() {
        let store = Arc::new(Counting::default());
        let used = engine_with(Arc::clone(&store) as Arc<dyn CacheStore>).unwrap();
        let code = |engine, number| {
            let component = Component::from_binary(engine, &version(number)).unwrap();
            component.serialize().unwrap()
        };
        code(&used, 1);
        let before = store.hits.load(Ordering::Relaxed);
        let second = code(&used, 2);
        assert!(store.hits.load(Ordering::Relaxed) > before);
        let fresh = engine_with(Arc::<FunctionCache>::default()).unwrap();
        assert!(second == code(&fresh, 2), "the code differs");
    }

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
