//! Consumers whose listeners want more than the node's policy grants.

use super::*;

fn only(subject: &str) -> Vec<Filter> {
    vec![Filter {
        subject: Some(subject.into()),
        ..Filter::new(Pattern::any())
    }]
}

/// The first and last number of each that is told, and how many events.
fn missed(node: &Node) -> Vec<[u64; 3]> {
    let told = node.told("plugin.missed").into_iter();
    let numbers = told.map(|told| {
        ["first", "last", "count"].map(|member| told[member].as_u64().expect("a number"))
    });
    numbers.collect()
}

#[tokio::test(start_paused = true)]
async fn what_the_policy_withholds_is_counted_and_told_now_and_then() {
    let node = Node::new().await;
    node.append(&["a", "b", "a", "b"]).await;
    let consumer = node.consumer();
    let everything = vec![Filter::new(Pattern::any())];
    consumer.configure_within(only("b"), everything.clone(), settings(), 1);
    let mut worker = Worker::new(consumer.feed(0));
    assert_eq!(worker.handle(2).await, [2, 4]);
    settled().await;
    assert_eq!(missed(&node), [[1, 3, 2]]);
    for _ in 0..10 {
        node.append(&["a"]).await;
        settled().await;
    }
    assert!(missed(&node).is_empty(), "not for each");
    let status = consumer.status();
    assert_eq!((status.missed, status.after), (12, 14));
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(missed(&node), [[5, 14, 10]]);
    node.append(&["a"]).await;
    settled().await;
    assert_eq!(missed(&node), [[15, 15, 1]], "after a while at once");
    node.append(&["a"]).await;
    settled().await;
    // What is left to be told is told when nobody takes any more.
    node.leave(worker).await;
    assert_eq!(missed(&node), [[16, 16, 1]]);
    consumer.configure_within(everything.clone(), everything, settings(), 1);
    let mut worker = Worker::new(consumer.feed(0));
    node.append(&["a"]).await;
    assert_eq!(worker.handle(1).await, [17]);
    worker.idle().await;
    assert!(missed(&node).is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_waits_and_is_withheld_is_missed_and_what_nobody_wants_is_not() {
    let node = Node::new().await;
    node.append(&["a", "b", "c"]).await;
    let everything = vec![Filter::new(Pattern::any())];
    let mut worker = node.worker(settings());
    for number in 1..=2 {
        assert_eq!(worker.take().await, (number, 1));
        worker.settle(Verdict::Again("no luck"));
    }
    let consumer = node.consumer();
    let but_a = [only("b"), only("c")].concat();
    consumer.configure_within(but_a, everything, settings(), 1);
    // Another version.
    consumer.configure(only("c"), settings(), 1);
    let mut worker = Worker::new(consumer.feed(0));
    assert_eq!(worker.handle(1).await, [3]);
    settled().await;
    assert_eq!(missed(&node), [[1, 1, 1]]);
    let status = consumer.status();
    assert_eq!((status.missed, status.after), (1, 3));
}
