//! What a listener sees of the fake host in its author's tests.

use std::time::{Duration, SystemTime};

use hearken_sdk::channels::{self, AppendError, Position, ReadError};
use hearken_sdk::config::{self, ConfigError};
use hearken_sdk::keyvalue::{Bucket, KeyValueError};
use hearken_sdk::log::{self, Level};
use hearken_sdk::secrets::{self, SecretError};
use hearken_sdk::testing::{self, Host};
use hearken_sdk::{Filter, OutgoingEvent, SendError, WaitError, send, wait};

#[test]
fn events_arrive_as_they_were_built() {
    let event = testing::event("custom.a")
        .id("7")
        .source("/nodes/b/plugins/x")
        .time(Duration::from_millis(1500))
        .extension("replyto", "my.answer")
        .channel("orders", 3)
        .distributed()
        .from_node("b")
        .json(&[1, 2])
        .build();
    assert_eq!(event.id(), "7");
    assert_eq!(event.source(), "/nodes/b/plugins/x");
    let age = event.time().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(age.as_millis(), 1500);
    assert_eq!(event.reply_to(), Some("my.answer"));
    assert_eq!(
        (event.channel(), event.sequence()),
        (Some("orders"), Some(3))
    );
    assert!(event.is_distributed() && !event.is_local());
    assert_eq!(event.json::<Vec<u8>>().unwrap(), [1, 2]);
    assert_eq!(event.data_bytes(), b"[1,2]");
    assert_eq!(
        testing::event("custom.a").build().json::<()>().ok(),
        Some(())
    );
}

#[test]
fn what_is_sent_is_seen_as_it_would_be_delivered() {
    let host = Host::new().channel("carts");
    let id = send(
        OutgoingEvent::new("cart.added")
            .subject("item-7")
            .json(&3)
            .extension("priority", "1")
            .channel("carts")
            .distributed(),
    );
    assert_eq!(id.unwrap(), "sent-1");
    send(OutgoingEvent::new("custom.raw").bytes("text/plain", "hi")).unwrap();
    let [added, raw] = &host.sent()[..] else {
        panic!("two events were sent")
    };
    assert_eq!(added.event_type(), "custom.cart.added");
    assert_eq!(added.subject(), Some("item-7"));
    assert_eq!(added.json::<u32>().unwrap(), 3);
    assert_eq!(added.extension("priority"), Some("1"));
    assert_eq!(
        (added.channel(), added.sequence()),
        (Some("carts"), Some(1))
    );
    assert_eq!(host.channel_events("carts"), host.sent()[..1]);
    assert!(added.is_distributed());
    assert_eq!(raw.event_type(), "custom.raw");
    assert_eq!(
        (raw.datacontenttype(), raw.data_bytes()),
        ("text/plain", &b"hi"[..])
    );
}

#[test]
fn sending_fails_as_on_a_node() {
    let host = Host::new().refuse_send(SendError::BudgetExceeded);
    let error = send(OutgoingEvent::new("a")).unwrap_err();
    assert!(matches!(error, SendError::BudgetExceeded));
    let error = send(OutgoingEvent::new("no spaces")).unwrap_err();
    assert!(matches!(error, SendError::Invalid(_)), "{error}");
    let no_json = std::collections::BTreeMap::from([((), 1)]);
    let error = send(OutgoingEvent::new("a").json(&no_json)).unwrap_err();
    assert!(matches!(error, SendError::Data(_)), "{error}");
    assert!(host.sent().is_empty());
}

#[test]
fn a_channel_keeps_what_is_appended_and_gives_it_back() {
    let host = Host::new().channel("orders");
    let order = |id: &str| OutgoingEvent::new("order.paid").id(id);
    let stored = channels::append("orders", [order("a"), order("b")]).unwrap();
    let numbers: Vec<_> = stored.iter().map(|event| event.sequence).collect();
    assert_eq!(numbers, [1, 2]);
    let again = channels::append("orders", [order("a")]).unwrap();
    assert_eq!((again[0].sequence, again[0].duplicate), (1, true));
    let conflict = channels::append_expecting("orders", 1, [order("c")]);
    assert_eq!(conflict, Err(AppendError::Conflict { last: 2 }));
    let third = channels::append_expecting("orders", 2, [order("c")]).unwrap();
    assert_eq!(third[0].sequence, 3);

    let page = channels::read("orders", 0, 2).unwrap();
    assert_eq!(page.events, host.channel_events("orders")[..2]);
    assert_eq!((page.next.sequence, page.last, page.gap), (2, 3, None));
    let rest = channels::read("orders", page.next, 2).unwrap();
    assert_eq!(rest.events[0].id(), "c");
    let bounds = channels::bounds("orders").unwrap();
    assert_eq!((bounds.first, bounds.last), (1, 3));
    let other = Position {
        epoch: Some("other".to_owned()),
        sequence: 0,
    };
    let other = channels::read("orders", other, 1);
    assert!(matches!(other, Err(ReadError::AnotherLog { epoch }) if epoch == bounds.epoch));
    for (after, limit) in [(4, 1), (0, 0), (0, 1001)] {
        let read = channels::read("orders", after, limit);
        assert!(matches!(read, Err(ReadError::Invalid(_))), "{read:?}");
    }
}

#[test]
fn a_channel_that_is_not_there_takes_nothing() {
    let host = Host::new()
        .channel("orders")
        .refuse_append(AppendError::Overloaded);
    let order = || OutgoingEvent::new("order.paid");
    let refused = channels::append("orders", [order()]);
    assert_eq!(refused, Err(AppendError::Overloaded));
    let missing = send(order().channel("order")).unwrap_err();
    assert_eq!(missing.to_string(), "there is no channel `order`");
    let invalid = channels::append("orders", [order(), OutgoingEvent::new("no spaces")]);
    assert!(matches!(invalid, Err(AppendError::Invalid(_))));
    let other = channels::append("orders", [order().channel("others")]);
    assert!(matches!(other, Err(AppendError::Invalid(_))));
    assert_eq!(
        (host.channel_events("orders").len(), host.sent().len()),
        (0, 0)
    );
}

#[test]
fn a_wait_takes_the_first_scripted_event_that_matches() {
    let answer = |subject: &str| testing::event("custom.answer").subject(subject).build();
    let _host = Host::new()
        .answer_wait(answer("a"))
        .answer_wait(answer("b"));
    let second = Duration::from_secs(1);
    let filter = Filter::new("custom.ans*").subject("b");
    assert_eq!(wait(&filter, second), Ok(answer("b")));
    assert_eq!(wait(&filter, second), Err(WaitError::TimedOut));
    let bad = wait(&Filter::new("custom.{"), second);
    assert!(matches!(bad, Err(WaitError::Invalid(_))));
}

#[test]
fn configuration_is_read_and_parsed() {
    let _host = Host::new().config("limit", "7").config("name", "x");
    assert_eq!(config::get("name"), Ok(Some("x".to_owned())));
    assert_eq!(config::parse("limit"), Ok(Some(7)));
    assert_eq!(config::parse::<u8>("missing"), Ok(None));
    let error = config::parse::<u8>("name").unwrap_err();
    assert!(matches!(&error, ConfigError::Invalid { key, .. } if key == "name"));
    assert_eq!(config::all().unwrap().len(), 2);
}

#[test]
fn secrets_are_read_and_not_shown() {
    let _host = Host::new().secret("token", "hunter22");
    let token = secrets::get("token").unwrap();
    assert_eq!(token.as_str(), Ok("hunter22"));
    assert_eq!(token.as_bytes(), b"hunter22");
    assert!(!format!("{token:?}").contains("hunter"));
    let missing = secrets::get("missing").unwrap_err();
    assert_eq!(missing, SecretError::NotFound("missing".to_owned()));
}

#[test]
fn buckets_keep_what_is_written() {
    let _host = Host::new().deny_bucket("secret");
    let denied = Bucket::open("secret").unwrap_err();
    assert!(matches!(denied, KeyValueError::AccessDenied));

    let bucket = Bucket::open("b").unwrap();
    assert_eq!(bucket.get("a").unwrap(), None);
    bucket.set_json("a", &[1, 2]).unwrap();
    assert_eq!(bucket.get_json("a").unwrap(), Some([1, 2]));
    assert!(bucket.get_json::<String>("a").is_err());
    assert_eq!(bucket.increment("n", 2).unwrap(), 2);
    assert_eq!(bucket.increment("n", 3).unwrap(), 5);
    assert!(bucket.increment("a", 1).is_err(), "not a number");
    assert!(bucket.exists("n").unwrap());
    bucket.delete("n").unwrap();
    assert!(!bucket.exists("n").unwrap());

    let keys: Vec<String> = ["k", "l", "m"].map(str::to_owned).to_vec();
    let entries: Vec<_> = keys.iter().map(|k| (k.clone(), b"v".to_vec())).collect();
    bucket.set_many(&entries).unwrap();
    bucket.delete_many(&keys[..1]).unwrap();
    assert_eq!(bucket.get_many(&keys).unwrap(), entries[1..]);
}

#[test]
fn listing_goes_page_by_page() {
    let _host = Host::new();
    let bucket = Bucket::open("b").unwrap();
    let expected: Vec<String> = (0..9).map(|n| format!("key-{n}")).collect();
    for key in &expected {
        bucket.set(key, b"").unwrap();
    }
    let mut keys = Vec::new();
    let mut page = None;
    loop {
        let listed = bucket.list(page).unwrap();
        keys.extend(listed.keys);
        match listed.next {
            Some(next) => page = Some(next),
            None => break,
        }
    }
    assert_eq!(keys, expected);
}

#[test]
fn logged_lines_are_kept_with_their_levels() {
    let host = Host::new();
    log::warn(format_args!("{} left", 3));
    log::debug("detail");
    let expected = [(Level::Warn, "3 left"), (Level::Debug, "detail")];
    assert_eq!(
        host.logged(),
        expected.map(|(level, line)| (level, line.to_owned()))
    );
}

#[test]
#[should_panic(expected = "testing::Host::new()")]
fn without_a_host_a_call_says_what_to_write() {
    let _ = config::get("x");
}

#[test]
fn a_host_ends_with_its_test() {
    drop(Host::new().config("a", "b"));
    let _host = Host::new();
    assert_eq!(config::get("a"), Ok(None));
}
