//! Giving an event its place in a log.

use super::layout::{ATTRIBUTES_AT, FLAGS_AT, HAS_SEQUENCE, HEADER, SEQUENCE_AT, TIME_AT};

/// Sets the position within the channel and the recorded time of an encoded event, in
/// place; nothing else of it changes. Returns whether these are the bytes of an event's
/// header at least; nothing has changed if not.
#[must_use]
pub fn place(event: &mut [u8], sequence: u64, recorded_time: u64) -> bool {
    let Some(header) = event.first_chunk_mut::<HEADER>() else {
        return false;
    };
    header[FLAGS_AT] |= HAS_SEQUENCE;
    header[TIME_AT..SEQUENCE_AT].copy_from_slice(&recorded_time.to_le_bytes());
    header[SEQUENCE_AT..ATTRIBUTES_AT].copy_from_slice(&sequence.to_le_bytes());
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::EventRef;
    use crate::event::tests::any_event;

    proptest! {
        #[test]
        fn only_the_place_changes(
            event in any_event(),
            sequence in any::<u64>(),
            recorded_time in any::<u64>(),
        ) {
            let before = event.encoded();
            let mut placed = before.clone();
            prop_assert!(place(&mut placed, sequence, recorded_time));
            let read = EventRef::assume_encoded(&placed);
            prop_assert_eq!(read.sequence(), Some(sequence));
            prop_assert_eq!(read.recorded_time(), recorded_time);
            for at in 0..before.len() {
                let own = at == FLAGS_AT || (TIME_AT..ATTRIBUTES_AT).contains(&at);
                prop_assert!(own || before[at] == placed[at]);
            }
            prop_assert_eq!(before[FLAGS_AT] | HAS_SEQUENCE, placed[FLAGS_AT]);
        }
    }

    #[test]
    fn what_has_no_header_is_left_alone() {
        let mut short = [7; HEADER - 1];
        assert!(!place(&mut short, 1, 1));
        assert_eq!(short, [7; HEADER - 1]);
    }
}
