//! Who comes next: a queue for each plugin, served in turn.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

/// Work that one group is made of, unless its first item alone is more: about as
/// much as a disk writes while it syncs, so that whoever is in a group waits hardly
/// longer for the others in it.
const GROUP_WORK: u64 = 1 << 20;

/// Bytes of work a second that one plugin may go on with. More of it would fill the
/// time of the disk with one plugin's changes, for which all others then wait; a sync
/// for each small change is far below it.
const WORK_A_SECOND: u64 = 16 << 20;

/// How far ahead of that a plugin may be.
const AHEAD: Duration = Duration::from_millis(250);

/// Lanes of plugins that have nothing to do are kept up to this number.
const IDLE_LANES: usize = 64;

/// Items that wait, fair between those who brought them.
#[derive(Debug)]
pub(super) struct Lanes<T> {
    lanes: HashMap<Arc<str>, Lane<T>>,
    /// Those who have items, whose turn is next first.
    turns: VecDeque<Arc<str>>,
    bytes: usize,
}

#[derive(Debug)]
struct Lane<T> {
    waiting: VecDeque<Item<T>>,
    /// When all that was taken would be done at [`WORK_A_SECOND`].
    done_at: Instant,
}

#[derive(Debug)]
struct Item<T> {
    item: T,
    bytes: usize,
    work: u64,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<T> {
    /// These, together.
    Group(Vec<T>),
    /// Nothing before then, unless more comes.
    At(Instant),
    /// Nothing.
    Nothing,
}

impl<T> Default for Lanes<T> {
    fn default() -> Self {
        Self {
            lanes: HashMap::new(),
            turns: VecDeque::new(),
            bytes: 0,
        }
    }
}

impl<T> Lanes<T> {
    /// Bytes of memory of all that waits.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Puts an item last of those of `who`. It takes `bytes` of memory while it waits,
    /// and then `work`, in bytes written.
    pub(super) fn push(&mut self, who: &Arc<str>, item: T, bytes: usize, work: u64, now: Instant) {
        let lane = self.lanes.entry(Arc::clone(who)).or_insert_with(|| Lane {
            waiting: VecDeque::new(),
            done_at: now,
        });
        if lane.waiting.is_empty() {
            self.turns.push_back(Arc::clone(who));
        }
        lane.waiting.push_back(Item { item, bytes, work });
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Takes the next group: one item of each in turn, again and again, until the group
    /// is full. Who has had more than a share waits until time has made up for it.
    pub(super) fn next(&mut self, now: Instant) -> Next<T> {
        let mut group = Vec::new();
        let mut room = GROUP_WORK;
        let mut soonest: Option<Instant> = None;
        loop {
            let mut taken = 0;
            for _ in 0..self.turns.len() {
                let Some(who) = self.turns.pop_front() else {
                    break;
                };
                let Some(lane) = self.lanes.get_mut(&who) else {
                    continue;
                };
                let free_at = lane.done_at.checked_sub(AHEAD).unwrap_or(lane.done_at);
                if free_at > now {
                    soonest = Some(soonest.map_or(free_at, |soonest| soonest.min(free_at)));
                    self.turns.push_back(who);
                    continue;
                }
                let Some(front) = lane.waiting.front() else {
                    continue;
                };
                if !group.is_empty() && front.work > room {
                    // Its turn is next.
                    self.turns.push_front(who);
                    return Next::Group(group);
                }
                room = room.saturating_sub(front.work);
                let item = lane.take(now);
                self.bytes = self.bytes.saturating_sub(item.bytes);
                if !lane.waiting.is_empty() {
                    self.turns.push_back(who);
                }
                group.push(item.item);
                taken += 1;
            }
            if taken == 0 {
                break;
            }
        }
        self.forget_idle(now);
        match soonest {
            _ if !group.is_empty() => Next::Group(group),
            Some(soonest) => Next::At(soonest),
            None => Next::Nothing,
        }
    }

    /// Takes everything.
    pub(super) fn take_all(&mut self) -> Vec<T> {
        self.turns.clear();
        self.bytes = 0;
        let lanes = self.lanes.values_mut();
        lanes
            .flat_map(|lane| lane.waiting.drain(..))
            .map(|item| item.item)
            .collect()
    }

    fn forget_idle(&mut self, now: Instant) {
        if self.lanes.len() > self.turns.len() + IDLE_LANES {
            self.lanes
                .retain(|_, lane| !lane.waiting.is_empty() || lane.done_at > now);
        }
    }
}

impl<T> Lane<T> {
    /// Takes its first item, which there is, at its charge.
    fn take(&mut self, now: Instant) -> Item<T> {
        let item = self.waiting.pop_front().expect("it was looked at");
        let micros = item.work.saturating_mul(1_000_000) / WORK_A_SECOND;
        self.done_at = self.done_at.max(now) + Duration::from_micros(micros);
        item
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: u64 = 4096;

    fn who(name: &str) -> Arc<str> {
        name.into()
    }

    fn push(lanes: &mut Lanes<String>, name: &str, number: u32, work: u64, now: Instant) {
        lanes.push(&who(name), format!("{name}{number}"), 10, work, now);
    }

    fn group(lanes: &mut Lanes<String>, now: Instant) -> Vec<String> {
        match lanes.next(now) {
            Next::Group(group) => group,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn everybody_has_a_turn_before_anybody_has_two() {
        let now = Instant::now();
        let mut lanes = Lanes::default();
        for number in 0..4 {
            push(&mut lanes, "flood", number, GROUP_WORK / 2, now);
        }
        push(&mut lanes, "a", 0, SMALL, now);
        push(&mut lanes, "b", 0, SMALL, now);
        assert_eq!(lanes.bytes(), 60);
        assert_eq!(group(&mut lanes, now), ["flood0", "a0", "b0"]);
        push(&mut lanes, "a", 1, SMALL, now);
        assert_eq!(group(&mut lanes, now), ["flood1", "a1"]);
        assert_eq!(group(&mut lanes, now), ["flood2", "flood3"]);
        assert_eq!(lanes.next(now), Next::Nothing);
        assert_eq!(lanes.bytes(), 0);
    }

    #[test]
    fn what_fits_no_group_has_one_of_its_own_and_is_not_passed_over() {
        let now = Instant::now();
        let mut lanes = Lanes::default();
        push(&mut lanes, "a", 0, SMALL, now);
        push(&mut lanes, "large", 0, 3 * GROUP_WORK, now);
        push(&mut lanes, "b", 0, SMALL, now);
        assert_eq!(group(&mut lanes, now), ["a0"]);
        push(&mut lanes, "a", 1, SMALL, now);
        assert_eq!(group(&mut lanes, now), ["large0"]);
        assert_eq!(group(&mut lanes, now), ["b0", "a1"]);
    }

    #[test]
    fn who_has_had_too_much_waits_while_others_go_on() {
        let start = Instant::now();
        let mut lanes = Lanes::default();
        for number in 0..3 {
            push(&mut lanes, "flood", number, WORK_A_SECOND, start);
        }
        assert_eq!(group(&mut lanes, start), ["flood0"]);
        push(&mut lanes, "a", 0, SMALL, start);
        assert_eq!(group(&mut lanes, start), ["a0"]);
        let free = start + Duration::from_secs(1) - AHEAD;
        assert_eq!(lanes.next(start), Next::At(free));
        assert_eq!(group(&mut lanes, free), ["flood1"]);
        let mut left = lanes.take_all();
        left.sort();
        assert_eq!(left, ["flood2"]);
        assert_eq!(lanes.next(free), Next::Nothing);
    }

    #[test]
    fn idle_lanes_are_forgotten() {
        let start = Instant::now();
        let mut lanes = Lanes::default();
        for number in 0..1000 {
            push(&mut lanes, &format!("p{number}-"), 0, 1, start);
        }
        while lanes.bytes() > 0 {
            group(&mut lanes, start);
        }
        let later = start + Duration::from_secs(1);
        push(&mut lanes, "a", 0, 1, later);
        group(&mut lanes, later);
        assert!(lanes.lanes.len() <= IDLE_LANES, "{}", lanes.lanes.len());
    }
}
