//! What nodes had sent that are forgotten otherwise.

use std::collections::VecDeque;
use std::sync::Arc;

use uuid::Uuid;

use super::link::inbox::Inbox;

/// Most nodes of which it is remembered; beyond, the one that was forgotten first is
/// forgotten for good.
const MAX_REMEMBERED: usize = 1024;

/// The receiving halves of links to nodes that may yet come back.
#[derive(Debug, Default)]
pub(super) struct Remembered(VecDeque<(Arc<str>, Uuid, Inbox)>);

impl Remembered {
    /// Remembers what a start of a node had sent.
    pub(super) fn keep(&mut self, node: Arc<str>, incarnation: Uuid, inbox: Inbox) {
        self.0.retain(|(known, ..)| *known != node);
        if self.0.len() >= MAX_REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back((node, incarnation, inbox));
    }

    /// What a start of a node had sent, or nothing: then it is told so.
    pub(super) fn recall(&mut self, node: &str, incarnation: Uuid) -> Inbox {
        let known = self.0.iter().position(|(known, ..)| **known == *node);
        match known.and_then(|at| self.0.remove(at)) {
            Some((_, known, inbox)) if known == incarnation => inbox,
            _ => Inbox::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inbox(stream: u64) -> Inbox {
        let mut inbox = Inbox::default();
        inbox.resume(stream);
        inbox
    }

    #[test]
    fn who_was_forgotten_first_is_forgotten_for_good() {
        let mut remembered = Remembered::default();
        let incarnation = Uuid::from_u128(1);
        let count = MAX_REMEMBERED as u64 + 1;
        for number in 1..=count {
            remembered.keep(number.to_string().into(), incarnation, inbox(number));
        }
        assert_eq!(remembered.recall("1", incarnation), Inbox::default());
        for number in 2..=count {
            let recalled = remembered.recall(&number.to_string(), incarnation);
            assert_eq!(recalled, inbox(number));
        }
        assert_eq!(remembered.recall("2", incarnation), Inbox::default());
    }

    #[test]
    fn another_start_of_a_node_has_sent_nothing() {
        let mut remembered = Remembered::default();
        remembered.keep("b".into(), Uuid::from_u128(1), inbox(1));
        remembered.keep("b".into(), Uuid::from_u128(2), inbox(2));
        assert_eq!(remembered.recall("b", Uuid::from_u128(1)), Inbox::default());
    }
}
