//! What finding the receivers of an event costs, and whom a change concerns.

use super::*;

fn searches(bus: &Bus) -> u64 {
    bus.0.router.topics.searches.load(Ordering::Relaxed)
}

fn filter(pattern: &str) -> Filter {
    Filter::new(Pattern::new(pattern).unwrap())
}

/// As many and as bad patterns as plugins may have.
fn worst_patterns(bus: &Bus, plugins: usize) -> Vec<Receiver> {
    let plugin = |plugin: usize| {
        let pattern = |at: usize| format!("*{{a,b,c,d}}*{plugin}*{at}*{{a,b,c,d}}*{{a,b,c,d}}*");
        let patterns: Vec<String> = (0..4).map(pattern).collect();
        let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
        bus.subscribe(subscription(&patterns))
    };
    (0..plugins).map(plugin).collect()
}

#[test]
fn a_pattern_is_compared_with_a_type_once_and_not_once_an_event() {
    const TYPES: usize = 20;
    let bus = bus();
    let plugins = worst_patterns(&bus, 64);
    let filters = plugins
        .iter()
        .flat_map(|plugin| plugin.registration.filters());
    let globs: usize = filters.map(|filter| filter.pattern.globs().len()).sum();
    assert_eq!(globs, 64 * 256);
    let publishers = [bus.publisher("/s", "p"), bus.publisher("/s", "q")];
    let drafts: Vec<Draft<'_>> = (0..TYPES)
        .map(|at| Draft {
            subject: Some(format!("subject-{at}").into()),
            ..draft("x")
        })
        .enumerate()
        .map(|(at, with_subject)| Draft {
            event_type: EventType::custom(&format!("x.{at}")).unwrap().into_owned(),
            ..with_subject
        })
        .collect();
    let receiver = filtered(&bus, |_| {});
    for round in 0..100 {
        for draft in &drafts {
            // Whoever waits, for these types or others, makes no plugin's pattern be
            // tried again.
            let patterns = ["custom.x.3", "custom.y", "*.7"];
            let waiter = bus.wait_for(filter(patterns[round % 3]));
            publishers[round % 2].publish(draft).unwrap();
            drop(waiter);
        }
    }
    assert_eq!(drain(&receiver).len(), 100 * TYPES);
    assert_eq!(searches(&bus), TYPES as u64);
}

#[test]
fn a_change_concerns_only_publishers_of_what_it_matches() {
    let bus = bus();
    let _plugins = worst_patterns(&bus, 1);
    let [a, b] = ["custom.a", "custom.b"].map(|name| bus.0.router.topic(name, None));
    let current = || [&a, &b].map(Known::is_current);
    for other in ["custom.c", "custom.reply.*", "a", "*.a.*"] {
        drop(bus.wait_for(filter(other)));
        assert_eq!(current(), [true, true], "{other}");
    }
    let on_subject = Filter {
        subject: Some("s".into()),
        ..filter("custom.b")
    };
    drop(bus.wait_for(on_subject));
    assert_eq!(
        current(),
        [true, false],
        "events of any subject may be wanted now"
    );
    let waiter = bus.wait_for(filter("custom.{a,x}"));
    assert_eq!(current(), [false, false]);
    let known = bus.0.router.topic("custom.a", None);
    drop(waiter);
    assert!(!known.is_current());
    assert_eq!(
        searches(&bus),
        2,
        "the plugins' patterns were not tried again"
    );
    let _plugin = bus.subscribe(subscription(&["custom.a"]));
    bus.0.router.topic("custom.a", None);
    bus.0.router.topic("custom.b", None);
    assert_eq!(searches(&bus), 3);
}

#[test]
fn nobody_who_is_interrupted_amid_a_change_keeps_publishers_waiting() {
    let bus = bus();
    let receiver = bus.subscribe(subscription(&["custom.*"]));
    let publisher = bus.publisher("/s", "p");
    publisher.publish(&draft("known")).unwrap();
    let publish = |new: &str| {
        publisher.publish(&draft("known")).unwrap();
        publisher.publish(&draft(new)).unwrap();
        publisher
            .publish_all(&[draft("known"), draft(new)])
            .unwrap();
        drain(&receiver).len()
    };
    drain(&receiver);
    let mut writer = bus.0.router.writer();
    assert_eq!(publish("new.0"), 4);
    writer.change(|_| assert_eq!(publish("new.1"), 4));
    drop(writer);
    // Amid telling the topics.
    {
        let _sets = bus.0.router.topics.locked();
        assert_eq!(publish("new.2"), 4);
    }
    assert_eq!(publish("new.2"), 4);
}

#[test]
fn a_receiver_of_several_patterns_gets_each_event_once_among_thousands() {
    let bus = bus();
    let receivers: Vec<Receiver> = (0..2_000)
        .map(|_| bus.subscribe(subscription(&["custom.*", "*.a", "custom.{a,b}"])))
        .collect();
    let publisher = bus.publisher("/s", "p");
    for event_type in ["a", "b", "a", "a", "c"] {
        publisher.publish(&draft(event_type)).unwrap();
    }
    publisher.publish_all(&[draft("a"), draft("b")]).unwrap();
    for receiver in &receivers {
        assert_eq!(drain(receiver).len(), 7);
    }
}

#[test]
fn topics_are_bounded_and_those_in_use_stay() {
    let bus = bus();
    let receiver = bus.subscribe(subscription(&["custom.*"]));
    let publisher = bus.publisher("/s", "p");
    for number in 0..20_000 {
        publisher
            .publish(&draft(&format!("flood.{number}")))
            .unwrap();
        publisher.publish(&draft("used")).unwrap();
    }
    let found = searches(&bus);
    assert!((20_001..21_000).contains(&found), "{found} searches");
    assert!(bus.0.router.topics.len() <= 2_048);
    assert_eq!(drain(&receiver).len(), 40_000);
}

#[test]
fn the_same_filters_change_nothing() {
    let bus = bus();
    let receiver = bus.subscribe(subscription(&["custom.a", "custom.*"]));
    let known = bus.0.router.topic("custom.a", None);
    let interest = bus.interest().watch();
    let version = bus.0.router.version();
    assert_eq!(
        receiver.set_filters(subscription(&["custom.*", "custom.a", "custom.*"]).filters),
        0
    );
    assert_eq!(bus.0.router.version(), version);
    assert!(known.is_current() && !interest.has_changed().unwrap());
    receiver.route(subscription(&["custom.*"]).filters);
    assert!(!known.is_current() && interest.has_changed().unwrap());
}

#[test]
fn who_remembers_a_topic_that_is_forgotten_finds_out() {
    let bus = bus();
    let known = bus.0.router.topic("custom.a", None);
    assert!(known.is_kept() && known.is_current());
    for number in 0..10_000 {
        bus.0.router.topic(&format!("custom.flood.{number}"), None);
    }
    assert!(!known.is_current(), "no change would be told to it");
}
