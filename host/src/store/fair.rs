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

/// Flows of plugins that have nothing to do are kept up to this number.
const IDLE_FLOWS: usize = 64;

/// Items that wait, fair between those who brought them: a flow for each.
#[derive(Debug)]
pub(super) struct FairQueue<T> {
    flows: HashMap<Arc<str>, Flow<T>>,
    /// Those who have items, whose turn is next first.
    turns: VecDeque<Arc<str>>,
    bytes: usize,
}

#[derive(Debug)]
struct Flow<T> {
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

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self {
            flows: HashMap::new(),
            turns: VecDeque::new(),
            bytes: 0,
        }
    }
}

impl<T> FairQueue<T> {
    /// Bytes of memory of all that waits.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Puts an item last of those of `who`. It takes `bytes` of memory while it waits,
    /// and then `work`, in bytes written.
    pub(super) fn push(&mut self, who: &Arc<str>, item: T, bytes: usize, work: u64, now: Instant) {
        let flow = self.flows.entry(Arc::clone(who)).or_insert_with(|| Flow {
            waiting: VecDeque::new(),
            done_at: now,
        });
        if flow.waiting.is_empty() {
            self.turns.push_back(Arc::clone(who));
        }
        flow.waiting.push_back(Item { item, bytes, work });
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
                let Some(flow) = self.flows.get_mut(&who) else {
                    continue;
                };
                let free_at = flow.done_at.checked_sub(AHEAD).unwrap_or(flow.done_at);
                if free_at > now {
                    soonest = Some(soonest.map_or(free_at, |soonest| soonest.min(free_at)));
                    self.turns.push_back(who);
                    continue;
                }
                let Some(front) = flow.waiting.front() else {
                    continue;
                };
                if !group.is_empty() && front.work > room {
                    // Its turn is next.
                    self.turns.push_front(who);
                    return Next::Group(group);
                }
                room = room.saturating_sub(front.work);
                let item = flow.take(now);
                self.bytes = self.bytes.saturating_sub(item.bytes);
                if !flow.waiting.is_empty() {
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
        let flows = self.flows.values_mut();
        flows
            .flat_map(|flow| flow.waiting.drain(..))
            .map(|item| item.item)
            .collect()
    }

    fn forget_idle(&mut self, now: Instant) {
        if self.flows.len() > self.turns.len() + IDLE_FLOWS {
            self.flows
                .retain(|_, flow| !flow.waiting.is_empty() || flow.done_at > now);
        }
    }
}

impl<T> Flow<T> {
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

    fn push(flows: &mut FairQueue<String>, name: &str, number: u32, work: u64, now: Instant) {
        flows.push(&who(name), format!("{name}{number}"), 10, work, now);
    }

    fn group(flows: &mut FairQueue<String>, now: Instant) -> Vec<String> {
        match flows.next(now) {
            Next::Group(group) => group,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn everybody_has_a_turn_before_anybody_has_two() {
        let now = Instant::now();
        let mut flows = FairQueue::default();
        for number in 0..4 {
            push(&mut flows, "flood", number, GROUP_WORK / 2, now);
        }
        push(&mut flows, "a", 0, SMALL, now);
        push(&mut flows, "b", 0, SMALL, now);
        assert_eq!(flows.bytes(), 60);
        assert_eq!(group(&mut flows, now), ["flood0", "a0", "b0"]);
        push(&mut flows, "a", 1, SMALL, now);
        assert_eq!(group(&mut flows, now), ["flood1", "a1"]);
        assert_eq!(group(&mut flows, now), ["flood2", "flood3"]);
        assert_eq!(flows.next(now), Next::Nothing);
        assert_eq!(flows.bytes(), 0);
    }

    #[test]
    fn what_fits_no_group_has_one_of_its_own_and_is_not_passed_over() {
        let now = Instant::now();
        let mut flows = FairQueue::default();
        push(&mut flows, "a", 0, SMALL, now);
        push(&mut flows, "large", 0, 3 * GROUP_WORK, now);
        push(&mut flows, "b", 0, SMALL, now);
        assert_eq!(group(&mut flows, now), ["a0"]);
        push(&mut flows, "a", 1, SMALL, now);
        assert_eq!(group(&mut flows, now), ["large0"]);
        assert_eq!(group(&mut flows, now), ["b0", "a1"]);
    }

    #[test]
    fn who_has_had_too_much_waits_while_others_go_on() {
        let start = Instant::now();
        let mut flows = FairQueue::default();
        for number in 0..3 {
            push(&mut flows, "flood", number, WORK_A_SECOND, start);
        }
        assert_eq!(group(&mut flows, start), ["flood0"]);
        push(&mut flows, "a", 0, SMALL, start);
        assert_eq!(group(&mut flows, start), ["a0"]);
        let free = start + Duration::from_secs(1) - AHEAD;
        assert_eq!(flows.next(start), Next::At(free));
        assert_eq!(group(&mut flows, free), ["flood1"]);
        let mut left = flows.take_all();
        left.sort();
        assert_eq!(left, ["flood2"]);
        assert_eq!(flows.next(free), Next::Nothing);
    }

    #[test]
    fn idle_lanes_are_forgotten() {
        let start = Instant::now();
        let mut flows = FairQueue::default();
        for number in 0..1000 {
            push(&mut flows, &format!("p{number}-"), 0, 1, start);
        }
        while flows.bytes() > 0 {
            group(&mut flows, start);
        }
        let later = start + Duration::from_secs(1);
        push(&mut flows, "a", 0, 1, later);
        group(&mut flows, later);
        assert!(flows.flows.len() <= IDLE_FLOWS, "{}", flows.flows.len());
    }
}
