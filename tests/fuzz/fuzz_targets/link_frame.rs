//! Arbitrary bytes as frames that another node sends: each is refused or taken without
//! a panic, events come in the order of their numbers and none twice, and what is
//! missing is told exactly. Run it with
//! `cargo fuzz run --fuzz-dir tests/fuzz -s none link_frame`.

#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use hearken::cluster::Identity;
use hearken::cluster::inbox::{Gap, Inbox, Sink};
use hearken::cluster::interest::LinkFilters;
use hearken::cluster::protocol::frame::Kind;
use hearken::cluster::protocol::{Events, Filter, Frame, Hello, Interest, InterestChange, Run};
use hearken::event::{Event as Received, ForeignError};
use hearken_fuzz::{Event, replace};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
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
    fn event(&mut self, event: Received) {
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

/// What a node may say, so that inputs reach past the first check.
#[derive(Arbitrary)]
enum Said<'a> {
    Hello {
        minor: u32,
        same_cluster: bool,
        sessions: bool,
        node: &'a str,
        incarnation: u128,
        address: &'a str,
        version: &'a str,
    },
    Events(Vec<Sent<'a>>),
    Interest(Vec<Wish<'a>>),
    Change {
        added: Vec<Wish<'a>>,
        removed: Vec<Wish<'a>>,
    },
}

/// Events with consecutive numbers.
#[derive(Arbitrary)]
struct Sent<'a> {
    /// How many numbers are left out before it.
    skipped: u8,
    genuine: bool,
    events: Vec<Event<'a>>,
}

#[derive(Arbitrary)]
struct Wish<'a> {
    pattern: &'a str,
    subject: Option<&'a str>,
    channel: Option<&'a str>,
}

impl Said<'_> {
    /// The frame, where `next` is the number of the next event.
    fn frame(self, next: &mut u64) -> Frame {
        let wishes = |wishes: Vec<Wish<'_>>| wishes.iter().map(Wish::filter).collect();
        let kind = match self {
            Self::Hello {
                minor,
                same_cluster,
                sessions,
                node,
                incarnation,
                address,
                version,
            } => Kind::Hello(Hello {
                major: 1,
                minor: minor % 5,
                cluster: if same_cluster { "hearken" } else { "other" }.to_owned(),
                node: node.to_owned(),
                incarnation: Uuid::from_u128(incarnation).to_string(),
                address: address.to_owned(),
                version: version.to_owned(),
                max_event_bytes: 1 << 20,
                sessions,
            }),
            Self::Events(sent) => Kind::Events(Events {
                runs: sent.into_iter().map(|sent| sent.run(next)).collect(),
            }),
            Self::Interest(filters) => Kind::Interest(Interest {
                version: 1,
                filters: wishes(filters),
            }),
            Self::Change { added, removed } => Kind::InterestChange(InterestChange {
                version: 2,
                added: wishes(added),
                removed: wishes(removed),
            }),
        };
        Frame { kind: Some(kind) }
    }
}

impl Sent<'_> {
    fn run(self, next: &mut u64) -> Run {
        let first = next.saturating_add(self.skipped.saturating_sub(200).into());
        let count = self.events.len() as u32;
        let events = self.events.into_iter().map(|event| match self.genuine {
            true => event.sent_by(ORIGIN),
            false => event,
        });
        let events: Vec<u8> = events.flat_map(|event| event.encoded()).collect();
        *next = first.saturating_add(count.into());
        Run {
            first,
            count,
            events: events.into(),
        }
    }
}

impl Wish<'_> {
    fn filter(&self) -> Filter {
        Filter {
            pattern: self.pattern.to_owned(),
            subject: self.subject.map(str::to_owned),
            channel: self.channel.map(str::to_owned),
        }
    }
}

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let size = fuzzer_mutate(data, size, max_size);
    let said = Unstructured::new(&data[..size]).arbitrary::<Vec<Said<'_>>>();
    match said {
        Ok(said) if seed.is_multiple_of(4) => {
            let mut next = 1;
            let frames = said.into_iter().map(|said| said.frame(&mut next));
            let encoded: Vec<u8> = frames
                .flat_map(|frame| frame.encode_length_delimited_to_vec())
                .collect();
            replace(data, size, &encoded)
        }
        _ => size,
    }
});
