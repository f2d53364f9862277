//! What an event costs, from `publish` to handled.

use std::borrow::Cow;
use std::rc::Rc;
use std::time::Duration;

use hearken::event::{Draft, EventType};
use tokio::time::Instant;

use super::guest::Guest;
use crate::contest::{Contender, Repeat, take_turns};
use crate::node::Node;
use crate::report::Report;
use crate::{sleep, sustained};

/// Bytes of an event's JSON.
const PAYLOADS: [usize; 1] = [256];

/// Events of one burst of a plugin that sends: below what it may send at once.
const BURST: u64 = 400;

/// Until it may send as many again.
const REST: Duration = Duration::from_millis(60);

/// Bursts of one repetition.
const BURSTS: u32 = 5;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Handler {
    /// Does nothing.
    Empty,
    /// Reads a field of the JSON.
    Field,
    /// Sends it.
    Send,
}

pub(super) fn measure(report: &mut Report, guests: &[Guest], repetitions: usize) {
    let mut contenders: Vec<Contender> = guests.iter().flat_map(of).collect();
    let samples = take_turns(&mut contenders, &PAYLOADS, repetitions);
    for (contender, samples) in contenders.iter().zip(samples) {
        report.contender("guests", contender, &PAYLOADS, &samples);
    }
}

fn of(guest: &Guest) -> Vec<Contender> {
    let node = guest
        .folder(sustained::MANIFEST)
        .map(Node::open)
        .map(Rc::new);
    let plugin = guest.plugin();
    let handlers = [
        ("empty", Handler::Empty),
        ("field", Handler::Field),
        ("send", Handler::Send),
    ];
    handlers
        .map(|(name, handler)| {
            let repeat = node.clone().map(|node| {
                let repeat = move |payload| nanoseconds(&node, plugin, handler, payload);
                Box::new(repeat) as Repeat
            });
            Contender::new(format!("{}/{name}", guest.name), repeat)
        })
        .into()
}

fn nanoseconds(node: &Node, plugin: &str, handler: Handler, payload: usize) -> f64 {
    let event_type = match handler {
        Handler::Empty => "bench.empty",
        Handler::Field => "bench.field",
        Handler::Send => "bench.send",
    };
    let data = json(payload);
    let draft = Draft {
        data: Some(Cow::Borrowed(data.as_bytes())),
        ..Draft::new(EventType::custom(event_type).expect("a valid type"))
    };
    let taken = if handler == Handler::Send {
        a_burst(node, plugin, &draft)
    } else {
        sustained::nanoseconds_of(node, std::slice::from_ref(&draft), 1)
    };
    let failed = node.status(plugin).counters.failed;
    assert_eq!(
        failed,
        0,
        "{plugin} fails: {:?}",
        node.status(plugin).last_error
    );
    taken
}

/// Nanoseconds an event of bursts between which the plugin rests.
fn a_burst(node: &Node, plugin: &str, draft: &Draft<'_>) -> f64 {
    let publisher = node.publisher();
    let mut taken = Duration::ZERO;
    for _ in 0..BURSTS {
        sleep::until(Instant::now() + REST);
        let before = node.status(plugin).counters.delivered;
        let began = Instant::now();
        for _ in 0..BURST {
            publisher.publish(draft).expect("a valid event");
        }
        while node.status(plugin).counters.delivered < before + BURST {
            std::hint::spin_loop();
        }
        taken += began.elapsed();
    }
    taken.as_nanos() as f64 / (u64::from(BURSTS) * BURST) as f64
}

/// An object of so many bytes with a quantity.
fn json(bytes: usize) -> String {
    let empty = r#"{"quantity":7,"note":""}"#.len();
    let note = "x".repeat(bytes.saturating_sub(empty));
    format!(r#"{{"quantity":7,"note":"{note}"}}"#)
}
