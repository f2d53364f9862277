//! Consumers over channels in memory, from what is appended to what becomes of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hearken_channel_log::{ChannelName, Epoch, Expected, Span};
use serde_json::Value;
use tokio::time::{Instant, timeout};

use super::*;
use crate::bus::{
    Bus, Filter, Frame, MailboxLimits, Overflow, Publisher, Receiver, ReceiverKind, Subscription,
};
use crate::channel::test_support::{bus, channels_of, engines, failing_engines};
use crate::channel::{
    Channel, ChannelSettings, Channels, Engines, ExpectedEnd, NodeEnvironment, ReadAmount,
    ReadFilter, Reader,
};
use crate::clock::SystemClock;
use crate::event::{Draft, EventType, Pattern, Stamp};

mod faults;
mod handlings;
mod withholding;

/// Long enough for everything that comes by itself; the clock of these tests jumps there.
const EVER: Duration = Duration::from_secs(3600);

/// A node with the channel `orders`, and who hears what is published on its bus.
struct Node {
    channels: Channels,
    consumers: Consumers,
    heard: Receiver,
    publisher: Arc<Publisher>,
}

/// A worker of the plugin `shop`, which takes one event at a time.
struct Worker {
    feed: Feed,
    frame: Frame,
}

impl Node {
    async fn new() -> Self {
        let node = Self::without_channel();
        node.make("orders", ChannelSettings::default()).await;
        node
    }

    fn without_channel() -> Self {
        let bus = bus();
        let channels = channels_of(&bus, BTreeMap::new());
        Self::with(&bus, channels)
    }

    /// A node that starts on what another has left.
    async fn on(engines: Engines) -> Self {
        let bus = bus();
        let channels = Channels::new(&bus);
        let opened = channels.open(engines, BTreeMap::new()).await;
        opened.expect("what is there can be opened");
        Self::with(&bus, channels)
    }

    fn with(bus: &Bus, channels: Channels) -> Self {
        let environment = Arc::new(NodeEnvironment::new(Arc::new(SystemClock)));
        Self {
            heard: everything(bus),
            publisher: Arc::new(bus.publisher("/s", "p")),
            consumers: Consumers::new(&channels, bus, environment),
            channels,
        }
    }

    /// Has the plugin have no workers for so long that its place is left.
    async fn leave(&self, worker: Worker) {
        drop(worker);
        settled().await;
        settled().await;
    }

    /// What is written of how far the plugin is.
    async fn written(&self) -> u64 {
        let orders = self.channel("orders");
        let place = orders.consumed("shop").await.expect("it can be read");
        let place = super::kept::read(&place.expect("there is one"));
        place.expect("it is one").lane.after()
    }

    async fn make(&self, name: &str, settings: ChannelSettings) -> Arc<Channel> {
        let name = channel(name);
        let made = self.channels.set(&name, settings, None, true);
        made.await.expect("it can be made").0
    }

    fn channel(&self, name: &str) -> Arc<Channel> {
        self.channels.find(name).expect("it is there")
    }

    /// Appends events with these subjects, the subject as data too.
    async fn append(&self, subjects: &[&str]) {
        let draft = |subject: &&str| Draft {
            subject: Some((*subject).to_owned().into()),
            data: Some(serde_json::to_vec(subject).expect("a text").into()),
            ..Draft::new(EventType::custom("paid").expect("valid"))
        };
        let drafts = subjects.iter().map(draft).collect();
        let publisher = Arc::clone(&self.publisher);
        let appended = self
            .channel("orders")
            .append(publisher, "key:a", drafts, Expected::Any)
            .await;
        appended.expect("there is room");
    }

    fn consumer(&self) -> Arc<Consumer> {
        self.consumers.consumer("shop", &channel("orders"))
    }

    /// A worker of a version with these settings, that wants everything.
    fn worker(&self, settings: ConsumeSettings) -> Worker {
        let consumer = self.consumer();
        consumer.configure(vec![Filter::new(Pattern::any())], settings, 1);
        Worker::new(consumer.feed(0))
    }

    /// What was told by host events of this type, as data.
    fn told(&self, event_type: &str) -> Vec<Value> {
        let next = || self.heard.mailbox().try_recv(0).ok().flatten();
        std::iter::from_fn(next)
            .filter(|event| event.event_type() == event_type)
            .map(|event| serde_json::from_slice(event.data().expect("data")).expect("JSON"))
            .collect()
    }

    /// The dead letters of the plugin: what each says of its event.
    async fn letters(&self) -> Vec<BTreeMap<String, String>> {
        let Ok(letters) = self.channels.find("dead.shop") else {
            return Vec::new();
        };
        let all = ReadAmount::events(1000);
        let found = letters.read(0, all, &ReadFilter::default()).await;
        let events = found.expect("they can be read").events;
        let events = events.iter().map(|bytes| {
            let event = hearken_wire::EventRef::assume_encoded(bytes);
            let said = event.extensions();
            said.map(|(name, _, value)| (name.to_owned(), value.to_owned()))
                .chain([(
                    "subject".to_owned(),
                    event.subject().unwrap_or_default().to_owned(),
                )])
                .collect()
        });
        events.collect()
    }

    async fn stop(&self) {
        self.consumers.close(Instant::now() + EVER).await;
    }
}

impl Worker {
    fn new(feed: Feed) -> Self {
        Self {
            feed,
            frame: Frame::default(),
        }
    }

    /// Takes the next event: its number, and which attempt it is.
    async fn take(&mut self) -> (u64, u32) {
        let taken = timeout(EVER, self.feed.take(1, &mut self.frame)).await;
        taken.expect("there is one").expect("the feed is open");
        let event = self.frame.event(0).expect("one");
        assert_eq!(event.channel(), Some("orders"));
        let number = event.sequence().expect("a number");
        (number, self.feed.attempt(&self.frame, 0))
    }

    fn settle(&mut self, verdict: Verdict<'_>) {
        self.feed.settle(&self.frame, 0..1, verdict);
    }

    /// Handles so many events; returns their numbers.
    async fn handle(&mut self, events: usize) -> Vec<u64> {
        let mut numbers = Vec::new();
        for _ in 0..events {
            numbers.push(self.take().await.0);
            self.settle(Verdict::Done);
        }
        numbers
    }

    /// Nothing comes, however long one waits.
    async fn idle(&mut self) {
        let taken = timeout(EVER, self.feed.take(1, &mut self.frame)).await;
        assert!(taken.is_err(), "{taken:?}");
    }
}

fn channel(name: &str) -> ChannelName {
    ChannelName::new(name).expect("valid")
}

fn everything(bus: &Bus) -> Receiver {
    bus.subscribe(Subscription {
        name: "everything".into(),
        kind: ReceiverKind::Stream,
        filters: vec![Filter::new(Pattern::any())],
        limits: MailboxLimits::default(),
        overflow: Overflow::DropNewest,
        partitions: 1,
    })
}

fn settings() -> ConsumeSettings {
    ConsumeSettings::default()
}

/// Lets everybody do what there is to do.
async fn settled() {
    tokio::time::sleep(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_plugin_goes_on_where_it_was() {
    let engines = engines();
    {
        let node = Node::on(engines.clone()).await;
        node.make("orders", ChannelSettings::default()).await;
        node.append(&["a", "b", "c", "d"]).await;
        let mut worker = node.worker(settings());
        assert_eq!(worker.handle(2).await, [1, 2]);
        assert_eq!(worker.take().await, (3, 1));
        drop(worker);
        node.stop().await;
    }
    let node = Node::on(engines).await;
    let mut worker = node.worker(settings());
    assert_eq!(worker.handle(2).await, [3, 4]);
    worker.idle().await;
    let status = node.consumer().status();
    assert_eq!((status.after, status.lag, status.in_flight), (4, 0, 0));
    assert_eq!(status.waiting, None);
}

#[tokio::test(start_paused = true)]
async fn one_that_failed_is_tried_again_and_holds_back_its_subject() {
    let node = Node::new().await;
    node.append(&["a", "a", "b"]).await;
    let mut worker = node.worker(settings());
    let begun = Instant::now();
    assert_eq!(worker.take().await, (1, 1));
    worker.settle(Verdict::Again("no\nluck"));
    assert_eq!(worker.take().await, (3, 1), "others go on");
    worker.settle(Verdict::Done);
    let status = node.consumer().status();
    let stalled = status.stalled.expect("it has failed");
    assert_eq!((stalled.sequence, stalled.attempt), (1, 1));
    assert_eq!((&*stalled.reason, status.after), ("no luck", 0));
    assert!(node.told("plugin.stalled").is_empty(), "once is no stall");

    assert_eq!(worker.take().await, (1, 2));
    let waited = begun.elapsed();
    assert!((1000..1250).contains(&waited.as_millis()), "{waited:?}");
    for attempt in 3..5 {
        worker.settle(Verdict::Again("no luck"));
        let begun = Instant::now();
        assert_eq!(worker.take().await, (1, attempt));
        let waited = begun.elapsed().as_millis();
        let least = 1000 << (attempt - 2);
        assert!((least..least + least / 4).contains(&waited), "{waited}");
    }
    worker.settle(Verdict::Done);
    assert_eq!(worker.handle(1).await, [2]);
    let told = node.told("plugin.stalled");
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0]["cleared"], false);
    assert_eq!(
        (&told[0]["sequence"], &told[0]["attempt"]),
        (&1.into(), &2.into())
    );
    assert_eq!(told[1]["cleared"], true);
    assert_eq!(node.consumer().status().stalled, None);
}

#[tokio::test(start_paused = true)]
async fn a_worker_may_ask_for_a_longer_delay_within_the_bound() {
    let node = Node::new().await;
    node.append(&["a"]).await;
    let mut worker = node.worker(ConsumeSettings {
        max_backoff: Duration::from_secs(60),
        ..settings()
    });
    assert_eq!(worker.take().await, (1, 1));
    for (attempt, asked, least, most) in [(2, 30, 30_000, 30_250), (3, 3600, 60_000, 60_250)] {
        worker.settle(Verdict::AgainAfter("busy", Duration::from_secs(asked)));
        let begun = Instant::now();
        assert_eq!(worker.take().await, (1, attempt));
        let waited = begun.elapsed().as_millis();
        assert!((least..most).contains(&waited), "{waited}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_fails_too_often_or_is_rejected_becomes_a_dead_letter_and_comes_back_once() {
    let node = Node::new().await;
    node.append(&["a", "a", "b"]).await;
    let mut worker = node.worker(ConsumeSettings {
        attempts: 2,
        ..settings()
    });
    assert_eq!(worker.take().await, (1, 1));
    worker.settle(Verdict::Again("first"));
    assert_eq!(worker.take().await, (3, 1));
    worker.settle(Verdict::Rejected("never"));
    assert_eq!(worker.take().await, (1, 2));
    worker.settle(Verdict::Again("last"));
    assert_eq!(worker.handle(1).await, [2], "the subject goes on");
    settled().await;

    let letters = node.letters().await;
    let said = |letter: &BTreeMap<String, String>| {
        [
            "subject",
            "deadsequence",
            "deadattempts",
            "deadreason",
            "deadchannel",
            "deadplugin",
        ]
        .map(|name| letter[name].clone())
    };
    let said: Vec<_> = letters.iter().map(said).collect();
    assert_eq!(
        said,
        [
            ["b", "3", "1", "never", "orders", "shop"],
            ["a", "1", "2", "last", "orders", "shop"],
        ]
    );
    let told = node.told("plugin.rejected");
    assert_eq!(told.len(), 2);
    assert_eq!(
        (&told[1]["sequence"], &told[1]["dead_sequence"]),
        (&1.into(), &2.into())
    );
    let status = node.consumer().status();
    assert_eq!((status.after, status.dead, status.retried), (3, 2, 0));

    assert_eq!(node.consumers.retry("shop", "orders").await.unwrap(), 2);
    assert_eq!(node.consumers.retry("shop", "orders").await.unwrap(), 0);
    assert_eq!(worker.take().await, (3, 1), "with attempts anew");
    worker.settle(Verdict::Done);
    assert_eq!(worker.take().await, (1, 1));
    worker.settle(Verdict::Rejected("still"));
    worker.idle().await;
    assert_eq!(node.consumer().status().retried, 2);
    assert_eq!(node.letters().await.len(), 3);
    assert_eq!(node.consumers.retry("shop", "orders").await.unwrap(), 1);
    assert_eq!(worker.handle(1).await, [1]);
    worker.idle().await;
}

#[tokio::test(start_paused = true)]
async fn dead_letters_are_there_and_no_news() {
    let node = Node::new().await;
    node.append(&["a"]).await;
    let mut worker = node.worker(settings());
    worker.take().await;
    worker.settle(Verdict::Rejected("never"));
    settled().await;
    let letters = node.channel("dead.shop");
    assert_eq!(letters.bounds().unwrap().last, 1);
    let next = || node.heard.mailbox().try_recv(0).ok().flatten();
    let heard: Vec<_> = std::iter::from_fn(next)
        .map(|event| event.event_type().to_owned())
        .collect();
    assert_eq!(
        heard,
        [
            "channel.created",
            "custom.paid",
            "channel.created",
            "plugin.rejected"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn without_dead_letters_an_event_is_tried_for_ever() {
    let node = Node::new().await;
    node.append(&["a"]).await;
    let mut worker = node.worker(ConsumeSettings {
        attempts: 2,
        dead_letters: false,
        max_backoff: Duration::from_secs(2),
        ..settings()
    });
    for attempt in 1..20 {
        assert_eq!(worker.take().await, (1, attempt));
        worker.settle(Verdict::Rejected("never"));
    }
    assert_eq!(node.consumer().status().stalled.unwrap().attempt, 19);
    assert!(node.letters().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_plugin_waits_for_its_channel() {
    let node = Node::without_channel();
    let mut worker = node.worker(settings());
    settled().await;
    let waiting = node.consumer().status().waiting.expect("there is none");
    assert!(
        waiting.contains("there is no channel `orders` on this node"),
        "{waiting}"
    );
    node.make("orders", ChannelSettings::default()).await;
    node.append(&["a"]).await;
    assert_eq!(worker.handle(1).await, [1]);
    settled().await;
    assert_eq!(node.consumer().status().waiting, None);

    let orders = node.channel("orders");
    let (epoch, any) = (
        orders.epoch(),
        ExpectedEnd {
            epoch: None,
            last: None,
        },
    );
    node.channels.remove(&orders, any).await.unwrap();
    settled().await;
    let status = node.consumer().status();
    assert!(status.waiting.is_some() && status.epoch.is_none());
    let orders = node.make("orders", ChannelSettings::default()).await;
    node.append(&["b", "c"]).await;
    assert_eq!(worker.handle(2).await, [1, 2], "it begins anew");
    assert_ne!(orders.epoch(), epoch);
}

#[tokio::test(start_paused = true)]
async fn a_new_version_goes_on_with_window_and_attempts() {
    let node = Node::new().await;
    node.append(&["a", "b", "c", "d", "a"]).await;
    let mut old = node.worker(settings());
    assert_eq!(old.take().await, (1, 1));
    old.settle(Verdict::Again("no"));
    assert_eq!(old.take().await, (2, 1));
    let consumer = node.consumer();
    let wants = |subject: &str| Filter {
        subject: Some(subject.into()),
        ..Filter::new(Pattern::any())
    };
    // Which is called while the old one still has an event in hand.
    consumer.configure(vec![wants("a"), wants("d")], settings(), 1);
    assert_eq!(consumer.status().in_flight, 1);
    consumer.configure(vec![wants("a"), wants("b"), wants("d")], settings(), 2);
    let mut feeds = [consumer.feed(0), consumer.feed(1)];
    let mut frame = Frame::default();
    assert_eq!(old.feed.try_take(1, &mut frame), Err(Closed));
    let mut got = Vec::new();
    let mut taken = |feeds: &mut [Feed; 2], verdict: Verdict<'_>| {
        for feed in feeds {
            feed.try_take(64, &mut frame).unwrap();
            for at in 0..frame.len() {
                let number = frame.event(at).and_then(|event| event.sequence());
                got.push((number.unwrap_or_default(), feed.attempt(&frame, at)));
            }
            feed.settle(&frame, 0..frame.len(), verdict);
        }
        std::mem::take(&mut got)
    };
    assert_eq!(taken(&mut feeds, Verdict::Done), [(4, 1)]);
    drop(old);
    assert_eq!(
        taken(&mut feeds, Verdict::Done),
        [(2, 1)],
        "put back, and no attempt"
    );
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(taken(&mut feeds, Verdict::Done), [(1, 2)]);
    assert_eq!(taken(&mut feeds, Verdict::Done), [(5, 1)]);
    assert_eq!(consumer.status().after, 5, "nobody wants 3 any more");
}

#[tokio::test(start_paused = true)]
async fn what_no_filter_matches_is_passed_over() {
    let node = Node::new().await;
    node.append(&["a", "b", "a", "b"]).await;
    let consumer = node.consumer();
    let filter = Filter {
        subject: Some("b".into()),
        channel: Some("orders".into()),
        ..Filter::new(Pattern::new("custom.*").unwrap())
    };
    consumer.configure(vec![filter], settings(), 1);
    let mut worker = Worker::new(consumer.feed(0));
    assert_eq!(worker.handle(2).await, [2, 4]);
    node.append(&["a"]).await;
    worker.idle().await;
    assert_eq!(consumer.status().after, 5);
}

#[tokio::test(start_paused = true)]
async fn one_that_hangs_lets_others_go_on_within_the_window() {
    let node = Node::new().await;
    node.append(&["a", "b", "c", "d", "e"]).await;
    let mut worker = node.worker(ConsumeSettings {
        window: 3,
        backoff: Duration::from_secs(5000),
        max_backoff: Duration::from_secs(5000),
        ..settings()
    });
    assert_eq!(worker.take().await, (1, 1));
    worker.settle(Verdict::Again("no"));
    assert_eq!(worker.handle(2).await, [2, 3]);
    worker.idle().await;
    assert_eq!(worker.take().await, (1, 2));
    worker.settle(Verdict::Done);
    assert_eq!(worker.handle(2).await, [4, 5]);
}

#[tokio::test(start_paused = true)]
async fn what_is_dropped_before_it_was_handled_is_told() {
    let node = Node::new().await;
    node.append(&["a", "b", "c", "d"]).await;
    let mut worker = node.worker(ConsumeSettings {
        window: 1,
        ..settings()
    });
    assert_eq!(worker.take().await, (1, 1));
    node.channel("orders").trim(4).await.unwrap();
    worker.settle(Verdict::Done);
    assert_eq!(worker.handle(1).await, [4]);
    let told = node.told("plugin.missed");
    assert_eq!(told.len(), 1);
    assert_eq!(
        (&told[0]["count"], &told[0]["last"]),
        (&2.into(), &3.into())
    );
    settled().await;
    let status = node.consumer().status();
    assert_eq!((status.after, status.missed), (4, 2));
}

#[tokio::test(start_paused = true)]
async fn a_seek_goes_there_and_settles_what_is_in_hand_without_effect() {
    let node = Node::new().await;
    node.append(&["a", "b", "a"]).await;
    let mut worker = node.worker(settings());
    assert_eq!(worker.handle(2).await, [1, 2]);
    assert_eq!(worker.take().await, (3, 1));
    node.consumers
        .seek("shop", "orders", 0, None)
        .await
        .unwrap();
    let mut other = Frame::default();
    settled().await;
    worker.feed.try_take(64, &mut other).unwrap();
    let numbers: Vec<_> = (0..other.len())
        .filter_map(|at| other.event(at)?.sequence())
        .collect();
    assert_eq!(numbers, [2], "the other subject is in hand");
    worker.feed.settle(&other, 0..1, Verdict::Done);
    worker.settle(Verdict::Done);
    assert_eq!(worker.handle(2).await, [1, 3]);
    node.append(&["c"]).await;
    for attempt in 1..3 {
        assert_eq!(worker.take().await, (4, attempt));
        worker.settle(Verdict::Again("no luck"));
    }
    node.consumers
        .seek("shop", "orders", 4, None)
        .await
        .unwrap();
    worker.idle().await;
    let told = node.told("plugin.stalled").into_iter();
    let cleared: Vec<_> = told.map(|told| told["cleared"].clone()).collect();
    assert_eq!(cleared, [false, true]);

    let beyond = node.consumers.seek("shop", "orders", 5, None).await;
    assert!(matches!(
        beyond,
        Err(ConsumerFailure::Beyond { after: 5, last: 4 })
    ));
    let other = node
        .consumers
        .seek("shop", "orders", 1, Some(Epoch::new(1)))
        .await;
    assert!(matches!(other, Err(ConsumerFailure::AnotherLog(_))));
    let nobody = node.consumers.seek("nobody", "orders", 1, None).await;
    assert!(matches!(nobody, Err(ConsumerFailure::NoConsumer { .. })));
    let nothing = node.consumers.seek("shop", "order", 1, None).await;
    assert!(matches!(nothing, Err(ConsumerFailure::NoChannel(_))));
}

#[tokio::test(start_paused = true)]
async fn a_consumer_is_shown_and_moved_and_removed_while_its_plugin_does_not_run() {
    let node = Node::new().await;
    node.append(&["a", "b", "c"]).await;
    let mut worker = node.worker(settings());
    assert_eq!(worker.handle(2).await, [1, 2]);
    let in_use = node.consumers.remove("shop", "orders").await;
    assert!(matches!(in_use, Err(ConsumerFailure::InUse { .. })));
    drop(worker);
    settled().await;
    settled().await;

    let orders = node.channel("orders");
    let shown = node.consumers.of_channel(&orders).await.unwrap();
    assert_eq!(shown.len(), 1);
    assert_eq!(
        (&*shown[0].plugin, shown[0].after, shown[0].lag),
        ("shop", 2, 1)
    );
    node.consumers
        .seek("shop", "orders", 1, None)
        .await
        .unwrap();
    let mut worker = node.worker(settings());
    assert_eq!(worker.handle(2).await, [2, 3]);
    drop(worker);
    settled().await;
    settled().await;
    node.consumers.remove("shop", "orders").await.unwrap();
    assert!(node.consumers.of_channel(&orders).await.unwrap().is_empty());
    let mut worker = node.worker(ConsumeSettings {
        from: From::After(2),
        ..settings()
    });
    assert_eq!(worker.handle(1).await, [3]);
}

#[tokio::test(start_paused = true)]
async fn a_new_plugin_begins_where_it_says_and_keeps_that_place() {
    let engines = engines();
    let new = ConsumeSettings {
        from: From::New,
        ..settings()
    };
    {
        let node = Node::on(engines.clone()).await;
        node.make("orders", ChannelSettings::default()).await;
        node.append(&["a"]).await;
        let worker = node.worker(new);
        settled().await;
        drop(worker);
        node.stop().await;
        node.append(&["b"]).await;
    }
    let node = Node::on(engines).await;
    let mut worker = node.worker(new);
    assert_eq!(worker.handle(1).await, [2]);
}

#[tokio::test(start_paused = true)]
async fn what_a_plugin_has_not_read_is_kept_for_it() {
    let node = Node::without_channel();
    let keeping = ChannelSettings {
        keep_unread: vec![Reader::Plugin("shop".into())],
        ..ChannelSettings::default()
    };
    let orders = node.make("orders", keeping).await;
    node.append(&["a", "b", "c"]).await;
    let kept = || orders.info().unwrap().kept_from;
    assert_eq!(kept(), Some(1));
    let mut worker = node.worker(settings());
    worker.handle(2).await;
    settled().await;
    assert_eq!(kept(), Some(3));
    drop(worker);
    settled().await;
    settled().await;
    node.consumers.remove("shop", "orders").await.unwrap();
    assert_eq!(kept(), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_place_in_another_log_is_set_to_the_end() {
    let node = Node::new().await;
    node.append(&["a", "b"]).await;
    let orders = node.channel("orders");
    let mut place = super::place::Place::new(Epoch::new(7), 1);
    place.dead = 3;
    let written = super::kept::write(&place);
    orders.set_consumed("shop", Some(written)).await.unwrap();
    let mut worker = node.worker(settings());
    settled().await;
    node.append(&["c"]).await;
    assert_eq!(worker.handle(1).await, [3]);
    let status = node.consumer().status();
    assert_eq!((status.epoch, status.dead), (Some(orders.epoch()), 3));
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_for_it_and_cannot_be_read_is_shown_until_an_operator_seeks() {
    let node = Node::new().await;
    node.append(&["a", "b"]).await;
    let orders = node.channel("orders");
    orders
        .set_consumed("shop", Some("{}".into()))
        .await
        .unwrap();
    let mut worker = node.worker(settings());
    settled().await;
    let waiting = node.consumer().status().waiting.expect("it waits");
    assert!(waiting.contains("hearken channel seek"), "{waiting}");
    node.consumers
        .seek("shop", "orders", 1, None)
        .await
        .unwrap();
    assert_eq!(worker.handle(1).await, [2]);
}

#[tokio::test(start_paused = true)]
async fn a_letter_that_was_written_before_a_crash_is_not_written_again() {
    let engines = engines();
    let node = Node::on(engines.clone()).await;
    node.make("orders", ChannelSettings::default()).await;
    node.append(&["a", "b"]).await;
    let mut worker = node.worker(settings());
    settled().await;
    let orders = node.channel("orders");
    let before = orders.consumed("shop").await.unwrap();
    assert_eq!(worker.take().await, (1, 1));
    worker.settle(Verdict::Rejected("never"));
    settled().await;
    drop(worker);
    node.stop().await;
    assert_eq!(node.letters().await.len(), 1);
    // As if the place had not been written since.
    orders.set_consumed("shop", before).await.unwrap();
    let node = Node::on(engines).await;
    let mut worker = node.worker(settings());
    assert_eq!(worker.handle(1).await, [2]);
    worker.idle().await;
    assert_eq!(node.letters().await.len(), 1);
    assert_eq!(node.consumer().status().dead, 1);
}

#[tokio::test(start_paused = true)]
async fn a_letter_of_what_is_not_there_yet_hides_nothing() {
    let node = Node::new().await;
    node.append(&["a"]).await;
    let worker = node.worker(settings());
    settled().await;
    node.leave(worker).await;
    let event = Draft {
        id: Some("7".into()),
        source: Some("/s".into()),
        channel: Some("orders".into()),
        ..Draft::new(EventType::custom("paid").expect("valid"))
    };
    let event = event.stamp(&Stamp {
        id: ["", ""],
        source: "",
        time: 0,
        origin: "a",
        sequence: Some(2),
    });
    let dead = super::letter::Dead {
        event: event.packed(),
        channel: &channel("orders"),
        sequence: 2,
        plugin: "shop",
        round: Round::First,
        attempts: 1,
        reason: "never",
    };
    let letters = node.make("dead.shop", ChannelSettings::default()).await;
    let letter = super::letter::write(&dead, letters.name());
    let laid = letters.deposit(Arc::clone(&node.publisher), vec![(letter, [7; 16])]);
    assert_eq!(laid.await.unwrap(), [1]);
    let mut worker = node.worker(settings());
    settled().await;
    node.append(&["b"]).await;
    assert_eq!(worker.handle(2).await, [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_plugin_makes_no_dead_letters_of_its_dead_letters() {
    let node = Node::new().await;
    node.append(&["a"]).await;
    let mut worker = node.worker(settings());
    worker.take().await;
    worker.settle(Verdict::Rejected("never"));
    settled().await;
    let consumer = node.consumers.consumer("shop", &channel("dead.shop"));
    consumer.configure(vec![Filter::new(Pattern::any())], settings(), 1);
    let mut feed = consumer.feed(0);
    let mut frame = Frame::default();
    for attempt in 1..20 {
        feed.take(1, &mut frame).await.unwrap();
        assert_eq!(feed.attempt(&frame, 0), attempt);
        feed.settle(&frame, 0..1, Verdict::Rejected("never"));
    }
    assert_eq!(node.channel("dead.shop").bounds().unwrap().last, 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_learns_that_the_feed_is_closed() {
    let node = Node::new().await;
    let worker = node.worker(settings());
    let mut waiting = worker;
    let ended = tokio::spawn(async move {
        let mut frame = Frame::default();
        waiting.feed.ready().await;
        waiting.feed.take(1, &mut frame).await
    });
    settled().await;
    node.stop().await;
    assert_eq!(ended.await.unwrap(), Err(Closed));
}

#[tokio::test(start_paused = true)]
async fn what_is_damaged_is_not_passed_over_until_it_is_given_up() {
    let (engines, disk) = failing_engines();
    let damaged = Span { first: 3, last: 4 };
    disk.damage(damaged);
    let node = Node::on(engines).await;
    let orders = node.make("orders", ChannelSettings::default()).await;
    node.append(&["a", "b", "c", "d", "e"]).await;
    let mut worker = node.worker(settings());
    assert_eq!(worker.handle(2).await, [1, 2]);
    worker.idle().await;
    let status = node.consumer().status();
    let stalled = status.stalled.expect("it is shown");
    assert_eq!((stalled.sequence, stalled.attempt), (3, 0));
    assert!(stalled.reason.contains("3 to 4 are damaged"), "{stalled:?}");
    assert_eq!(status.after, 2);

    assert_eq!(orders.repair().await.unwrap(), [damaged]);
    assert_eq!(worker.handle(1).await, [5]);
    settled().await;
    let status = node.consumer().status();
    assert_eq!((status.after, status.missed), (5, 2));
    assert_eq!(status.stalled, None);
}
