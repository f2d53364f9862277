//! Messages of sessions as they go over a link: each is an event of a type that nobody can
//! publish, so that it is numbered, kept and sent again as events are.

use std::borrow::Cow;

use bytes::Bytes;

use crate::event::{Draft, Encoder, Event, EventType, Stamp};

/// The type. What others publish begins with `custom.`, and no host event has it.
const MESSAGE: &str = "hearken.sessions.message";

/// How much larger than the largest event that a node takes a message to it may be: a
/// publication, and what goes with it.
pub(in crate::cluster) const MESSAGE_ALLOWANCE: usize = 128 << 10;

/// What an event has beside its message at most, in bytes.
const AROUND: usize = 1 << 10;

/// An event as it is, whose bytes are shared.
struct Whole(Event);

impl AsRef<[u8]> for Whole {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Whether a message of so many bytes fits to a node that takes events of `most` bytes.
pub(in crate::cluster) fn fits(bytes: usize, most: usize) -> bool {
    bytes <= most.saturating_add(MESSAGE_ALLOWANCE - AROUND)
}

/// The event that brings a message of this node; nothing where no event can be of a node of
/// that name.
pub(in crate::cluster) fn event_of(message: &[u8], node: &str) -> Option<Event> {
    let draft = Draft {
        datacontenttype: Some(Cow::Borrowed("application/octet-stream")),
        data: Some(Cow::Borrowed(message)),
        distributed: true,
        ..Draft::new(EventType::host(MESSAGE).ok()?)
    };
    let stamp = Stamp {
        // Its number in the stream is what tells it from others.
        id: ["message", ""],
        source: "/sessions",
        time: 0,
        origin: node,
        sequence: None,
    };
    let mut encoder = Encoder::default();
    encoder.encode(&draft, &stamp).ok()?;
    Some(Event::copied(encoder.last()))
}

/// The message that an event brings, if it does.
pub(in crate::cluster) fn message_of(event: &Event) -> Option<Bytes> {
    if !is_message(event) {
        return None;
    }
    let whole = Bytes::from_owner(Whole(event.clone()));
    let data = event.data().unwrap_or_default();
    Some(whole.slice_ref(data))
}

/// Whether an event brings a message.
pub(in crate::cluster) fn is_message(event: &Event) -> bool {
    event.packed().type_bytes() == MESSAGE.as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::host_event::HostEventType;

    #[test]
    fn a_message_comes_out_as_it_went_in_and_nobody_can_publish_one() {
        for message in [&b"hello"[..], b"", &[0; 1 << 20]] {
            let event = event_of(message, "a").unwrap();
            // As it comes over the link.
            let event = Event::foreign(event.packed(), "a").unwrap();
            assert_eq!(message_of(&event).unwrap(), message);
            assert!(event.as_bytes().len() < message.len() + AROUND);
        }
        let custom = EventType::custom(MESSAGE).unwrap();
        assert_ne!(custom.as_str(), MESSAGE);
        assert!(HostEventType::ALL.iter().all(|it| it.as_str() != MESSAGE));
    }
}
