//! How what is appended while an event is handled is named and remembered.

use hearken_wire::EventRef;

use super::*;
use crate::consumer::letter;
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

/// Has so many events settled like this; returns their numbers, and in which round each was
/// handled.
async fn rounds(worker: &mut Worker, events: usize, verdict: Verdict<'_>) -> Vec<(u64, Round)> {
    let mut rounds = Vec::new();
    for _ in 0..events {
        let (number, _) = worker.take().await;
        rounds.push((number, worker.handling().round));
        worker.settle(verdict);
    }
    settled().await;
    rounds
}

/// Has the plugin given its dead letters again, of which there are so many.
async fn retry(node: &Node, letters: u64) {
    let given = node.consumers.retry("shop", "orders").await;
    assert_eq!(given.unwrap(), letters);
}

async fn seek(node: &Node, after: u64) {
    let sent = node.consumers.seek("shop", "orders", after, None).await;
    sent.unwrap();
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
async fn what_is_given_again_is_of_the_round_in_which_it_died() {
    let node = Node::new().await;
    node.append(&["a", "b"]).await;
    let mut worker = node.worker(settings());
    let rejected = Verdict::Rejected("never");
    let first = [(1, Round::First), (2, Round::First)];
    assert_eq!(rounds(&mut worker, 2, rejected).await, first);
    seek(&node, 2).await;
    node.append(&["c"]).await;
    let behind = [(3, Round::Seek(1))];
    assert_eq!(rounds(&mut worker, 1, rejected).await, behind);
    retry(&node, 3).await;
    let all = [first[0], first[1], behind[0]];
    assert_eq!(rounds(&mut worker, 3, Verdict::Done).await, all);
}

#[tokio::test(start_paused = true)]
async fn what_died_after_a_seek_is_not_of_the_round_in_which_others_were_given_again() {
    let node = Node::new().await;
    node.append(&["a"]).await;
    let mut worker = node.worker(settings());
    let rejected = Verdict::Rejected("never");
    let first = [(1, Round::First)];
    assert_eq!(rounds(&mut worker, 1, rejected).await, first);
    retry(&node, 1).await;
    assert_eq!(rounds(&mut worker, 1, Verdict::Done).await, first);
    seek(&node, 1).await;
    node.append(&["b"]).await;
    let behind = [(2, Round::Seek(1))];
    assert_eq!(rounds(&mut worker, 1, rejected).await, behind);
    retry(&node, 1).await;
    assert_eq!(rounds(&mut worker, 1, Verdict::Done).await, behind);
}

#[tokio::test(start_paused = true)]
async fn what_dies_again_stays_of_its_round_over_a_restart() {
    let engines = engines();
    let first = [(1, Round::First)];
    {
        let node = Node::on(engines.clone()).await;
        node.make("orders", ChannelSettings::default()).await;
        node.append(&["a"]).await;
        let mut worker = node.worker(settings());
        let rejected = Verdict::Rejected("never");
        assert_eq!(rounds(&mut worker, 1, rejected).await, first);
        seek(&node, 1).await;
        retry(&node, 1).await;
        assert_eq!(rounds(&mut worker, 1, rejected).await, first);
        seek(&node, 1).await;
        retry(&node, 1).await;
        drop(worker);
        node.stop().await;
    }
    let node = Node::on(engines).await;
    let mut worker = node.worker(settings());
    assert_eq!(rounds(&mut worker, 1, Verdict::Done).await, first);
}

#[tokio::test(start_paused = true)]
async fn a_letter_that_says_no_round_is_of_that_in_which_letters_were_first_given_again() {
    let node = Node::new().await;
    node.append(&["a"]).await;
    let mut worker = node.worker(settings());
    let rejected = Verdict::Rejected("never");
    let first = [(1, Round::First)];
    assert_eq!(rounds(&mut worker, 1, rejected).await, first);
    let letters = node.channel("dead.shop");
    let one = ReadAmount::events(1);
    let found = letters.read(0, one, &ReadFilter::default()).await;
    let found = found.unwrap().events;
    let before = letter::without_round(EventRef::assume_encoded(&found[0]));
    let laid = letters.deposit(Arc::clone(&node.publisher), vec![(before, [7; 16])]);
    assert_eq!(laid.await.unwrap(), [2]);
    seek(&node, 1).await;
    retry(&node, 2).await;
    let given = [first[0], (1, Round::Seek(1))];
    assert_eq!(rounds(&mut worker, 2, Verdict::Done).await, given);
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
