//! Instructions of the hot path, which do not depend on the machine's mood: each
//! has a limit, and a change that exceeds one fails. Whoever makes the path cheaper
//! lowers the limit; whoever has a reason to make it dearer raises it.
//!
//! `cargo bench -p hearken-bench --bench instructions` needs valgrind and
//! `gungraun-runner` of the version in `Cargo.lock`.

use std::borrow::Cow;
use std::hint::black_box;
use std::sync::Arc;

use gungraun::{
    Callgrind, EventKind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main,
};
use hearken::bus::{
    Bus, BusConfig, Filter, MailboxLimits, Overflow, Publisher, Receiver, ReceiverKind,
    Subscription,
};
use hearken::clock::SystemClock;
use hearken::event::{Draft, Event, EventType, Pattern};
use hearken_wire::EventRef;
use hearken_wire::frame::{self, Deliveries};

/// Events of each measurement: below the mailbox.
const EVENTS: usize = 512;

/// Bytes of data of each event.
const PAYLOAD: usize = 256;

/// Publishing takes at most so many instructions an event, encoding, matching and
/// putting it into one mailbox together.
const PUBLISH: u64 = 2_000;

/// Putting an event into a frame.
const FRAME_ENCODE: u64 = 200;

/// Finding an event in a frame and looking at its type and data.
const FRAME_DECODE: u64 = 200;

/// A bus with one receiver and somebody who publishes.
struct Published {
    publisher: Publisher,
    receiver: Receiver,
    draft: Draft<'static>,
}

impl Published {
    /// All has been used once, so that nothing is set up while it is measured.
    fn new() -> Self {
        let bus = Bus::new(BusConfig {
            node: "bench".into(),
            incarnation: "bench".to_owned(),
            max_event_bytes: 1 << 20,
            clock: Arc::new(SystemClock),
        });
        let receiver = bus.subscribe(Subscription {
            name: "bench".into(),
            kind: ReceiverKind::Plugin,
            filters: vec![Filter::new(Pattern::new("custom.bench.*").expect("valid"))],
            limits: MailboxLimits::default(),
            overflow: Overflow::DropOldest,
            lanes: 1,
        });
        let draft = Draft {
            datacontenttype: Some("application/octet-stream".into()),
            data: Some(Cow::Owned(vec![b'x'; PAYLOAD])),
            ..Draft::new(EventType::custom("bench.count").expect("a valid type"))
        };
        let published = Self {
            publisher: bus.publisher("/bench", "bench"),
            receiver,
            draft,
        };
        published.publish_all();
        published.take_all();
        published
    }

    fn publish_all(&self) {
        for _ in 0..EVENTS {
            let event = self.publisher.publish(&self.draft);
            black_box(event.expect("a valid event"));
        }
    }

    fn take_all(&self) -> Vec<Event> {
        let take = |_| {
            let event = self.receiver.mailbox().try_recv(0).expect("it is open");
            event.expect("it was published")
        };
        (0..EVENTS).map(take).collect()
    }
}

fn events() -> Vec<Event> {
    let published = Published::new();
    published.publish_all();
    published.take_all()
}

fn framed() -> Vec<u8> {
    frame_encode(events()).1
}

/// At most so many instructions an event.
fn limit(instructions: u64) -> LibraryBenchmarkConfig {
    let total = instructions * EVENTS as u64;
    let mut callgrind = Callgrind::default();
    callgrind.hard_limits([(EventKind::Ir, total)]);
    let mut config = LibraryBenchmarkConfig::default();
    config.tool(callgrind);
    config
}

#[library_benchmark(config = limit(PUBLISH))]
#[bench::to_one_receiver(setup = Published::new)]
fn publish(published: Published) -> Published {
    published.publish_all();
    published
}

#[library_benchmark(config = limit(FRAME_ENCODE))]
#[bench::of_published_events(setup = events)]
fn frame_encode(events: Vec<Event>) -> (Vec<Event>, Vec<u8>) {
    let mut frame = Vec::with_capacity(EVENTS * 2 * PAYLOAD);
    for event in &events {
        frame::push(&mut frame, event.packed(), true);
    }
    (events, black_box(frame))
}

#[library_benchmark(config = limit(FRAME_DECODE))]
#[bench::of_type_and_data(setup = framed)]
fn frame_decode(frame: Vec<u8>) -> Vec<u8> {
    for delivery in Deliveries::new(&frame) {
        let delivery = delivery.expect("a frame of encoded events");
        let event = EventRef::assume_encoded(&frame[delivery.event]);
        black_box((event.event_type().len(), event.data()));
    }
    frame
}

library_benchmark_group!(
    name = hot_path,
    benchmarks = [publish, frame_encode, frame_decode]
);
main!(library_benchmark_groups = hot_path);
