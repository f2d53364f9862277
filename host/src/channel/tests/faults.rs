//! Channels over an engine that fails and hangs.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use hearken_channel_log::{
    AppendError, ChannelName, ChannelState, Engine, Expected, LogSettings, ReadError, Span,
    StorageFault,
};
use serde_json::{Value, json};

use crate::bus::Bus;
use crate::channel::observe::Observed;
use crate::channel::test_engine::{Call, Fate, TestEngine};
use crate::channel::test_support::{bus, channels_on, failing_engines};
use crate::channel::*;
use crate::event::{Draft, EventType};

/// A node whose disk is told what to do.
struct Node {
    bus: Bus,
    engines: Engines,
    disk: Arc<TestEngine>,
    channels: Channels,
}

impl Node {
    fn new() -> Self {
        let bus = bus();
        let (engines, disk) = failing_engines();
        let channels = channels_on(&bus, engines.clone(), BTreeMap::new());
        Self {
            bus,
            engines,
            disk,
            channels,
        }
    }

    /// Begins anew with what the disk has.
    async fn starts(&self, declared: &[ChannelSettings]) -> Channels {
        let channels = Channels::new(&self.bus);
        let declared = declared.iter().map(|settings| (name(), settings.clone()));
        let opened = channels.open(self.engines.clone(), declared.collect());
        opened.await.expect("nothing contradicts");
        channels
    }

    async fn set(&self, settings: ChannelSettings) -> Result<Arc<Channel>, SetFailure> {
        let set = self.channels.set(&name(), settings, None, false).await;
        set.map(|(channel, _)| channel)
    }

    async fn append(&self, channel: &Arc<Channel>, data: Value) -> Result<Receipt, AppendFailure> {
        let publisher = Arc::new(self.bus.publisher("/s", "p"));
        let draft = Draft {
            data: Some(data.to_string().into_bytes().into()),
            ..Draft::new(EventType::custom("a").expect("valid"))
        };
        channel
            .append(publisher, "key:a", vec![draft], Expected::Any)
            .await
    }

    /// A channel with so many events, the user of each of which is `ada`.
    async fn with_events(&self, settings: ChannelSettings, count: u64) -> Arc<Channel> {
        let channel = self.set(settings).await.expect("it can be made");
        for _ in 0..count {
            let appended = self.append(&channel, json!({"user": "ada"})).await;
            appended.expect("it can be stored");
        }
        channel
    }
}

fn name() -> ChannelName {
    ChannelName::new("orders").expect("a valid name")
}

fn settings(max_events: Option<u64>, kept: &[&str], indexed: &[&str]) -> ChannelSettings {
    let index = |field: &&str| {
        let name = IndexName::new(&format!("by-{field}")).expect("a name");
        (name, FieldPath::new(field).expect("a field"))
    };
    ChannelSettings {
        log: LogSettings {
            max_events,
            ..LogSettings::default()
        },
        keep_unread: kept
            .iter()
            .map(|client| Reader::Client(ClientName::new(client).expect("a name")))
            .collect(),
        indexes: indexed.iter().map(index).collect(),
        ..ChannelSettings::default()
    }
}

fn sequences(events: &[Bytes]) -> Vec<u64> {
    let events = events.iter();
    let numbers = events.map(|event| hearken_wire::EventRef::assume_encoded(event).sequence());
    numbers.map(|number| number.expect("stored")).collect()
}

async fn of_ada(channel: &Channel) -> Result<IndexedPage, IndexFailure> {
    channel.find("by-user", "ada", None, 100).await
}

fn damaged(number: u64) -> ReadError {
    ReadError::Damaged(Span {
        first: number,
        last: number,
    })
}

#[tokio::test]
async fn an_index_leaves_out_no_event_without_saying_so() {
    let node = Node::new();
    let channel = node.with_events(settings(None, &[], &["user"]), 3).await;
    let found = of_ada(&channel).await.unwrap();
    assert_eq!(sequences(&found.events), [3, 2, 1]);
    node.disk.fail_read(1, ReadError::Overloaded);
    let overloaded = of_ada(&channel).await;
    assert!(
        matches!(
            overloaded,
            Err(IndexFailure::Read(ReadFailure::Log(ReadError::Overloaded)))
        ),
        "{overloaded:?}"
    );
    node.disk.fail_read(1, damaged(2));
    let found = of_ada(&channel).await.unwrap();
    assert_eq!(sequences(&found.events), [3, 1]);
    assert_eq!(found.damaged, [Span { first: 2, last: 2 }]);
    node.disk.recover();
    // What is not kept any more is left out.
    channel.trim(3).await.unwrap();
    let found = of_ada(&channel).await.unwrap();
    assert_eq!((sequences(&found.events), found.damaged), (vec![3], vec![]));
}

#[tokio::test]
async fn an_index_is_followed_whatever_fails_after_it_is_there() {
    let node = Node::new();
    let channel = node.with_events(settings(None, &[], &["other"]), 2).await;
    node.disk.set(Call::Keep, 0, Fate::Fails);
    let both = settings(None, &["billing"], &["other", "user"]);
    assert!(node.set(both.clone()).await.is_err());
    let found = of_ada(&channel).await.unwrap();
    assert_eq!(sequences(&found.events), [2, 1]);
    node.disk.recover();
    node.set(both.clone()).await.unwrap();
    assert_eq!(channel.status().unwrap().settings, both);
}

#[tokio::test]
async fn an_index_that_is_given_back_while_it_is_taken_away_has_all_rows() {
    let node = Node::new();
    let channel = node.with_events(settings(None, &[], &["user"]), 3).await;
    of_ada(&channel).await.unwrap();
    node.disk.set(Call::ChangeIndex, 2, Fate::Hangs);
    node.set(settings(None, &[], &[])).await.unwrap();
    node.disk.hangs().await;
    node.set(settings(None, &[], &["user"])).await.unwrap();
    node.disk.recover();
    let found = of_ada(&channel).await.unwrap();
    assert_eq!(sequences(&found.events), [3, 2, 1]);
}

#[tokio::test]
async fn new_settings_keep_what_their_readers_have_not_read() {
    let node = Node::new();
    let channel = node.with_events(settings(None, &[], &[]), 5).await;
    let few = settings(Some(2), &["billing"], &[]);
    node.set(few.clone()).await.unwrap();
    assert_eq!(channel.bounds().unwrap().first, 1);
    // And when they are taken back, what the old ones keep.
    node.set(settings(None, &[], &[])).await.unwrap();
    assert_eq!(channel.bounds().unwrap().first, 1);
    // The same at a start whose configuration brings both.
    let channels = node.starts(std::slice::from_ref(&few)).await;
    let declared = channels.find("orders").unwrap();
    assert!(declared.is_declared());
    assert_eq!(declared.bounds().unwrap().first, 1);
    assert_eq!(declared.status().unwrap().settings, few);
}

#[tokio::test]
async fn a_change_that_was_cut_short_is_completed_at_the_next_start() {
    let node = Node::new();
    let channel = node.with_events(settings(None, &[], &[]), 5).await;
    let few = settings(Some(2), &["billing"], &[]);
    node.disk.set(Call::Change, 0, Fate::Fails);
    assert!(node.set(few.clone()).await.is_err());
    assert_eq!(channel.bounds().unwrap().first, 1);
    node.disk.recover();
    let channels = node.starts(&[]).await;
    let found = channels.find("orders").unwrap();
    assert_eq!(found.status().unwrap().settings, few);
    assert_eq!(found.bounds().unwrap().first, 1);
}

#[tokio::test]
async fn a_start_writes_nothing_where_nothing_differs() {
    let node = Node::new();
    let kept = settings(Some(9), &["billing"], &["user"]);
    let channel = node.with_events(kept.clone(), 1).await;
    of_ada(&channel).await.unwrap();
    let writes = || {
        let calls = [Call::Create, Call::Change, Call::Keep, Call::ChangeCells];
        calls.map(|call| node.disk.count(call))
    };
    let before = writes();
    node.starts(std::slice::from_ref(&kept)).await;
    node.starts(&[]).await;
    assert_eq!(writes(), before);
    // As does setting it to what it is set to.
    node.set(kept).await.unwrap();
    assert_eq!(writes(), before);
}

#[tokio::test(start_paused = true)]
async fn a_node_whose_disk_fails_starts_and_makes_what_is_declared_later() {
    let node = Node::new();
    node.disk.set(Call::Create, 0, Fate::Fails);
    let channels = node.starts(&[settings(Some(7), &[], &[])]).await;
    assert!(channels.is_open());
    assert!(channels.find("orders").is_err());
    channels.look(&mut Observed::default());
    let (reason, _) = channels.failure().expect("it is told");
    assert!(reason.contains("`orders`"), "{reason}");
    node.disk.recover();
    let mut made = channels.find("orders");
    for _ in 0..60 {
        // Ten seconds later it is tried again, in a time that passes by itself.
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        made = channels.find("orders");
    }
    let settings = made.unwrap().status().unwrap().settings;
    assert_eq!(settings.log.max_events, Some(7));
    channels.look(&mut Observed::default());
    assert_eq!(channels.failure(), None);
}

#[tokio::test]
async fn a_channel_whose_settings_cannot_be_read_is_shown_as_failed() {
    let node = Node::new();
    let kept = settings(None, &["billing"], &[]);
    node.with_events(kept.clone(), 2).await;
    let nonsense = Bytes::from_static(b"nonsense");
    let orders = name();
    let put = node
        .disk
        .put_cell(&orders, "settings", nonsense, None, true);
    put.await.unwrap();
    let keeps = node.disk.count(Call::Keep);
    let channels = node.starts(&[]).await;
    let channel = channels.find("orders").unwrap();
    let state = channel.status().unwrap().info.state;
    assert!(matches!(state, ChannelState::Failed { .. }), "{state:?}");
    assert_eq!(
        node.disk.count(Call::Keep),
        keeps,
        "what is kept stays kept"
    );
    let refused = node.append(&channel, json!(1)).await.unwrap_err();
    assert!(matches!(
        refused,
        AppendFailure::Log(AppendError::StorageFailed(_))
    ));
    let filter = ReadFilter::default();
    let found = channel.read(0, ReadAmount::events(9), &filter).await;
    assert_eq!(sequences(&found.unwrap().events), [1, 2]);
    // To set it anew mends it.
    let set = channels.set(&name(), kept, None, false).await;
    assert_eq!(set.unwrap().1, Set::Changed);
    assert_eq!(channel.status().unwrap().info.state, ChannelState::Ok);
    node.append(&channel, json!(1)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_hangs_is_not_waited_for_for_ever() {
    let node = Node::new();
    let channel = node.with_events(settings(None, &[], &["user"]), 2).await;
    of_ada(&channel).await.unwrap();
    for call in [
        Call::Read,
        Call::Since,
        Call::Trim,
        Call::Cell,
        Call::Cells,
        Call::ChangeCells,
        Call::Repair,
    ] {
        node.disk.set(call, 0, Fate::Hangs);
    }
    let filter = ReadFilter::default();
    let client = ClientName::new("billing").unwrap();
    let mover = Mover {
        principal: "key:a",
        operates: false,
    };
    let fault = |fault: &StorageFault| assert!(fault.to_string().contains("30s"), "{fault}");
    match channel.read(0, ReadAmount::events(1), &filter).await {
        Err(ReadFailure::Log(ReadError::Storage(why))) => fault(&why),
        other => panic!("{other:?}"),
    }
    assert!(channel.latest(1).await.is_err());
    assert!(channel.since(0).await.is_err());
    assert!(channel.trim(1).await.is_err());
    assert!(channel.repair().await.is_err());
    assert!(of_ada(&channel).await.is_err());
    assert!(channel.cursors().await.is_err());
    assert!(channel.set_cursor(&client, 1, mover, true).await.is_err());
    assert!(node.set(settings(Some(3), &[], &[])).await.is_err());
    node.disk.recover();
    assert!(channel.set_cursor(&client, 1, mover, true).await.unwrap());
    node.set(settings(Some(3), &[], &[])).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_is_removed_later_than_was_waited_for_is_none() {
    let node = Node::new();
    let channel = node.with_events(settings(None, &[], &[]), 1).await;
    node.disk.set(Call::Remove, 0, Fate::Hangs);
    let any = ExpectedEnd {
        epoch: None,
        last: None,
    };
    assert!(node.channels.remove(&channel, any).await.is_err());
    node.disk.recover();
    node.disk.remove(&name()).await.unwrap();
    let again = node.set(settings(None, &[], &[])).await.unwrap();
    assert_ne!(again.epoch(), channel.epoch());
    assert_eq!(again.bounds().unwrap().last, 0);
}

#[tokio::test]
async fn a_handle_of_a_removed_channel_writes_nothing_into_the_next() {
    let node = Node::new();
    let old = node.with_events(settings(None, &["old"], &[]), 1).await;
    let any = ExpectedEnd {
        epoch: None,
        last: None,
    };
    node.channels.remove(&old, any).await.unwrap();
    let new = node.with_events(settings(None, &[], &[]), 3).await;
    let index = IndexName::new("by-user").unwrap();
    let field = FieldPath::new("user").unwrap();
    assert!(node.channels.add_index(&old, index, field).await.is_err());
    let client = ClientName::new("a").unwrap();
    let mover = Mover {
        principal: "key:a",
        operates: true,
    };
    assert!(old.set_cursor(&client, 0, mover, true).await.is_err());
    assert!(old.remove_cursor(&client, mover).await.is_err());
    assert!(old.trim(3).await.is_err());
    assert!(old.repair().await.is_err());
    assert!(of_ada(&old).await.is_err());
    assert!(new.cursors().await.unwrap().is_empty());
    assert_eq!(new.bounds().unwrap().first, 1);
    let channels = node.starts(&[]).await;
    let settings_now = channels.find("orders").unwrap().status().unwrap().settings;
    assert_eq!(settings_now, settings(None, &[], &[]));
}

#[tokio::test]
async fn the_newest_events_are_read_behind_those_that_are_damaged() {
    let node = Node::new();
    let channel = node.with_events(settings(None, &[], &[]), 40).await;
    let latest = async |limit| {
        let found = channel.latest(limit).await?;
        Ok::<_, ReadFailure>((sequences(&found.events), found.damaged))
    };
    let all: Vec<u64> = (1..=40).collect();
    assert_eq!(latest(1000).await.unwrap(), (all.clone(), None));
    assert_eq!(latest(20).await.unwrap(), (all[20..].to_vec(), None));
    node.disk.fail_read(6, damaged(7));
    assert_eq!(latest(33).await.unwrap(), (all[7..].to_vec(), None));
    let damage = Some(Span { first: 7, last: 7 });
    assert_eq!(latest(36).await.unwrap(), (all[7..].to_vec(), damage));
    node.disk.fail_read(39, damaged(40));
    let newest = latest(3).await;
    assert_eq!(newest, Err(ReadFailure::Log(damaged(40))));
}

#[tokio::test]
async fn the_newest_of_large_events_are_read_and_no_more() {
    let node = Node::new();
    let channel = node.with_events(settings(None, &[], &[]), 0).await;
    for _ in 0..40 {
        let data = json!("x".repeat(500_000));
        node.append(&channel, data).await.unwrap();
    }
    let before = node.disk.count(Call::Read);
    let found = channel.latest(1000).await.unwrap();
    assert_eq!(sequences(&found.events), (33..=40).collect::<Vec<_>>());
    // Some pages of the last events, and not the whole log.
    assert!(node.disk.count(Call::Read) - before <= 3);
}

#[tokio::test]
async fn one_principal_has_not_all_cursors() {
    let node = Node::new();
    let channel = node.with_events(settings(None, &[], &[]), 1).await;
    let mover = |principal, operates| Mover {
        principal,
        operates,
    };
    let set = async |number: usize, mover| {
        let client = ClientName::new(&format!("c{number}")).unwrap();
        channel.set_cursor(&client, 1, mover, false).await
    };
    for number in 0..MAX_CURSORS_OF_ONE {
        set(number, mover("key:a", false)).await.unwrap();
    }
    let more = set(100, mover("key:a", false)).await;
    assert!(matches!(more, Err(CursorFailure::TooManyOfOne(_))));
    assert!(!set(0, mover("key:a", false)).await.unwrap(), "it is there");
    assert!(set(100, mover("key:b", false)).await.unwrap());
    assert!(set(101, mover("key:a", true)).await.unwrap());
}

#[tokio::test]
async fn whoever_operates_makes_the_cursor_that_events_are_kept_for() {
    let node = Node::new();
    let channel = node
        .with_events(settings(Some(1), &["billing"], &[]), 1)
        .await;
    let client = ClientName::new("billing").unwrap();
    let mover = |principal, operates| Mover {
        principal,
        operates,
    };
    let first = channel
        .set_cursor(&client, 1, mover("key:thief", false), true)
        .await;
    assert!(matches!(first, Err(CursorFailure::Reserved { .. })));
    let operator = mover("key:op", true);
    let owner = Some("key:billing");
    let made = channel
        .place_cursor(&client, 0, operator, owner, true)
        .await;
    assert!(made.unwrap(), "it is new");
    let own = mover("key:billing", false);
    assert!(!channel.set_cursor(&client, 1, own, true).await.unwrap());
    let shown = channel.cursor_for(&client, own).await.unwrap();
    assert_eq!((shown.after, shown.owner.as_str()), (1, "key:billing"));
    let other = channel.cursor_for(&client, mover("key:thief", false)).await;
    assert!(matches!(other, Err(CursorFailure::Foreign { .. })));
    // A name that whoever may not operate gives has no effect.
    let taken = channel.place_cursor(&client, 1, own, Some("key:thief"), true);
    taken.await.unwrap();
    let shown = channel.cursor_for(&client, operator).await.unwrap();
    assert_eq!(shown.owner, "key:billing");
}

#[tokio::test]
async fn a_channel_is_verified_once_whoever_asks_and_one_at_a_time() {
    let node = Node::new();
    let channel = node.with_events(settings(None, &[], &[]), 1).await;
    let other = ChannelName::new("others").unwrap();
    let other = node
        .channels
        .set(&other, settings(None, &[], &[]), None, false)
        .await;
    let (other, _) = other.unwrap();
    node.disk.set(Call::Verify, 0, Fate::Hangs);
    let ask = |channel: &Arc<Channel>| {
        let channel = Arc::clone(channel);
        tokio::spawn(async move { channel.verify().await })
    };
    let given_up = ask(&channel);
    node.disk.hangs().await;
    given_up.abort();
    assert!(given_up.await.unwrap_err().is_cancelled());
    let asked = [ask(&channel), ask(&channel), ask(&other)];
    // Each has had its turn to ask.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(node.disk.count(Call::Verify), 1);
    node.disk.recover();
    for asked in asked {
        assert!(asked.await.unwrap().unwrap().is_empty());
    }
    assert_eq!(node.disk.count(Call::Verify), 2);
    assert!(channel.verify().await.unwrap().is_empty());
    assert_eq!(node.disk.count(Call::Verify), 3, "it is done anew");
}
