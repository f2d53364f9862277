//! What a guest has appended in the course of an event that its channel delivers: by that
//! are numbered the ids that make it the same append at each attempt.

/// Longest name of a part in bytes; what is longer is cut.
const MAX_PART_BYTES: usize = 255;

/// Events without ids of their own that were appended in the course of the event in hand.
#[derive(Debug, Default)]
pub(crate) struct Appends {
    /// Which part of the handling is under way, if the guest tells them apart.
    part: Option<String>,
    /// How many events were appended in the course of it.
    appended: u64,
    /// The append before, if nobody knows what became of it.
    unknown: Option<Unknown>,
}

#[derive(Debug)]
struct Unknown {
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

    /// The number of the first event of an append: one that repeats what may be stored
    /// already has the numbers that it had.
    pub(crate) fn first(&self, content: impl FnOnce() -> blake3::Hash) -> u64 {
        match &self.unknown {
            Some(unknown) if unknown.content == content() => unknown.first,
            _ => self.appended + 1,
        }
    }

    /// So many events, from this number on, are stored.
    pub(crate) fn stored(&mut self, first: u64, events: u64) {
        self.appended = self.appended.max(first - 1 + events);
        self.unknown = None;
    }

    /// Whether so many events, from this number on, are stored is not known. The numbers
    /// are not given to others.
    pub(crate) fn unknown(&mut self, first: u64, events: u64, content: blake3::Hash) {
        self.stored(first, events);
        self.unknown = Some(Unknown { content, first });
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
    fn what_is_stored_is_numbered_and_what_is_not_leaves_no_gap() {
        let mut appends = Appends::default();
        assert_eq!(appends.first(|| content("a")), 1);
        appends.stored(1, 3);
        // That one was refused.
        assert_eq!(appends.first(|| content("b")), 4);
        assert_eq!(appends.first(|| content("c")), 4);
        appends.stored(4, 1);
        assert_eq!(appends.first(|| content("d")), 5);
        appends.begin_event();
        assert_eq!(appends.first(|| content("e")), 1);
    }

    #[test]
    fn what_may_be_stored_keeps_its_numbers_for_its_repeat_alone() {
        let mut appends = Appends::default();
        appends.unknown(1, 2, content("a"));
        assert_eq!(appends.first(|| content("a")), 1);
        assert_eq!(appends.first(|| content("b")), 3);
        appends.stored(1, 2);
        assert_eq!(appends.first(|| content("a")), 3, "it is another by now");
    }

    #[test]
    fn each_part_counts_by_itself() {
        let mut appends = Appends::default();
        assert_eq!(appends.place(1), "1");
        appends.begin_part("on_paid");
        appends.stored(1, 1);
        assert_eq!(appends.place(2), "on_paid/2");
        appends.begin_part(&"é".repeat(200));
        assert_eq!(appends.first(|| content("a")), 1);
        assert_eq!(appends.place(1).len(), 254 + "/1".len());
    }
}
