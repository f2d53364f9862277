//! Channels with a history on several nodes.

use std::time::Duration;

use hearken_session_protocol::codes::{errors, unsubscribes};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::event::{Draft, EventType};
use crate::mesh::News;
use crate::session::across::Home;
use crate::session::history::PageRequest;
use crate::session::name::ChannelName;
use crate::session::namespace::Namespace;
use crate::session::receipt::{PublishFailure, PublishOptions, SessionReceipt};
use crate::session::test_client::{Client, pass};
use crate::session::test_net::Net;
use crate::session::test_support::{Rig, all, kept, open};

/// Longer than anybody waits for another node.
pub(super) const LONG: Duration = Duration::from_secs(6);

pub(super) async fn nodes<const COUNT: usize>(names: [&str; COUNT]) -> (Net, [Rig; COUNT]) {
    let net = Net::new();
    let rigs = names.map(|name| Rig::beside(&net, name, &[kept("chat")]));
    pass(Duration::from_millis(100)).await;
    (net, rigs)
}

/// Name of the node that is the home of a channel, by the lights of this one.
fn home_of(rig: &Rig, channel: &str) -> String {
    let name = ChannelName::new(channel).unwrap();
    match rig.sessions.0.across.members.home_of(&name) {
        Home::Here => rig.peer().name.to_string(),
        Home::There(peer) => peer.name.to_string(),
    }
}

/// Whether a node numbers what is published to a channel.
pub(super) fn owns(rig: &Rig, channel: &str) -> bool {
    let name = ChannelName::new(channel).unwrap();
    let hub = rig.sessions.0.hubs.get(&name);
    hub.is_some_and(|hub| hub.owns_log())
}

/// A channel whose home is that node by the lights of this one.
pub(super) fn homed_on(rig: &Rig, node: &str) -> String {
    let mut names = (0..1000).map(|number| format!("chat:{number}"));
    let found = names.find(|name| home_of(rig, name) == node);
    found.expect("each has its share")
}

pub(super) async fn publish(
    rig: &Rig,
    channel: &str,
    data: &Value,
) -> Result<SessionReceipt, PublishFailure> {
    publish_as(rig, channel, data, None).await
}

pub(super) async fn publish_as(
    rig: &Rig,
    channel: &str,
    data: &Value,
    key: Option<&str>,
) -> Result<SessionReceipt, PublishFailure> {
    let draft = Draft {
        data: Some(data.to_string().into_bytes().into()),
        ..Draft::new(EventType::custom("test").unwrap())
    };
    let options = PublishOptions {
        idempotency_key: key.map(str::to_owned),
        ..PublishOptions::default()
    };
    let published = rig
        .sessions
        .publish(&rig.publisher, "key:test", channel, draft, options);
    published.await
}

pub(super) async fn subscribed(rig: &Rig, channel: &str) -> (Client, Value) {
    let mut client = rig.connected().await;
    let result = client.subscribe(json!({ "channel": channel })).await;
    (client, result)
}

async fn back(rig: &Rig, channel: &str, offset: u64, epoch: &Value) -> (Client, Value) {
    let mut client = rig.connected().await;
    let request = json!({
        "channel": channel, "recover": true, "offset": offset, "epoch": epoch,
    });
    let result = client.subscribe(request).await;
    (client, result)
}

fn numbers(result: &Value) -> Vec<u64> {
    let publications = result["publications"].as_array().cloned();
    let publications = publications.unwrap_or_default();
    let offsets = publications.iter().map(|it| it["offset"].as_u64().unwrap());
    offsets.collect()
}

/// Pushes of numbers that were published under the same numbers.
pub(super) fn pushes(channel: &str, numbers: impl IntoIterator<Item = u64>) -> Vec<String> {
    let push = |number| format!("{channel} {number} at {number}");
    numbers.into_iter().map(push).collect()
}

#[tokio::test(start_paused = true)]
async fn sessions_of_all_nodes_see_one_order_whoever_publishes() {
    let (_net, rigs) = nodes(["a", "b", "c"]).await;
    for home in ["a", "b", "c"] {
        let channel = homed_on(&rigs[0], home);
        let mut clients = Vec::new();
        let mut epochs = Vec::new();
        for rig in &rigs {
            let (client, result) = subscribed(rig, &channel).await;
            clients.push(client);
            epochs.push(result["epoch"].as_str().unwrap().to_owned());
        }
        assert!(epochs.iter().all(|epoch| *epoch == epochs[0]), "{epochs:?}");
        for number in 1..=12_u64 {
            let rig = &rigs[usize::try_from(number).unwrap() % 3];
            let receipt = publish(rig, &channel, &json!(number)).await.unwrap();
            let position = receipt.position.expect("it is in the history");
            assert_eq!((position.offset, &*position.epoch), (number, &*epochs[0]));
        }
        pass(Duration::from_millis(50)).await;
        for client in &mut clients {
            assert_eq!(client.pushes().await, pushes(&channel, 1..=12));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_plugin_publishes_waits_for_nobody_and_keeps_its_order() {
    let (_net, rigs) = nodes(["a", "b", "c"]).await;
    let channel = homed_on(&rigs[0], "b");
    let (mut client, _) = subscribed(&rigs[2], &channel).await;
    for number in 1..=200 {
        let receipt = rigs[0].publish(&channel, &json!(number));
        assert_eq!(receipt.position, None);
    }
    pass(Duration::from_millis(200)).await;
    assert_eq!(client.all_pushes().await, pushes(&channel, 1..=200));
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_to_another_node_gets_what_was_missed() {
    let (_net, rigs) = nodes(["a", "b", "c"]).await;
    for home in ["a", "b", "c"] {
        let channel = homed_on(&rigs[0], home);
        let (mut client, result) = subscribed(&rigs[0], &channel).await;
        let epoch = result["epoch"].clone();
        publish(&rigs[1], &channel, &json!(1)).await.unwrap();
        client.leave();
        for number in 2..=5 {
            publish(&rigs[2], &channel, &json!(number)).await.unwrap();
        }
        // At once, also where the log has yet to be followed. What is on its way comes behind.
        for rig in &rigs {
            let (mut client, result) = back(rig, &channel, 1, &epoch).await;
            assert_eq!(result["recovered"], true, "{result}");
            assert_eq!(result["offset"], 1);
            let mut got = pushes(&channel, numbers(&result));
            pass(Duration::from_millis(20)).await;
            got.extend(client.pushes().await);
            assert_eq!(got, pushes(&channel, 2..=5));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_read_is_what_was_published_until_then_on_whatever_node() {
    let (_net, rigs) = nodes(["a", "b", "c"]).await;
    let channel = homed_on(&rigs[0], "a");
    let name = ChannelName::new(&channel).unwrap();
    let asked = PageRequest {
        since: None,
        limit: 100,
        reverse: false,
    };
    for number in 1..=9 {
        let (from, to) = (&rigs[number % 3], &rigs[(number / 3) % 3]);
        let receipt = publish(from, &channel, &json!(number)).await.unwrap();
        let position = receipt.position.unwrap();
        let page = to.sessions.history(&name, &asked).await.unwrap();
        assert_eq!(page.top, position);
        assert_eq!(page.publications.len(), 1);
        // A position that is not known there yet may be one of another node.
        let receipt = publish(from, &channel, &json!("more")).await;
        let position = receipt.unwrap().position.unwrap();
        let epoch = json!(&*position.epoch);
        let (_, result) = back(to, &channel, position.offset, &epoch).await;
        assert_eq!(result["recovered"], true, "{result}");
        to.sessions.remove_history(&name).await.unwrap();
        pass(Duration::from_millis(20)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_comes_takes_its_logs_over_whole() {
    let (net, rigs) = nodes(["a", "b"]).await;
    let mut clients = Vec::new();
    for number in 0..20 {
        let channel = format!("chat:{number}");
        let (client, result) = subscribed(&rigs[number % 2], &channel).await;
        for published in 1..=3 {
            publish(&rigs[0], &channel, &json!(published))
                .await
                .unwrap();
        }
        clients.push((channel, client, result["epoch"].clone()));
    }
    let third = Rig::beside(&net, "c", &[kept("chat")]);
    pass(Duration::from_secs(1)).await;
    let mut moved = 0;
    for (channel, client, epoch) in &mut clients {
        assert_eq!(home_of(&rigs[0], channel), home_of(&third, channel));
        let is_moved = home_of(&third, channel) == "c";
        assert_eq!(owns(&third, channel), is_moved);
        moved += usize::from(is_moved);
        let receipt = publish(&third, channel, &json!(4)).await.unwrap();
        assert_eq!(receipt.position.unwrap().offset, 4);
        let (_, result) = back(&third, channel, 1, epoch).await;
        assert_eq!(numbers(&result), [2, 3, 4]);
        pass(Duration::from_millis(20)).await;
        assert_eq!(client.pushes().await, pushes(channel, 1..=4));
    }
    assert!(moved > 0);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_ends_hands_its_logs_over_whole() {
    let (net, rigs) = nodes(["a", "b", "c"]).await;
    let channel = homed_on(&rigs[0], "a");
    let (mut client, result) = subscribed(&rigs[1], &channel).await;
    let epoch = result["epoch"].clone();
    for number in 1..=3 {
        let key = format!("key{number}");
        let published = publish_as(&rigs[2], &channel, &json!(number), Some(&key)).await;
        published.unwrap();
    }
    rigs[0].sessions.finish(Instant::now() + LONG).await;
    net.tell(&rigs[0].peer(), News::Left);
    pass(Duration::from_millis(100)).await;
    let again = publish_as(&rigs[1], &channel, &json!(2), Some("key2")).await;
    let again = again.unwrap();
    assert!(again.duplicate);
    assert_eq!(again.position.unwrap().offset, 2);
    publish(&rigs[2], &channel, &json!(4)).await.unwrap();
    pass(Duration::from_millis(50)).await;
    assert_eq!(client.pushes().await, pushes(&channel, 1..=4));
    let (_, result) = back(&rigs[2], &channel, 1, &epoch).await;
    assert_eq!(result["recovered"], true);
    assert_eq!(numbers(&result), [2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn names_of_channels_that_are_looked_at_or_kept_elsewhere_give_way_to_others() {
    let few = Namespace {
        max_channels: 3,
        presence: true,
        ..kept("chat")
    };
    let net = Net::new();
    let rigs = ["a", "b"].map(|name| Rig::beside(&net, name, std::slice::from_ref(&few)));
    pass(Duration::from_millis(100)).await;
    let mut client = rigs[0].connected().await;
    for number in 0..20 {
        let of = json!({ "channel": format!("chat:{number}") });
        let look = client.ask("presence", &of).await;
        assert!(look["error"].is_null(), "{number}: {look}");
        client.subscribe(of.clone()).await;
        client.ask("unsubscribe", &of).await;
        pass(Duration::from_millis(100)).await;
    }
    // Until nobody follows what nobody uses.
    client.stay(Duration::from_secs(15)).await;
    // What was published stays, on whichever node it is.
    for (number, rig) in ["a", "b"].iter().zip(&rigs) {
        let channel = homed_on(&rigs[0], number);
        publish(rig, &channel, &json!(number)).await.unwrap();
    }
    for number in 20..40 {
        let of = json!({ "channel": format!("chat:{number}") });
        client.subscribe(of.clone()).await;
        client.ask("unsubscribe", &of).await;
        pass(Duration::from_millis(100)).await;
    }
    client.stay(Duration::from_secs(15)).await;
    for home in ["a", "b"] {
        let channel = homed_on(&rigs[0], home);
        let (_, result) = back(&rigs[1], &channel, 0, &json!("")).await;
        assert_eq!(numbers(&result), [1], "{result}");
    }
}

#[tokio::test(start_paused = true)]
async fn all_keys_go_along_with_a_log_when_a_node_joins_and_when_it_ends() {
    let (_, three) = nodes(["a", "b", "c"]).await;
    let channel = homed_on(&three[0], "c");
    let (net, rigs) = nodes(["a", "b"]).await;
    // So many that they do not fit into one message, and none that gives way to others.
    let keys: Vec<_> = (0..1_000).map(|number| format!("{number:0>60}")).collect();
    for key in &keys {
        let published = publish_as(&rigs[0], &channel, &json!(1), Some(key)).await;
        assert!(!published.unwrap().duplicate);
    }
    let publish_again = async |rig: &Rig| {
        for (offset, key) in (1..).zip(&keys) {
            let again = publish_as(rig, &channel, &json!(2), Some(key)).await;
            let again = again.unwrap();
            assert!(again.duplicate, "{key}");
            assert_eq!(again.position.unwrap().offset, offset);
        }
    };
    let third = Rig::beside(&net, "c", &[kept("chat")]);
    pass(Duration::from_secs(1)).await;
    assert!(owns(&third, &channel));
    publish_again(&third).await;
    third.sessions.finish(Instant::now() + LONG).await;
    net.tell(&third.peer(), News::Left);
    pass(Duration::from_millis(100)).await;
    publish_again(&rigs[0]).await;
}

#[tokio::test(start_paused = true)]
async fn where_a_home_dies_all_are_told_so_once() {
    let (net, rigs) = nodes(["a", "b", "c"]).await;
    let channel = homed_on(&rigs[0], "a");
    let (mut client, result) = subscribed(&rigs[1], &channel).await;
    let epoch = result["epoch"].clone();
    publish(&rigs[1], &channel, &json!(1)).await.unwrap();
    net.tell(&rigs[0].peer(), News::Unreachable);
    pass(Duration::from_secs(1)).await;
    let told = format!(
        "{channel} unsubscribe {}",
        unsubscribes::INSUFFICIENT_STATE.code
    );
    assert_eq!(
        client.pushes().await,
        [pushes(&channel, [1]), vec![told]].concat()
    );
    let request = json!({ "channel": channel, "recover": true, "offset": 1, "epoch": epoch });
    let result = client.subscribe(request).await;
    assert!(result["recovered"].is_null(), "{result}");
    let anew = result["epoch"].clone();
    assert_ne!(anew, epoch);
    publish(&rigs[2], &channel, &json!(1)).await.unwrap();
    pass(Duration::from_secs(10)).await;
    assert_eq!(client.pushes().await, pushes(&channel, [1]));
    let (_, result) = back(&rigs[2], &channel, 0, &anew).await;
    assert_eq!(numbers(&result), [1]);
}

#[tokio::test(start_paused = true)]
async fn what_is_lost_on_the_way_is_asked_for_again() {
    let (net, rigs) = nodes(["a", "b"]).await;
    let channel = homed_on(&rigs[0], "a");
    let (mut client, _) = subscribed(&rigs[1], &channel).await;
    publish(&rigs[0], &channel, &json!(1)).await.unwrap();
    pass(Duration::from_millis(20)).await;
    net.lose(true);
    for number in 2..=4 {
        publish(&rigs[0], &channel, &json!(number)).await.unwrap();
    }
    net.lose(false);
    pass(Duration::from_secs(1)).await;
    publish(&rigs[0], &channel, &json!(5)).await.unwrap();
    pass(Duration::from_millis(20)).await;
    assert_eq!(client.pushes().await, pushes(&channel, 1..=5));
}

#[tokio::test(start_paused = true)]
async fn while_a_home_is_cut_off_nothing_is_published_there_and_nothing_is_lost() {
    let (net, rigs) = nodes(["a", "b"]).await;
    let channel = homed_on(&rigs[0], "a");
    let (mut client, _) = subscribed(&rigs[1], &channel).await;
    net.cut(&rigs[0].peer(), &rigs[1].peer());
    publish(&rigs[0], &channel, &json!(1)).await.unwrap();
    let late = json!("late");
    let published = publish(&rigs[1], &channel, &late);
    let failed = published.await.expect_err("it is away");
    assert!(matches!(failed, PublishFailure::Unknown(_)), "{failed}");
    net.heal();
    pass(Duration::from_secs(1)).await;
    // What was on its way to it then comes.
    let got = client.pushes().await;
    assert_eq!(got[..1], pushes(&channel, [1]));
    assert_eq!(got[1..], [format!("{channel} \"late\" at 2")]);
}

#[tokio::test(start_paused = true)]
async fn a_log_is_followed_as_long_as_somebody_needs_it() {
    let (net, rigs) = nodes(["a", "b"]).await;
    let channel = homed_on(&rigs[0], "a");
    let (mut client, _) = subscribed(&rigs[1], &channel).await;
    publish(&rigs[0], &channel, &json!(1)).await.unwrap();
    client.leave();
    pass(Duration::from_secs(90)).await;
    net.take_said();
    for number in 2..=20 {
        publish(&rigs[0], &channel, &json!(number)).await.unwrap();
    }
    pass(Duration::from_millis(500)).await;
    // Others say from time to time that they are there.
    assert!(net.take_said() < 10);
}

#[tokio::test(start_paused = true)]
async fn what_a_history_keeps_is_dropped_on_all_nodes() {
    let (_net, rigs) = nodes(["a", "b", "c"]).await;
    let channel = homed_on(&rigs[0], "a");
    let (_client, result) = subscribed(&rigs[1], &channel).await;
    for number in 1..=3 {
        publish(&rigs[0], &channel, &json!(number)).await.unwrap();
    }
    let name = ChannelName::new(&channel).unwrap();
    rigs[2].sessions.remove_history(&name).await.unwrap();
    pass(Duration::from_millis(50)).await;
    for rig in &rigs {
        let (_, result) = back(rig, &channel, 1, &result["epoch"]).await;
        assert!(result["recovered"].is_null(), "{result}");
        assert_eq!(result["offset"], 3);
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_not_heard_that_a_history_was_dropped_finds_it_so() {
    let (net, rigs) = nodes(["a", "b"]).await;
    let channel = homed_on(&rigs[0], "a");
    let (_client, result) = subscribed(&rigs[1], &channel).await;
    for number in 1..=3 {
        publish(&rigs[0], &channel, &json!(number)).await.unwrap();
    }
    pass(Duration::from_millis(50)).await;
    let name = ChannelName::new(&channel).unwrap();
    net.lose(true);
    let found = async {
        pass(Duration::from_millis(100)).await;
        net.lose(false);
    };
    let (removed, ()) = tokio::join!(rigs[0].sessions.remove_history(&name), found);
    removed.unwrap();
    pass(Duration::from_secs(1)).await;
    let (_, result) = back(&rigs[1], &channel, 1, &result["epoch"]).await;
    assert!(result["recovered"].is_null(), "{result}");
    assert_eq!(result["offset"], 3);
}

#[tokio::test(start_paused = true)]
async fn a_history_of_which_no_node_says_that_it_is_dropped_is_told() {
    let (net, rigs) = nodes(["a", "b"]).await;
    let channel = homed_on(&rigs[0], "a");
    let (_client, _) = subscribed(&rigs[1], &channel).await;
    publish(&rigs[0], &channel, &json!(1)).await.unwrap();
    let name = ChannelName::new(&channel).unwrap();
    net.cut(&rigs[0].peer(), &rigs[1].peer());
    let removed = rigs[1].sessions.remove_history(&name).await;
    assert_eq!(removed, Err(errors::INTERNAL.into()));
    // A moment is waited for.
    let healed = async {
        pass(Duration::from_secs(1)).await;
        net.heal();
    };
    let (removed, ()) = tokio::join!(rigs[1].sessions.remove_history(&name), healed);
    removed.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_was_asked_for_before_two_nodes_gave_each_other_up_is_not_done_any_more() {
    let (net, rigs) = nodes(["a", "b"]).await;
    let channel = homed_on(&rigs[0], "a");
    let (mut client, _) = subscribed(&rigs[0], &channel).await;
    let (one, other) = (rigs[0].peer(), rigs[1].peer());
    net.cut(&one, &other);
    let late = json!("late");
    let parted = async {
        pass(Duration::from_secs(2)).await;
        net.part(&one, &other);
    };
    let (published, ()) = tokio::join!(publish(&rigs[1], &channel, &late), parted);
    let failed = published.expect_err("it is away");
    assert!(matches!(failed, PublishFailure::Unknown(_)), "{failed}");
    pass(Duration::from_secs(10)).await;
    net.meet(&one, &other);
    pass(Duration::from_secs(1)).await;
    publish(&rigs[1], &channel, &json!(1)).await.unwrap();
    pass(Duration::from_millis(50)).await;
    assert_eq!(client.pushes().await, pushes(&channel, [1]));
}

#[tokio::test(start_paused = true)]
async fn who_is_subscribed_already_hears_all_once_a_channel_has_a_history() {
    let net = Net::new();
    let rigs = ["a", "b"].map(|name| Rig::beside(&net, name, &[open("chat")]));
    pass(Duration::from_millis(100)).await;
    let channel = homed_on(&rigs[0], "a");
    let mut clients = Vec::new();
    for rig in &rigs {
        clients.push(subscribed(rig, &channel).await.0);
    }
    publish(&rigs[0], &channel, &json!("live")).await.unwrap();
    for rig in &rigs {
        let in_use = rig.sessions.0.in_use();
        let settings = (*in_use.settings).clone();
        rig.sessions
            .replace_settings(settings, all(&[kept("chat")]));
    }
    pass(Duration::from_secs(1)).await;
    publish(&rigs[0], &channel, &json!("kept")).await.unwrap();
    pass(Duration::from_millis(50)).await;
    for client in &mut clients {
        let got = client.pushes().await;
        assert_eq!(got.len(), 2, "{got:?}");
        assert_eq!(got[1], format!("{channel} \"kept\" at 1"));
    }
}
