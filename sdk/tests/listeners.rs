//! How events find their listeners, seen from an author's tests.

use std::cell::RefCell;

use hearken_sdk::testing::{self, EventBuilder, deliver};
use hearken_sdk::{Event, Filter};

thread_local! {
    /// Who was called, in order.
    static CALLS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn called(name: impl Into<String>) {
    CALLS.with_borrow_mut(|calls| calls.push(name.into()));
}

fn calls() -> Vec<String> {
    CALLS.take()
}

mod elsewhere {
    use super::*;

    #[hearken_sdk::listener("custom.a.*")]
    pub fn first(_event: Event) {
        called("first");
    }
}

#[hearken_sdk::listener("custom.a.{x,y}", "custom.b", subject = "s", local_only)]
fn second(event: &Event) -> Result<(), String> {
    called("second");
    Err(format!("second does not like {}", event.event_type()))
}

#[hearken_sdk::listener("custom.number")]
fn number(event: &Event, number: u8) -> Result<(), std::num::TryFromIntError> {
    called(format!("{} {number}", event.id()));
    i8::try_from(number)?;
    Ok(())
}

#[derive(Default)]
struct Counter {
    seen: u32,
}

#[hearken_sdk::listeners]
impl Counter {
    #[listener("custom.count.up")]
    fn up(&mut self, _event: Event) {
        self.seen += self.step();
    }

    #[listener("custom.count.show", channel = "counts", live)]
    fn show(&self, _event: &Event) {
        called(format!("seen {}", self.seen));
    }

    fn step(&self) -> u32 {
        1
    }
}

fn event(event_type: &str) -> EventBuilder {
    testing::event(event_type)
}

#[test]
fn every_listener_that_matches_is_called_in_the_order_of_the_source() {
    let error = deliver(&event("custom.a.x").subject("s").build()).unwrap_err();
    assert_eq!(calls(), ["first", "second"]);
    assert_eq!(error, "second: second does not like custom.a.x");
}

#[test]
fn subject_channel_and_locality_narrow() {
    for event in [
        event("custom.a.x"),
        event("custom.a.x").subject("other"),
        event("custom.a.x").subject("s").from_node("b"),
        event("custom.a.z").subject("s"),
    ] {
        deliver(&event.build()).unwrap();
        assert_eq!(calls(), ["first"]);
    }
    deliver(&event("custom.count.show").channel("counts", 1).build()).unwrap();
    assert_eq!(calls(), ["seen 0"]);
}

#[test]
fn an_event_that_nobody_declared_goes_to_all() {
    let error = deliver(&event("custom.other").json(&7).build()).unwrap_err();
    assert_eq!(calls(), ["first", "second", "1 7", "seen 1"]);
    assert_eq!(error, "second: second does not like custom.other");
}

#[test]
fn errors_of_several_listeners_are_joined() {
    let error = deliver(&event("custom.other").json(&200).build()).unwrap_err();
    assert!(error.starts_with("second: second does not like"), "{error}");
    assert!(error.contains("; number: out of range"), "{error}");
}

#[test]
fn data_that_does_not_fit_is_an_error_and_no_call() {
    let error = deliver(&event("custom.number").id("e-1").json(&300).build()).unwrap_err();
    assert!(error.contains("e-1") && error.contains("300"), "{error}");
    assert!(calls().is_empty());
}

#[test]
fn state_lives_across_events() {
    for _ in 0..3 {
        deliver(&event("custom.count.up").build()).unwrap();
    }
    deliver(&event("custom.count.show").channel("counts", 1).build()).unwrap();
    assert_eq!(calls(), ["seen 3"]);
}

#[test]
fn handlers_are_plain_functions_and_methods() {
    elsewhere::first(event("custom.whatever").build());
    let mut counter = Counter::default();
    counter.up(event("custom.whatever").build());
    counter.show(&event("custom.whatever").build());
    assert_eq!(calls(), ["first", "seen 1"]);
}

#[test]
fn the_plugin_describes_itself() {
    assert_eq!(testing::version(), env!("CARGO_PKG_VERSION"));
    let expected = [
        ("first", Filter::new("custom.a.*")),
        (
            "second",
            Filter::new("custom.a.{x,y}").subject("s").local_only(),
        ),
        ("second", Filter::new("custom.b").subject("s").local_only()),
        ("number", Filter::new("custom.number")),
        ("Counter::up", Filter::new("custom.count.up")),
        (
            "Counter::show",
            Filter::new("custom.count.show").channel("counts"),
        ),
    ];
    assert_eq!(testing::listeners(), expected);
}
