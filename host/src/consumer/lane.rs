//! How far a consumer is in a log.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How far a consumer is in a log: everything up to a number is known, and handled but for
/// what is noted as undone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lane {
    /// Up to here it is known what became of each event, or was to become.
    known: u64,
    /// Up to here the log has been read since the consumer was attached to it.
    at: u64,
    /// What is not handled, and how often it has failed.
    undone: BTreeMap<u64, u32>,
    /// The events from the oldest that is not handled on, handled or not, that were read.
    held: VecDeque<u64>,
    /// What is handled of the events that are not known yet.
    ahead: BTreeSet<u64>,
}

impl Lane {
    /// One that begins behind this number.
    pub(super) fn new(after: u64) -> Self {
        Self {
            known: after,
            at: after,
            ..Self::default()
        }
    }

    /// One that goes on: known up to `known`, but for what is undone.
    pub(super) fn going_on(after: u64, known: u64, undone: BTreeMap<u64, u32>) -> Self {
        let mut lane = Self {
            known: known.max(after),
            at: after,
            undone,
            ..Self::default()
        };
        lane.at = lane.after();
        lane
    }

    /// The same as one that goes on has it, with nothing in memory.
    pub(super) fn resumed(&self) -> Self {
        Self::going_on(self.after(), self.known, self.undone.clone())
    }

    /// Number before the oldest event that is not handled.
    pub(super) fn after(&self) -> u64 {
        let oldest = self.undone.first_key_value();
        oldest.map_or(self.known, |(number, _)| number.saturating_sub(1))
    }

    pub(super) fn known(&self) -> u64 {
        self.known
    }

    /// Where to read on.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    pub(super) fn undone(&self) -> &BTreeMap<u64, u32> {
        &self.undone
    }

    /// Events of the window.
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// The event with this number was read, and whether it is wanted; returns how often it
    /// has failed if it is to be handled.
    pub(super) fn read(&mut self, number: u64, wanted: bool) -> Option<u32> {
        if number <= self.at {
            return None;
        }
        let wanted = !self.ahead.remove(&number) && wanted;
        self.at = number;
        let is_new = number > self.known;
        self.known = self.known.max(number);
        if !wanted {
            self.undone.remove(&number);
            self.slide();
            return None;
        }
        if is_new {
            self.undone.insert(number, 0);
        }
        let failed = self.undone.get(&number).copied();
        if number > self.after() {
            self.held.push_back(number);
        }
        failed
    }

    /// The event with this number is handled, which may not be known yet; whether it was not
    /// before.
    pub(super) fn done_ahead(&mut self, number: u64) -> bool {
        if number > self.known {
            return self.ahead.insert(number);
        }
        self.done(number)
    }

    /// Whether it is handled, and not known yet.
    pub(super) fn is_ahead(&self, number: u64) -> bool {
        self.ahead.contains(&number)
    }

    /// Whether it is still to be handled, as far as this lane knows.
    pub(super) fn is_open(&self, number: u64) -> bool {
        match number > self.known {
            true => !self.is_ahead(number),
            false => self.undone.contains_key(&number),
        }
    }

    /// Whether events are handled that are not known yet.
    pub(super) fn has_ahead(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// There is nothing more to be read up to this number; returns how many of the events
    /// that were to be handled are not there.
    pub(super) fn pass(&mut self, to: u64) -> u64 {
        if to <= self.at {
            return 0;
        }
        let unread = self.at.saturating_add(1);
        let gone: Vec<u64> = self
            .undone
            .range(unread..=to)
            .map(|(number, _)| *number)
            .collect();
        for number in &gone {
            self.undone.remove(number);
        }
        let unknown = to.saturating_sub(self.known.max(self.at));
        self.at = to;
        self.known = self.known.max(to);
        self.ahead = self.ahead.split_off(&to.saturating_add(1));
        self.slide();
        unknown.saturating_add(gone.len() as u64)
    }

    /// An attempt failed.
    pub(super) fn failed(&mut self, number: u64, attempts: u32) {
        if let Some(failed) = self.undone.get_mut(&number) {
            *failed = attempts;
        }
    }

    /// The event with this number is handled; whether it was not before.
    pub(super) fn done(&mut self, number: u64) -> bool {
        let done = self.undone.remove(&number).is_some();
        self.slide();
        done
    }

    fn slide(&mut self) {
        let after = self.after();
        while self.held.front().is_some_and(|number| *number <= after) {
            self.held.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_that_is_not_handled_holds_the_rest() {
        let mut lane = Lane::new(10);
        assert_eq!(lane.read(11, true), Some(0));
        assert_eq!(lane.read(12, false), None);
        assert_eq!(lane.read(13, true), Some(0));
        assert_eq!((lane.after(), lane.held()), (10, 2));
        assert!(lane.done(13));
        assert!(!lane.done(13), "only once");
        assert_eq!((lane.after(), lane.held()), (10, 2));
        assert!(lane.done(11));
        assert_eq!((lane.after(), lane.held()), (13, 0));
    }

    #[test]
    fn what_was_handled_is_not_handled_again_by_one_that_goes_on() {
        let mut lane = Lane::new(0);
        for number in 1..=5 {
            lane.read(number, true);
        }
        lane.failed(2, 3);
        for number in [1, 3, 5] {
            lane.done(number);
        }
        let mut again = Lane::going_on(lane.after(), lane.known(), lane.undone().clone());
        assert_eq!(again.at(), 1);
        let read: Vec<_> = (2..=6).map(|number| again.read(number, true)).collect();
        assert_eq!(read, [Some(3), None, Some(0), None, Some(0)]);
        assert_eq!(again.held(), 5);
        for number in [2, 4] {
            again.done(number);
        }
        assert_eq!((again.after(), again.held()), (5, 1));
    }

    #[test]
    fn what_is_gone_is_counted_but_for_what_was_handled() {
        let mut lane = Lane::going_on(1, 5, BTreeMap::from([(2, 0), (4, 1)]));
        assert_eq!(lane.pass(8), 2 + 3);
        assert_eq!((lane.after(), lane.at()), (8, 8));
        assert_eq!(lane.pass(8), 0);
        lane.read(9, true);
        assert_eq!(lane.pass(10), 1, "an event in memory is still there");
        assert_eq!(lane.after(), 8);
    }

    #[test]
    fn what_is_handled_ahead_is_not_given_out() {
        let mut lane = Lane::going_on(1, 3, BTreeMap::from([(2, 0), (3, 1)]));
        assert!(lane.done_ahead(3) && lane.done_ahead(5) && lane.done_ahead(9));
        assert!(!lane.done_ahead(3) && !lane.done_ahead(5));
        assert!(lane.is_ahead(5) && !lane.is_ahead(3));
        let open: Vec<_> = (1..=6).map(|number| lane.is_open(number)).collect();
        assert_eq!(open, [false, true, false, true, false, true]);
        let read: Vec<_> = (2..=6).map(|number| lane.read(number, true)).collect();
        assert_eq!(read, [Some(0), None, Some(0), None, Some(0)]);
        assert!(lane.has_ahead());
        lane.pass(9);
        assert!(!lane.has_ahead());
    }

    #[test]
    fn other_filters_let_go_of_what_they_do_not_want() {
        let mut lane = Lane::going_on(1, 3, BTreeMap::from([(2, 0), (3, 1)]));
        assert_eq!(lane.read(2, false), None);
        assert_eq!(lane.read(3, true), Some(1));
        assert_eq!(lane.after(), 2);
    }
}
