//! Events as streams and waits send them: written once, whoever gets them.

use std::collections::{HashMap, VecDeque};
use std::io::Write;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use foldhash::fast::FixedState;

use crate::event::{CloudEvent, Event};

/// Events whose text is kept for the next who gets them: as many as wait in a stream that is
/// not yet too slow.
const KEPT: usize = 1024;

/// The texts of the events that were sent last.
pub(in crate::gateway) struct Renderings {
    node: Arc<str>,
    kept: Mutex<Kept>,
    /// Bytes of events and texts that are kept.
    most_bytes: usize,
    /// Bytes of all texts in memory: those kept here and those on their way to a client.
    alive: Arc<AtomicUsize>,
    /// Texts that were written.
    written: AtomicUsize,
}

/// Oldest first.
#[derive(Default)]
struct Kept {
    by_place: HashMap<usize, Arc<Rendering>, FixedState>,
    order: VecDeque<usize>,
    bytes: usize,
}

/// One event, and its text as soon as somebody asks for it. Keeps the event, so that as long
/// as it lives no other event has the same place in memory.
struct Rendering {
    event: Event,
    text: OnceLock<Text>,
}

/// An event as a message of a stream, and where in it its JSON is.
#[derive(Clone)]
struct Text {
    message: Bytes,
    json: Range<usize>,
}

/// A text that is counted for as long as anybody holds a part of it.
struct Counted {
    text: Vec<u8>,
    alive: Arc<AtomicUsize>,
}

impl Renderings {
    /// For the node of that name; keeps about `most_bytes`, but always the last event.
    pub(in crate::gateway) fn new(node: Arc<str>, most_bytes: usize) -> Self {
        Self {
            node,
            kept: Mutex::default(),
            most_bytes,
            alive: Arc::default(),
            written: AtomicUsize::new(0),
        }
    }

    /// The event as a message of a stream.
    pub(in crate::gateway) fn message(&self, event: &Event) -> Bytes {
        self.text(event).message
    }

    /// The event in the CloudEvents JSON format.
    pub(in crate::gateway) fn json(&self, event: &Event) -> Bytes {
        let text = self.text(event);
        text.message.slice(text.json)
    }

    /// Bytes of all texts in memory.
    pub(in crate::gateway) fn bytes(&self) -> usize {
        self.alive.load(Ordering::Relaxed)
    }

    /// Texts that were written since the node started.
    #[cfg(test)]
    pub(in crate::gateway) fn written(&self) -> usize {
        self.written.load(Ordering::Relaxed)
    }

    fn text(&self, event: &Event) -> Text {
        let rendering = self.rendering(event);
        // Who comes meanwhile waits for the text, which takes no longer than to write it again.
        rendering.text.get_or_init(|| self.write(event)).clone()
    }

    fn rendering(&self, event: &Event) -> Arc<Rendering> {
        let place = event.as_bytes().as_ptr().addr();
        let mut kept = self.lock();
        if let Some(rendering) = kept.by_place.get(&place) {
            return Arc::clone(rendering);
        }
        let rendering = Arc::new(Rendering {
            event: event.clone(),
            text: OnceLock::new(),
        });
        kept.bytes += rendering.expected_bytes();
        kept.by_place.insert(place, Arc::clone(&rendering));
        kept.order.push_back(place);
        let mut forgotten = Vec::new();
        while kept.order.len() > KEPT || (kept.bytes > self.most_bytes && kept.order.len() > 1) {
            let oldest = kept.order.pop_front();
            let Some(oldest) = oldest.and_then(|place| kept.by_place.remove(&place)) else {
                break;
            };
            kept.bytes -= oldest.expected_bytes();
            forgotten.push(oldest);
        }
        drop(kept);
        rendering
    }

    fn write(&self, event: &Event) -> Text {
        self.written.fetch_add(1, Ordering::Relaxed);
        let localorigin = event.origin() == &*self.node;
        let json = CloudEvent::new(event, localorigin).to_json();
        let (id, event_type) = (event.id(), event.event_type());
        let mut text = Vec::with_capacity(json.len() + id.len() + event_type.len() + 32);
        // No attribute has a line break, and the JSON is on one line.
        write!(text, "id: {id}\nevent: {event_type}\ndata: ").expect("a vector takes everything");
        let start = text.len();
        text.extend_from_slice(json.as_bytes());
        let json = start..text.len();
        text.extend_from_slice(b"\n\n");
        self.alive.fetch_add(text.len(), Ordering::Relaxed);
        let alive = Arc::clone(&self.alive);
        Text {
            message: Bytes::from_owner(Counted { text, alive }),
            json,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Nothing in here panics half-way through a change.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rendering {
    /// Bytes of the event and of its text, about: data that is not JSON takes 4/3 as base64.
    fn expected_bytes(&self) -> usize {
        let event = self.event.as_bytes().len();
        event + event / 3 * 4 + 256
    }
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.text
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.alive.fetch_sub(self.text.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Draft, EventType, Stamp};

    fn event(serial: &str, bytes: usize) -> Event {
        let draft = Draft {
            data: Some(vec![b'1'; bytes].into()),
            ..Draft::new(EventType::custom("t").expect("valid"))
        };
        draft.stamp(&Stamp {
            id: ["i-", serial],
            source: "/s",
            time: 0,
            origin: "a",
            sequence: None,
        })
    }

    #[test]
    fn a_text_is_written_once_and_is_a_message_with_the_json_in_it() {
        let renderings = Renderings::new("a".into(), 1 << 20);
        let event = event("1", 3);
        let message = renderings.message(&event.clone());
        let json = renderings.json(&event);
        let expected = CloudEvent::new(&event, true).to_json();
        assert_eq!(json, expected);
        let whole = format!("id: i-1\nevent: custom.t\ndata: {expected}\n\n");
        assert_eq!(message, whole);
        assert_eq!(renderings.written(), 1);
    }

    #[test]
    fn equal_events_that_are_not_the_same_are_told_apart() {
        let renderings = Renderings::new("a".into(), 1 << 20);
        assert_eq!(
            renderings.json(&event("1", 3)),
            renderings.json(&event("1", 3))
        );
        assert_ne!(
            renderings.json(&event("1", 3)),
            renderings.json(&event("2", 3))
        );
        assert_eq!(renderings.written(), 4);
    }

    #[test]
    fn what_is_kept_is_bounded_and_what_is_alive_is_counted() {
        let renderings = Renderings::new("a".into(), 100_000);
        let held = renderings.message(&event("0", 10_000));
        for serial in 1..100 {
            renderings.message(&event(&serial.to_string(), 10_000));
        }
        let kept = renderings.lock().order.len();
        assert!((1..10).contains(&kept), "{kept}");
        let alive = renderings.bytes();
        assert!(
            (kept + 1) * 10_000 <= alive && alive < (kept + 2) * 11_000,
            "{alive}"
        );
        drop(held);
        assert!(renderings.bytes() < alive);
        let large = event("large", 1 << 20);
        renderings.message(&large);
        renderings.message(&large);
        assert_eq!(
            renderings.written(),
            101,
            "the last is kept whatever its size"
        );
        for serial in 0..2 * KEPT {
            renderings.message(&event(&serial.to_string(), 1));
        }
        let kept = renderings.lock();
        assert!(kept.order.len() <= KEPT);
        assert_eq!(kept.by_place.len(), kept.order.len());
    }
}
