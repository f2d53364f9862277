//! What is remembered of nodes that are forgotten otherwise.

use std::collections::VecDeque;
use std::sync::Arc;

use uuid::Uuid;

use super::link::past::Past;

/// Most nodes of which it is remembered; beyond, the one that was forgotten first is
/// forgotten for good.
const MAX_REMEMBERED: usize = 1024;

/// What was between this node and others that may yet come back.
#[derive(Debug, Default)]
pub(super) struct Remembered(VecDeque<(Arc<str>, Uuid, Past)>);

impl Remembered {
    /// Remembers what was between this node and a start of another.
    pub(super) fn keep(&mut self, node: Arc<str>, incarnation: Uuid, past: Past) {
        self.0.retain(|(known, ..)| *known != node);
        if self.0.len() >= MAX_REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back((node, incarnation, past));
    }

    /// What was between this node and a start of another, or nothing: then that is told so.
    pub(super) fn recall(&mut self, node: &str, incarnation: Uuid) -> Past {
        let known = self.0.iter().position(|(known, ..)| **known == *node);
        match known.and_then(|at| self.0.remove(at)) {
            Some((_, known, past)) if known == incarnation => past,
            _ => Past::default(),
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

    #[test]
    fn who_was_forgotten_first_is_forgotten_for_good() {
        let mut remembered = Remembered::default();
        let incarnation = Uuid::from_u128(1);
        let count = MAX_REMEMBERED as u64 + 1;
        for number in 1..=count {
            remembered.keep(number.to_string().into(), incarnation, past(number));
        }
        assert_eq!(remembered.recall("1", incarnation), Past::default());
        for number in 2..=count {
            let recalled = remembered.recall(&number.to_string(), incarnation);
            assert_eq!(recalled, past(number));
        }
        assert_eq!(remembered.recall("2", incarnation), Past::default());
    }

    #[test]
    fn another_start_of_a_node_has_sent_nothing() {
        let mut remembered = Remembered::default();
        remembered.keep("b".into(), Uuid::from_u128(1), past(1));
        remembered.keep("b".into(), Uuid::from_u128(2), past(2));
        assert_eq!(remembered.recall("b", Uuid::from_u128(1)), Past::default());
    }
}
