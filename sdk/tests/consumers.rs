//! How the events of a channel find their listeners, seen from an author's tests.

use std::cell::{Cell, RefCell};

use hearken_sdk::channels::{self, AppendError};
use hearken_sdk::testing::{self, EventBuilder, Host, NotHandled, deliver, deliver_from_channel};
use hearken_sdk::{Event, OutgoingEvent, Reject, send};

thread_local! {
    /// Who was called, in order.
    static CALLS: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
    /// Whether `flaky` fails.
    static FAILS: Cell<bool> = const { Cell::new(false) };
}

fn called(name: &'static str) {
    CALLS.with_borrow_mut(|calls| calls.push(name));
}

fn calls() -> Vec<&'static str> {
    CALLS.take()
}

fn append(event: OutgoingEvent) -> Result<(), Box<dyn std::error::Error>> {
    send(event.channel("out"))?;
    Ok(())
}

#[hearken_sdk::listener("custom.order.*", channel = "orders")]
fn first(event: &Event) -> Result<(), Box<dyn std::error::Error>> {
    called("first");
    append(OutgoingEvent::new("first").json(&event.sequence()))
}

#[hearken_sdk::listener("custom.order.*", channel = "orders", from = "new")]
fn flaky(_event: &Event) -> Result<(), Box<dyn std::error::Error>> {
    called("flaky");
    append(OutgoingEvent::new("flaky"))?;
    if FAILS.get() {
        return Err("not now".into());
    }
    append(OutgoingEvent::new("flaky.done"))
}

#[hearken_sdk::listener("custom.order.odd", channel = "orders", from = 41)]
fn picky(_event: &Event) -> Result<(), Reject> {
    called("picky");
    Err(Reject::new("it is odd"))
}

#[hearken_sdk::listener("custom.order.*", channel = "orders", live)]
fn live(_event: &Event) {
    called("live");
}

#[hearken_sdk::listener("custom.*")]
fn any(_event: &Event) {
    called("any");
}

#[hearken_sdk::listener("custom.bill.*", channel = "bills")]
fn bill(event: &Event, total: u32) -> Result<(), Box<dyn std::error::Error>> {
    called("bill");
    assert!(!event.is_live());
    append(OutgoingEvent::new("billed").json(&total))
}

/// Goes on when the first is refused.
#[hearken_sdk::listener("custom.pair.*", channel = "pairs")]
fn pair(_event: &Event, number: u32) -> Result<(), Box<dyn std::error::Error>> {
    let first = append(OutgoingEvent::new("first").json(&number));
    append(OutgoingEvent::new("second").json(&number))?;
    match first {
        Err(error) if error.to_string().contains("in the same order") => Err(error),
        _ => Ok(()),
    }
}

#[hearken_sdk::listener("custom.late.*", channel = "late")]
fn late(_event: &Event) -> Result<(), AppendError> {
    channels::append_expecting("out", 0, [OutgoingEvent::new("late")]).map(|_| ())
}

fn event(event_type: &str, channel: &str) -> EventBuilder {
    testing::event(event_type).channel(channel, 7)
}

fn sent(host: &Host) -> Vec<(String, String)> {
    let events = host.channel_events("out").into_iter();
    events
        .map(|event| (event.event_type().to_owned(), event.id().to_owned()))
        .collect()
}

#[test]
fn each_delivery_is_for_the_listeners_of_its_kind() {
    let _host = Host::new().channel("out");
    let order = event("custom.order.paid", "orders").build();
    deliver(&order).unwrap();
    assert_eq!(calls(), ["live", "any"]);
    deliver_from_channel(&order, 1).unwrap();
    assert_eq!(calls(), ["first", "flaky"]);
    deliver_from_channel(&event("custom.order.paid", "bills").json(&1).build(), 1).unwrap();
    assert!(calls().is_empty(), "it matches none on its channel");
    deliver_from_channel(&event("custom.order.paid", "others").build(), 1).unwrap();
    assert!(calls().is_empty());
}

#[test]
fn a_retry_is_for_those_that_failed_and_appends_once() {
    let host = Host::new().channel("out");
    let order = event("custom.order.paid", "orders").build();
    FAILS.set(true);
    for attempt in 1..=2 {
        let failed = deliver_from_channel(&order, attempt);
        assert_eq!(failed, Err(NotHandled::Again("flaky: not now".to_owned())));
    }
    FAILS.set(false);
    assert_eq!(deliver_from_channel(&order, 3), Ok(()));
    assert_eq!(calls(), ["first", "flaky", "flaky", "flaky"]);
    let id = |place: &str| format!("orders/epoch-of-orders/7/test/{place}");
    assert_eq!(
        sent(&host),
        [
            ("custom.first".to_owned(), id("first/1")),
            ("custom.flaky".to_owned(), id("flaky/1")),
            ("custom.flaky.done".to_owned(), id("flaky/2")),
        ]
    );
    // It begins anew, as after a restart: all are called, and nothing is stored again.
    assert_eq!(deliver_from_channel(&order, 1), Ok(()));
    assert_eq!(calls(), ["first", "flaky"]);
    assert_eq!(sent(&host).len(), 3);
}

#[test]
fn a_rejected_event_is_tried_for_the_others_and_then_given_up() {
    let _host = Host::new().channel("out");
    let order = event("custom.order.odd", "orders").build();
    FAILS.set(true);
    let both = "flaky: not now; picky: it is odd".to_owned();
    let failed = deliver_from_channel(&order, 1);
    assert_eq!(failed, Err(NotHandled::Again(both)));
    assert_eq!(calls(), ["first", "flaky", "picky"]);
    FAILS.set(false);
    let rejected = deliver_from_channel(&order, 2);
    let odd = "picky: it is odd".to_owned();
    assert_eq!(rejected, Err(NotHandled::Rejected(odd)));
    assert_eq!(calls(), ["flaky"]);
}

#[test]
fn data_that_does_not_fit_is_rejected() {
    let failed = deliver_from_channel(&event("custom.bill.made", "bills").json(&"x").build(), 1);
    assert!(
        matches!(&failed, Err(NotHandled::Rejected(why)) if why.starts_with("bill: ")),
        "{failed:?}"
    );
    assert!(calls().is_empty());
}

#[test]
fn one_listener_alone_counts_its_appends_as_any() {
    let host = Host::new().channel("out");
    let bill = event("custom.bill.made", "bills").json(&3).build();
    for _ in 0..2 {
        deliver_from_channel(&bill, 1).unwrap();
    }
    assert_eq!(calls(), ["bill", "bill"]);
    let id = "bills/epoch-of-bills/7/test/bill/1".to_owned();
    assert_eq!(sent(&host), [("custom.billed".to_owned(), id)]);
}

#[test]
fn what_is_refused_keeps_its_number_and_another_event_is_not_taken_for_it() {
    let host = Host::new().channel("out");
    let host = host.refuse_append(AppendError::Overloaded);
    let order = event("custom.pair.made", "pairs").json(&1).build();
    deliver_from_channel(&order, 1).unwrap();
    let id = |number| format!("pairs/epoch-of-pairs/7/test/pair/{number}");
    let second = ("custom.second".to_owned(), id(2));
    assert_eq!(sent(&host), std::slice::from_ref(&second));
    deliver_from_channel(&order, 2).unwrap();
    let first = ("custom.first".to_owned(), id(1));
    assert_eq!(sent(&host), [second, first]);
    let other = event("custom.pair.made", "pairs").json(&2).build();
    let failed = deliver_from_channel(&other, 1);
    assert!(
        matches!(&failed, Err(NotHandled::Again(why)) if why.contains("in the same order")),
        "{failed:?}"
    );
    assert_eq!(sent(&host).len(), 2);
}

#[test]
fn what_is_stored_is_told_as_such_whatever_is_expected() {
    let host = Host::new().channel("out");
    let bill = event("custom.late.made", "late").build();
    deliver_from_channel(&bill, 1).unwrap();
    deliver_from_channel(&bill, 2).unwrap();
    assert_eq!(sent(&host).len(), 1);
    let another = testing::event("custom.late.made").channel("late", 8);
    let failed = deliver_from_channel(&another.build(), 1);
    assert!(failed.is_err(), "the channel is not empty any more");
}
