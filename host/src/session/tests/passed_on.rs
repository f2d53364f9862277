//! Publications that are passed on to the node that keeps their channel's history.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::homes::{LONG, homed_on, nodes, publish, publish_as, pushes, subscribed};
use crate::mesh::News;
use crate::session::across::HistoriesShown;
use crate::session::test_client::pass;

#[tokio::test(start_paused = true)]
async fn what_has_a_key_is_sent_again_until_it_is_answered() {
    let (net, rigs) = nodes(["a", "b"]).await;
    let channel = homed_on(&rigs[0], "a");
    let (mut client, _) = subscribed(&rigs[1], &channel).await;
    let (mut other, _) = subscribed(&rigs[0], &channel).await;
    // What is lost on its way is there once, also if it came another way meanwhile.
    for (number, key) in [(1, "lost"), (2, "twice")] {
        let (one, number_of) = (json!(number), Some(key));
        net.lose(true);
        let meanwhile = async {
            pass(Duration::from_millis(500)).await;
            if key == "twice" {
                let published = publish_as(&rigs[0], &channel, &one, number_of).await;
                published.unwrap();
            }
            net.lose(false);
        };
        let published = publish_as(&rigs[1], &channel, &one, number_of);
        let (published, ()) = tokio::join!(published, meanwhile);
        let position = published.unwrap().position.unwrap();
        assert_eq!(position.offset, number);
    }
    pass(Duration::from_secs(1)).await;
    assert_eq!(other.pushes().await, pushes(&channel, 1..=2));
    assert_eq!(client.pushes().await, pushes(&channel, 1..=2));
    let across = rigs[1].sessions.stats().across;
    assert_eq!((across.passed_on, across.passed_again), (2, 2));
    assert_eq!(across.unanswered, 2);
    // Where the home is gone, the next one takes it.
    let home = rigs[0].peer();
    net.cut(&home, &rigs[1].peer());
    let three = json!(3);
    let published = publish_as(&rigs[1], &channel, &three, Some("gone"));
    let gone = async {
        pass(Duration::from_secs(2)).await;
        net.tell(&home, News::Unreachable);
    };
    let (published, ()) = tokio::join!(published, gone);
    let receipt = published.unwrap();
    assert!(!receipt.duplicate);
    assert_eq!(receipt.position.unwrap().offset, 1, "of another log");
}

#[tokio::test(start_paused = true)]
async fn how_many_histories_a_node_has_a_part_in_is_shown() {
    let (net, rigs) = nodes(["a", "b"]).await;
    let channel = homed_on(&rigs[0], "a");
    let (_client, _) = subscribed(&rigs[1], &channel).await;
    let shown = || [0, 1].map(|at: usize| rigs[at].sessions.histories());
    let part = |kept, followed| HistoriesShown { kept, followed };
    assert_eq!(shown(), [part(1, 0), part(0, 1)]);
    rigs[0].sessions.finish(Instant::now() + LONG).await;
    net.tell(&rigs[0].peer(), News::Left);
    pass(Duration::from_millis(100)).await;
    assert_eq!(rigs[1].sessions.histories(), part(1, 0));
    assert_eq!(rigs[0].sessions.stats().across.handed_over, 1);
}

#[tokio::test(start_paused = true)]
async fn subscriptions_of_one_message_wait_together_for_a_node_that_is_silent() {
    let (net, rigs) = nodes(["a", "b"]).await;
    let mut all = (0..1000).map(|number| format!("chat:{number}"));
    let mut client = rigs[1].connected().await;
    net.cut(&rigs[0].peer(), &rigs[1].peer());
    let began = Instant::now();
    let commands = (2..12).map(|id| {
        let channel = all.next().expect("there are more");
        json!({ "id": id, "subscribe": { "channel": channel } }).to_string()
    });
    let message: Vec<String> = commands.collect();
    client.came(&message.join("\n")).await;
    let replies = client.messages().await;
    assert_eq!(replies.len(), 10);
    // Who owns a log cannot be known.
    for reply in &replies {
        assert_eq!(reply["error"]["code"], 100, "{reply}");
    }
    assert!(began.elapsed() < Duration::from_secs(5));
}

/// Has a client send several commands about a channel of a node that is silent, and a subscription
/// to another behind them: that is in time, and they are refused for now.
async fn subscribes_in_time_behind(command: impl Fn(&str) -> Value) {
    let (net, rigs) = nodes(["a", "b"]).await;
    let silent = homed_on(&rigs[0], "a");
    publish(&rigs[0], &silent, &json!(1)).await.unwrap();
    let channel = homed_on(&rigs[0], "b");
    publish(&rigs[1], &channel, &json!(1)).await.unwrap();
    let mut client = rigs[1].connected().await;
    net.cut(&rigs[0].peer(), &rigs[1].peer());
    let began = Instant::now();
    // Each is a message of its own, and all of them are sent at the same time.
    let subscribe = json!({ "subscribe": { "channel": channel } });
    let commands = std::iter::repeat_n(command(&silent), 4).chain([subscribe]);
    for (id, mut message) in (2..).zip(commands) {
        message["id"] = json!(id);
        client.came(&message.to_string()).await;
    }
    assert!(began.elapsed() < Duration::from_secs(5));
    let mut replies = client.messages().await;
    replies.retain(|reply| reply["id"].is_u64());
    let refused: Vec<_> = replies
        .iter()
        .map(|it| it["error"]["code"].as_u64())
        .collect();
    assert_eq!(refused, [Some(100), Some(100), Some(100), Some(100), None]);
}

#[tokio::test(start_paused = true)]
async fn who_publishes_to_a_node_that_is_silent_is_subscribed_elsewhere_in_time() {
    let publish = |silent: &str| json!({ "publish": { "channel": silent, "data": 1 } });
    subscribes_in_time_behind(publish).await;
}

#[tokio::test(start_paused = true)]
async fn who_asks_a_node_that_is_silent_for_histories_is_subscribed_elsewhere_in_time() {
    let history = |silent: &str| json!({ "history": { "channel": silent, "limit": 1 } });
    subscribes_in_time_behind(history).await;
}

#[tokio::test(start_paused = true)]
async fn whose_commands_wait_for_a_node_that_is_silent_is_not_taken_for_gone() {
    let (net, rigs) = nodes(["a", "b"]).await;
    let channel = homed_on(&rigs[0], "a");
    let (mut client, _) = subscribed(&rigs[1], &channel).await;
    net.cut(&rigs[0].peer(), &rigs[1].peer());
    // It is pinged, and answers only behind what it publishes.
    while client.messages().await != [json!({})] {
        pass(Duration::from_millis(500)).await;
    }
    let pinged = Instant::now();
    pass(Duration::from_secs(5)).await;
    let publish = json!({ "id": 2, "publish": { "channel": channel, "data": 2 } });
    client.came(&format!("{publish}\n{{}}")).await;
    assert!(pinged.elapsed() > Duration::from_secs(8), "a pong is due");
    assert_eq!(client.end(), None);
    // Who does not answer is, all the same.
    pass(Duration::from_secs(60)).await;
    assert_eq!(client.end(), Some(3012));
}
