//! Frames: events one behind the other, each as a delivery to this receiver.
//!
//! A delivery is a `u32` of flags (1: the event was published on the receiver's
//! node) and the encoded event. A frame has nothing before, between or behind its
//! deliveries.

use std::ops::Range;

use crate::{EventRef, Malformed};

const LOCAL: u32 = 1;
/// Bytes of a delivery before its event.
pub const FLAGS: usize = 4;

/// Appends the delivery of an encoded event to a frame.
#[inline]
pub fn push(frame: &mut Vec<u8>, event: EventRef<'_>, local: bool) {
    let flags = if local { LOCAL } else { 0 };
    frame.extend_from_slice(&flags.to_le_bytes());
    frame.extend_from_slice(event.as_bytes());
}

/// Where an event is in a frame, and what its delivery says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Bytes of the encoded event.
    pub event: Range<usize>,
    /// Whether the event was published on the receiver's node.
    pub local: bool,
}

/// The deliveries of a frame, in order; ends after the first error.
#[derive(Clone, Debug)]
pub struct Deliveries<'a> {
    frame: &'a [u8],
    at: usize,
}

impl<'a> Deliveries<'a> {
    /// Reads `frame` from its beginning.
    #[must_use]
    #[inline]
    pub fn new(frame: &'a [u8]) -> Self {
        Self { frame, at: 0 }
    }

    /// # Errors
    /// [`Malformed`] when the frame does not go on with a delivery.
    #[inline]
    fn read(&self) -> Result<Delivery, Malformed> {
        let rest = &self.frame[self.at..];
        let (flags, rest) = rest.split_first_chunk::<FLAGS>().ok_or(Malformed::CutOff {
            have: rest.len(),
            need: FLAGS,
        })?;
        let (event, _) = EventRef::take(rest)?;
        let start = self.at + FLAGS;
        Ok(Delivery {
            event: start..start + event.as_bytes().len(),
            local: u32::from_le_bytes(*flags) & LOCAL != 0,
        })
    }
}

impl Iterator for Deliveries<'_> {
    type Item = Result<Delivery, Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.frame.len() {
            return None;
        }
        let delivery = self.read();
        self.at = delivery
            .as_ref()
            .map_or(self.frame.len(), |delivery| delivery.event.end);
        Some(delivery)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::tests::any_event;

    proptest! {
        #[test]
        fn a_frame_gives_back_what_was_pushed(
            events in proptest::collection::vec((any_event(), any::<bool>()), 0..6),
        ) {
            let events: Vec<(Vec<u8>, bool)> =
                events.iter().map(|(event, local)| (event.encoded(), *local)).collect();
            let mut frame = Vec::new();
            for (event, local) in &events {
                push(&mut frame, EventRef::assume_encoded(event), *local);
            }
            let read: Vec<(Vec<u8>, bool)> = Deliveries::new(&frame)
                .map(|delivery| delivery.expect("well-formed"))
                .map(|delivery| (frame[delivery.event].to_vec(), delivery.local))
                .collect();
            prop_assert_eq!(read, events);
        }

        #[test]
        fn noise_ends_with_an_error(frame in proptest::collection::vec(any::<u8>(), 1..200)) {
            let read: Vec<_> = Deliveries::new(&frame).collect();
            let (last, before) = read.split_last().expect("there are bytes to read");
            prop_assert!(before.iter().all(Result::is_ok));
            let end = last.as_ref().map_or(0, |delivery| delivery.event.end);
            prop_assert!(last.is_err() || end == frame.len());
        }
    }
}
