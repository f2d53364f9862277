//! What waits for one of the engine's threads.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// What waits for a thread, bounded in number and in bytes.
#[derive(Debug)]
pub(super) struct Queue<T> {
    waiting: Mutex<Waiting<T>>,
    changed: Condvar,
    most: usize,
    most_bytes: usize,
}

#[derive(Debug)]
struct Waiting<T> {
    items: VecDeque<(T, usize)>,
    bytes: usize,
    closed: bool,
}

/// Why something may not wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Too much waits already.
    Full,
    /// Nothing is taken any more.
    Closed,
}

impl<T> Queue<T> {
    pub(super) fn new(most: usize, most_bytes: usize) -> Self {
        Self {
            waiting: Mutex::new(Waiting {
                items: VecDeque::new(),
                bytes: 0,
                closed: false,
            }),
            changed: Condvar::new(),
            most,
            most_bytes,
        }
    }

    /// Has something wait that takes so many bytes.
    pub(super) fn push(&self, item: T, bytes: usize) -> Result<(), (Refused, T)> {
        let mut waiting = self.waiting();
        if waiting.closed {
            return Err((Refused::Closed, item));
        }
        let full = waiting.items.len() >= self.most
            || waiting.bytes.saturating_add(bytes) > self.most_bytes && !waiting.items.is_empty();
        if full {
            return Err((Refused::Full, item));
        }
        waiting.bytes += bytes;
        waiting.items.push_back((item, bytes));
        drop(waiting);
        self.changed.notify_one();
        Ok(())
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting().items.len()
    }

    /// Takes what waits, oldest first: one, and more while they have not more than so many
    /// bytes together.
    pub(super) fn take(&self, most: usize, most_bytes: usize) -> Vec<T> {
        let mut waiting = self.waiting();
        let (mut taken, mut bytes) = (Vec::new(), 0_usize);
        while let Some((_, next)) = waiting.items.front() {
            bytes = bytes.saturating_add(*next);
            if taken.len() >= most || bytes > most_bytes && !taken.is_empty() {
                break;
            }
            if let Some((item, own)) = waiting.items.pop_front() {
                waiting.bytes -= own;
                taken.push(item);
            }
        }
        taken
    }

    /// Waits until something waits, the queue is closed, or so much time has passed;
    /// returns whether anything will come any more.
    pub(super) fn wait(&self, time: Option<Duration>) -> bool {
        let idle = |waiting: &mut Waiting<T>| waiting.items.is_empty() && !waiting.closed;
        let unpoisoned = "nobody panics while holding a queue";
        let waiting = self.waiting();
        let waiting = match time {
            Some(time) => {
                let waited = self.changed.wait_timeout_while(waiting, time, idle);
                waited.expect(unpoisoned).0
            }
            None => self.changed.wait_while(waiting, idle).expect(unpoisoned),
        };
        !(waiting.closed && waiting.items.is_empty())
    }

    /// Takes nothing more.
    pub(super) fn close(&self) {
        self.waiting().closed = true;
        self.changed.notify_all();
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting<T>> {
        let waiting = self.waiting.lock();
        waiting.expect("nobody panics while holding a queue")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_and_gives_what_fits() {
        let queue = Queue::new(4, 100);
        assert_eq!(queue.push("large", 500), Ok(()));
        assert_eq!(queue.push("a", 1), Err((Refused::Full, "a")));
        assert_eq!(queue.take(9, 10), ["large"]);
        for item in ["a", "b", "c", "d"] {
            assert_eq!(queue.push(item, 10), Ok(()));
        }
        assert_eq!(queue.push("e", 0), Err((Refused::Full, "e")));
        assert_eq!(queue.take(9, 25), ["a", "b"]);
        assert_eq!(queue.take(1, 25), ["c"]);
        assert!(queue.wait(None));
        queue.close();
        assert_eq!(queue.push("f", 0), Err((Refused::Closed, "f")));
        assert!(queue.wait(None));
        assert_eq!(queue.take(9, 25), ["d"]);
        assert!(!queue.wait(None));
        assert!(!queue.wait(Some(Duration::from_secs(1))));
    }
}
