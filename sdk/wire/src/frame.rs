//! Frames: events one behind the other, each as a delivery to this receiver.
//!
//! A delivery is a `u32` of flags ([`FLAG_LOCAL`], [`FLAG_CHANNEL`], [`FLAG_RETRY`]; others
//! mean nothing) and the encoded event. A frame has nothing before, between or behind its
//! deliveries.

use std::ops::Range;

use crate::{EventRef, Malformed};

/// Of a delivery's flags: the event was published on the receiver's node.
pub const FLAG_LOCAL: u32 = 1;
/// Of a delivery's flags: it is one of the event's channel, for listeners with that delivery
/// alone; without it, it is a live one.
pub const FLAG_CHANNEL: u32 = 2;
/// Of a delivery's flags: it is an attempt after the first; listeners of the instance that
/// have handled the event are not called again.
pub const FLAG_RETRY: u32 = 4;
/// Bytes of a delivery before its event.
pub const FLAGS: usize = 4;

/// Appends the delivery of an encoded event to a frame.
#[inline]
pub fn push(frame: &mut Vec<u8>, event: EventRef<'_>, local: bool) {
    push_flagged(frame, event, if local { FLAG_LOCAL } else { 0 });
}

/// Appends the delivery of an encoded event, with these flags, to a frame.
#[inline]
pub fn push_flagged(frame: &mut Vec<u8>, event: EventRef<'_>, flags: u32) {
    frame.extend_from_slice(&flags.to_le_bytes());
    frame.extend_from_slice(event.as_bytes());
}

/// Appends the delivery of an event of a channel to a frame.
pub fn push_of_channel(frame: &mut Vec<u8>, event: EventRef<'_>, local: bool, retry: bool) {
    let flag = |flag, is_set: bool| if is_set { flag } else { 0 };
    let flags = FLAG_CHANNEL | flag(FLAG_LOCAL, local) | flag(FLAG_RETRY, retry);
    push_flagged(frame, event, flags);
}

/// Where an event is in a frame, and what its delivery says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Bytes of the encoded event.
    pub event: Range<usize>,
    /// Whether the event was published on the receiver's node.
    pub local: bool,
    /// Whether it is a delivery of the event's channel, not a live one.
    pub channel: bool,
    /// Whether it is an attempt after the first.
    pub retry: bool,
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
        let flags = u32::from_le_bytes(*flags);
        let start = self.at + FLAGS;
        Ok(Delivery {
            event: start..start + event.as_bytes().len(),
            local: flags & FLAG_LOCAL != 0,
            channel: flags & FLAG_CHANNEL != 0,
            retry: flags & FLAG_RETRY != 0,
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
            events in proptest::collection::vec((any_event(), 0_u32..8), 0..6),
        ) {
            let events: Vec<(Vec<u8>, u32)> =
                events.iter().map(|(event, flags)| (event.encoded(), *flags)).collect();
            let mut frame = Vec::new();
            for (event, flags) in &events {
                push_flagged(&mut frame, EventRef::assume_encoded(event), *flags);
            }
            let flags = |delivery: &Delivery| {
                u32::from(delivery.local) * FLAG_LOCAL
                    + u32::from(delivery.channel) * FLAG_CHANNEL
                    + u32::from(delivery.retry) * FLAG_RETRY
            };
            let read: Vec<(Vec<u8>, u32)> = Deliveries::new(&frame)
                .map(|delivery| delivery.expect("well-formed"))
                .map(|delivery| (frame[delivery.event.clone()].to_vec(), flags(&delivery)))
                .collect();
            prop_assert_eq!(read, events);
        }

        #[test]
        fn what_is_pushed_without_flags_is_a_live_delivery(event in any_event(), local: bool) {
            let mut frame = Vec::new();
            push(&mut frame, EventRef::assume_encoded(&event.encoded()), local);
            let delivery = Deliveries::new(&frame).next().expect("one").expect("well-formed");
            let said = (delivery.local, delivery.channel, delivery.retry);
            prop_assert_eq!(said, (local, false, false));
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
