//! What an instance makes the node hold: its linear memories and tables, and what
//! the host keeps for it, all on one account.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wasmtime::ResourceLimiter;

/// Most table elements of an instance, over all its tables: about ten times what the
/// largest language runtimes need, and few enough to be made within a tick.
const MAX_TABLE_ELEMENTS: usize = 1 << 18;

/// Bytes on the host of a table element; a growing table may have twice its room.
const TABLE_ELEMENT_BYTES: u64 = 16;

/// Most linear memories of an instance; each reserves 4 GiB of the node's addresses.
const MAX_MEMORIES: usize = 8;

/// Most tables of an instance.
const MAX_TABLES: usize = 64;

/// Most core instances of an instance: the runtimes of Python and JavaScript have
/// about fifty.
const MAX_CORE_INSTANCES: usize = 200;

/// The memory limit of one instance, and what is used of it.
#[derive(Debug)]
pub(crate) struct MemoryAccount {
    /// In bytes.
    limit: u64,
    used: AtomicU64,
    /// What all instances of the plugin use, for its status.
    total: Arc<AtomicU64>,
}

/// Bytes that the host holds for an instance; dropping it gives them back.
#[derive(Debug)]
pub(crate) struct Charge {
    account: Arc<MemoryAccount>,
    bytes: u64,
}

/// Grants memories and tables as far as the account has room.
#[derive(Debug)]
pub(crate) struct MemoryLimiter {
    account: Arc<MemoryAccount>,
    /// Of memories and tables, in bytes.
    held: u64,
    table_elements: usize,
    /// Bytes of memory granted last, until the grow is known to have failed.
    granted_bytes: u64,
    /// The same of tables, in elements.
    granted_elements: usize,
    refused: Option<Refused>,
}

/// What the guest wanted and did not get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// More of a memory or table.
    ToGrow,
    /// A memory or table to begin with: it does not even start.
    ToStart,
}

impl MemoryAccount {
    /// Charges the instance for bytes that the host is about to hold for it; `None`
    /// when it has no room for them.
    pub(crate) fn charge(self: &Arc<Self>, bytes: u64) -> Option<Charge> {
        self.take(bytes).then(|| Charge {
            account: Arc::clone(self),
            bytes,
        })
    }

    fn take(&self, bytes: u64) -> bool {
        let taken = self
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(bytes).filter(|used| *used <= self.limit)
            });
        if taken.is_ok() {
            self.total.fetch_add(bytes, Ordering::Relaxed);
        }
        taken.is_ok()
    }

    fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        self.total.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.account.give_back(self.bytes);
    }
}

impl MemoryLimiter {
    /// An account of `limit` bytes, of which `total` shows what is used.
    pub(crate) fn new(limit: u64, total: Arc<AtomicU64>) -> Self {
        Self {
            account: Arc::new(MemoryAccount {
                limit,
                used: AtomicU64::new(0),
                total,
            }),
            held: 0,
            table_elements: 0,
            granted_bytes: 0,
            granted_elements: 0,
            refused: None,
        }
    }

    /// In bytes.
    pub(crate) fn limit(&self) -> u64 {
        self.account.limit
    }

    /// What the host holds for the instance is to be charged here.
    pub(crate) fn account(&self) -> &Arc<MemoryAccount> {
        &self.account
    }

    /// What the guest was refused last, if it has not got any more memory since.
    pub(crate) fn refused(&self) -> Option<Refused> {
        self.refused
    }

    /// Whatever was refused so far, the guest has survived.
    pub(crate) fn forget_refusal(&mut self) {
        self.refused = None;
    }

    /// Grants `bytes` more.
    fn grow(&mut self, current: usize, bytes: u64) -> bool {
        if !self.account.take(bytes) {
            self.refused = Some(if current == 0 {
                Refused::ToStart
            } else {
                Refused::ToGrow
            });
            return false;
        }
        self.refused = None;
        self.held += bytes;
        true
    }

    fn give_back(&mut self, bytes: u64) {
        self.held -= bytes;
        self.account.give_back(bytes);
    }
}

/// Whether a memory or table cannot become that large by its own declaration: then
/// the grow fails whatever the limits are, and must not count.
fn beyond(desired: usize, maximum: Option<usize>) -> bool {
    maximum.is_some_and(|maximum| desired > maximum)
}

/// How much larger, in the units of `current`; what does not fit is refused anyway.
fn growth(current: usize, desired: usize) -> u64 {
    u64::try_from(desired.saturating_sub(current)).unwrap_or(u64::MAX)
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.granted_bytes = 0;
        let more = growth(current, desired);
        if beyond(desired, maximum) || !self.grow(current, more) {
            return Ok(false);
        }
        self.granted_bytes = more;
        Ok(true)
    }

    // Comes only after a grow that was granted: the engine has neither 64-bit memories
    // and tables nor pages of one byte, whose grows can fail before the limiter is asked.
    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        let granted = std::mem::take(&mut self.granted_bytes);
        self.give_back(granted);
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.granted_elements = 0;
        let more = desired.saturating_sub(current);
        let elements = self.table_elements.checked_add(more);
        let Some(elements) = elements.filter(|elements| *elements <= MAX_TABLE_ELEMENTS) else {
            return Ok(false);
        };
        if beyond(desired, maximum) || !self.grow(current, more as u64 * TABLE_ELEMENT_BYTES) {
            return Ok(false);
        }
        self.table_elements = elements;
        self.granted_elements = more;
        Ok(true)
    }

    fn table_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        let granted = std::mem::take(&mut self.granted_elements);
        self.table_elements -= granted;
        self.give_back(granted as u64 * TABLE_ELEMENT_BYTES);
        Ok(())
    }

    fn instances(&self) -> usize {
        MAX_CORE_INSTANCES
    }

    fn tables(&self) -> usize {
        MAX_TABLES
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES
    }
}

impl Drop for MemoryLimiter {
    fn drop(&mut self) {
        self.account.give_back(self.held);
    }
}

#[cfg(test)]
mod tests;
