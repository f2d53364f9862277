//! Whether others leave the background threads no CPU.
//!
//! Threads of the lowest scheduling class get what all others leave. Where that is
//! something, they slow nobody down. On a machine whose cores are busy it is next to
//! nothing: then the plugins on them stand still, and with them whoever waits for a
//! lock that one of them has just taken. So the background moves to threads that are
//! merely polite, for as long as that lasts.
//!
//! Times are nanoseconds since some moment.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A turn of the lowest class that takes so long may be starved: most use a time slice,
/// a millisecond by default. So may a task that has waited so long for an idle thread.
const SUSPICIOUS: Duration = Duration::from_millis(20);

/// A turn that is suspicious is starved if it gets less than this part of a core for as
/// long again. There are guests that keep a thread busy for long, e.g. by filling memory.
const STARVED: u64 = 10;

/// A turn of a polite thread that takes longer than twice its CPU and this is disturbed.
const DISTURBED: Duration = Duration::from_millis(1);

/// How long it is taken to last, at first.
const FIRST_PERIOD: Duration = Duration::from_secs(1);

/// The longest that it is taken to last, when it always comes back.
const LONGEST_PERIOD: Duration = Duration::from_secs(30);

/// What is known of how the background gets on.
#[derive(Debug)]
pub(crate) struct Contention {
    /// When the turn on each thread of the lowest class began; 0 between turns.
    turns: Box<[AtomicU64]>,
    /// What was seen of each of those turns when it became suspicious.
    suspects: Box<[Suspect]>,
    /// Since when a task has waited for a turn of that class, if one waits.
    waiting_since: AtomicU64,
    /// Until when it is taken to last.
    until: AtomicU64,
    period: AtomicU64,
}

/// A turn that has taken long. Only who watches looks at it.
#[derive(Debug, Default)]
struct Suspect {
    /// When it was; 0 for none.
    since: AtomicU64,
    /// CPU that the thread had used by then.
    cpu: AtomicU64,
}

impl Contention {
    /// Watches so many threads of the lowest class.
    pub(crate) fn new(threads: usize) -> Self {
        Self {
            turns: (0..threads).map(|_| AtomicU64::new(0)).collect(),
            suspects: (0..threads).map(|_| Suspect::default()).collect(),
            waiting_since: AtomicU64::new(0),
            until: AtomicU64::new(0),
            period: AtomicU64::new(nanoseconds(FIRST_PERIOD)),
        }
    }

    /// Whether the background is to run on polite threads.
    pub(crate) fn is_on(&self, now: u64) -> bool {
        now < self.until.load(Ordering::Relaxed)
    }

    /// A task begins to wait for a turn, and no other does.
    pub(crate) fn waits(&self, now: u64) {
        self.waiting_since.store(now, Ordering::Relaxed);
    }

    /// A thread of the lowest class begins a turn.
    pub(crate) fn begin(&self, thread: usize, now: u64) {
        self.waiting_since.store(now, Ordering::Relaxed);
        self.turns[thread].store(now.max(1), Ordering::Relaxed);
    }

    /// A thread of the lowest class has ended its turn.
    pub(crate) fn end(&self, thread: usize) {
        self.turns[thread].store(0, Ordering::Relaxed);
    }

    /// Looks whether a turn, or a task while one is `waiting`, gets no CPU; returns
    /// whether that is new. `cpu` tells what a thread of the lowest class has used, if
    /// the system says so.
    pub(crate) fn watch(
        &self,
        now: u64,
        waiting: bool,
        cpu: impl Fn(usize) -> Option<u64>,
    ) -> bool {
        if self.is_on(now) {
            // What stands still has yet to come away from there.
            let turns = self.turns.iter().map(|poll| poll.load(Ordering::Relaxed));
            let mut stands_still = turns.filter(|began| *began > 0);
            if stands_still.any(|began| now.saturating_sub(began) >= nanoseconds(SUSPICIOUS)) {
                self.last(now);
            }
            return false;
        }
        let mut starves = false;
        let mut idle = false;
        for (thread, turn) in self.turns.iter().enumerate() {
            match turn.load(Ordering::Relaxed) {
                0 => idle = true,
                began => starves |= self.turn_starves(thread, began, now, || cpu(thread)),
            }
        }
        let waited = now.saturating_sub(self.waiting_since.load(Ordering::Relaxed));
        starves |= waiting && idle && waited >= nanoseconds(SUSPICIOUS);
        if starves {
            self.set_on(now);
        }
        starves
    }

    fn turn_starves(
        &self,
        thread: usize,
        began: u64,
        now: u64,
        cpu: impl FnOnce() -> Option<u64>,
    ) -> bool {
        let Suspect { since, cpu: before } = &self.suspects[thread];
        let suspected = since.load(Ordering::Relaxed);
        let known = suspected > began;
        let from = if known { suspected } else { began };
        let time = now.saturating_sub(from);
        if time < nanoseconds(SUSPICIOUS) {
            return false;
        }
        let Some(cpu) = cpu() else {
            return true;
        };
        let used = cpu.saturating_sub(before.swap(cpu, Ordering::Relaxed));
        since.store(now, Ordering::Relaxed);
        known && used.saturating_mul(STARVED) < time
    }

    /// A polite thread has ended a turn, which took so long and used so much CPU: as
    /// long as others take much of it, it goes on.
    pub(crate) fn polite_poll(&self, now: u64, took: Duration, cpu: Duration) {
        if self.is_on(now) && took > 2 * cpu + DISTURBED {
            self.last(now);
        }
    }

    /// It lasts for another period.
    fn last(&self, now: u64) {
        let period = self.period.load(Ordering::Relaxed);
        self.until
            .store(now.saturating_add(period), Ordering::Relaxed);
    }

    /// It begins; if it was over for a short while only, it is taken to last longer.
    fn set_on(&self, now: u64) {
        let ended = self.until.load(Ordering::Relaxed);
        let period = self.period.load(Ordering::Relaxed);
        let again = ended > 0 && now.saturating_sub(ended) < period;
        let period = if again {
            nanoseconds(LONGEST_PERIOD).min(2 * period)
        } else {
            nanoseconds(FIRST_PERIOD)
        };
        self.period.store(period, Ordering::Relaxed);
        self.until
            .store(now.saturating_add(period), Ordering::Relaxed);
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: u64 = 1_000_000;
    const SECOND: u64 = 1_000 * MILLI;

    /// What a thread has used that gets nothing.
    const NOTHING: fn(usize) -> Option<u64> = |_| Some(7);

    #[test]
    fn turns_that_get_their_cpu_are_no_contention() {
        let contention = Contention::new(2);
        for turn in 0..1000 {
            let now = turn * 3 * MILLI;
            contention.begin(0, now);
            assert!(!contention.watch(now + 2 * MILLI, true, NOTHING));
            contention.end(0);
        }
        assert!(
            !contention.watch(60 * SECOND, false, NOTHING),
            "nothing to do"
        );
    }

    #[test]
    fn a_turn_that_stands_still_is_found_and_the_rest_moves_on() {
        let contention = Contention::new(2);
        contention.begin(0, SECOND);
        contention.begin(1, SECOND);
        contention.end(1);
        let watch = |millis: u64| contention.watch(SECOND + millis * MILLI, false, NOTHING);
        assert!(!watch(19) && !watch(20) && !watch(39));
        assert!(watch(40));
        assert!(contention.is_on(SECOND + 41 * MILLI));
        assert!(!watch(41), "known already");
        for second in 1..5 {
            assert!(!watch(second * 900));
            assert!(
                contention.is_on(SECOND + second * 900 * MILLI),
                "as long as the turn has not ended"
            );
        }
        contention.end(0);
        assert!(!watch(4_000));
        assert!(!contention.is_on(SECOND + 4_600 * MILLI));
    }

    #[test]
    fn a_turn_that_is_long_and_gets_its_cpu_is_no_contention() {
        let contention = Contention::new(1);
        contention.begin(0, SECOND);
        for millis in 0..1000 {
            let cpu = |_| Some(millis * MILLI / 2);
            assert!(!contention.watch(SECOND + millis * MILLI, true, cpu));
        }
    }

    #[test]
    fn where_the_system_does_not_tell_a_long_turn_is_taken_for_starved() {
        let contention = Contention::new(1);
        contention.begin(0, SECOND);
        assert!(contention.watch(SECOND + 20 * MILLI, false, |_| None));
    }

    #[test]
    fn a_task_that_never_gets_a_turn_is_found() {
        let contention = Contention::new(1);
        contention.waits(SECOND);
        assert!(!contention.watch(SECOND + 19 * MILLI, true, NOTHING));
        assert!(contention.watch(SECOND + 20 * MILLI, true, NOTHING));
    }

    #[test]
    fn it_lasts_as_long_as_polite_threads_feel_it() {
        let contention = Contention::new(1);
        contention.waits(0);
        assert!(contention.watch(SECOND, true, NOTHING));
        let milli = Duration::from_millis(1);
        contention.polite_poll(SECOND + 900 * MILLI, 4 * milli, milli);
        assert!(contention.is_on(2 * SECOND + 899 * MILLI));
        contention.polite_poll(2 * SECOND + 800 * MILLI, milli, milli);
        assert!(!contention.is_on(2 * SECOND + 900 * MILLI));
    }

    #[test]
    fn what_comes_back_at_once_is_taken_to_last_longer() {
        let contention = Contention::new(1);
        let mut now = SECOND;
        let mut periods = Vec::new();
        for _ in 0..7 {
            contention.waits(now);
            now += 20 * MILLI;
            assert!(contention.watch(now, true, NOTHING));
            let began = now;
            while contention.is_on(now) {
                now += 100 * MILLI;
            }
            periods.push((now - began) / SECOND);
        }
        assert_eq!(periods, [1, 2, 4, 8, 16, 30, 30]);
        now += 60 * SECOND;
        contention.waits(now);
        assert!(contention.watch(now + 20 * MILLI, true, NOTHING));
        assert!(!contention.is_on(now + 2 * SECOND));
    }
}
