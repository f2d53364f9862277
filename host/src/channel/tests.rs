//! Channels over engines in memory, from appending to what becomes of them.

mod faults;

use std::collections::BTreeMap;
use std::sync::Arc;

use hearken_channel_log::{AppendError, ChannelName, Discard, Expected, LogSettings};
use serde_json::{Value, json};

use super::observe::Observed;
use super::test_support::{bus, channels_of, engines};
use super::*;
use crate::bus::{
    Bus, Filter, MailboxLimits, Overflow, Publisher, Receiver, ReceiverKind, Subscription,
};
use crate::event::{Draft, Event, EventType, Pattern};

/// A node's channels, and who hears what is published on its bus.
struct Node {
    channels: Channels,
    heard: Receiver,
    publisher: Arc<Publisher>,
}

impl Node {
    fn new() -> Self {
        Self::declaring(BTreeMap::new())
    }

    fn declaring(declared: BTreeMap<ChannelName, ChannelSettings>) -> Self {
        let bus = bus();
        Self {
            heard: everything(&bus),
            publisher: Arc::new(bus.publisher("/s", "p")),
            channels: channels_of(&bus, declared),
        }
    }

    async fn make(&self, settings: ChannelSettings) -> Arc<Channel> {
        let name = name("orders");
        let made = self.channels.set(&name, settings, None, false).await;
        made.expect("it can be made").0
    }

    async fn append(
        &self,
        channel: &Arc<Channel>,
        drafts: Vec<Draft<'_>>,
    ) -> Result<Receipt, AppendFailure> {
        let publisher = Arc::clone(&self.publisher);
        channel
            .append(publisher, "key:a", drafts, Expected::Any)
            .await
    }

    /// An event for a channel, as it is encoded.
    fn event(&self, channel: &'static str) -> Event {
        let draft = Draft {
            channel: Some(channel.into()),
            ..with_id("7")
        };
        let events = self.publisher.encode_all(&[draft]);
        let mut events = events.expect("it is valid");
        events.pop().expect("one")
    }

    fn heard(&self) -> Vec<Event> {
        let next = || self.heard.mailbox().try_recv(0).ok().flatten();
        std::iter::from_fn(next).collect()
    }

    /// What was heard of one type, as data.
    fn told(&self, event_type: &str) -> Vec<Value> {
        let heard = self.heard().into_iter();
        let told = heard.filter(|event| event.event_type() == event_type);
        told.map(|event| serde_json::from_slice(event.data().expect("host events have data")))
            .collect::<Result<_, _>>()
            .expect("JSON")
    }
}

fn everything(bus: &Bus) -> Receiver {
    bus.subscribe(Subscription {
        name: "all".into(),
        kind: ReceiverKind::Stream,
        filters: vec![Filter::new(Pattern::any())],
        limits: MailboxLimits::default(),
        overflow: Overflow::DropNewest,
        partitions: 1,
    })
}

fn name(text: &str) -> ChannelName {
    ChannelName::new(text).expect("a valid name")
}

fn draft(event_type: &str) -> Draft<'static> {
    Draft::new(EventType::custom(event_type).expect("valid").into_owned())
}

fn with_id(id: &'static str) -> Draft<'static> {
    Draft {
        id: Some(id.into()),
        ..draft("a")
    }
}

fn with_data(data: &Value) -> Draft<'static> {
    Draft {
        data: Some(data.to_string().into_bytes().into()),
        ..draft("a")
    }
}

#[tokio::test]
async fn only_the_node_lays_events_into_channels_of_dead_letters() {
    let node = Node::new();
    let letters = name("dead.shop");
    let made = node
        .channels
        .set(&letters, ChannelSettings::default(), None, false);
    let (letters, _) = made.await.expect("it can be made");
    let refused = node.append(&letters, vec![draft("a")]).await.unwrap_err();
    assert!(matches!(refused, AppendFailure::DeadLetters(_)));
    assert!(refused.to_string().contains("`dead.shop`"), "{refused}");
    let (publisher, event) = (Arc::clone(&node.publisher), node.event("dead.shop"));
    let laid = letters.deposit(publisher, vec![(event, [7; 16])]).await;
    assert_eq!(laid.unwrap(), [1]);
}

#[tokio::test]
async fn what_is_laid_into_a_channel_is_no_news_and_holds_up_none() {
    let node = Node::new();
    let orders = node.make(ChannelSettings::default()).await;
    let (publisher, event) = (Arc::clone(&node.publisher), node.event("orders"));
    let laid = orders.deposit(publisher, vec![(event, [7; 16])]).await;
    assert_eq!(laid.unwrap(), [1]);
    node.append(&orders, vec![draft("b")]).await.unwrap();
    let heard = node.heard();
    let heard: Vec<_> = heard.iter().filter_map(Event::sequence).collect();
    assert_eq!(heard, [2]);
}

fn numbers(found: &Found) -> Vec<u64> {
    let events = found.events.iter();
    let numbers = events.map(|event| hearken_wire::EventRef::assume_encoded(event).sequence());
    numbers
        .map(|number| number.expect("it is stored"))
        .collect()
}

fn few_events(max_events: u64) -> ChannelSettings {
    ChannelSettings {
        log: LogSettings {
            max_events: Some(max_events),
            ..LogSettings::default()
        },
        ..ChannelSettings::default()
    }
}

async fn read(channel: &Channel, after: u64, limit: usize) -> Found {
    let amount = ReadAmount::events(limit);
    let found = channel.read(after, amount, &ReadFilter::default()).await;
    found.expect("it can be read")
}

#[tokio::test]
async fn what_is_appended_is_stored_published_and_numbered() {
    let node = Node::new();
    let channel = node.make(ChannelSettings::default()).await;
    assert_eq!(node.told("channel.created")[0]["channel"], "orders");
    let receipt = node
        .append(&channel, vec![draft("one"), draft("two")])
        .await
        .unwrap();
    assert_eq!(receipt.epoch, channel.epoch());
    assert_eq!(receipt.last, 2);
    let heard = node.heard();
    let seen: Vec<_> = heard
        .iter()
        .map(|event| (event.event_type(), event.channel(), event.sequence()))
        .collect();
    assert_eq!(
        seen,
        [
            ("custom.one", Some("orders"), Some(1)),
            ("custom.two", Some("orders"), Some(2))
        ]
    );
    assert_eq!(receipt.events[1].id, heard[1].id());
    assert_eq!(receipt.events[1].time, heard[1].recorded_time());
    let found = read(&channel, 0, 10).await;
    assert_eq!(numbers(&found), [1, 2]);
    assert_eq!(&found.events[0][..], heard[0].as_bytes());
    assert_eq!((found.next, found.last, found.gap), (2, 2, None));
}

#[tokio::test]
async fn what_is_sent_again_is_stored_and_published_once() {
    let node = Node::new();
    let channel = node.make(ChannelSettings::default()).await;
    let first = node.append(&channel, vec![with_id("1")]).await.unwrap();
    let again = node
        .append(&channel, vec![with_id("2"), with_id("1")])
        .await
        .unwrap();
    let told: Vec<_> = again
        .events
        .iter()
        .map(|event| (event.sequence, event.duplicate))
        .collect();
    assert_eq!(told, [(2, false), (1, true)]);
    assert_eq!(again.events[1].time, first.events[0].time);
    assert_eq!(read(&channel, 0, 10).await.events.len(), 2);
    let heard = node.heard().into_iter();
    let ids: Vec<_> = heard
        .filter(|event| event.channel().is_some())
        .map(|event| event.id().to_owned())
        .collect();
    assert_eq!(ids, ["1", "2"]);

    // Of somebody else it is another event, and so is what the node has named.
    let publisher = Arc::clone(&node.publisher);
    let other = channel
        .append(publisher, "key:b", vec![with_id("1")], Expected::Any)
        .await
        .unwrap();
    assert!(!other.events[0].duplicate);
    for _ in 0..2 {
        let unnamed = node.append(&channel, vec![draft("a")]).await.unwrap();
        assert!(!unnamed.events[0].duplicate);
    }
    let status = channel.status().unwrap();
    assert_eq!((status.appended, status.duplicates), (5, 1));
}

#[tokio::test]
async fn an_expected_end_is_held_to() {
    let node = Node::new();
    let channel = node.make(ChannelSettings::default()).await;
    let append = async |last| {
        let publisher = Arc::clone(&node.publisher);
        let expected = Expected::Last { epoch: None, last };
        channel
            .append(publisher, "key:a", vec![draft("a")], expected)
            .await
    };
    assert_eq!(append(0).await.unwrap().last, 1);
    let refused = append(0).await.unwrap_err();
    assert!(matches!(
        refused,
        AppendFailure::Log(AppendError::Conflict { last: 1 })
    ));
    assert_eq!(append(1).await.unwrap().last, 2);
    assert_eq!(channel.status().unwrap().refused, 1);
}

#[tokio::test]
async fn a_batch_with_a_fault_is_refused_whole() {
    let node = Node::new();
    let channel = node.make(ChannelSettings::default()).await;
    let broken = Draft {
        subject: Some("".into()),
        ..draft("b")
    };
    let refused = node.append(&channel, vec![draft("a"), broken]).await;
    assert!(matches!(
        refused.unwrap_err(),
        AppendFailure::Event { at: 1, .. }
    ));
    assert_eq!(channel.bounds().unwrap().last, 0);
    assert!(node.heard().iter().all(|event| event.channel().is_none()));
}

#[tokio::test]
async fn many_appends_at_once_reach_the_bus_in_the_order_of_their_numbers() {
    let node = Node::new();
    let channel = node.make(ChannelSettings::default()).await;
    node.heard();
    let appends = (0..200).map(|_| node.append(&channel, vec![draft("a"), draft("b")]));
    let receipts = futures_util::future::join_all(appends).await;
    assert!(receipts.iter().all(Result::is_ok));
    let heard = node.heard().into_iter();
    let order: Vec<_> = heard.filter_map(|event| event.sequence()).collect();
    assert_eq!(order, (1..=400).collect::<Vec<_>>());
}

#[tokio::test]
async fn reading_goes_on_from_next_and_is_filtered() {
    let node = Node::new();
    let channel = node.make(ChannelSettings::default()).await;
    for number in 0..10 {
        let event = Draft {
            subject: Some(["even", "odd"][number % 2].into()),
            ..draft("a")
        };
        node.append(&channel, vec![event]).await.unwrap();
    }
    node.append(&channel, vec![draft("other")]).await.unwrap();
    let first = read(&channel, 0, 4).await;
    assert_eq!((numbers(&first), first.next), (vec![1, 2, 3, 4], 4));
    let rest = read(&channel, first.next, 100).await;
    assert_eq!(rest.events.len(), 7);

    let filter = ReadFilter {
        pattern: Some(Pattern::new("custom.a").unwrap()),
        subject: Some("odd".into()),
    };
    let odd = channel
        .read(0, ReadAmount::events(3), &filter)
        .await
        .unwrap();
    assert_eq!(numbers(&odd), [2, 4, 6]);
    let odd = channel.read(odd.next, ReadAmount::events(3), &filter).await;
    let odd = odd.unwrap();
    assert_eq!((numbers(&odd), odd.next), (vec![8, 10], 11));

    let small = ReadAmount {
        events: 10,
        bytes: 1,
    };
    let one = channel
        .read(0, small, &ReadFilter::default())
        .await
        .unwrap();
    assert_eq!((numbers(&one), one.next), (vec![1], 1));
    let beyond = channel.read(12, small, &filter).await;
    assert_eq!(
        beyond,
        Err(ReadFailure::Beyond {
            after: 12,
            last: 11
        })
    );
    let latest = channel.latest(3).await.unwrap();
    assert_eq!(numbers(&latest), [9, 10, 11]);
    assert_eq!(channel.latest(100).await.unwrap().events.len(), 11);
}

#[tokio::test]
async fn the_few_that_pass_a_filter_do_not_keep_the_others_in_memory() {
    let node = Node::new();
    let channel = node.make(ChannelSettings::default()).await;
    let mut drafts = vec![draft("rare"), draft("rare")];
    drafts.extend((0..18).map(|_| draft("usual")));
    node.append(&channel, drafts).await.unwrap();
    let places = |found: &Found| {
        let events = found.events.iter();
        events.map(|event| event.as_ptr()).collect::<Vec<_>>()
    };
    let all = places(&read(&channel, 0, 100).await);
    assert_eq!(all, places(&read(&channel, 0, 100).await), "as they lie");
    let of_type = async |event_type: &str| {
        let filter = ReadFilter {
            pattern: Some(Pattern::new(event_type).unwrap()),
            ..ReadFilter::default()
        };
        let found = channel.read(0, ReadAmount::events(100), &filter).await;
        found.unwrap()
    };
    let rare = of_type("custom.rare").await;
    assert_eq!(numbers(&rare), [1, 2]);
    assert!(places(&rare).iter().all(|place| !all.contains(place)));
    let usual = of_type("custom.usual").await;
    assert_eq!(places(&usual), all[2..]);
}

#[tokio::test]
async fn what_is_not_kept_any_more_is_a_gap_and_is_told() {
    let node = Node::new();
    let channel = node.make(few_events(2)).await;
    let mut observed = Observed::default();
    node.channels.look(&mut observed);
    for _ in 0..5 {
        node.append(&channel, vec![draft("a")]).await.unwrap();
    }
    let found = read(&channel, 1, 10).await;
    assert_eq!(numbers(&found), [4, 5]);
    let gap = found.gap.unwrap();
    assert_eq!((gap.first, gap.last), (2, 3));
    node.channels.look(&mut observed);
    node.channels.look(&mut observed);
    let told = node.told("channel.trimmed");
    assert_eq!(told.len(), 1, "once");
    assert_eq!(
        (&told[0]["first"], &told[0]["last"]),
        (&json!(1), &json!(3))
    );
    let first = channel.trim(5).await.unwrap();
    assert_eq!(first, 5);
    assert_eq!(channel.trim(100).await.unwrap(), 6, "no more than there is");
    let none = channel.latest(5).await.unwrap();
    assert!(none.events.is_empty());
}

#[tokio::test]
async fn clients_keep_positions_that_are_their_own() {
    let node = Node::new();
    let channel = node.make(ChannelSettings::default()).await;
    node.append(&channel, vec![draft("a"), draft("b")])
        .await
        .unwrap();
    let client = ClientName::new("billing").unwrap();
    let mover = |principal, operates| Mover {
        principal,
        operates,
    };
    let set = |after, mover| channel.set_cursor(&client, after, mover, true);
    assert!(matches!(
        channel.cursor(&client).await,
        Err(CursorFailure::None(_))
    ));
    assert!(set(1, mover("key:a", false)).await.unwrap(), "it is new");
    assert!(!set(2, mover("key:a", false)).await.unwrap());
    let foreign = set(0, mover("key:b", false)).await;
    assert!(matches!(foreign, Err(CursorFailure::Foreign { .. })));
    assert!(!set(0, mover("key:b", true)).await.unwrap());
    let cursor = channel.cursor(&client).await.unwrap();
    assert_eq!((cursor.after, cursor.owner.as_str()), (0, "key:a"));
    let beyond = set(3, mover("key:a", false)).await;
    assert!(matches!(
        beyond,
        Err(CursorFailure::Beyond { after: 3, last: 2 })
    ));
    let all = channel.cursors().await.unwrap();
    assert_eq!(all, [cursor]);
    let refused = channel.remove_cursor(&client, mover("key:b", false)).await;
    assert!(matches!(refused, Err(CursorFailure::Foreign { .. })));
    channel
        .remove_cursor(&client, mover("key:a", false))
        .await
        .unwrap();
    assert!(channel.cursors().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_a_named_client_has_not_read_is_kept() {
    let node = Node::new();
    let client = ClientName::new("billing").unwrap();
    let settings = ChannelSettings {
        keep_unread: vec![Reader::Client(client.clone())],
        ..few_events(2)
    };
    let channel = node.make(settings).await;
    for _ in 0..2 {
        node.append(&channel, vec![draft("a")]).await.unwrap();
    }
    let full = node.append(&channel, vec![draft("a")]).await.unwrap_err();
    assert!(
        matches!(full, AppendFailure::Log(AppendError::Full(_))),
        "{full:?}"
    );
    let mover = |operates| Mover {
        principal: "key:a",
        operates,
    };
    let reserved = channel.set_cursor(&client, 1, mover(false), false).await;
    assert!(matches!(reserved, Err(CursorFailure::Reserved { .. })));
    channel
        .set_cursor(&client, 0, mover(true), false)
        .await
        .unwrap();
    channel
        .set_cursor(&client, 1, mover(false), false)
        .await
        .unwrap();
    node.append(&channel, vec![draft("a")]).await.unwrap();
    assert_eq!(channel.bounds().unwrap().first, 2);
    // Nobody is kept for any more.
    let set = node
        .channels
        .set(&name("orders"), few_events(2), None, false)
        .await;
    assert_eq!(set.unwrap().1, Set::Changed);
    node.append(&channel, vec![draft("a"), draft("a")])
        .await
        .unwrap();
    assert_eq!(channel.bounds().unwrap().first, 4);
}

#[tokio::test]
async fn a_channel_is_set_anew_and_keeps_its_engine() {
    let node = Node::new();
    let memory = ChannelSettings {
        engine: EngineKind::Memory,
        ..ChannelSettings::default()
    };
    let channel = node.make(memory.clone()).await;
    let set = async |settings: ChannelSettings, engine| {
        let name = name("orders");
        let set = node.channels.set(&name, settings, engine, false).await;
        set.map(|(_, set)| set)
    };
    assert_eq!(set(few_events(3), None).await.unwrap(), Set::Changed);
    let status = channel.status().unwrap();
    assert_eq!(status.settings.log.max_events, Some(3));
    assert_eq!(status.settings.engine, EngineKind::Memory);
    let other = set(few_events(3), Some(EngineKind::Disk)).await;
    assert!(matches!(other, Err(SetFailure::Engine { .. })));
    let elsewhere = ChannelSettings {
        node: Some("b".to_owned()),
        ..memory
    };
    let refused = set(elsewhere, None).await.unwrap_err();
    assert!(refused.to_string().contains("`b`"), "{refused}");
}

#[tokio::test]
async fn a_channel_is_removed_only_as_it_is_meant() {
    let node = Node::new();
    let channel = node.make(ChannelSettings::default()).await;
    node.append(&channel, vec![draft("a")]).await.unwrap();
    let end = |last| ExpectedEnd { epoch: None, last };
    let refused = node.channels.remove(&channel, end(Some(0))).await;
    assert!(matches!(refused, Err(OperateFailure::Conflict { last: 1 })));
    let waiting = channel.beyond(1);
    node.channels.remove(&channel, end(Some(1))).await.unwrap();
    assert_eq!(waiting.await, Err(ReadFailure::Removed));
    assert_eq!(node.told("channel.deleted")[0]["channel"], "orders");
    let gone = node.channels.find("orders").unwrap_err().to_string();
    assert!(gone.contains("no channel `orders`"), "{gone}");
    let refused = node.append(&channel, vec![draft("a")]).await.unwrap_err();
    assert!(matches!(
        refused,
        AppendFailure::Log(AppendError::NoChannel(_))
    ));

    // One of the same name is another log.
    let again = node.make(ChannelSettings::default()).await;
    assert_ne!(again.epoch(), channel.epoch());
    let other = again.check_epoch(Some(channel.epoch())).unwrap_err();
    assert_eq!(other.epoch, again.epoch());
    node.append(&again, vec![draft("a")]).await.unwrap();
    let filter = ReadFilter::default();
    let stale = channel.read(0, ReadAmount::events(1), &filter).await;
    assert_eq!(stale, Err(ReadFailure::Removed));
}

#[tokio::test]
async fn what_is_declared_is_made_and_is_the_configurations() {
    let elsewhere = ChannelSettings {
        node: Some("b".to_owned()),
        ..ChannelSettings::default()
    };
    let declared = [(name("orders"), few_events(3)), (name("others"), elsewhere)];
    let node = Node::declaring(declared.into());
    let channel = node.channels.find("orders").unwrap();
    assert!(channel.is_declared());
    assert_eq!(channel.status().unwrap().settings.log.max_events, Some(3));
    let missing = node.channels.find("order").unwrap_err().to_string();
    assert!(missing.contains("did you mean `orders`?"), "{missing}");
    let long = "orders".repeat(100_000);
    let missing = node.channels.find(&long).unwrap_err().to_string();
    assert!(missing.len() < 400, "{} bytes", missing.len());
    assert!(node.channels.find("others").is_err(), "it lies on `b`");
    let set = node
        .channels
        .set(&name("orders"), few_events(4), None, false)
        .await;
    assert!(matches!(set, Err(SetFailure::Declared(_))));
    let any = ExpectedEnd {
        epoch: None,
        last: None,
    };
    let removed = node.channels.remove(&channel, any).await;
    assert!(matches!(removed, Err(OperateFailure::Declared(_))));
}

#[tokio::test]
async fn channels_are_as_they_were_when_they_are_opened_again() {
    let bus = bus();
    let engines = engines();
    let settings = ChannelSettings {
        keep_unread: vec![Reader::parse("client:a").unwrap()],
        indexes: [(
            IndexName::new("by-user").unwrap(),
            FieldPath::new("user").unwrap(),
        )]
        .into(),
        ..few_events(9)
    };
    let open = async |declared| {
        let channels = Channels::new(&bus);
        channels.open(engines.clone(), declared).await.unwrap();
        channels
    };
    let before = open(BTreeMap::new()).await;
    let (made, _) = before
        .set(&name("orders"), settings.clone(), None, false)
        .await
        .unwrap();
    let after = open(BTreeMap::new()).await;
    let found = after.find("orders").unwrap();
    assert_eq!(found.epoch(), made.epoch());
    assert_eq!(found.status().unwrap().settings, settings);
    assert!(!found.is_declared());

    // What is declared later is set as it is declared.
    let declared = [(name("orders"), few_events(5))];
    let later = open(declared.into()).await;
    let found = later.find("orders").unwrap();
    assert!(found.is_declared());
    assert_eq!(found.status().unwrap().settings, few_events(5));
}

#[tokio::test]
async fn channels_are_listed_in_pages_by_name() {
    let node = Node::new();
    for text in ["b", "a", "c"] {
        let settings = ChannelSettings::default();
        node.channels
            .set(&name(text), settings, None, false)
            .await
            .unwrap();
    }
    let names = |after, limit| -> Vec<String> {
        let page = node.channels.list(after, limit);
        page.iter()
            .map(|channel| channel.name().to_string())
            .collect()
    };
    assert_eq!(names(None, 2), ["a", "b"]);
    assert_eq!(names(Some("b"), 2), ["c"]);
    assert_eq!(names(Some("aa"), 9), ["b", "c"]);
}

#[tokio::test]
async fn events_are_found_by_a_field_newest_first() {
    let node = Node::new();
    let index = |field: &str| {
        let name = IndexName::new("by-user").unwrap();
        BTreeMap::from([(name, FieldPath::new(field).unwrap())])
    };
    let settings = ChannelSettings {
        indexes: index("user.id"),
        ..few_events(6)
    };
    let channel = node.make(settings).await;
    for number in 0..4 {
        let data = json!({"user": {"id": format!("u/{}", number % 2), "n": number}});
        node.append(&channel, vec![with_data(&data), draft("none")])
            .await
            .unwrap();
    }
    let find = async |value: &str, before, limit| {
        let page = channel.find("by-user", value, before, limit).await.unwrap();
        let found = Found {
            events: page.events,
            ..Found::default()
        };
        (numbers(&found), page.before)
    };
    // The first two events are not kept any more.
    assert_eq!(find("u/0", None, 10).await, (vec![5], None));
    assert_eq!(find("u/1", None, 10).await, (vec![7, 3], None));
    assert_eq!(find("u/1", None, 1).await, (vec![7], Some(7)));
    assert_eq!(find("u/1", Some(7), 1).await, (vec![3], Some(3)));
    assert_eq!(find("u/1", Some(3), 1).await, (vec![], None));
    assert_eq!(find("u", None, 10).await, (vec![], None));
    let none = channel.find("by-uses", "1", None, 1).await.unwrap_err();
    assert!(
        none.to_string().contains("did you mean `by-user`?"),
        "{none}"
    );

    // Under the same name by another field: what is there is read again.
    let field = FieldPath::new("user.n").unwrap();
    let name = IndexName::new("by-user").unwrap();
    node.channels
        .add_index(&channel, name, field)
        .await
        .unwrap();
    assert_eq!(find("2", None, 10).await, (vec![5], None));
    assert_eq!(find("u/1", None, 10).await, (vec![], None));
}

#[tokio::test]
async fn a_full_channel_that_refuses_says_so() {
    let node = Node::new();
    let mut settings = few_events(1);
    settings.log.discard = Discard::Refuse;
    let channel = node.make(settings).await;
    node.append(&channel, vec![draft("a")]).await.unwrap();
    let full = node.append(&channel, vec![draft("a")]).await.unwrap_err();
    assert!(full.to_string().contains("full"), "{full}");
    assert_eq!(node.channels.statuses()[0].refused, 1);
}

#[tokio::test]
async fn a_node_that_stops_takes_no_appends() {
    let node = Node::new();
    let channel = node.make(ChannelSettings::default()).await;
    node.append(&channel, vec![draft("a")]).await.unwrap();
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    node.channels.finish(deadline).await;
    node.channels.close(deadline).await;
    let refused = node.append(&channel, vec![draft("a")]).await.unwrap_err();
    assert!(matches!(refused, AppendFailure::Closing));
    assert_eq!(channel.beyond(1).await, Err(ReadFailure::Removed));
}
