//! How what is appended while an event is handled is named and remembered.

use super::*;
use crate::event::Stamp;

impl Worker {
    fn handling(&self) -> Handling {
        let consumer = self.feed.consumer();
        let handling = consumer.handling(&self.frame, 0);
        handling.expect("it is in hand")
    }
}

fn content() -> Content {
    let draft = Draft::new(EventType::custom("billed").expect("valid"));
    let event = draft.stamp(&Stamp {
        id: ["1", ""],
        source: "/s",
        time: 0,
        origin: "a",
        sequence: None,
    });
    Content::of(event.packed())
}

fn output(sequence: u64) -> Output {
    Output {
        sequence,
        time: 7,
        content: content(),
    }
}

/// Remembers that an event was appended to some log.
fn remember(handling: &Handling, id: &str) {
    let outputs = &handling.outputs;
    let reserved = outputs.reserve(&OutputsRoom::default(), 1);
    let reserved = reserved.expect("there is room");
    outputs.remember(Epoch::new(9), [(id, output(3))], reserved);
}

fn knows(handling: &Handling, id: &str) -> bool {
    handling.outputs.find(Epoch::new(9), id).is_some()
}

/// Whether nobody else remembers what it does.
fn is_let_go(handling: &Handling) -> bool {
    Arc::strong_count(&handling.outputs) == 1
}

#[tokio::test(start_paused = true)]
async fn outputs_are_remembered_until_their_event_is_handled() {
    let node = Node::new().await;
    node.append(&["a", "b"]).await;
    let mut worker = node.worker(settings());
    assert_eq!(worker.take().await, (1, 1));
    let first = worker.handling();
    assert_eq!(first.epoch, node.channel("orders").epoch());
    assert_eq!(first.round, Round::First);
    remember(&first, "x/1");
    worker.settle(Verdict::Again("not yet"));
    assert_eq!(worker.take().await, (2, 1));
    assert!(!knows(&worker.handling(), "x/1"), "it is another's");
    worker.settle(Verdict::Done);
    settled().await;
    assert!(!is_let_go(&first), "it is tried again");
    assert_eq!(worker.take().await, (1, 2));
    assert!(knows(&worker.handling(), "x/1"));
    worker.settle(Verdict::Done);
    assert!(is_let_go(&first));
}

#[tokio::test(start_paused = true)]
async fn outputs_are_remembered_while_a_plugin_is_away() {
    let node = Node::new().await;
    node.append(&["a"]).await;
    let mut worker = node.worker(settings());
    assert_eq!(worker.take().await, (1, 1));
    remember(&worker.handling(), "x/1");
    worker.settle(Verdict::Again("not yet"));
    drop(worker);
    tokio::time::sleep(EVER).await;
    let mut worker = node.worker(settings());
    assert_eq!(worker.take().await, (1, 2));
    assert!(knows(&worker.handling(), "x/1"));
}

#[tokio::test(start_paused = true)]
async fn outputs_are_let_go_of_with_a_dead_letter() {
    let node = Node::new().await;
    node.append(&["a"]).await;
    let mut worker = node.worker(settings());
    assert_eq!(worker.take().await, (1, 1));
    let dead = worker.handling();
    worker.settle(Verdict::Rejected("never"));
    settled().await;
    assert_eq!(node.letters().await.len(), 1);
    assert!(is_let_go(&dead));
    // As one of the same round.
    node.consumers.retry("shop", "orders").await.unwrap();
    assert_eq!(worker.take().await, (1, 1));
    assert_eq!(worker.handling().round, Round::First);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_sent_elsewhere_handles_in_another_round() {
    let engines = engines();
    {
        let node = Node::on(engines.clone()).await;
        node.make("orders", ChannelSettings::default()).await;
        node.append(&["a"]).await;
        let mut worker = node.worker(settings());
        assert_eq!(worker.take().await, (1, 1));
        let before = worker.handling();
        remember(&before, "x/1");
        let sent = node.consumers.seek("shop", "orders", 0, None).await;
        sent.unwrap();
        assert!(is_let_go(&before));
        let in_hand = worker.handling();
        assert_eq!(in_hand.round, Round::First, "as it was begun");
        worker.settle(Verdict::Done);
        assert_eq!(worker.take().await, (1, 1));
        let again = worker.handling();
        assert_eq!(again.round, Round::Seek(1));
        assert!(!knows(&again, "x/1"));
        drop(worker);
        // Also while the plugin does not run.
        tokio::time::sleep(EVER).await;
        let sent = node.consumers.seek("shop", "orders", 0, None).await;
        sent.unwrap();
        node.stop().await;
    }
    let node = Node::on(engines).await;
    let mut worker = node.worker(settings());
    assert_eq!(worker.take().await, (1, 1));
    assert_eq!(worker.handling().round, Round::Seek(2), "over a restart");
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_is_made_anew_has_handlings_of_its_own() {
    let node = Node::new().await;
    node.append(&["a"]).await;
    let mut worker = node.worker(settings());
    assert_eq!(worker.take().await, (1, 1));
    let orders = node.channel("orders");
    let before = worker.handling();
    let any = ExpectedEnd {
        epoch: None,
        last: None,
    };
    node.channels.remove(&orders, any).await.unwrap();
    node.make("orders", ChannelSettings::default()).await;
    node.append(&["a"]).await;
    settled().await;
    let in_hand = worker.handling();
    assert_eq!(in_hand.epoch, orders.epoch(), "that of its own log");
    assert!(is_let_go(&before));
    worker.settle(Verdict::Done);
    assert_eq!(worker.take().await, (1, 1));
    assert_ne!(worker.handling().epoch, orders.epoch());
}
