//! Channels with a history whose home comes or goes.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::homes::{LONG, homed_on, nodes, owns, publish, pushes, subscribed};
use crate::mesh::News;
use crate::session::test_client::pass;
use crate::session::test_net::Net;
use crate::session::test_support::{Rig, kept};

/// Ends a node in good order.
async fn end(net: &Net, rig: &Rig) {
    rig.sessions.finish(Instant::now() + LONG).await;
    net.tell(&rig.peer(), News::Left);
    pass(Duration::from_millis(100)).await;
}

#[tokio::test(start_paused = true)]
async fn a_log_that_is_on_its_way_to_a_node_that_ends_goes_on_from_there() {
    let (net, rigs) = nodes(["a", "b"]).await;
    let channel = homed_on(&rigs[0], "b");
    let (mut client, _) = subscribed(&rigs[0], &channel).await;
    for number in 1..=3 {
        publish(&rigs[0], &channel, &json!(number)).await.unwrap();
    }
    end(&net, &rigs[1]).await;
    assert!(owns(&rigs[0], &channel));

    // It is started again, and told to end before it has got its logs.
    let again = Rig::started_beside(&net, "b", 2, &[kept("chat")]);
    net.stall(&rigs[0].peer(), &again.peer());
    pass(Duration::from_millis(100)).await;
    assert!(!owns(&rigs[0], &channel), "it is on its way");
    let linked = async {
        pass(Duration::from_millis(500)).await;
        net.heal();
    };
    tokio::join!(again.sessions.finish(Instant::now() + LONG), linked);
    net.tell(&again.peer(), News::Left);
    pass(Duration::from_millis(100)).await;
    let receipt = publish(&rigs[0], &channel, &json!(4)).await.unwrap();
    assert_eq!(receipt.position.unwrap().offset, 4);
    pass(Duration::from_millis(50)).await;
    assert_eq!(client.pushes().await, pushes(&channel, 1..=4));
}

#[tokio::test(start_paused = true)]
async fn a_log_in_parts_arrives_whole_whatever_else_was_missed_meanwhile() {
    // Two parts.
    const COUNT: u64 = 24;
    let (net, rigs) = nodes(["a", "b"]).await;
    let channel = homed_on(&rigs[0], "b");
    end(&net, &rigs[1]).await;
    let (mut client, _) = subscribed(&rigs[0], &channel).await;
    let large = json!("x".repeat(4 << 10));
    for _ in 0..COUNT {
        publish(&rigs[0], &channel, &large).await.unwrap();
    }

    let again = Rig::started_beside(&net, "b", 2, &[kept("chat")]);
    net.stall(&rigs[0].peer(), &again.peer());
    pass(Duration::from_millis(100)).await;
    net.heal();
    // Heard behind the first part, and before the second.
    net.tell(&rigs[0].peer(), News::Gap);
    pass(Duration::from_millis(100)).await;
    assert!(owns(&again, &channel));
    let receipt = publish(&rigs[0], &channel, &json!("last")).await.unwrap();
    assert_eq!(receipt.position.unwrap().offset, COUNT + 1);
    pass(Duration::from_millis(50)).await;
    let pushes = client.all_pushes().await;
    assert_eq!(pushes.len() as u64, COUNT + 1);
    assert_eq!(
        pushes.last(),
        Some(&format!("{channel} \"last\" at {}", COUNT + 1))
    );
}

#[tokio::test(start_paused = true)]
async fn a_log_stays_where_it_is_while_its_home_is_cut_off() {
    let (net, rigs) = nodes(["a", "b"]).await;
    let channel = homed_on(&rigs[0], "b");
    end(&net, &rigs[1]).await;
    let (mut client, _) = subscribed(&rigs[0], &channel).await;
    publish(&rigs[0], &channel, &json!(1)).await.unwrap();
    let again = Rig::started_beside(&net, "b", 2, &[kept("chat")]);
    net.cut(&rigs[0].peer(), &again.peer());
    pass(Duration::from_secs(1)).await;
    let receipt = publish(&rigs[0], &channel, &json!(2)).await.unwrap();
    assert_eq!(receipt.position.unwrap().offset, 2);
    // It ends, and never had it.
    net.tell(&again.peer(), News::Unreachable);
    pass(Duration::from_secs(1)).await;
    publish(&rigs[0], &channel, &json!(3)).await.unwrap();
    pass(Duration::from_millis(50)).await;
    assert_eq!(client.pushes().await, pushes(&channel, 1..=3));
}

#[tokio::test(start_paused = true)]
async fn what_a_node_publishes_while_it_ends_is_numbered_where_its_logs_are_now() {
    let (_net, rigs) = nodes(["a", "b"]).await;
    let channel = homed_on(&rigs[0], "b");
    let (mut client, _) = subscribed(&rigs[0], &channel).await;
    publish(&rigs[1], &channel, &json!(1)).await.unwrap();
    // As a plugin does that has yet to work off what it was handed.
    rigs[1].sessions.finish(Instant::now() + LONG).await;
    let receipt = publish(&rigs[1], &channel, &json!(2)).await.unwrap();
    assert_eq!(receipt.position.unwrap().offset, 2);
    pass(Duration::from_millis(50)).await;
    assert_eq!(client.pushes().await, pushes(&channel, 1..=2));
}
