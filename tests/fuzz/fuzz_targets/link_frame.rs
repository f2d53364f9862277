//! Arbitrary bytes as frames that another node sends: each is refused or taken without
//! a panic, events come in the order of their numbers and none twice, and what is
//! missing is told exactly. Run it with
//! `cargo fuzz run --fuzz-dir tests/fuzz -s none link_frame`.

#![no_main]

use hearken::cluster::Identity;
use hearken::cluster::inbox::{Gap, Inbox, Sink};
use hearken::cluster::interest::LinkFilters;
use hearken::cluster::protocol::Frame;
use hearken::cluster::protocol::frame::Kind;
use hearken::event::{Event, ForeignError};
use libfuzzer_sys::fuzz_target;
use prost::Message;
use uuid::Uuid;

/// Name of the node that sends.
const ORIGIN: &str = "b";

/// Counts what comes out of an inbox.
#[derive(Default)]
struct Counted {
    events: u64,
    missing: u64,
}

impl Sink for Counted {
    fn event(&mut self, event: Event) {
        assert_eq!(event.origin(), ORIGIN);
        assert!(event.distributed());
        self.events += 1;
    }

    fn gap(&mut self, gap: Gap) {
        let last = gap.last.expect("known, as long as the stream is the same");
        assert!(gap.first <= last);
        self.missing += last - gap.first + 1;
    }

    fn broken(&mut self, _number: u64, _error: &ForeignError) {
        self.missing += 1;
    }
}

fuzz_target!(|bytes: &[u8]| {
    let identity = Identity {
        cluster: "hearken".into(),
        node: "a".into(),
        incarnation: Uuid::from_u128(1),
        version: "0.1.0".into(),
        max_event_bytes: 1 << 20,
    };
    let mut inbox = Inbox::default();
    let mut counted = Counted::default();
    let mut filters = LinkFilters::default();
    let mut rest = bytes;
    while let Ok(frame) = Frame::decode_length_delimited(&mut rest) {
        match frame.kind {
            Some(Kind::Events(events)) => {
                // Refused frames leave the stream in a state that it can go on from.
                let _ = inbox.take(&events, ORIGIN, &mut counted);
                assert_eq!(counted.events + counted.missing, inbox.received());
            }
            Some(Kind::Hello(hello)) => {
                if let Ok(peer) = identity.check("127.0.0.1:7071", &hello) {
                    assert_ne!(peer.node, identity.node);
                }
            }
            Some(Kind::Interest(interest)) => {
                let before = filters.len();
                if let Ok(rerouted) = filters.replace(&interest.filters) {
                    let (added, removed) = (rerouted.added.len(), rerouted.removed.len());
                    assert_eq!(filters.len(), before + added - removed);
                    assert!(rerouted.added.iter().all(|filter| filter.local_only));
                }
            }
            Some(Kind::InterestChange(change)) => {
                let before = filters.len();
                if let Ok(rerouted) = filters.change(&change) {
                    let (added, removed) = (rerouted.added.len(), rerouted.removed.len());
                    assert_eq!(filters.len(), before + added - removed);
                    assert!(rerouted.added.iter().all(|filter| filter.local_only));
                }
            }
            _ => {}
        }
        if rest.is_empty() {
            break;
        }
    }
});
