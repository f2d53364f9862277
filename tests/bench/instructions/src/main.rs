//! Instructions of the hot path, which do not depend on the machine's mood: each
//! has a limit, and a change that exceeds one fails. Whoever makes the path cheaper
//! lowers the limit; whoever has a reason to make it dearer raises it.
//!
//! `cargo run --release -p hearken-instructions` needs valgrind. It runs itself
//! under callgrind, once for each measurement, which counts only inside [`measured`].

use std::borrow::Cow;
use std::hint::black_box;
use std::process::{Command, ExitCode};
use std::sync::Arc;

use hearken::bus::{
    Bus, BusConfig, Filter, MailboxLimits, Overflow, Publisher, Receiver, ReceiverKind,
    Subscription,
};
use hearken::clock::SystemClock;
use hearken::event::{Draft, Event, EventType, Pattern};
use hearken_wire::EventRef;
use hearken_wire::frame::{self, Deliveries};

/// The allocator of the `hearken` command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Events of each measurement: below the mailbox.
const EVENTS: usize = 512;

/// Bytes of data of each event.
const PAYLOAD: usize = 256;

/// The argument that makes the program do what callgrind counts.
const UNDER_CALLGRIND: &str = "--under-callgrind";

/// What is counted, and how many instructions an event it may take: some hundredths
/// more than it takes, for other processors and C libraries copy a little differently.
struct Measurement {
    name: &'static str,
    limit: u64,
    run: fn(),
}

const MEASUREMENTS: [Measurement; 4] = [
    // Encoding, matching and putting into one mailbox together.
    Measurement {
        name: "publish to one receiver",
        limit: 1_390,
        run: publish,
    },
    // The same where the publisher's last event was another.
    Measurement {
        name: "publish anew to one receiver",
        limit: 2_270,
        run: publish_anew,
    },
    Measurement {
        name: "frame encode",
        limit: 98,
        run: frame_encode,
    },
    // Finding the event, and looking at its type and data.
    Measurement {
        name: "frame decode",
        limit: 202,
        run: frame_decode,
    },
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip_while(|argument| argument != UNDER_CALLGRIND);
    if arguments.next().is_some() {
        let name = arguments.next().unwrap_or_default();
        let wanted = MEASUREMENTS.iter().find(|wanted| wanted.name == name);
        (wanted.expect("it names a measurement").run)();
        return ExitCode::SUCCESS;
    }
    let mut passed = true;
    for Measurement { name, limit, .. } in &MEASUREMENTS {
        match count(name) {
            Ok(total) => {
                let each = total / EVENTS as u64;
                let verdict = if each > *limit { "TOO MANY" } else { "ok" };
                println!("{name}: {each} instructions an event, at most {limit}: {verdict}");
                passed &= each <= *limit;
            }
            Err(reason) => {
                println!("{name}: {reason}");
                passed = false;
            }
        }
    }
    if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Instructions of one measurement, as callgrind counts them.
fn count(name: &str) -> Result<u64, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg("--toggle-collect=instructions::measured*")
        .arg(program)
        .args([UNDER_CALLGRIND, name])
        .output()
        .map_err(|error| format!("valgrind cannot be run, e.g. it is not installed: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let counted = said
        .lines()
        .filter_map(|line| line.split_once("Collected :"))
        .find_map(|(_, counted)| counted.trim().parse().ok());
    match counted {
        Some(counted) if output.status.success() && counted > 0 => Ok(counted),
        _ => Err(format!(
            "callgrind counted nothing ({}):\n{said}",
            output.status
        )),
    }
}

/// Calls what is counted; callgrind finds this function by its name.
#[inline(never)]
fn measured(body: &mut dyn FnMut()) {
    body();
    black_box(());
}

/// A bus with one receiver and somebody who publishes.
struct Published {
    publisher: Publisher,
    receiver: Receiver,
    drafts: [Draft<'static>; 2],
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
            partitions: 1,
        });
        let drafts = ["bench.count", "bench.other"].map(|name| Draft {
            datacontenttype: Some("application/octet-stream".into()),
            data: Some(Cow::Owned(vec![b'x'; PAYLOAD])),
            ..Draft::new(EventType::custom(name).expect("a valid type").into_owned())
        });
        let published = Self {
            publisher: bus.publisher("/bench", "bench"),
            receiver,
            drafts,
        };
        published.publish_all();
        published.take_all();
        published
    }

    fn publish_all(&self) {
        self.publish(self.drafts[..1].iter());
    }

    fn publish_anew(&self) {
        self.publish(self.drafts.iter());
    }

    /// Publishes what there is, again and again.
    fn publish<'d>(&'d self, drafts: impl Iterator<Item = &'d Draft<'d>> + Clone) {
        for draft in drafts.cycle().take(EVENTS) {
            let published = self.publisher.publish(draft);
            black_box(published.expect("a valid event"));
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

fn publish() {
    let published = Published::new();
    measured(&mut || published.publish_all());
}

fn publish_anew() {
    let published = Published::new();
    measured(&mut || published.publish_anew());
}

fn frame_encode() {
    let events = events();
    let mut frame = Vec::with_capacity(EVENTS * 2 * PAYLOAD);
    measured(&mut || encode(&events, &mut frame));
    black_box(frame);
}

fn encode(events: &[Event], frame: &mut Vec<u8>) {
    for event in events {
        frame::push(frame, event.packed(), true);
    }
}

fn frame_decode() {
    let mut frame = Vec::new();
    encode(&events(), &mut frame);
    measured(&mut || {
        for delivery in Deliveries::new(&frame) {
            let delivery = delivery.expect("a frame of encoded events");
            let event = EventRef::assume_encoded(&frame[delivery.event]);
            black_box((event.event_type().len(), event.data()));
        }
    });
}
