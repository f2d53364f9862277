//! Channels without a history on several nodes.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;
use tokio::time::Instant;

use crate::mesh::News;
use crate::session::hub::Exclude;
use crate::session::receipt::PublishOptions;
use crate::session::test_client::{Client, pass, settle};
use crate::session::test_net::Net;
use crate::session::test_support::{Rig, kept, open};

/// Three nodes that know each other.
async fn three() -> (Net, [Rig; 3]) {
    let net = Net::new();
    let rigs = ["a", "b", "c"].map(|name| Rig::beside(&net, name, &[open("chat")]));
    settle().await;
    (net, rigs)
}

#[tokio::test(start_paused = true)]
async fn a_publication_reaches_the_sessions_of_all_nodes_once_and_in_order() {
    let (_net, rigs) = three().await;
    let mut clients = Vec::new();
    for rig in &rigs {
        let mut client = rig.connected().await;
        client.subscribe(json!({ "channel": "chat:1" })).await;
        clients.push(client);
    }
    // Published as soon as the last of them is answered.
    for number in 0..20 {
        rigs[number % 2].publish("chat:1", &json!(number));
        rigs[2].publish("chat:2", &json!("nobody's"));
    }
    for client in &mut clients {
        let pushes = client.pushes().await;
        for origin in 0..2 {
            let of = |push: &String| {
                let number = push
                    .strip_prefix("chat:1 ")
                    .and_then(|it| it.parse::<usize>().ok());
                number.is_some_and(|number| number % 2 == origin)
            };
            let got: Vec<_> = pushes.iter().filter(|push| of(push)).cloned().collect();
            let sent: Vec<_> = (0..10)
                .map(|at| format!("chat:1 {}", at * 2 + origin))
                .collect();
            assert_eq!(got, sent);
        }
        assert_eq!(pushes.len(), 20);
    }
}

#[tokio::test(start_paused = true)]
async fn who_published_and_what_was_said_beside_reaches_other_nodes() {
    let (_net, rigs) = three().await;
    let mut here = rigs[0].connected().await;
    let mut there = rigs[1].connected().await;
    for client in [&mut here, &mut there] {
        client.subscribe(json!({ "channel": "chat:1" })).await;
    }
    let request = json!({ "channel": "chat:1", "data": { "text": "hello" } });
    here.ask("publish", &request).await;
    let messages = there.messages().await;
    let publication = &messages[0]["push"]["pub"];
    assert_eq!(publication["data"], json!({ "text": "hello" }));
    assert_eq!(publication["info"]["client"], json!(here.id));
    assert_eq!(publication["tags"]["type"], json!("custom.chat.published"));
    here.messages().await;

    let options = |exclude| PublishOptions {
        exclude: Some(exclude),
        tags: [("region".to_owned(), "eu".to_owned())].into(),
        ..PublishOptions::default()
    };
    let not_there = options(Exclude::Client(there.id.as_str().into()));
    rigs[2]
        .publish_with("chat:1", &json!(1), not_there)
        .unwrap();
    let not_here = options(Exclude::Client(here.id.as_str().into()));
    rigs[2].publish_with("chat:1", &json!(2), not_here).unwrap();
    assert_eq!(here.pushes().await, ["chat:1 1"]);
    let messages = there.messages().await;
    assert_eq!(messages[0]["push"]["pub"]["data"], json!(2));
    assert_eq!(messages[0]["push"]["pub"]["tags"]["region"], json!("eu"));
}

#[tokio::test(start_paused = true)]
async fn nodes_are_sent_only_what_they_have_subscribers_of() {
    let (net, rigs) = three().await;
    let mut client = rigs[1].connected().await;
    client.subscribe(json!({ "channel": "chat:1" })).await;
    net.take_said();
    rigs[0].publish("chat:2", &json!(1));
    assert_eq!(net.take_said(), 0);
    rigs[0].publish("chat:1", &json!(1));
    assert_eq!(net.take_said(), 1, "to one of two");
    // Another subscriber is no news.
    let mut other = rigs[1].connected().await;
    other.subscribe(json!({ "channel": "chat:1" })).await;
    assert_eq!(net.take_said(), 0);
    client.leave();
    other.leave();
    pass(Duration::from_secs(5)).await;
    net.take_said();
    rigs[0].publish("chat:1", &json!(2));
    assert_eq!(net.take_said(), 1, "for a while yet");
    pass(Duration::from_secs(16)).await;
    net.take_said();
    rigs[0].publish("chat:1", &json!(3));
    assert_eq!(net.take_said(), 0);
    assert_eq!(rigs[1].sessions.stats().across.wanted_here, 0);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_waits_for_no_node_that_says_nothing() {
    let (net, rigs) = three().await;
    let mut client = rigs[0].connected().await;
    let timed = async |client: &mut Client, channel: &str| {
        let begun = Instant::now();
        client.subscribe(json!({ "channel": channel })).await;
        begun.elapsed()
    };
    assert!(timed(&mut client, "chat:1").await < Duration::from_millis(10));
    // Nothing is known to be wrong yet.
    net.lose(true);
    let took = timed(&mut client, "chat:2").await;
    assert!(took >= Duration::from_millis(200) && took < Duration::from_millis(300));
    let took = timed(&mut client, "chat:3").await;
    assert!(
        took < Duration::from_millis(100),
        "nobody is waited for twice: {took:?}"
    );
    // What was lost is said anew.
    net.lose(false);
    settle().await;
    rigs[1].publish("chat:2", &json!(1));
    rigs[2].publish("chat:3", &json!(2));
    assert_eq!(client.pushes().await.len(), 2);
    assert!(timed(&mut client, "chat:4").await < Duration::from_millis(60));
    net.take_said();
    rigs[1].publish("chat:5", &json!(1));
    assert_eq!(net.take_said(), 0, "what it wants is known exactly again");
}

#[tokio::test(start_paused = true)]
async fn a_link_that_comes_back_brings_what_was_published_meanwhile() {
    let (net, rigs) = three().await;
    let mut client = rigs[0].connected().await;
    client.subscribe(json!({ "channel": "chat:1" })).await;
    net.cut(&rigs[0].peer(), &rigs[1].peer());
    settle().await;
    rigs[1].publish("chat:1", &json!(1));
    rigs[2].publish("chat:1", &json!(2));
    assert_eq!(client.pushes().await, ["chat:1 2"]);
    net.heal();
    assert_eq!(client.pushes().await, ["chat:1 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_starts_again_is_told_what_the_others_want() {
    let (net, rigs) = three().await;
    let [a, b, _c] = rigs;
    let mut client = a.connected().await;
    client.subscribe(json!({ "channel": "chat:1" })).await;
    net.tell(&b.peer(), News::Left);
    settle().await;
    assert_eq!(a.sessions.stats().across.nodes, 1);
    let b = Rig::started_beside(&net, "b", 2, &[open("chat")]);
    settle().await;
    b.publish("chat:1", &json!(1));
    b.publish("chat:2", &json!(2));
    assert_eq!(client.pushes().await, ["chat:1 1"]);
    assert_eq!(b.sessions.stats().across.wanted_elsewhere, 1);
}

#[tokio::test(start_paused = true)]
async fn many_subscriptions_are_said_in_few_messages_and_one_after_the_other_in_no_time() {
    let net = Net::new();
    let rigs = ["a", "b"].map(|name| Rig::beside(&net, name, &[open("chat")]));
    settle().await;
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.push(rigs[0].connected().await);
    }
    net.take_said();
    let begun = Instant::now();
    for (at, client) in clients.iter_mut().enumerate() {
        for channel in 0..100 {
            let channel = format!("chat:{at}-{channel}");
            client.subscribe(json!({ "channel": channel })).await;
        }
    }
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    // One that says so, and one that it is known, at most.
    assert!(net.take_said() <= 2000);
    assert_eq!(rigs[1].sessions.stats().across.wanted_elsewhere, 1000);
    // All go at once.
    for client in &mut clients {
        client.leave();
    }
    pass(Duration::from_secs(11)).await;
    assert!(net.take_said() <= 50, "together");
    assert_eq!(rigs[1].sessions.stats().across.wanted_elsewhere, 0);
}

#[tokio::test(start_paused = true)]
async fn all_subscriptions_of_a_message_are_answered_in_time_beside_a_node_that_is_silent() {
    const COUNT: usize = 64;
    let net = Net::new();
    let rigs = ["a", "b"].map(|name| Rig::beside(&net, name, &[open("chat"), kept("kept")]));
    settle().await;
    let mut client = rigs[0].connected().await;
    net.stall(&rigs[0].peer(), &rigs[1].peer());
    let channels = (0..COUNT).flat_map(|at| [format!("chat:{at}"), format!("kept:{at}")]);
    let commands = channels.enumerate().map(|(at, channel)| {
        let subscribe = json!({ "channel": channel });
        json!({ "id": at + 1, "subscribe": subscribe }).to_string()
    });
    let message = commands.collect::<Vec<_>>().join("\n");
    let begun = Instant::now();
    client.came(&message).await;
    // A client waits 5 s for each.
    let took = begun.elapsed();
    assert!(took < Duration::from_millis(4_500), "{took:?}");
    let replies = client.messages().await;
    let (refused, subscribed): (Vec<_>, Vec<_>) = replies
        .iter()
        .filter(|reply| reply["id"].is_u64())
        .partition(|reply| reply["error"].is_object());
    assert_eq!(refused.len() + subscribed.len(), 2 * COUNT);
    assert!(
        subscribed.len() >= COUNT,
        "those without a history: {refused:?}"
    );
    assert!(refused.iter().all(|reply| reply["error"]["code"] == 100));
}

#[tokio::test(start_paused = true)]
async fn what_no_node_says_is_left_out() {
    let (_net, rigs) = three().await;
    let mut client = rigs[0].connected().await;
    client.subscribe(json!({ "channel": "chat:1" })).await;
    let message = bytes::Bytes::from_static(b"\xffnonsense");
    let from = rigs[1].peer();
    rigs[0]
        .sessions
        .ears()
        .hear(News::Message { from, message });
    let across = rigs[0].sessions.stats().across;
    assert_eq!((across.not_read, client.pushes().await.len()), (1, 0));
    rigs[1].publish("chat:1", &json!(1));
    assert_eq!(client.pushes().await, ["chat:1 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_node_alone_waits_for_nobody() {
    let rig = Rig::new(&[open("chat"), kept("kept")], |_| {});
    let mut client = rig.connected().await;
    let begun = Instant::now();
    for channel in ["chat:1", "kept:1"] {
        client.subscribe(json!({ "channel": channel })).await;
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
    rig.publish("chat:1", &json!(1));
    assert_eq!(client.pushes().await, ["chat:1 1"]);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A node's client subscribes to a channel, or does so no more.
    Change(usize, usize),
    /// What is said is lost, or not.
    Lose(bool),
    /// So many milliseconds.
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..3_usize, 0..4_usize).prop_map(|(node, channel)| Step::Change(node, channel)),
        2 => any::<bool>().prop_map(Step::Lose),
        2 => prop_oneof![Just(1), Just(60), Just(11_000)].prop_map(Step::Pass),
    ]
}

/// Lets time pass, in which clients answer pings.
async fn live_on(clients: &mut [(Client, [bool; 4])], time: Duration) {
    let until = Instant::now() + time;
    while Instant::now() < until {
        pass((until - Instant::now()).min(Duration::from_secs(4))).await;
        for (client, _) in &mut *clients {
            let pings = client.messages().await;
            for _ in pings.iter().filter(|message| **message == json!({})) {
                client.send("{}").await;
            }
        }
    }
}

async fn run(steps: Vec<Step>) {
    let (net, rigs) = three().await;
    let mut clients = Vec::new();
    for rig in &rigs {
        clients.push((rig.connected().await, [false; 4]));
    }
    for step in steps {
        match step {
            Step::Change(node, channel) => {
                let (client, subscribed) = &mut clients[node];
                let request = json!({ "channel": format!("chat:{channel}") });
                match subscribed[channel] {
                    true => drop(client.ask("unsubscribe", &request).await),
                    false => drop(client.subscribe(request).await),
                }
                subscribed[channel] ^= true;
            }
            Step::Lose(loses) => net.lose(loses),
            Step::Pass(time) => live_on(&mut clients, Duration::from_millis(time)).await,
        }
    }
    net.lose(false);
    live_on(&mut clients, Duration::from_millis(1)).await;
    for rig in &rigs {
        for channel in 0..4 {
            rig.publish(&format!("chat:{channel}"), &json!(1));
        }
    }
    for (client, subscribed) in &mut clients {
        let mut got = client.pushes().await;
        got.sort();
        let channels = (0..4).filter(|channel| subscribed[*channel]);
        let expected: Vec<_> = channels
            .flat_map(|channel| vec![format!("chat:{channel} 1"); 3])
            .collect();
        assert_eq!(got, expected);
    }
    // In the end nobody is sent what nobody there has subscribed to.
    live_on(&mut clients, Duration::from_secs(25)).await;
    for (node, rig) in rigs.iter().enumerate() {
        let wanted = |at: &usize| clients[*at].1.iter().filter(|it| **it).count();
        let across = rig.sessions.stats().across;
        assert_eq!(across.wanted_here, wanted(&node));
        let others = (0..3).filter(|other| *other != node);
        let elsewhere: usize = others.map(|other| wanted(&other)).sum();
        assert_eq!(across.wanted_elsewhere, elsewhere);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_is_lost_in_the_end_all_know_what_the_others_want(
        steps in proptest::collection::vec(step(), 0..40),
    ) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().start_paused(true).build().unwrap();
        runtime.block_on(run(steps));
    }
}
