//! The memory limit of an instance.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wasmtime::ResourceLimiter;

/// Most table elements of an instance, over all its tables; 16 bytes each on the
/// host, which the memory limit does not cover.
const MAX_TABLE_ELEMENTS: usize = 1 << 20;

/// Core instances, memories and tables of one component; a component that needs
/// more is an attack on start-up time.
const MAX_PARTS: usize = 1_000;

/// Grants memory up to a limit over all linear memories of an instance.
#[derive(Debug)]
pub(super) struct MemoryLimiter {
    limit: u64,
    used: u64,
    table_elements: usize,
    refused: bool,
    /// What all instances of the plugin use, for its status.
    total: Arc<AtomicU64>,
}

impl MemoryLimiter {
    pub(super) fn new(limit: u64, total: Arc<AtomicU64>) -> Self {
        Self {
            limit,
            used: 0,
            table_elements: 0,
            refused: false,
            total,
        }
    }

    /// The limit in bytes, if the guest has ever wanted more.
    pub(super) fn refused(&self) -> Option<u64> {
        self.refused.then_some(self.limit)
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current) as u64;
        if self.used + more > self.limit {
            self.refused = true;
            return Ok(false);
        }
        self.used += more;
        self.total.fetch_add(more, Ordering::Relaxed);
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let elements = self.table_elements + desired.saturating_sub(current);
        if elements > MAX_TABLE_ELEMENTS {
            return Ok(false);
        }
        self.table_elements = elements;
        Ok(true)
    }

    fn instances(&self) -> usize {
        MAX_PARTS
    }

    fn tables(&self) -> usize {
        MAX_PARTS
    }

    fn memories(&self) -> usize {
        MAX_PARTS
    }
}

impl Drop for MemoryLimiter {
    fn drop(&mut self) {
        self.total.fetch_sub(self.used, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_hold_for_all_memories_and_all_tables_together() {
        let total = Arc::new(AtomicU64::new(0));
        let mut limiter = MemoryLimiter::new(100, Arc::clone(&total));
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(!limiter.memory_growing(0, 60, None).unwrap());
        assert_eq!(limiter.refused(), Some(100));
        assert_eq!(total.load(Ordering::Relaxed), 60);

        let most = MAX_TABLE_ELEMENTS;
        assert!(limiter.table_growing(0, most / 2, None).unwrap());
        assert!(limiter.table_growing(0, most / 2, None).unwrap());
        assert!(!limiter.table_growing(most / 2, most / 2 + 1, None).unwrap());
        drop(limiter);
        assert_eq!(total.load(Ordering::Relaxed), 0);
    }
}
