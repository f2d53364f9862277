use std::collections::BTreeMap;

use hearken_channel_log::{ChannelName, Expected};

use super::*;
use crate::bus::Bus;
use crate::channel::ChannelSettings;
use crate::channel::test_support::{bus, channels_of};
use crate::event::{Draft, EventType, Pattern};

pub(in crate::plugin::run) const ROUND: Round = Round::Replay(7);

/// A channel that has events of these types.
pub(in crate::plugin::run) async fn channel(bus: &Bus, types: &[&str]) -> Arc<Channel> {
    let name = ChannelName::new("orders").unwrap();
    let channels = channels_of(bus, BTreeMap::from([(name, ChannelSettings::default())]));
    let channel = channels.find("orders").expect("it is declared");
    let publisher = Arc::new(bus.publisher("/tests", "tests"));
    let drafts = types.iter().map(|text| {
        let event_type = EventType::custom(text).unwrap();
        Draft::new(event_type)
    });
    let appended = channel.append(publisher, "tests", drafts.collect(), Expected::Any);
    appended.await.expect("it takes them");
    channel
}

pub(in crate::plugin::run) fn filter(pattern: &str) -> Filter {
    Filter::new(Pattern::new(pattern).unwrap())
}

fn numbers(frame: &Frame) -> Vec<u64> {
    let events = (0..frame.len()).filter_map(|at| frame.event(at));
    events.filter_map(EventRef::sequence).collect()
}

#[tokio::test]
async fn a_range_is_handed_over_once_whoever_takes_it() {
    let bus = bus();
    let channel = channel(&bus, &["a", "b", "a", "a", "a"]).await;
    let epoch = channel.epoch();
    let node = Arc::clone(bus.node());
    let replay = Replay::new(
        channel,
        node,
        (1, 4),
        false,
        ROUND,
        vec![filter("custom.a")],
    );
    let reading = tokio::spawn(Arc::clone(&replay).read());
    let mut frame = Frame::default();
    let mut inbox = replay.inbox();
    inbox.take(1, &mut frame).await.unwrap();
    assert_eq!(numbers(&frame), [3]);
    reading.await.unwrap();
    // Another version goes on.
    inbox.put_back(&frame, 0);
    let mut inbox = replay.inbox();
    inbox.take(64, &mut frame).await.unwrap();
    assert_eq!(numbers(&frame), [3, 4]);
    let handling = inbox.deliveries().handling(&frame, 0);
    let handling = handling.expect("a channel delivers it");
    assert_eq!((handling.epoch, handling.round), (epoch, ROUND));
    inbox.settle(&frame, 0..1, Verdict::Done);
    assert_eq!((replay.is_over(), replay.status().at), (false, 3));
    inbox.settle(&frame, 1..2, Verdict::Again("it fails"));
    assert!(replay.is_over());
    let status = replay.status();
    assert_eq!(status.state, ReplayState::Done);
    assert_eq!((status.handled, status.failed, status.at), (1, 1, 4));
    assert_eq!(status.last_error.as_deref(), Some("it fails"));
    assert_eq!(inbox.try_take(1, &mut frame), Err(Closed));
    assert!(frame.is_empty());
}

#[tokio::test]
async fn a_range_of_which_nothing_is_wanted_is_over_when_it_is_read() {
    let bus = bus();
    let channel = channel(&bus, &["a", "a"]).await;
    let node = Arc::clone(bus.node());
    let replay = Replay::new(
        channel,
        node,
        (0, 2),
        false,
        ROUND,
        vec![filter("custom.b")],
    );
    Arc::clone(&replay).read().await;
    assert!(replay.is_over());
    let status = replay.status();
    assert_eq!((status.handled, status.failed, status.at), (0, 0, 2));
}

#[tokio::test]
async fn what_is_put_back_is_not_handed_to_a_version_that_does_not_want_it() {
    let bus = bus();
    let channel = channel(&bus, &["a", "a"]).await;
    let node = Arc::clone(bus.node());
    let every = vec![filter("custom.*")];
    let replay = Replay::new(channel, node, (0, 2), false, ROUND, every);
    Arc::clone(&replay).read().await;
    let mut inbox = replay.inbox();
    let mut frame = Frame::default();
    inbox.take(64, &mut frame).await.unwrap();
    assert_eq!(numbers(&frame), [1, 2]);
    replay.set_filters(vec![filter("custom.b")]);
    inbox.put_back(&frame, 0);
    assert_eq!(inbox.take(64, &mut frame).await, Err(Closed));
    assert!(replay.is_over());
    assert_eq!((replay.status().handled, replay.status().at), (0, 2));
}

#[tokio::test]
async fn what_is_given_up_says_why() {
    let bus = bus();
    let channel = channel(&bus, &["a"]).await;
    let node = Arc::clone(bus.node());
    let replay = Replay::new(channel, node, (0, 1), true, ROUND, vec![filter("custom.a")]);
    Arc::clone(&replay).read().await;
    assert!(!replay.is_over());
    replay.give_up("the node stops");
    let status = replay.status();
    assert_eq!(status.state, ReplayState::Failed);
    assert_eq!(status.last_error.as_deref(), Some("the node stops"));
    let mut frame = Frame::default();
    assert_eq!(replay.inbox().try_take(1, &mut frame), Err(Closed));
}

#[tokio::test]
async fn what_is_ended_hands_over_no_more_than_is_in_hand() {
    let bus = bus();
    let channel = channel(&bus, &["a", "a", "a"]).await;
    let node = Arc::clone(bus.node());
    let replay = Replay::new(
        channel,
        node,
        (0, 3),
        false,
        ROUND,
        vec![filter("custom.a")],
    );
    Arc::clone(&replay).read().await;
    let mut frame = Frame::default();
    let mut inbox = replay.inbox();
    inbox.take(2, &mut frame).await.unwrap();
    replay.stop();
    inbox.settle(&frame, 0..1, Verdict::Done);
    inbox.put_back(&frame, 1);
    assert_eq!(inbox.try_take(1, &mut frame), Err(Closed));
    let status = replay.status();
    assert_eq!(status.state, ReplayState::Stopped);
    assert_eq!((status.handled, status.at), (1, 1));
    assert_eq!(status.last_error, None);
    replay.give_up("the node stops");
    assert_eq!(replay.status().state, ReplayState::Stopped);
}

#[tokio::test]
async fn who_waits_for_more_learns_that_it_is_ended() {
    let bus = bus();
    let channel = channel(&bus, &["a"]).await;
    let node = Arc::clone(bus.node());
    let replay = Replay::new(
        channel,
        node,
        (0, 1),
        false,
        ROUND,
        vec![filter("custom.a")],
    );
    // Nobody reads yet.
    let mut inbox = replay.inbox();
    let mut frame = Frame::default();
    let taken = inbox.take(1, &mut frame);
    tokio::pin!(taken);
    assert!(futures_util::poll!(&mut taken).is_pending());
    replay.stop();
    assert_eq!(taken.await, Err(Closed));
    // Nor does anybody later.
    Arc::clone(&replay).read().await;
    assert_eq!(replay.status().state, ReplayState::Stopped);
}

#[tokio::test]
async fn what_is_not_wanted_any_more_is_not_handed_over() {
    let bus = bus();
    let channel = channel(&bus, &["a", "b", "a"]).await;
    let node = Arc::clone(bus.node());
    let both = vec![filter("custom.*")];
    let replay = Replay::new(channel, node, (0, 3), false, ROUND, both);
    Arc::clone(&replay).read().await;
    replay.set_filters(vec![filter("custom.b")]);
    let mut frame = Frame::default();
    let mut inbox = replay.inbox();
    inbox.take(64, &mut frame).await.unwrap();
    assert_eq!(numbers(&frame), [2]);
    replay.set_filters(Vec::new());
    assert!(!replay.is_over(), "one is in hand");
    inbox.settle(&frame, 0..1, Verdict::Done);
    assert_eq!(replay.status().state, ReplayState::Done);
}
