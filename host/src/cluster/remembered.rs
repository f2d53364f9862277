//! What is remembered of nodes that are forgotten otherwise.

use std::collections::VecDeque;
use std::sync::Arc;

use uuid::Uuid;

use super::link::past::Past;
use super::membership::Address;

/// Most nodes of which it is remembered; beyond, the one that was forgotten first is
/// forgotten for good.
const MAX_REMEMBERED: usize = 1024;

/// The latest start of a node that is known of, and what was between it and this node.
#[derive(Debug)]
pub(super) struct Forgotten {
    pub(super) node: Arc<str>,
    pub(super) incarnation: Uuid,
    /// Where it was.
    pub(super) address: Address,
    pub(super) past: Past,
}

/// What was between this node and others that may yet come back: one start of each.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    known: VecDeque<Forgotten>,
    /// The latest start of any node that is forgotten for good.
    for_good: Option<Uuid>,
}

impl Remembered {
    /// Remembers what was between this node and a start of another, in place of an earlier
    /// start, unless it knows of a later one.
    pub(super) fn keep(&mut self, forgotten: Forgotten) {
        if self.later(&forgotten.node, forgotten.incarnation).is_some() {
            return;
        }
        self.known.retain(|known| known.node != forgotten.node);
        if self.known.len() >= MAX_REMEMBERED {
            let first = self.known.pop_front().map(|first| first.incarnation);
            self.for_good = self.for_good.max(first);
        }
        self.known.push_back(forgotten);
    }

    /// Where a later start of the node was, if there was one.
    pub(super) fn later(&self, node: &str, incarnation: Uuid) -> Option<Address> {
        let known = self.known.iter().find(|known| *known.node == *node)?;
        (known.incarnation > incarnation).then(|| Arc::clone(&known.address))
    }

    /// What was between this node and a start of another, or nothing: then that is told so.
    /// It is remembered no more, and neither is an earlier start; a later one is.
    pub(super) fn recall(&mut self, node: &str, incarnation: Uuid) -> Past {
        let known = self
            .known
            .iter()
            .position(|known| *known.node == *node && known.incarnation <= incarnation);
        match known.and_then(|at| self.known.remove(at)) {
            Some(known) if known.incarnation == incarnation => known.past,
            // Of the starts that are later than any that is forgotten for good, none is.
            _ => Past {
                untold: (Some(incarnation) <= self.for_good).then_some(1),
                ..Past::default()
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(attempts: u64) -> Past {
        Past {
            attempts,
            ..Past::default()
        }
    }

    /// The start of a node with this incarnation, and a past by which it is told.
    fn start(node: &str, incarnation: u128) -> Forgotten {
        Forgotten {
            node: node.into(),
            incarnation: Uuid::from_u128(incarnation),
            address: format!("127.0.0.{incarnation}:7071").into(),
            past: past(incarnation as u64),
        }
    }

    #[test]
    fn who_was_forgotten_first_is_forgotten_for_good() {
        let mut remembered = Remembered::default();
        let incarnation = Uuid::from_u128(1);
        let count = MAX_REMEMBERED as u64 + 1;
        for number in 1..=count {
            remembered.keep(Forgotten {
                past: past(number),
                ..start(&number.to_string(), 1)
            });
        }
        // What it had sent, and what it would have, is not known any more.
        let for_good = Past {
            untold: Some(1),
            ..Past::default()
        };
        assert_eq!(remembered.recall("1", incarnation), for_good);
        assert_eq!(
            remembered.recall("1", Uuid::from_u128(2)),
            Past::default(),
            "that one has started since"
        );
        for number in 2..=count {
            let recalled = remembered.recall(&number.to_string(), incarnation);
            assert_eq!(recalled, past(number));
        }
        assert_eq!(remembered.recall("2", incarnation), for_good);
    }

    #[test]
    fn a_later_start_of_a_node_has_sent_nothing() {
        let mut remembered = Remembered::default();
        remembered.keep(start("b", 1));
        assert_eq!(remembered.recall("b", Uuid::from_u128(2)), Past::default());
        assert_eq!(remembered.recall("b", Uuid::from_u128(1)), Past::default());
    }

    #[test]
    fn an_earlier_start_of_a_node_takes_nothing_from_a_later_one() {
        let mut remembered = Remembered::default();
        remembered.keep(start("b", 1));
        remembered.keep(start("b", 2));
        // Whichever task ends last.
        remembered.keep(start("b", 1));
        let earlier = Uuid::from_u128(1);
        assert_eq!(
            remembered.later("b", earlier).as_deref(),
            Some("127.0.0.2:7071")
        );
        assert_eq!(remembered.recall("b", earlier), Past::default());
        assert_eq!(remembered.later("b", Uuid::from_u128(2)), None);
        assert_eq!(remembered.recall("b", Uuid::from_u128(2)), past(2));
        assert_eq!(remembered.later("b", earlier), None);
    }
}
