//! What a guest has appended in the course of an event that its channel delivers: by that
//! are numbered the ids that make it the same append at each attempt.

use std::collections::VecDeque;

/// Longest name of a part in bytes; what is longer is cut.
const MAX_PART_BYTES: usize = 255;

/// Appends of one event that are remembered because they were refused, the oldest giving way:
/// a guest may go on refusing to be refused.
const MAX_REFUSED: usize = 256;

/// Events without ids of their own that were appended in the course of the event in hand.
/// Each append takes its numbers, whatever becomes of it, so that what comes behind it has
/// the same at an attempt at which it ends otherwise.
#[derive(Debug, Default)]
pub(crate) struct Appends {
    /// Which part of the handling is under way, if the guest tells them apart.
    part: Option<String>,
    /// How many numbers are given.
    given: u64,
    /// Appends that were refused, or of which nobody knows what became of them.
    refused: VecDeque<Refused>,
}

#[derive(Debug)]
struct Refused {
    content: blake3::Hash,
    /// Number of its first event.
    first: u64,
}

impl Appends {
    /// Another event is in hand.
    pub(super) fn begin_event(&mut self) {
        *self = Self::default();
    }

    /// Another part of its handling begins.
    pub(super) fn begin_part(&mut self, name: &str) {
        let name = &name[..name.floor_char_boundary(MAX_PART_BYTES)];
        *self = Self {
            part: Some(name.to_owned()),
            ..Self::default()
        };
    }

    /// The number of the first event of an append: one that repeats what was refused has the
    /// numbers that it had.
    pub(crate) fn first(&self, content: &blake3::Hash) -> u64 {
        let mut refused = self.refused.iter();
        let repeated = refused.find(|refused| refused.content == *content);
        repeated.map_or(self.given + 1, |refused| refused.first)
    }

    /// So many events, from this number on, are stored.
    pub(crate) fn stored(&mut self, first: u64, events: u64) {
        self.give(first, events);
        self.refused.retain(|refused| refused.first != first);
    }

    /// So many events, from this number on, are not stored, or may not be.
    pub(crate) fn refused(&mut self, first: u64, events: u64, content: blake3::Hash) {
        self.give(first, events);
        if self.refused.iter().any(|refused| refused.first == first) {
            return;
        }
        if self.refused.len() >= MAX_REFUSED {
            self.refused.pop_front();
        }
        self.refused.push_back(Refused { content, first });
    }

    /// The numbers are given to no others.
    fn give(&mut self, first: u64, events: u64) {
        let last = (first - 1).saturating_add(events);
        self.given = self.given.max(last);
    }

    /// What the number is of, within a plugin's handling of an event.
    pub(crate) fn place(&self, number: u64) -> String {
        match &self.part {
            Some(part) => format!("{part}/{number}"),
            None => number.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(text: &str) -> blake3::Hash {
        blake3::hash(text.as_bytes())
    }

    #[test]
    fn what_is_stored_is_numbered() {
        let mut appends = Appends::default();
        assert_eq!(appends.first(&content("a")), 1);
        appends.stored(1, 3);
        assert_eq!(appends.first(&content("a")), 4, "it is another");
        appends.stored(4, 1);
        appends.begin_event();
        assert_eq!(appends.first(&content("e")), 1);
    }

    #[test]
    fn what_is_refused_keeps_its_numbers_for_its_repeats_alone() {
        let mut appends = Appends::default();
        appends.refused(1, 2, content("audit"));
        assert_eq!(appends.first(&content("bill")), 3);
        appends.refused(3, 1, content("bill"));
        assert_eq!(appends.first(&content("audit")), 1);
        appends.refused(1, 2, content("audit"));
        assert_eq!(appends.first(&content("bill")), 3);
        appends.stored(3, 1);
        assert_eq!(appends.first(&content("bill")), 4, "it is another by now");
        assert_eq!(appends.first(&content("audit")), 1);
        appends.stored(1, 2);
        assert_eq!(appends.first(&content("other")), 4);
    }

    #[test]
    fn of_many_refusals_the_oldest_are_forgotten() {
        let mut appends = Appends::default();
        for number in 1..=MAX_REFUSED as u64 + 1 {
            appends.refused(number, 1, content(&number.to_string()));
        }
        assert_eq!(appends.refused.len(), MAX_REFUSED);
        assert_eq!(appends.first(&content("2")), 2);
        assert_eq!(appends.first(&content("1")), MAX_REFUSED as u64 + 2);
    }

    #[test]
    fn each_part_counts_by_itself() {
        let mut appends = Appends::default();
        assert_eq!(appends.place(1), "1");
        appends.begin_part("on_paid");
        appends.stored(1, 1);
        assert_eq!(appends.place(2), "on_paid/2");
        appends.begin_part(&"é".repeat(200));
        assert_eq!(appends.first(&content("a")), 1);
        assert_eq!(appends.place(1).len(), 254 + "/1".len());
    }
}
