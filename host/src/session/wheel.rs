//! One wheel for the timers of all sessions of a node: none of them has a task or a timer of
//! its own.
//!
//! An entry is a reminder and is never taken out: whoever is reminded looks whether there is
//! anything to do now, and asks to be reminded again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// Reminders come up to so many milliseconds later than asked for.
const TICK_MILLIS: u64 = 100;

/// Ticks of one turn: nearly a minute, within which nearly all reminders are.
const SLOTS: u64 = 512;

/// Reminds of things at their time.
#[derive(Debug)]
pub(super) struct Wheel<T> {
    start: Instant,
    state: Mutex<State<T>>,
    /// Tells that there is something in an empty wheel.
    stirred: Notify,
}

#[derive(Debug)]
struct State<T> {
    /// By their tick, those of later turns included.
    slots: Vec<Vec<(u64, T)>>,
    /// The first tick whose entries were not taken out.
    next: u64,
    entries: usize,
}

/// Whole milliseconds of a time, as wheels count them.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl<T> Wheel<T> {
    /// An empty one.
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            state: Mutex::new(State {
                slots: (0..SLOTS).map(|_| Vec::new()).collect(),
                next: 0,
                entries: 0,
            }),
            stirred: Notify::new(),
        }
    }

    /// Milliseconds since the wheel was made.
    pub(super) fn now(&self) -> u64 {
        millis(self.start.elapsed())
    }

    /// Reminds of `what` at `due`, in milliseconds since the wheel was made.
    pub(super) fn remind(&self, due: u64, what: T) {
        let now = self.now();
        let mut state = self.lock();
        if state.entries == 0 {
            state.next = now / TICK_MILLIS;
            self.stirred.notify_one();
        }
        let tick = due.div_ceil(TICK_MILLIS).max(state.next);
        state.entries += 1;
        state.slot(tick).push((tick, what));
    }

    /// Waits until there are things to be reminded of, and takes them out.
    pub(super) async fn due(&self) -> Vec<T> {
        loop {
            let (due, next, is_empty) = {
                let tick = self.now() / TICK_MILLIS;
                let mut state = self.lock();
                let due = state.advance(tick);
                (due, state.next, state.entries == 0)
            };
            if !due.is_empty() {
                return due;
            }
            if is_empty {
                self.stirred.notified().await;
            } else {
                let next = Duration::from_millis(next.saturating_mul(TICK_MILLIS));
                sleep_until(self.start + next).await;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing in here panics half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn slot(&mut self, tick: u64) -> &mut Vec<(u64, T)> {
        let at = usize::try_from(tick % SLOTS).expect("there are few slots");
        &mut self.slots[at]
    }

    /// Takes out what is due up to and with `to`.
    fn advance(&mut self, to: u64) -> Vec<T> {
        let mut due = Vec::new();
        if to < self.next {
            return due;
        }
        // After a long time each slot is looked at once.
        let first = self.next.max((to + 1).saturating_sub(SLOTS));
        for tick in first..=to {
            let slot = self.slot(tick);
            let taken = slot.extract_if(.., |(tick, _)| *tick <= to);
            due.extend(taken.map(|(_, what)| what));
            if slot.is_empty() && slot.capacity() > 64 {
                *slot = Vec::new();
            }
        }
        self.next = to + 1;
        self.entries -= due.len();
        due
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_comes_at_its_time_and_once() {
        let wheel = Wheel::new();
        let dues = [250, 0, 51_300, 51_150, 120_000, 100];
        for due in dues {
            wheel.remind(due, due);
        }
        let mut seen = Vec::new();
        while seen.len() < dues.len() {
            for due in wheel.due().await {
                let now = wheel.now();
                assert!((due..=due + 200).contains(&now), "{due} came at {now}");
                seen.push(due);
            }
        }
        assert_eq!(seen, [0, 100, 250, 51_150, 51_300, 120_000]);
        tokio::time::advance(Duration::from_secs(300)).await;
        assert!(wheel.due().now_or_never().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn an_empty_wheel_sleeps_until_there_is_something() {
        let wheel = Wheel::new();
        assert!(wheel.due().now_or_never().is_none());
        tokio::time::advance(Duration::from_secs(3600)).await;
        let begun = wheel.now();
        wheel.remind(begun + 1000, ());
        wheel.due().await;
        assert!((begun + 1000..begun + 1200).contains(&wheel.now()));
    }
}
