//! Consumers whose disk fails or takes its time, and what is not kept for them any more.

use std::sync::atomic::{AtomicUsize, Ordering};

use hearken_channel_log::MAX_BATCH_BYTES;

use super::*;
use crate::bus::BusConfig;
use crate::channel::OtherNodes;
use crate::channel::test_engine::{Call, Fate, TestEngine};
use crate::consumer::{kept, place};

/// A node with the channel `orders` on a disk that fails where it is told to.
async fn failing_node() -> (Node, Arc<TestEngine>) {
    let (engines, disk) = failing_engines();
    let node = Node::on(engines).await;
    node.make("orders", ChannelSettings::default()).await;
    (node, disk)
}

/// Has the plugin reject so many events.
async fn reject(worker: &mut Worker, events: usize) {
    for _ in 0..events {
        worker.take().await;
        worker.settle(Verdict::Rejected("never"));
    }
    settled().await;
}

/// Other nodes of which it is counted how often they are asked.
#[derive(Default)]
struct Asked(AtomicUsize);

impl OtherNodes for Asked {
    fn that_have(&self, _: &str) -> Vec<String> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Vec::new()
    }
}

/// Removes the dead letters.
async fn remove_letters(node: &Node) {
    let any = ExpectedEnd {
        epoch: None,
        last: None,
    };
    let letters = node.channel("dead.shop");
    let removed = node.channels.remove(&letters, any).await;
    removed.expect("it can be removed");
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_back_while_its_place_is_written_goes_on_with_what_is_in_memory() {
    let (node, disk) = failing_node().await;
    node.append(&["a", "b", "c", "d"]).await;
    let mut worker = node.worker(settings());
    assert_eq!(worker.handle(2).await, [1, 2]);
    settled().await;
    let written = disk.count(Call::ChangeCells);
    disk.set(Call::ChangeCells, 0, Fate::Hangs);
    assert_eq!(worker.handle(1).await, [3]);
    node.leave(worker).await;
    // By who writes it all along, and by who leaves it.
    assert_eq!(disk.count(Call::ChangeCells), written + 2);
    let mut worker = node.worker(settings());
    assert_eq!(worker.handle(1).await, [4]);
    disk.recover();
    worker.idle().await;
    assert_eq!(node.written().await, 4);
}

#[tokio::test(start_paused = true)]
async fn a_place_that_could_not_be_written_is_known_all_the_same() {
    let (node, disk) = failing_node().await;
    node.append(&["a", "b", "c"]).await;
    let mut worker = node.worker(settings());
    settled().await;
    disk.set(Call::ChangeCells, 0, Fate::Fails);
    assert_eq!(worker.handle(2).await, [1, 2]);
    node.leave(worker).await;
    disk.recover();
    assert_eq!(node.written().await, 0, "it could not be");
    let mut worker = node.worker(settings());
    assert_eq!(worker.handle(1).await, [3]);
    worker.idle().await;
    assert_eq!(node.written().await, 3);
}

#[tokio::test(start_paused = true)]
async fn a_start_on_a_disk_that_takes_nothing_goes_on_where_it_was_written_to_be() {
    let (engines, disk) = failing_engines();
    {
        let node = Node::on(engines.clone()).await;
        node.make("orders", ChannelSettings::default()).await;
        node.append(&["a", "b"]).await;
        let mut worker = node.worker(settings());
        assert_eq!(worker.handle(1).await, [1]);
        node.leave(worker).await;
        node.stop().await;
    }
    let node = Node::on(engines).await;
    disk.set(Call::ChangeCells, 0, Fate::Fails);
    let mut worker = node.worker(settings());
    assert_eq!(worker.handle(1).await, [2]);
    disk.recover();
    worker.idle().await;
    assert_eq!(node.written().await, 2);
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_cannot_be_written_is_none_and_the_next_is_carried_out() {
    let (node, disk) = failing_node().await;
    node.append(&["a", "b"]).await;
    let mut worker = node.worker(settings());
    reject(&mut worker, 2).await;
    disk.set(Call::ChangeCells, 0, Fate::Fails);
    let failed = node.consumers.retry("shop", "orders").await;
    assert!(
        matches!(failed, Err(ConsumerFailure::Cell(_))),
        "{failed:?}"
    );
    worker.idle().await;
    assert_eq!(node.consumer().status().retried, 0);
    disk.recover();
    assert_eq!(node.consumers.retry("shop", "orders").await.unwrap(), 2);
    assert_eq!(worker.handle(2).await, [1, 2]);
    assert_eq!(node.consumers.retry("shop", "orders").await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_retry_of_which_only_the_mark_is_missing_is_marked_by_the_next() {
    let (node, disk) = failing_node().await;
    node.append(&["a"]).await;
    let mut worker = node.worker(settings());
    reject(&mut worker, 1).await;
    // The place is written, and then the mark is not.
    disk.set(Call::ChangeCells, 1, Fate::Fails);
    assert!(node.consumers.retry("shop", "orders").await.is_err());
    disk.recover();
    let letters = node.channel("dead.shop");
    assert_eq!(letters.retried("orders").await.unwrap(), 0);
    assert_eq!(node.consumers.retry("shop", "orders").await.unwrap(), 0);
    assert_eq!(letters.retried("orders").await.unwrap(), 1);
    assert_eq!(worker.handle(1).await, [1], "it was given again");
    worker.idle().await;
}

#[tokio::test(start_paused = true)]
async fn of_letters_that_are_not_there_nobody_is_asked() {
    let node = Node::new().await;
    let others = Arc::<Asked>::default();
    node.channels
        .beside(Arc::clone(&others) as Arc<dyn OtherNodes>);
    let mut worker = node.worker(settings());
    for number in 1..=3 {
        node.append(&["a"]).await;
        assert_eq!(worker.handle(1).await, [number]);
        settled().await;
    }
    assert_eq!(node.written().await, 3);
    assert_eq!(others.0.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn a_seek_that_failed_comes_into_force_at_no_time() {
    let (engines, disk) = failing_engines();
    let node = Node::on(engines).await;
    let keeping = ChannelSettings {
        keep_unread: vec![Reader::Plugin("shop".into())],
        ..ChannelSettings::default()
    };
    node.make("orders", keeping).await;
    node.append(&["a", "b", "c"]).await;
    let mut worker = node.worker(settings());
    assert_eq!(worker.handle(1).await, [1]);
    settled().await;
    // The place is written, and then what is to be kept is not.
    disk.set(Call::Keep, 0, Fate::Fails);
    let failed = node.consumers.seek("shop", "orders", 3, None).await;
    assert!(
        matches!(failed, Err(ConsumerFailure::Cell(_))),
        "{failed:?}"
    );
    disk.recover();
    tokio::time::sleep(EVER).await;
    assert_eq!(node.written().await, 1, "nothing was handled since");
    assert_eq!(worker.handle(2).await, [2, 3]);
    worker.idle().await;
}

#[tokio::test(start_paused = true)]
async fn places_are_written_while_letters_are_counted() {
    let (node, disk) = failing_node().await;
    node.append(&["a", "b", "c"]).await;
    let mut worker = node.worker(settings());
    reject(&mut worker, 1).await;
    assert_eq!(worker.take().await, (2, 1));
    disk.set(Call::Read, 0, Fate::Hangs);
    let consumers = node.consumers.clone();
    let retry = tokio::spawn(async move { consumers.retry("shop", "orders").await });
    disk.hangs().await;
    worker.settle(Verdict::Done);
    settled().await;
    assert_eq!(node.written().await, 2);
    disk.recover();
    assert_eq!(retry.await.unwrap().unwrap(), 1);
    let mut handled = worker.handle(2).await;
    handled.sort_unstable();
    assert_eq!(handled, [1, 3]);
}

#[tokio::test(start_paused = true)]
async fn who_is_given_letters_again_at_a_place_of_another_log_gets_nothing_else() {
    let node = Node::new().await;
    node.append(&["a", "b", "c"]).await;
    let mut worker = node.worker(settings());
    reject(&mut worker, 1).await;
    node.leave(worker).await;
    // As a node finds it whose data are those of another day.
    let written = kept::write(&place::Place::new(Epoch::new(7), 1));
    let orders = node.channel("orders");
    orders.set_consumed("shop", Some(written)).await.unwrap();
    let environment = Arc::new(NodeEnvironment::new(Arc::new(SystemClock)));
    let consumers = Consumers::new(&node.channels, &bus(), environment);
    assert_eq!(consumers.retry("shop", "orders").await.unwrap(), 1);
    assert_eq!(node.written().await, 3, "at the end of this log");
}

#[tokio::test(start_paused = true)]
async fn what_hangs_is_cleared_when_the_plugin_pauses_and_not_when_the_node_ends() {
    let node = Node::new().await;
    node.append(&["a"]).await;
    let hang = async |worker: &mut Worker| {
        for _ in 0..2 {
            worker.take().await;
            worker.settle(Verdict::Again("no luck"));
        }
    };
    let cleared = || {
        let told = node.told("plugin.stalled").into_iter();
        let cleared = told.map(|told| told["cleared"].clone());
        cleared.collect::<Vec<_>>()
    };
    let mut worker = node.worker(settings());
    hang(&mut worker).await;
    assert_eq!(cleared(), [false]);
    node.leave(worker).await;
    assert_eq!(cleared(), [true]);
    let mut worker = node.worker(settings());
    hang(&mut worker).await;
    assert_eq!(cleared(), [false]);
    drop(worker);
    node.stop().await;
    assert!(cleared().is_empty(), "it hangs still");
}

#[tokio::test(start_paused = true)]
async fn what_becomes_a_dead_letter_does_so_whatever_the_next_version_wants() {
    let (node, disk) = failing_node().await;
    node.append(&["a", "b"]).await;
    let mut worker = node.worker(settings());
    worker.take().await;
    disk.set(Call::Append, 0, Fate::Fails);
    worker.settle(Verdict::Rejected("never"));
    // Its letter is being written.
    settled().await;
    let wants = Filter {
        subject: Some("b".into()),
        ..Filter::new(Pattern::any())
    };
    node.consumer().configure(vec![wants], settings(), 1);
    disk.recover();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let letters = node.letters().await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(letters[0]["deadsequence"], "1");
}

#[tokio::test(start_paused = true)]
async fn letters_that_are_not_kept_until_they_are_given_again_are_told() {
    let node = Node::new().await;
    node.append(&["a", "b", "c", "d"]).await;
    let mut worker = node.worker(ConsumeSettings {
        window: 1,
        ..settings()
    });
    reject(&mut worker, 4).await;
    assert_eq!(node.consumers.retry("shop", "orders").await.unwrap(), 4);
    assert_eq!(worker.take().await, (1, 1));
    node.channel("dead.shop").trim(3).await.unwrap();
    worker.settle(Verdict::Done);
    assert_eq!(worker.take().await, (3, 1));
    let told = node.told("plugin.missed");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["channel"], "dead.shop");
    assert_eq!(
        (&told[0]["count"], &told[0]["last"]),
        (&1.into(), &2.into())
    );
    assert_eq!(node.consumer().status().missed, 1);

    remove_letters(&node).await;
    worker.settle(Verdict::Done);
    worker.idle().await;
    let told = node.told("plugin.missed");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        (&told[0]["first"], &told[0]["last"]),
        (&4.into(), &4.into())
    );
    assert_eq!(node.consumer().status().missed, 2);
}

#[tokio::test(start_paused = true)]
async fn letters_of_a_log_that_is_gone_are_not_taken_for_those_of_the_next() {
    let node = Node::new().await;
    node.append(&["a", "b"]).await;
    let mut worker = node.worker(settings());
    reject(&mut worker, 1).await;
    assert_eq!(node.consumers.retry("shop", "orders").await.unwrap(), 1);
    assert_eq!(worker.handle(1).await, [2]);
    assert_eq!(worker.take().await, (1, 1), "of the letter 1");
    remove_letters(&node).await;
    node.append(&["c"]).await;
    settled().await;
    let mut other = Frame::default();
    worker.feed.try_take(1, &mut other).unwrap();
    worker.feed.settle(&other, 0..1, Verdict::Rejected("never"));
    settled().await;
    // This is the letter 1 of another log.
    assert_eq!(node.consumers.retry("shop", "orders").await.unwrap(), 1);
    settled().await;
    worker.settle(Verdict::Done);
    settled().await;
    let orders = node.channel("orders");
    let place = orders.consumed("shop").await.unwrap().expect("it has one");
    let again = kept::read(&place).unwrap().again;
    let again = again.expect("there is something to be handled");
    assert_eq!(again.lane.after(), 0, "that is not handled yet");
    assert_eq!(worker.handle(1).await, [3]);
    worker.idle().await;
    let told = node.told("plugin.missed");
    assert_eq!(told.len(), 1, "nobody knows what became of the other");
    assert_eq!(told[0]["channel"], "dead.shop");
}

/// A node that takes events as large as a channel can keep, and its channel.
async fn large_node() -> Node {
    let bus = Bus::new(BusConfig {
        node: "a".into(),
        incarnation: "i".into(),
        max_event_bytes: 2 * MAX_BATCH_BYTES,
        clock: Arc::new(SystemClock),
    });
    let node = Node::with(&bus, channels_of(&bus, BTreeMap::new()));
    node.make("orders", ChannelSettings::default()).await;
    node
}

fn large(data: usize) -> Draft<'static> {
    Draft {
        id: Some("7".into()),
        subject: Some("b".into()),
        channel: Some("orders".into()),
        data: Some(vec![b'x'; data].into()),
        ..Draft::new(EventType::custom("paid").expect("valid"))
    }
}

/// How much data the event has of which a channel takes so many bytes less than it could.
fn data_with_room_for(node: &Node, bytes: usize) -> usize {
    let data = MAX_BATCH_BYTES / 2;
    let encoded = node.publisher.encode_all(&[large(data)]);
    let encoded = encoded.expect("it is valid")[0].as_bytes().len();
    MAX_BATCH_BYTES - (encoded - data) - bytes
}

async fn append_large(node: &Node, data: usize) {
    let publisher = Arc::clone(&node.publisher);
    let appended = node
        .channel("orders")
        .append(publisher, "key:a", vec![large(data)], Expected::Any)
        .await;
    appended.expect("there is room");
}

#[tokio::test(start_paused = true)]
async fn letters_that_are_too_large_for_one_batch_are_written_in_two() {
    let node = large_node().await;
    node.append(&["a"]).await;
    // Its letter fits into a batch alone.
    append_large(&node, data_with_room_for(&node, 1000)).await;
    let mut worker = node.worker(settings());
    let mut other = Frame::default();
    assert_eq!(worker.take().await, (1, 1));
    worker.feed.take(1, &mut other).await.unwrap();
    // Both before the letter of either is written.
    worker.settle(Verdict::Rejected("never"));
    worker.feed.settle(&other, 0..1, Verdict::Rejected("never"));
    settled().await;
    assert_eq!(node.channel("dead.shop").bounds().unwrap().last, 2);
    assert_eq!(node.consumer().status().after, 2);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_was_too_large_for_its_letter_comes_back_whole_or_not_at_all() {
    let node = large_node().await;
    // With what makes a letter of it, it is too large.
    let data = data_with_room_for(&node, 16);
    append_large(&node, data).await;
    let mut worker = node.worker(settings());
    reject(&mut worker, 1).await;
    let letters = node.letters().await;
    let reason = &letters[0]["deadreason"];
    assert!(reason.starts_with("its data is left out"), "{reason}");
    let sent = node.consumers.seek("shop", "orders", 1, None).await;
    sent.unwrap();
    assert_eq!(node.consumers.retry("shop", "orders").await.unwrap(), 1);
    assert_eq!(worker.take().await, (1, 1));
    let handling = node.consumer().handling(&worker.frame, 0);
    assert_eq!(handling.expect("it is in hand").round, Round::First);
    let event = worker.frame.event(0).expect("one");
    assert_eq!(event.data().map(<[u8]>::len), Some(data));
    worker.settle(Verdict::Rejected("never"));
    settled().await;

    node.append(&["c"]).await;
    node.channel("orders").trim(2).await.unwrap();
    assert_eq!(worker.handle(1).await, [2]);
    assert_eq!(node.consumers.retry("shop", "orders").await.unwrap(), 1);
    worker.idle().await;
    let told = node.told("plugin.missed");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["channel"], "dead.shop");
    assert_eq!(
        (&told[0]["first"], &told[0]["count"]),
        (&2.into(), &1.into())
    );
}
