//! A value of which there are two copies: one is read while the other is changed. So
//! readers never wait, neither for a change nor for whoever was interrupted amid one.

use std::hint;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{
    Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError,
};

/// Two copies of a value, which become alike again with every change.
#[derive(Debug, Default)]
pub(super) struct LeftRight<T> {
    copies: [RwLock<T>; 2],
    /// Index of the copy that is read.
    current: AtomicUsize,
    /// One change at a time.
    writers: Mutex<()>,
}

/// The right to change the value, which nobody else has meanwhile.
pub(super) struct Writer<'a, T> {
    of: &'a LeftRight<T>,
    _lock: MutexGuard<'a, ()>,
}

impl<T> LeftRight<T> {
    /// The value as it was after some change: no older than the last that had been made
    /// when this was called.
    pub(super) fn read(&self) -> RwLockReadGuard<'_, T> {
        loop {
            let current = self.current.load(Ordering::Acquire);
            match self.copies[current].try_read() {
                Ok(copy) => return copy,
                // Nothing in here panics half-way through a change.
                Err(TryLockError::Poisoned(copy)) => return copy.into_inner(),
                // Only if the copies changed places since then: the other can be read.
                Err(TryLockError::WouldBlock) => hint::spin_loop(),
            }
        }
    }

    /// Waits its turn among those who change the value.
    pub(super) fn writer(&self) -> Writer<'_, T> {
        Writer {
            of: self,
            _lock: self.writers.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Waits for those who still read a copy that is not current.
    fn write(&self, copy: usize) -> RwLockWriteGuard<'_, T> {
        self.copies[copy]
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Writer<'_, T> {
    /// Makes a change, once to each copy; whoever reads from then on sees it.
    pub(super) fn change(&mut self, change: impl Fn(&mut T)) {
        let current = self.of.current.load(Ordering::Relaxed);
        let other = 1 - current;
        change(&mut self.of.write(other));
        self.of.current.store(other, Ordering::Release);
        change(&mut self.of.write(current));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::thread;

    use super::*;

    #[test]
    fn whoever_reads_during_a_change_does_not_wait_for_it() {
        let value = LeftRight::<u32>::default();
        let turns = Cell::new(0);
        let mut writer = value.writer();
        writer.change(|number| {
            // Whichever copy it is, the other can be read.
            assert_eq!(*value.read(), turns.get());
            *number += 1;
            turns.set(1);
        });
        assert_eq!(*value.read(), 1);
    }

    #[test]
    fn a_change_that_was_made_is_seen_by_every_reader() {
        const CHANGES: usize = 20_000;
        let value = LeftRight::<[usize; 2]>::default();
        let made = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while made.load(Ordering::Acquire) < CHANGES {
                        let at_least = made.load(Ordering::Acquire);
                        let [one, two] = *value.read();
                        assert!(one >= at_least, "{one} after {at_least}");
                        assert_eq!(one, two, "half a change");
                    }
                });
            }
            for number in 1..=CHANGES {
                value.writer().change(|both| *both = [number; 2]);
                made.store(number, Ordering::Release);
            }
        });
    }
}
