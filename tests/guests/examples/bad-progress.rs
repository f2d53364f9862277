//! Takes frames, and breaks the rules of `progress`, or takes its time within them, as the event's type or the `mode` of its configuration says.
#![cfg(target_family = "wasm")]

wit_bindgen::generate!({ world: "framed-plugin", path: "../../wit", generate_all });

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use exports::hearken::plugin::framed_listener::{Description, Guest};
use hearken::plugin::types::{Delivery, Filter, ListenerDescription, OutgoingEvent};
use hearken::plugin::{events, progress};
use hearken_wire::EventRef;
use hearken_wire::frame::Deliveries;
use serde_json::{Value, json};
use zerocopy::IntoBytes as _;

/// The events begun, and whether to stop: what the host is shown, if it is shown anything.
static PROGRESS: OnceLock<&'static [AtomicU64; 2]> = OnceLock::new();

struct Plugin;

impl Guest for Plugin {
    fn describe() -> Description {
        match mode().as_deref() {
            Some("unshown") => {}
            Some("wrong-size") => progress::watch(&[0; 8]),
            Some("fail-early") => progress::fail("too early"),
            _ => show(),
        }
        Description {
            version: "0.1.0".to_owned(),
            listeners: vec![ListenerDescription {
                name: "handle".to_owned(),
                filter: Filter {
                    pattern: "custom.bad-progress.*".to_owned(),
                    subject: None,
                    channel: None,
                    local_only: false,
                },
                delivery: Delivery::Live,
            }],
        }
    }

    fn handle(frame: Vec<u8>) {
        let events: Vec<EventRef<'_>> = Deliveries::new(&frame)
            .map(|delivery| EventRef::assume_encoded(&frame[delivery.expect("a frame").event]))
            .collect();
        match mode().as_deref() {
            Some("die") if events.len() > 2 => die(&events),
            Some("step-back") if events.len() > 2 => step_back(&events),
            Some("deaf") if events.len() > 2 => deaf(&events),
            Some("dawdle") if events.len() > 2 => dawdle(&events),
            _ => events.iter().for_each(|event| handle(*event, events.len())),
        }
    }
}

/// Handles one event of a frame.
fn handle(event: EventRef<'_>, frame: usize) {
    let what = event.event_type().rsplit('.').next();
    if what == Some("unfinished") {
        return;
    }
    count(1);
    match what {
        Some("late") => progress::watch(&[0; 16]),
        Some("backwards") => count(-2),
        Some("beyond") => count(1),
        Some("trap") => core::arch::wasm32::unreachable(),
        Some("huge") => progress::fail(&format!("-{}", "é".repeat(512 << 10))),
        Some("twice") => {
            progress::fail("the first");
            progress::fail("the second");
        }
        _ => report(json!({ "id": event.id(), "frame": frame })),
    }
}

/// Fails on the first event of a frame, and traps on the third.
fn die(events: &[EventRef<'_>]) {
    count(1);
    progress::fail("the first of its frame");
    count(1);
    tell(events);
    count(1);
    core::arch::wasm32::unreachable();
}

/// Fails on the first event of a frame, and goes back to it from the second.
fn step_back(events: &[EventRef<'_>]) {
    count(1);
    progress::fail("the first of its frame");
    count(1);
    tell(events);
    count(-1);
    tell(events);
}

/// Sleeps over each of the first three events, and handles them all.
#[allow(
    clippy::disallowed_methods,
    reason = "in a guest the host does the sleeping, which is what is tested"
)]
fn dawdle(events: &[EventRef<'_>]) {
    for (number, event) in events.iter().enumerate() {
        count(1);
        if number < 3 {
            std::thread::sleep(Duration::from_millis(800));
        }
        report(json!({ "id": event.id(), "frame": events.len() }));
    }
}

/// Sleeps over each event, and handles them all, whether it is to stop or not.
#[allow(
    clippy::disallowed_methods,
    reason = "in a guest the host does the sleeping, which is what is tested"
)]
fn deaf(events: &[EventRef<'_>]) {
    for event in events {
        count(1);
        report(json!({ "id": event.id(), "frame": events.len() }));
        std::thread::sleep(Duration::from_millis(600));
    }
}

/// Reports what is in the frame that this instance dies of.
fn tell(events: &[EventRef<'_>]) {
    let ids: Vec<&str> = events.iter().map(|event| event.id()).collect();
    report(json!({ "last": ids }));
}

fn show() {
    let mut progress = Box::new([AtomicU64::new(0), AtomicU64::new(0)]);
    progress::watch(progress.as_mut_bytes());
    PROGRESS.get_or_init(|| Box::leak(progress));
}

/// Adds to the counter, or takes away from it.
fn count(difference: i64) {
    if let Some([begun, _]) = PROGRESS.get() {
        begun.fetch_add(difference.cast_unsigned(), Ordering::Relaxed);
    }
}

fn report(data: Value) {
    let event = OutgoingEvent {
        type_: "report.bad-progress".to_owned(),
        id: None,
        subject: None,
        time: None,
        datacontenttype: None,
        data: Some(data.to_string().into_bytes()),
        distributed: false,
        channel: None,
        extensions: Vec::new(),
    };
    if let Err(error) = events::send(&event) {
        progress::fail(&format!("{error:?}"));
    }
}

fn mode() -> Option<String> {
    wasi::config::store::get("mode").ok().flatten()
}

export!(Plugin);
