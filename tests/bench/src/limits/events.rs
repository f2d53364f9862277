//! Events as a bus has them: published, encoded, shared.

use std::borrow::Cow;
use std::sync::Arc;

use hearken::bus::{Bus, BusConfig, Filter};
use hearken::clock::SystemClock;
use hearken::event::{Draft, Event, EventType, Pattern};

/// Bytes of flags before each event of a frame.
const FLAGS: [u8; 4] = 1_u32.to_le_bytes();

/// A batch of events.
pub(super) struct Events(Vec<Event>);

impl Events {
    pub(super) fn new(count: usize, payload: usize) -> Self {
        let bus = Bus::new(BusConfig {
            node: "bench".into(),
            incarnation: "bench".to_owned(),
            max_event_bytes: 1 << 20,
            clock: Arc::new(SystemClock),
        });
        let publisher = bus.publisher("/bench", "bench");
        let data = vec![b'x'; payload];
        let draft = Draft {
            datacontenttype: Some("application/octet-stream".into()),
            data: Some(Cow::Borrowed(&data)),
            ..Draft::new(EventType::custom("bench.count").expect("a valid type"))
        };
        let pattern = Pattern::new("*").expect("a valid pattern");
        let receiver = bus.wait_for(Filter::new(pattern));
        let publish = |_| {
            publisher.publish(&draft).expect("a valid event");
            let event = receiver.mailbox().try_recv(0).expect("it is open");
            event.expect("it was published")
        };
        Self((0..count).map(publish).collect())
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Event> {
        self.0.iter()
    }

    /// Replaces what `frame` holds by these events, as a framed listener gets them.
    pub(super) fn pack(&self, frame: &mut Vec<u8>) {
        frame.clear();
        for event in self.iter() {
            frame.extend_from_slice(&FLAGS);
            frame.extend_from_slice(event.as_bytes());
        }
    }
}
