//! Who is subscribed to channels on several nodes.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::mesh::News;
use crate::session::name::ChannelName;
use crate::session::namespace::Namespace;
use crate::session::test_client::{Client, pass, settle};
use crate::session::test_net::Net;
use crate::session::test_support::{Rig, open};
use crate::session::tests::connecting::sessions_heard;

fn watched() -> Namespace {
    Namespace {
        presence: true,
        join_leave: true,
        force_push_join_leave: true,
        ..open("chat")
    }
}

/// Three nodes that know each other.
async fn three() -> (Net, [Rig; 3]) {
    let net = Net::new();
    let rigs = ["a", "b", "c"].map(|name| Rig::beside(&net, name, &[watched()]));
    settle().await;
    (net, rigs)
}

fn lobby() -> Value {
    json!({ "channel": "chat:1" })
}

async fn subscribed(rig: &Rig, user: &str) -> Client {
    let mut client = rig.user(user).await;
    client.subscribe(lobby()).await;
    client
}

/// How many are there, and how many users.
async fn stats(client: &mut Client) -> (u64, u64) {
    let reply = client.ask("presence_stats", &lobby()).await;
    let stats = &reply["presence_stats"];
    let count = |name: &str| stats[name].as_u64().unwrap();
    (count("num_clients"), count("num_users"))
}

/// The users that are there, as somebody is shown it who asks a node.
async fn present(rig: &Rig) -> Vec<String> {
    let name = ChannelName::new("chat:1").unwrap();
    let present = rig.sessions.presence(&name).await.unwrap();
    let mut users: Vec<_> = present.iter().map(|info| info.user.clone()).collect();
    users.sort();
    users
}

#[tokio::test(start_paused = true)]
async fn who_comes_to_nobody_is_not_told_who_came_and_went_just_before() {
    let (_net, rigs) = three().await;
    let mut one = rigs[0].user("1").await;
    let mut two = rigs[0].user("2").await;
    settle().await;
    // Before anything of that is handed on.
    one.subscribe(lobby()).await;
    one.ask("unsubscribe", &lobby()).await;
    two.subscribe(lobby()).await;
    assert_eq!(two.pushes().await, [r#"chat:1 join "2""#]);
}

#[tokio::test(start_paused = true)]
async fn all_nodes_show_the_same_and_tell_each_coming_and_going_once() {
    let (_net, rigs) = three().await;
    let mut one = subscribed(&rigs[0], "1").await;
    assert_eq!(one.pushes().await, [r#"chat:1 join "1""#]);
    let mut two = subscribed(&rigs[1], "2").await;
    // Who was there before does not come.
    assert_eq!(two.pushes().await, [r#"chat:1 join "2""#]);
    let mut three = subscribed(&rigs[2], "2").await;
    assert_eq!(three.pushes().await, [r#"chat:1 join "2""#]);
    assert_eq!(two.pushes().await, [r#"chat:1 join "2""#]);
    let joins = [r#"chat:1 join "2""#, r#"chat:1 join "2""#];
    assert_eq!(one.pushes().await, joins);
    for client in [&mut one, &mut two, &mut three] {
        assert_eq!(stats(client).await, (3, 2));
        let reply = client.ask("presence", &lobby()).await;
        let presence = reply["presence"]["presence"].as_object().unwrap();
        assert_eq!(presence.len(), 3);
    }
    three.leave();
    two.ask("unsubscribe", &lobby()).await;
    let leaves = [r#"chat:1 leave "2""#, r#"chat:1 leave "2""#];
    assert_eq!(one.pushes().await, leaves);
    assert_eq!(stats(&mut one).await, (1, 1));
    assert_eq!(present(&rigs[2]).await, ["1"]);
}

#[tokio::test(start_paused = true)]
async fn who_looks_waits_for_what_others_say_and_then_follows_it() {
    let (net, rigs) = three().await;
    let mut one = subscribed(&rigs[0], "1").await;
    let begun = Instant::now();
    assert_eq!(present(&rigs[1]).await, ["1"]);
    assert!(begun.elapsed() < Duration::from_millis(20));
    let mut two = subscribed(&rigs[2], "2").await;
    settle().await;
    net.take_said();
    assert_eq!(present(&rigs[1]).await, ["1", "2"]);
    assert_eq!(net.take_said(), 0, "it is known");
    // Nobody looks for a while: nothing is kept, and nothing is told.
    one.stay(Duration::from_secs(75)).await;
    two.leave();
    settle().await;
    net.take_said();
    assert_eq!(present(&rigs[1]).await, ["1"]);
    assert!(net.take_said() > 0, "it is asked again");
}

#[tokio::test(start_paused = true)]
async fn who_looks_waits_half_a_second_for_a_node_that_says_nothing() {
    let (net, rigs) = three().await;
    let _one = subscribed(&rigs[0], "1").await;
    let _two = subscribed(&rigs[2], "2").await;
    settle().await;
    net.cut(&rigs[1].peer(), &rigs[2].peer());
    settle().await;
    let begun = Instant::now();
    assert_eq!(present(&rigs[1]).await, ["1"]);
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(500) && took < Duration::from_millis(600));
    assert_eq!(rigs[1].sessions.counts().partial, 1);
    net.heal();
    settle().await;
    assert_eq!(present(&rigs[1]).await, ["1", "2"]);
    assert_eq!(rigs[1].sessions.counts().partial, 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_lost_between_nodes_is_told_as_coming_and_going() {
    let (net, rigs) = three().await;
    let mut one = subscribed(&rigs[0], "1").await;
    let mut two = subscribed(&rigs[1], "2").await;
    one.pushes().await;
    net.lose(true);
    two.leave();
    let _three = subscribed(&rigs[1], "3").await;
    settle().await;
    assert_eq!(one.pushes().await, [""; 0]);
    net.lose(false);
    let mut told = one.pushes().await;
    told.sort();
    assert_eq!(told, [r#"chat:1 join "3""#, r#"chat:1 leave "2""#]);
    assert_eq!(stats(&mut one).await, (2, 2));
}

#[tokio::test(start_paused = true)]
async fn the_sessions_of_a_node_go_with_it_and_come_with_another_start() {
    let (net, rigs) = three().await;
    let [a, b, c] = rigs;
    let mut one = subscribed(&a, "1").await;
    let _two = subscribed(&b, "2").await;
    let _three = subscribed(&c, "3").await;
    // How many each has is told within a second.
    pass(Duration::from_secs(2)).await;
    one.pushes().await;
    let heard = sessions_heard(&a);
    net.tell(&b.peer(), News::Left);
    net.tell(&c.peer(), News::Unreachable);
    let mut told = one.pushes().await;
    told.sort();
    assert_eq!(told, [r#"chat:1 leave "2""#, r#"chat:1 leave "3""#]);
    assert_eq!(stats(&mut one).await, (1, 1));
    let mut lost = Vec::new();
    for _ in 0..2 {
        let event = heard.recv().await.unwrap();
        assert_eq!(event.event_type(), "session.lost");
        let data: Value = serde_json::from_slice(event.data().unwrap()).unwrap();
        lost.push((
            data["node"].as_str().unwrap().to_owned(),
            data["count"].as_u64(),
        ));
    }
    lost.sort();
    assert_eq!(lost, [("b".to_owned(), Some(1)), ("c".to_owned(), Some(1))]);
    let b = Rig::started_beside(&net, "b", 2, &[watched()]);
    let mut two = subscribed(&b, "2").await;
    assert_eq!(one.pushes().await, [r#"chat:1 join "2""#]);
    assert_eq!(stats(&mut two).await, (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_channel_with_many_subscribers_is_told_in_parts() {
    let net = Net::new();
    let quiet = Namespace {
        presence: true,
        ..open("chat")
    };
    let rigs = ["a", "b"].map(|name| Rig::beside(&net, name, std::slice::from_ref(&quiet)));
    settle().await;
    let info = "x".repeat(200);
    let mut clients = Vec::new();
    for user in 0..900 {
        // Together they are more than a message has room for.
        clients.push(subscribed(&rigs[0], &format!("{user}-{info}")).await);
    }
    let mut one = rigs[1].user("1").await;
    assert_eq!(stats(&mut one).await, (900, 900));
    assert_eq!(rigs[1].sessions.counts().partial, 0);
    let mut there = Vec::new();
    for client in &clients {
        there.push(client.id.clone());
    }
    there.sort();
    let reply = one.ask("presence", &lobby()).await;
    let presence = reply["presence"]["presence"].as_object().unwrap();
    assert!(presence.keys().eq(there.iter()));
}

#[tokio::test(start_paused = true)]
async fn many_channels_are_asked_for_a_few_at_a_time() {
    let net = Net::new();
    let rigs = ["a", "b"].map(|name| Rig::beside(&net, name, &[watched()]));
    settle().await;
    let mut clients = Vec::new();
    for (at, rig) in rigs.iter().enumerate() {
        for user in 0..20 {
            let mut client = rig.user(&format!("{at}-{user}")).await;
            for channel in 0..100 {
                let channel = format!("chat:{user}-{channel}");
                client.subscribe(json!({ "channel": channel })).await;
            }
            clients.push(client);
        }
    }
    settle().await;
    // All of a gap is made good for.
    net.lose(true);
    net.lose(false);
    settle().await;
    for client in &mut clients {
        let request = json!({ "channel": "chat:7-7" });
        let reply = client.ask("presence_stats", &request).await;
        assert_eq!(reply["presence_stats"]["num_clients"], json!(2));
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_is_lost_between_nodes_all_show_the_same_in_the_end() {
    for seed in 1..30_u64 {
        let (net, rigs) = three().await;
        let mut random = seed;
        let mut one_of = |count: usize| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            usize::try_from(random >> 33).unwrap() % count
        };
        let mut watchers = Vec::new();
        for rig in &rigs {
            watchers.push(subscribed(rig, "watcher").await);
        }
        for watcher in &mut watchers {
            watcher.pushes().await;
        }
        let mut there: Vec<(String, Client)> = Vec::new();
        let mut loses = false;
        for step in 0..60 {
            match one_of(8) {
                0 | 1 if !there.is_empty() => {
                    let at = one_of(there.len());
                    there.swap_remove(at).1.leave();
                }
                2 if !loses => {
                    let one = one_of(3);
                    net.cut(&rigs[one].peer(), &rigs[(one + 1) % 3].peer());
                }
                3 => net.heal(),
                4 => {
                    loses = !loses;
                    net.lose(loses);
                }
                5 => settle().await,
                _ => {
                    let user = format!("{step:02}");
                    let client = subscribed(&rigs[one_of(3)], &user).await;
                    there.push((user, client));
                }
            }
        }
        net.heal();
        net.lose(false);
        settle().await;
        let mut users: Vec<_> = there.iter().map(|(user, _)| user.clone()).collect();
        users.sort();
        let mut all = users.clone();
        all.extend(["watcher"; 3].map(str::to_owned));
        for (rig, watcher) in rigs.iter().zip(&mut watchers) {
            assert_eq!(present(rig).await, all, "seed {seed}");
            // Who was told to have come and not to have gone is there.
            let mut told = Vec::new();
            for push in watcher.pushes().await {
                let (_, push) = push.split_once(' ').unwrap();
                let (what, user) = push.split_once(' ').unwrap();
                let user = user.trim_matches('"').to_owned();
                match what {
                    "join" => told.push(user),
                    _ => {
                        let at = told.iter().position(|it| *it == user);
                        told.swap_remove(at.unwrap_or_else(|| panic!("{user} has not come")));
                    }
                }
            }
            told.sort();
            assert_eq!(told, users, "seed {seed}");
        }
    }
}
