use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::identity::Identity;
use super::mailbox::Incoming;
use super::registration::Registration;
use super::topics::Known;
use super::*;
use crate::clock::SystemClock;
use crate::event::{Draft, Event, EventType, Pattern};

mod changes;
mod topics;

fn bus() -> Bus {
    bus_of("a")
}

fn bus_of(node: &str) -> Bus {
    Bus::new(BusConfig {
        node: node.into(),
        incarnation: "i".into(),
        max_event_bytes: 4096,
        clock: Arc::new(SystemClock),
    })
}

fn subscription(patterns: &[&str]) -> Subscription {
    Subscription {
        name: "r".into(),
        kind: ReceiverKind::Plugin,
        filters: patterns
            .iter()
            .map(|pattern| Filter::new(Pattern::new(pattern).unwrap()))
            .collect(),
        limits: MailboxLimits {
            events: 100_000,
            bytes: 1 << 30,
        },
        overflow: Overflow::DropOldest,
        partitions: 1,
    }
}

/// A receiver of all that a filter passes once it is changed.
fn filtered(bus: &Bus, change: fn(&mut Filter)) -> Receiver {
    let mut subscription = subscription(&["*"]);
    change(&mut subscription.filters[0]);
    bus.subscribe(subscription)
}

fn draft(event_type: &str) -> Draft<'_> {
    Draft::new(EventType::custom(event_type).unwrap())
}

fn drain(receiver: &Receiver) -> Vec<Event> {
    std::iter::from_fn(|| receiver.mailbox().try_recv(0).ok().flatten()).collect()
}

/// What drafts become when they are published on this bus.
fn published_on(bus: &Bus, drafts: &[Draft<'_>]) -> Vec<Event> {
    let receiver = filtered(bus, |_| {});
    bus.publisher("/s", "p").publish_all(drafts).unwrap();
    drain(&receiver)
}

#[test]
fn an_event_that_several_filters_match_is_delivered_once() {
    let bus = bus();
    let receiver = bus.subscribe(subscription(&[
        "custom.*",
        "*.added",
        "custom.{cart,x}.added",
    ]));
    bus.publisher("/s", "p")
        .publish(&draft("cart.added"))
        .unwrap();
    assert_eq!(drain(&receiver).len(), 1);
}

#[test]
fn what_is_published_again_and_again_follows_the_filters() {
    let bus = bus();
    let publisher = bus.publisher("/s", "p");
    let (first, second) = (filtered(&bus, |_| {}), filtered(&bus, |_| {}));
    let publish = || {
        for _ in 0..3 {
            publisher.publish(&draft("again")).unwrap();
        }
        [&first, &second].map(|receiver| drain(receiver).len())
    };
    assert_eq!(publish(), [3, 3]);
    let third = filtered(&bus, |filter| filter.subject = Some("else".into()));
    let fourth = filtered(&bus, |_| {});
    assert_eq!(publish(), [3, 3]);
    assert_eq!([drain(&third).len(), drain(&fourth).len()], [0, 3]);
    second.route(vec![Filter::new(Pattern::new("custom.other").unwrap())]);
    assert_eq!(publish(), [3, 0]);

    let too_large = Draft {
        data: Some(vec![0; 4097].into()),
        ..draft("other")
    };
    publisher.publish(&too_large).unwrap_err();
    assert_eq!(publish(), [3, 0]);
    let almost = Draft {
        data: Some(vec![0; 4090].into()),
        ..draft("other")
    };
    for _ in 0..3 {
        publisher.publish(&almost).unwrap_err();
    }
    for _ in 0..3 {
        publisher.publish(&draft("other")).unwrap();
    }
    assert_eq!([drain(&first).len(), drain(&second).len()], [3, 3]);
}

#[test]
fn who_missed_a_change_of_filters_delivers_by_the_new_ones() {
    let bus = bus();
    let mailbox = Mailbox::new(MailboxLimits::default(), Overflow::DropOldest, 1, None);
    let registration = Arc::new(Registration::new(
        0,
        "r".into(),
        ReceiverKind::Plugin,
        mailbox,
    ));
    let filters = |pattern| subscription(&[pattern]).filters;
    bus.set_filters(&registration, filters("custom.a"));
    let missed = bus.0.router.version();
    bus.set_filters(&registration, filters("custom.b"));

    let publisher = Identity {
        source: "/s".into(),
        id: "p".into(),
        number: 0,
    };
    for draft in ["a", "b"].map(draft) {
        for event in published_on(&bus_of("a"), std::slice::from_ref(&draft)) {
            let event = Incoming::shared(1, &event, publisher.number);
            bus.deliver_as_routed(missed, &registration, event, &draft, &publisher);
        }
    }
    let event = registration.mailbox.try_recv(0).unwrap();
    assert_eq!(event.as_ref().map(Event::event_type), Some("custom.b"));
    assert_eq!(registration.mailbox.queued(), 0);
}

#[test]
fn ids_and_counts_hold_for_publishers_on_several_threads() {
    let bus = bus();
    let receiver = bus.subscribe(subscription(&["*"]));
    let shared = bus.publisher("/s", "p");
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let own = shared.clone();
                for _ in 0..500 {
                    shared.publish(&draft("a")).unwrap();
                    own.publish(&draft("a")).unwrap();
                }
            });
        }
    });
    let events = drain(&receiver);
    let ids: HashSet<&str> = events.iter().map(Event::id).collect();
    assert_eq!(ids.len(), 2_000);
    assert_eq!(bus.published(), 2_000);
    let bytes: usize = events.iter().map(|event| event.as_bytes().len()).sum();
    assert_eq!(bus.published_bytes(), bytes as u64);
}

#[test]
fn each_publisher_stays_in_order_for_every_receiver() {
    let bus = bus();
    let receivers: Vec<Receiver> = (0..3)
        .map(|_| bus.subscribe(subscription(&["custom.n.*"])))
        .collect();
    thread::scope(|scope| {
        for publisher in 0..4 {
            let bus = &bus;
            scope.spawn(move || {
                let publisher = bus.publisher(format!("/p{publisher}"), "p");
                for number in 0..5_000_u32 {
                    let mut draft = draft("n.x");
                    draft.data = Some(number.to_be_bytes().to_vec().into());
                    publisher.publish(&draft).unwrap();
                }
            });
        }
    });
    for receiver in &receivers {
        let events = drain(receiver);
        assert_eq!(events.len(), 20_000);
        for publisher in 0..4 {
            let source = format!("/p{publisher}");
            let numbers: Vec<u32> = events
                .iter()
                .filter(|event| event.source() == source)
                .map(|event| u32::from_be_bytes(event.data().unwrap().try_into().unwrap()))
                .collect();
            assert!(
                numbers.iter().copied().eq(0..5_000),
                "publisher {publisher}"
            );
        }
    }
}

#[test]
fn events_passed_on_together_reach_each_receiver_once_and_in_order() {
    let here = bus();
    let all = here.subscribe(subscription(&["custom.*", "*.a", "custom.{a,b}"]));
    let some = here.subscribe(subscription(&["custom.b"]));
    let events = published_on(&bus(), &["a", "b", "b", "c", "b"].map(draft));
    here.publisher("/s", "p").relay(&events);
    assert_eq!(drain(&all), events);
    assert_eq!(
        drain(&some),
        [events[1].clone(), events[2].clone(), events[4].clone()]
    );
}

#[test]
fn a_flood_on_another_node_displaces_only_itself() {
    let (here, there) = (bus(), bus_of("b"));
    let mut small = subscription(&["*"]);
    small.limits.events = 8;
    let receiver = here.subscribe(small);
    let all = filtered(&there, |_| {});
    let publishers = ["flood", "quiet"]
        .map(|plugin| there.publisher(format!("/nodes/b/plugins/{plugin}"), plugin));
    for (publisher, count) in [
        (&publishers[1], 2),
        (&publishers[0], 100),
        (&publishers[1], 1),
    ] {
        for _ in 0..count {
            publisher.publish(&draft("a")).unwrap();
        }
    }
    // One publisher passes on what the other node sends.
    here.publisher("/nodes/b", "b").relay(&drain(&all));
    let left = drain(&receiver);
    let quiet = left
        .iter()
        .filter(|event| event.source() == "/nodes/b/plugins/quiet");
    assert_eq!((left.len(), quiet.count()), (8, 3));
}

#[test]
fn a_change_of_route_touches_nothing_else() {
    let bus = bus();
    let filter = |name: &str| Arc::new(Filter::new(Pattern::new(name).unwrap()));
    let [a, b, c] = ["custom.a", "custom.b", "custom.c"].map(filter);
    let receiver = bus.subscribe(Subscription {
        kind: ReceiverKind::Link,
        ..subscription(&[])
    });
    let received = || -> Vec<String> {
        let publisher = bus.publisher("/s", "p");
        for name in ["a", "b", "c"] {
            publisher.publish(&draft(name)).unwrap();
        }
        let events = drain(&receiver);
        events
            .iter()
            .map(|event| event.event_type().to_owned())
            .collect()
    };
    receiver.change_route(&[], &[Arc::clone(&a), Arc::clone(&b)]);
    assert_eq!(received(), ["custom.a", "custom.b"]);
    receiver.change_route(&[a], std::slice::from_ref(&c));
    assert_eq!(received(), ["custom.b", "custom.c"]);

    let version = bus.0.router.version();
    receiver.change_route(&[], &[]);
    assert_eq!(bus.0.router.version(), version);
    receiver.change_route(&[b, c], &[]);
    assert!(received().is_empty());
}

#[test]
fn events_passed_on_together_are_filtered_one_by_one() {
    let here = bus();
    let filtered = |change| filtered(&here, change);
    let subject = filtered(|filter| filter.subject = Some("s".into()));
    let distributed = filtered(|filter| filter.distributed_only = true);
    let others = filtered(|filter| filter.exclude = Some("b".into()));
    // Neighbours differ in one thing alone.
    let distributed_draft = Draft {
        distributed: true,
        ..draft("x")
    };
    let with_subject = Draft {
        subject: Some("s".into()),
        ..draft("x")
    };
    let drafts = [
        draft("x"),
        distributed_draft,
        draft("x"),
        with_subject,
        draft("x"),
    ];
    let mut events = Vec::new();
    for node in ["a", "b"].map(bus_of) {
        events.extend(published_on(&node, &drafts));
    }
    here.publisher("/s", "p").relay(&events);
    let wanted =
        |wanted: &[usize]| -> Vec<Event> { wanted.iter().map(|at| events[*at].clone()).collect() };
    assert_eq!(drain(&subject), wanted(&[3, 8]));
    assert_eq!(drain(&distributed), wanted(&[1, 6]));
    assert_eq!(drain(&others), wanted(&[0, 1, 2, 3, 4]));
}

#[test]
fn filters_narrow() {
    let bus = bus();
    let only = |change| filtered(&bus, change);
    let subject = only(|filter| filter.subject = Some("s".into()));
    let local = only(|filter| filter.local_only = true);
    let channel = only(|filter| filter.channel = Some("c".into()));
    let excluded = only(|filter| filter.exclude = Some("p".into()));
    let publisher = bus.publisher("/s", "p");
    publisher
        .publish(&Draft {
            subject: Some("s".into()),
            ..draft("x")
        })
        .unwrap();
    publisher.publish(&draft("x")).unwrap();
    bus.publisher("/s", "q").publish(&draft("x")).unwrap();
    assert_eq!(drain(&subject).len(), 1);
    assert_eq!(drain(&local).len(), 3);
    assert_eq!(drain(&channel).len(), 0);
    assert_eq!(drain(&excluded).len(), 1);
}

#[test]
fn what_breaks_a_rule_reaches_nobody() {
    let bus = bus();
    let receiver = bus.subscribe(subscription(&["*"]));
    let publisher = bus.publisher("/s", "p");
    let large = Draft {
        data: Some(vec![0; 5000].into()),
        ..draft("x")
    };
    assert_eq!(
        publisher.publish(&large),
        Err(PublishError::TooLarge {
            bytes: 5000,
            limit: 4096
        })
    );
    let channel = Draft {
        channel: Some("c".into()),
        ..draft("x")
    };
    assert_eq!(
        publisher.publish(&channel),
        Err(PublishError::OfChannel("c".into()))
    );
    assert!(drain(&receiver).is_empty());
    assert_eq!(bus.published(), 0);
}

#[test]
fn what_a_channel_stores_is_published_afterwards() {
    let bus = bus();
    let receiver = filtered(&bus, |filter| filter.channel = Some("c".into()));
    let publisher = bus.publisher("/s", "p");
    let of_channel = |event_type| Draft {
        channel: Some("c".into()),
        ..draft(event_type)
    };
    let drafts = ["a", "b"].map(of_channel);
    let events = publisher.encode_all(&drafts).expect("they keep the rules");
    assert!(drain(&receiver).is_empty());
    assert_eq!(bus.published(), 0, "nobody has it yet");
    assert_ne!(events[0].id(), events[1].id());
    publisher.publish_stored(&events);
    assert_eq!(drain(&receiver), events);
    assert_eq!(bus.published(), 2);

    let broken = Draft {
        subject: Some("".into()),
        ..of_channel("bad")
    };
    let refused = publisher.encode_all(&[of_channel("a"), broken]);
    assert!(matches!(refused, Err((1, PublishError::Draft(_)))));
}

#[test]
fn several_are_published_in_order_or_none() {
    let bus = bus();
    let receiver = bus.subscribe(subscription(&["*"]));
    let publisher = bus.publisher("/s", "p");
    let empty_subject = Draft {
        subject: Some("".into()),
        ..draft("bad")
    };
    let broken = [draft("a"), empty_subject, draft("c")];
    let error = publisher.publish_all(&broken);
    assert!(matches!(error, Err((1, PublishError::Draft(_)))));
    assert!(drain(&receiver).is_empty());

    let forged = Draft {
        source: Some("/nodes/b".into()),
        ..draft("b")
    };
    let mut drafts = vec![draft("a"); 2 * MAX_BATCH];
    drafts.push(forged);
    let published = publisher.publish_all(&drafts).unwrap();
    let events = drain(&receiver);
    let told: Vec<(String, u64)> = published
        .iter()
        .map(|published| (published.id(), published.time()))
        .collect();
    let got: Vec<(String, u64)> = events
        .iter()
        .map(|event| (event.id().to_owned(), event.recorded_time()))
        .collect();
    assert_eq!(told, got);
    assert_eq!(events.len(), drafts.len());
    assert_eq!(events.last().unwrap().source(), "/s");
    let bytes: usize = events.iter().map(|event| event.as_bytes().len()).sum();
    assert_eq!(
        (bus.published(), bus.published_bytes()),
        (events.len() as u64, bytes as u64)
    );

    let own_id = Draft {
        id: Some("own".into()),
        ..draft("a")
    };
    assert_eq!(publisher.publish(&own_id).unwrap().id(), "own");
    assert_eq!(drain(&receiver)[0].id(), "own");
}

#[test]
fn sources_of_nodes_cannot_be_forged() {
    let bus = bus();
    let receiver = filtered(&bus, |_| {});
    let publisher = bus.publisher("/nodes/a/clients/c", "c");
    let claim = |source: &'static str| {
        let draft = Draft {
            source: Some(source.into()),
            ..draft("x")
        };
        publisher.publish(&draft).unwrap();
        drain(&receiver)[0].source().to_owned()
    };
    assert_eq!(claim("/shop"), "/shop");
    assert_eq!(claim("/nodes/b/plugins/x"), "/nodes/a/clients/c");
}

#[test]
fn receivers_are_counted_by_kind() {
    let bus = bus();
    let waiter = bus.wait_for(Filter::new(Pattern::any()));
    let plugin = bus.subscribe(subscription(&["*"]));
    let counts = || ReceiverKind::ALL.map(|kind| bus.receivers(kind));
    assert_eq!(counts(), [1, 0, 1, 0], "plugins, streams, waiters, links");
    drop(waiter);
    drop(plugin);
    assert_eq!(counts(), [0; 4]);
}

#[test]
fn new_filters_apply_to_what_waits() {
    let bus = bus();
    let receiver = bus.subscribe(subscription(&["custom.*"]));
    let publisher = bus.publisher("/s", "p");
    publisher.publish(&draft("old")).unwrap();
    publisher.publish(&draft("both")).unwrap();
    receiver.set_filters(subscription(&["custom.{both,new}"]).filters);
    publisher.publish(&draft("old")).unwrap();
    publisher.publish(&draft("new")).unwrap();
    let events = drain(&receiver);
    let types: Vec<&str> = events.iter().map(Event::event_type).collect();
    assert_eq!(types, ["custom.both", "custom.new"]);
}

#[tokio::test(start_paused = true)]
async fn drops_are_reported_at_most_once_a_second_and_add_up() {
    let bus = bus();
    let mut small = subscription(&["custom.flood"]);
    small.limits.events = 1;
    let slow = bus.subscribe(small);
    let reports = bus.subscribe(subscription(&["plugin.overflowed"]));
    let reporting = tokio::spawn({
        let bus = bus.clone();
        async move { bus.run_drop_reports().await }
    });
    let publisher = bus.publisher("/s", "p");
    let mut reported = 0;
    for round in 1..=3 {
        for _ in 0..10 {
            publisher.publish(&draft("flood")).unwrap();
        }
        let report = reports.recv().await.unwrap();
        let data: serde_json::Value = serde_json::from_slice(report.data().unwrap()).unwrap();
        reported += data["dropped"].as_u64().unwrap();
        assert_eq!(data["total"], reported);
        assert_eq!(slow.dropped(), reported);
        assert!(drain(&reports).is_empty(), "one report in round {round}");
    }
    reporting.abort();
}
