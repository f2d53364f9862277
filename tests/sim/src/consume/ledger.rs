//! What workers were handed, what became of it, and what must hold of that.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;
use std::time::Duration;

/// What may be handled again after a crash was handled at most this long before it: the time
/// between two writes of a place, and what a write takes.
const UNWRITTEN: Duration = Duration::from_millis(300);

/// What happened in runs, so that a check that holds nothing is seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events that were handled.
    pub handled: u64,
    /// Those of them that had been handled before.
    pub repeated: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Events that were rejected, or failed too often.
    pub died: u64,
    /// Dead letters that were given again.
    pub retried: u64,
    /// Versions that took over.
    pub reloads: u64,
    /// Seeks.
    pub seeks: u64,
    /// Workers that were gone with events in hand.
    pub dropped: u64,
    /// Crashes.
    pub crashes: u64,
    /// Trims.
    pub trims: u64,
    /// Times that the disk was full, had room again, or began to fail.
    pub troubles: u64,
    /// Times that what was stored was damaged.
    pub damages: u64,
    /// Events that were not there any more before they were handled.
    pub missed: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.handled += other.handled;
        self.repeated += other.repeated;
        self.failed += other.failed;
        self.died += other.died;
        self.retried += other.retried;
        self.reloads += other.reloads;
        self.seeks += other.seeks;
        self.dropped += other.dropped;
        self.crashes += other.crashes;
        self.trims += other.trims;
        self.troubles += other.troubles;
        self.damages += other.damages;
        self.missed += other.missed;
    }
}

/// What is known of an event.
#[derive(Debug, Default)]
struct Known {
    /// How often it was handled.
    dones: u64,
    /// How often it may have been handled or have become a dead letter.
    may: u64,
    /// When it was handled in this life, each time.
    done_at: Vec<Duration>,
    /// Whether it was to become a dead letter once.
    died: bool,
    /// Letters of it that were given again.
    retried: u64,
}

/// All that happened to the events of a channel.
#[derive(Debug, Default)]
pub struct Ledger {
    events: BTreeMap<u64, Known>,
    /// By subject the highest number that was handled.
    highest: BTreeMap<String, u64>,
    in_hand: BTreeSet<String>,
    /// Events up to here may have been passed over, by a seek.
    passed: u64,
    /// Where an operator has the plugin go on, while that is under way.
    seeking: Option<u64>,
    /// Events whose dead letters may be given again, while that is under way.
    retrying: Vec<u64>,
    /// A subject that some version did not want.
    pub unwanted: Option<String>,
    /// When something happened last in this life.
    now: Duration,
    /// Since when in this life places may not have been written, since the disk had trouble.
    troubled: Option<Duration>,
    /// What happened.
    pub counts: Counts,
    /// The first rule that was broken.
    pub broken: Option<String>,
}

impl Ledger {
    /// A worker is handed an event.
    pub fn taken(&mut self, number: u64, subject: &str, attempt: u32) {
        if !self.in_hand.insert(subject.to_owned()) {
            self.break_rule(format!("{number}: another event of {subject:?} is in hand"));
        }
        if attempt == 0 {
            self.break_rule(format!("{number}: there is no attempt before the first"));
        }
        let known = self.known(number);
        if known.dones >= known.may {
            let (dones, may) = (known.dones, known.may);
            self.break_rule(format!(
                "{number}: it is handed over again after it was handled {dones} of {may} times"
            ));
        }
    }

    /// It is not in hand any more, whatever became of it.
    pub fn left(&mut self, subject: &str) {
        self.in_hand.remove(subject);
    }

    /// It was handled.
    pub fn done(&mut self, number: u64, subject: &str, now: Duration) {
        self.now = now;
        let highest = self.highest.get(subject).copied().unwrap_or(0);
        let passed = number <= self.passed || self.unwanted.as_deref() == Some(subject);
        let known = self.known(number);
        let is_first = known.dones == 0;
        known.dones += 1;
        known.done_at.push(now);
        let may_be_late = known.died || passed;
        self.counts.handled += 1;
        self.counts.repeated += u64::from(!is_first);
        if is_first && highest > number && !may_be_late {
            self.break_rule(format!(
                "{number}: it is handled for the first time after {highest} of {subject:?}"
            ));
        }
        let highest = self.highest.entry(subject.to_owned()).or_default();
        *highest = (*highest).max(number);
        self.left(subject);
    }

    /// An attempt failed; perhaps it was the last.
    pub fn failed(&mut self, number: u64, subject: &str, is_last: bool) {
        self.known(number).died |= is_last;
        self.counts.failed += 1;
        self.counts.died += u64::from(is_last);
        self.left(subject);
    }

    /// An operator has the plugin go on behind this number; it was behind `before`.
    pub fn sought(&mut self, after: u64, before: u64) {
        self.counts.seeks += 1;
        if after > before {
            self.passed = self.passed.max(after);
        }
        self.seeking = Some(after);
        for (_, known) in self.events.range_mut(after.saturating_add(1)..) {
            known.may += 1;
        }
    }

    /// It goes on there.
    pub fn arrived(&mut self) {
        self.seeking = None;
    }

    /// An operator has dead letters given again, perhaps those of these events.
    pub fn retrying(&mut self, events: Vec<u64>) {
        for number in &events {
            let known = self.known(*number);
            known.may += 1;
            known.died = true;
        }
        self.retrying = events;
    }

    /// Those of these events were given again.
    pub fn retried(&mut self, events: &[u64]) {
        self.counts.retried += events.len() as u64;
        for number in std::mem::take(&mut self.retrying) {
            let known = self.known(number);
            known.may = known.may.saturating_sub(1);
        }
        for number in events {
            let known = self.known(*number);
            known.retried += 1;
            known.may += 1;
            known.died = true;
        }
    }

    /// The node has crashed: what was handled last may be handled again, in addition to what
    /// operators have given again and what has become a dead letter.
    pub fn crashed(&mut self) {
        self.counts.crashes += 1;
        let recent = self.now.min(self.troubled.unwrap_or(self.now));
        let recent = recent.saturating_sub(UNWRITTEN);
        for known in self.events.values_mut() {
            let unwritten = known.done_at.iter().filter(|at| **at >= recent);
            known.may += unwritten.count() as u64;
        }
    }

    /// A life begins.
    pub fn begin(&mut self) {
        self.in_hand.clear();
        self.seeking = None;
        // What became of it is not known; they may.
        self.retrying.clear();
        self.now = Duration::ZERO;
        self.troubled = None;
        for known in self.events.values_mut() {
            known.done_at.clear();
        }
    }

    /// The disk has trouble, or has had it until now.
    pub fn troubled(&mut self, now: Duration) {
        self.counts.troubles += 1;
        self.troubled.get_or_insert(now);
    }

    /// Time passes.
    pub fn pass(&mut self, now: Duration) {
        self.now = now;
    }

    /// What must hold at the end: `log` has all events up to the number `last` that are
    /// there, with their subjects, `letters` the numbers of the events of all dead letters;
    /// so many events are told to be missed.
    pub fn finish(&mut self, (log, last): (&[(u64, String)], u64), letters: &[u64], missed: u64) {
        for (number, subject) in log {
            let letters = letters.iter().filter(|letter| *letter == number).count() as u64;
            let passed = *number <= self.passed || self.unwanted.as_ref() == Some(subject);
            let known = self.known(*number);
            let (dones, may, retried) = (known.dones, known.may, known.retried);
            if dones == 0 && !passed {
                self.break_rule(format!(
                    "{number} was never handled; it has {letters} letters"
                ));
            }
            if dones + letters > may {
                self.break_rule(format!(
                    "{number} was handled {dones} times and has {letters} letters, {retried} \
                     given again; at most {may} together"
                ));
            }
        }
        let there: BTreeSet<u64> = log.iter().map(|(number, _)| *number).collect();
        let strange = self.events.keys().find(|number| **number > last);
        if let Some(strange) = strange.copied() {
            self.break_rule(format!("{strange} was handed over and is not in the log"));
        }
        let gone = (self.passed + 1..=last).filter(|number| !there.contains(number));
        let untouched = |number: &u64| {
            let known = self.events.get(number);
            known.is_none_or(|known| known.dones == 0) && !letters.contains(number)
        };
        let unhandled = gone.filter(untouched).count() as u64;
        self.counts.missed += unhandled;
        // Of what some version did not want it is not known which it was.
        if unhandled > missed && self.unwanted.is_none() {
            self.break_rule(format!(
                "{unhandled} events were not there any more before they were handled, and {missed} \
                 are told"
            ));
        }
        if missed > 0 && there.len() as u64 == last {
            self.break_rule(format!(
                "{missed} events are told to be missed, and all are there"
            ));
        }
    }

    /// A rule is broken.
    pub fn break_rule(&mut self, what: String) {
        self.broken.get_or_insert(what);
    }

    fn known(&mut self, number: u64) -> &mut Known {
        // What is handed over before the plugin has gone back comes again.
        let again = self.seeking.is_some_and(|after| number > after);
        self.events.entry(number).or_insert_with(|| Known {
            may: 1 + u64::from(again),
            ..Known::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Duration = Duration::from_secs(9);

    fn broken(act: impl FnOnce(&mut Ledger)) -> bool {
        let mut ledger = Ledger::default();
        act(&mut ledger);
        ledger.broken.is_some()
    }

    fn handle(ledger: &mut Ledger, number: u64, at: Duration) {
        ledger.taken(number, "a", 1);
        ledger.done(number, "a", at);
    }

    fn log(numbers: &[u64]) -> Vec<(u64, String)> {
        numbers
            .iter()
            .map(|number| (*number, "a".to_owned()))
            .collect()
    }

    #[test]
    fn what_must_not_be_is_seen() {
        assert!(broken(|it| {
            it.taken(1, "a", 1);
            it.taken(2, "a", 1);
        }));
        assert!(broken(|it| {
            handle(it, 2, AT);
            handle(it, 1, AT);
        }));
        assert!(broken(|it| {
            handle(it, 1, AT);
            handle(it, 1, AT);
        }));
        assert!(broken(|it| {
            handle(it, 1, Duration::from_secs(1));
            it.pass(AT);
            it.crashed();
            handle(it, 1, AT);
        }));
        assert!(broken(|it| it.finish((&log(&[1]), 1), &[], 0)));
        assert!(broken(|it| {
            handle(it, 1, AT);
            it.finish((&log(&[1]), 1), &[1], 0);
        }));
        assert!(broken(|it| {
            it.taken(1, "a", 1);
            it.failed(1, "a", true);
            it.retried(&[1]);
            handle(it, 1, AT);
            it.finish((&log(&[1]), 1), &[1, 1], 0);
        }));
        assert!(broken(|it| {
            give_a_letter_again(it);
            handle(it, 1, AT);
            it.finish((&log(&[1]), 1), &[1], 0);
        }));
        assert!(broken(|it| {
            give_a_letter_again(it);
            it.crashed();
            it.begin();
            handle(it, 1, Duration::ZERO);
            handle(it, 1, Duration::ZERO);
            it.finish((&log(&[1]), 1), &[1], 0);
        }));
    }

    #[test]
    fn what_is_gone_unhandled_must_be_told() {
        // The first was dropped, the second is there, the third was damaged.
        let gone = |missed| {
            broken(|it| {
                handle(it, 2, AT);
                it.finish((&log(&[2]), 3), &[], missed);
            })
        };
        assert_eq!([0, 1, 2, 3].map(gone), [true, true, false, false]);
        assert!(!broken(|it| {
            handle(it, 1, AT);
            it.finish((&log(&[]), 1), &[], 0);
        }));
        assert!(broken(|it| {
            handle(it, 1, AT);
            it.finish((&log(&[1]), 1), &[], 1);
        }));
        assert!(broken(|it| {
            handle(it, 2, AT);
            it.finish((&log(&[]), 1), &[], 1);
        }));
    }

    #[test]
    fn what_a_disk_in_trouble_may_not_have_written_may_come_again() {
        let again = |troubled| {
            broken(|it| {
                if troubled {
                    it.troubled(Duration::from_secs(1));
                }
                handle(it, 1, Duration::from_secs(2));
                it.pass(AT);
                it.crashed();
                it.begin();
                handle(it, 1, Duration::ZERO);
            })
        };
        assert!(again(false));
        assert!(!again(true));
    }

    /// An event becomes a dead letter, which is given again and handled.
    fn give_a_letter_again(ledger: &mut Ledger) {
        ledger.taken(1, "a", 1);
        ledger.failed(1, "a", true);
        ledger.retried(&[1]);
        handle(ledger, 1, AT);
    }

    #[test]
    fn what_may_be_is_let_pass() {
        assert!(!broken(|it| {
            handle(it, 1, AT);
            it.crashed();
            it.begin();
            handle(it, 1, Duration::ZERO);
            it.sought(0, 1);
            handle(it, 1, AT);
            it.taken(2, "a", 1);
            it.failed(2, "a", true);
            handle(it, 3, AT);
            it.retried(&[2]);
            handle(it, 2, AT);
            it.sought(5, 3);
            it.finish((&log(&[1, 2, 3, 4]), 4), &[2], 0);
        }));
        assert!(!broken(|it| {
            give_a_letter_again(it);
            it.crashed();
            it.begin();
            handle(it, 1, Duration::ZERO);
            it.finish((&log(&[1]), 1), &[1], 0);
        }));
    }
}
