use std::sync::Arc;

use futures_util::FutureExt;

use super::*;
use crate::bus::{MailboxLimits, Overflow, ReceiverKind, Subscription};
use crate::channel::test_support::bus;
use crate::event::{Draft, EventType};
use crate::plugin::run::mailbox::{EventCounts, PluginMailbox};
use crate::plugin::run::replay::Replay;
use crate::plugin::run::replay::tests::{ROUND, channel, filter};

#[tokio::test]
async fn each_source_has_its_turn_and_its_own_verdicts() {
    let bus = bus();
    let channel = channel(&bus, &["stored", "stored"]).await;
    let filters = vec![filter("custom.stored")];
    let replay = Replay::new(
        channel,
        Arc::clone(bus.node()),
        (0, 2),
        false,
        ROUND,
        filters,
    );
    Arc::clone(&replay).read().await;
    let mailbox = Arc::new(PluginMailbox::new(bus.subscribe(Subscription {
        name: "p".into(),
        kind: ReceiverKind::Plugin,
        filters: vec![filter("custom.live")],
        limits: MailboxLimits::default(),
        overflow: Overflow::DropOldest,
        partitions: 1,
    })));
    let publisher = bus.publisher("/tests", "tests");
    let publish = || {
        let draft = Draft::new(EventType::custom("live").unwrap());
        publisher.publish(&draft).expect("a valid event");
    };
    publish();
    publish();

    let replayed = ChannelSource::Replay(replay.inbox());
    let mut sources = Sources::new(mailbox.inbox(0), vec![replayed]);
    let mut frame = Frame::default();
    let mut taken = Vec::new();
    for _ in 0..4 {
        sources.try_take(1, &mut frame).unwrap();
        assert_eq!(frame.len(), 1);
        let event = frame.event(0).expect("one");
        taken.push((event.event_type().to_owned(), sources.attempt(&frame, 0)));
        sources.settle(&frame, 0..1, Verdict::Done);
    }
    let turns = [("custom.stored", Some(1)), ("custom.live", None)];
    let turns = turns.map(|(of, attempt)| (of.to_owned(), attempt));
    assert_eq!(taken, [turns.clone(), turns].concat(), "in turn");
    assert_eq!((replay.status().handled, replay.is_over()), (2, true));
    assert_eq!(mailbox.counts().delivered, 2);

    // One that is over ends nothing.
    sources.try_take(1, &mut frame).unwrap();
    assert!(frame.is_empty());
    assert_eq!(sources.take(1, &mut frame).now_or_never(), None);
    publish();
    sources.take(1, &mut frame).await.unwrap();
    sources.put_back(&frame, 0);
    let queued = EventCounts {
        delivered: 2,
        queued: 1,
        ..EventCounts::default()
    };
    assert_eq!(mailbox.counts(), queued, "back where it was");
    mailbox.give_up();
    assert_eq!(sources.take(1, &mut frame).await, Err(Closed));
}
