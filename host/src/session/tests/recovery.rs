use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::session::handle::Next;
use crate::session::namespace::{Namespace, RecoveryMode};
use crate::session::outbox::Taken;
use crate::session::test_client::{Client, pass};
use crate::session::test_support::{Rig, all, kept, open};

fn numbers(result: &Value) -> Vec<u64> {
    let publications = result["publications"].as_array().cloned();
    let publications = publications.unwrap_or_default();
    let offsets = publications.iter().map(|it| it["offset"].as_u64().unwrap());
    offsets.collect()
}

/// Somebody who comes back to a channel at this position.
async fn back(rig: &Rig, offset: u64, epoch: &Value) -> (Client, Value) {
    let mut client = rig.connected().await;
    let request = json!({
        "channel": "chat:1", "recover": true, "offset": offset, "epoch": epoch,
    });
    let result = client.subscribe(request).await;
    (client, result)
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_gets_what_was_missed_and_then_what_comes() {
    let rig = Rig::new(&[kept("chat")], |_| {});
    let mut client = rig.connected().await;
    let request = json!({ "channel": "chat:1" });
    let epoch = client.subscribe(request).await["epoch"].clone();
    assert_eq!(epoch.as_str().unwrap().len(), 8);
    client.leave();
    for number in 1..=5 {
        rig.publish("chat:1", &json!(number));
    }
    for (offset, expected) in [(0, vec![1, 2, 3, 4, 5]), (3, vec![4, 5]), (5, vec![])] {
        let (_, result) = back(&rig, offset, &epoch).await;
        assert_eq!(result["recovered"], true);
        assert_eq!(result["was_recovering"], true);
        assert_eq!(result["offset"].as_u64().unwrap_or_default(), offset);
        assert_eq!(numbers(&result), expected);
    }
    // Any history, if the client does not know which.
    let (mut client, result) = back(&rig, 4, &json!("")).await;
    assert_eq!(numbers(&result), [5]);
    rig.publish("chat:1", &json!(6));
    assert_eq!(client.pushes().await, ["chat:1 6 at 6"]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_proved_is_not_said_to_be_recovered() {
    let rig = Rig::new(&[kept("chat")], |_| {});
    for number in 1..=12 {
        rig.publish("chat:1", &json!(number));
    }
    let (_, now) = back(&rig, 12, &json!("")).await;
    let epoch = now["epoch"].clone();
    let asked = [
        (12, json!("others")),
        (1, epoch.clone()),
        (99, epoch.clone()),
    ];
    for (top, (offset, epoch)) in (12..).zip(asked) {
        let (mut client, result) = back(&rig, offset, &epoch).await;
        assert_eq!(result["recovered"], json!(null));
        assert_eq!(result["was_recovering"], true);
        assert_eq!(
            (&result["offset"], &result["epoch"]),
            (&json!(top), &now["epoch"])
        );
        assert!(numbers(&result).is_empty());
        client
            .ask("unsubscribe", &json!({ "channel": "chat:1" }))
            .await;
        let request = json!({
            "channel": "chat:1", "recover": true, "offset": offset, "epoch": epoch, "flag": 2,
        });
        assert_eq!(client.refused("subscribe", &request).await, 112);
        // It is not subscribed then.
        rig.publish("chat:1", &json!("more"));
        assert!(client.messages().await.is_empty());
    }
    let stats = rig.sessions.stats();
    assert_eq!((stats.recovered, stats.unrecovered), (1, 3));
}

/// A client that comes back to three channels in one message, in each of which it has missed so
/// much that the queue has room for two of them.
async fn back_to_much() -> (Rig, Client, String) {
    let rig = Rig::new(&[kept("chat")], |_| {});
    let mut client = rig.connected().await;
    let mut lines = Vec::new();
    for channel in ["chat:1", "chat:2", "chat:3"] {
        let epoch = client.subscribe(json!({ "channel": channel })).await["epoch"].take();
        let back = json!({ "channel": channel, "recover": true, "offset": 0, "epoch": epoch });
        lines.push(json!({ "id": lines.len() + 1, "subscribe": back }).to_string());
    }
    client.leave();
    for channel in ["chat:1", "chat:2", "chat:3"] {
        for _ in 0..8 {
            rig.publish(channel, &json!("m".repeat(50_000)));
        }
    }
    let client = rig.connected().await;
    (rig, client, lines.join("\n"))
}

#[tokio::test(start_paused = true)]
async fn much_that_was_missed_in_several_channels_is_brought_as_it_is_read() {
    let (_rig, mut client, lines) = back_to_much().await;
    let outbox = client.outbox();
    let mut brought = Vec::new();
    let reading = async {
        loop {
            sleep(Duration::from_millis(100)).await;
            if let Taken::Frames(frames) = outbox.take(usize::MAX) {
                brought.extend(frames);
            }
        }
    };
    tokio::select! {
        next = client.send(&lines) => assert_eq!(next, Next::Continue),
        () = reading => {}
    }
    if let Taken::Frames(frames) = outbox.take(usize::MAX) {
        brought.extend(frames);
    }
    let recovered = |frame: &Bytes| {
        let answer: Value = serde_json::from_slice(frame).unwrap();
        answer["subscribe"]["recovered"] == json!(true)
    };
    assert_eq!(brought.iter().filter(|frame| recovered(frame)).count(), 3);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_what_was_missed_is_told_of_the_rest_and_stays() {
    let (_rig, mut client, lines) = back_to_much().await;
    assert_eq!(client.send(&lines).await, Next::Continue);
    let answers = client.messages().await;
    let recovered = |answer: &&Value| answer["subscribe"]["recovered"] == json!(true);
    assert_eq!(answers.iter().filter(recovered).count(), 1);
    let was = |answer: &Value| answer["subscribe"]["was_recovering"] == json!(true);
    assert_eq!(answers.iter().filter(|answer| was(answer)).count(), 3);
    assert_eq!(client.end(), None);
}

#[tokio::test(start_paused = true)]
async fn in_cache_mode_the_latest_alone_is_brought() {
    let cache = Namespace {
        force_recovery_mode: RecoveryMode::Cache,
        auto_cache_recover: true,
        ..kept("chat")
    };
    let rig = Rig::new(&[cache], |_| {});
    for number in 1..=3 {
        rig.publish("chat:1", &json!(number));
    }
    let mut first = rig.connected().await;
    let result = first.subscribe(json!({ "channel": "chat:1" })).await;
    assert_eq!(numbers(&result), [3]);
    assert_eq!(result["was_recovering"], json!(null));
    let epoch = result["epoch"].clone();
    for (offset, expected) in [(1, vec![3]), (3, vec![])] {
        let (_, result) = back(&rig, offset, &epoch).await;
        assert_eq!(
            (&result["recovered"], &result["offset"]),
            (&json!(true), &json!(3))
        );
        assert_eq!(numbers(&result), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_history_goes_when_nobody_wants_it_and_its_epoch_with_it() {
    let rig = Rig::new(&[kept("chat")], |_| {});
    rig.publish("chat:1", &json!(1));
    let (mut client, first) = back(&rig, 0, &json!("")).await;
    assert_eq!(numbers(&first), [1]);
    client.stay(Duration::from_secs(120)).await;
    // What was published is not kept any more, and the position is.
    let (_, second) = back(&rig, 1, &first["epoch"]).await;
    assert_eq!(second["recovered"], true);
    let (_, third) = back(&rig, 0, &first["epoch"]).await;
    assert_eq!(third["recovered"], json!(null));
    // As long as somebody is there it is used.
    client.stay(Duration::from_secs(600)).await;
    let (_, fourth) = back(&rig, 1, &first["epoch"]).await;
    assert_eq!(fourth["recovered"], true);
    client.leave();
    pass(Duration::from_secs(400)).await;
    assert_eq!(rig.sessions.stats().channels, 0);
    let (_, last) = back(&rig, 1, &first["epoch"]).await;
    assert_eq!(last["recovered"], json!(null));
    assert_ne!(last["epoch"], first["epoch"]);
}

#[tokio::test(start_paused = true)]
async fn who_has_a_position_is_told_when_there_is_no_history_any_more() {
    let rig = Rig::new(&[kept("chat")], |_| {});
    let mut client = rig.connected().await;
    client.subscribe(json!({ "channel": "chat:1" })).await;
    let plain = [open("chat")];
    let settings = (*rig.sessions.settings()).clone();
    let namespaces = all(&plain);
    rig.sessions.replace_settings(settings, namespaces);
    client.stay(Duration::from_secs(50)).await;
    assert_eq!(client.pushes().await, ["chat:1 unsubscribe 2500"]);
    client.subscribe(json!({ "channel": "chat:1" })).await;
    rig.publish("chat:1", &json!(1));
    assert_eq!(client.pushes().await, ["chat:1 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_history_is_read_in_parts() {
    let rig = Rig::new(&[kept("chat"), open("live")], |_| {});
    for number in 1..=5 {
        rig.publish("chat:1", &json!(number));
    }
    let mut client = rig.connected().await;
    let ask = |limit: i32, more: Value| {
        let mut request = json!({ "channel": "chat:1", "limit": limit });
        let more = more.as_object().unwrap().clone();
        request.as_object_mut().unwrap().extend(more);
        request
    };
    for (request, expected) in [
        (ask(0, json!({})), vec![]),
        (ask(-1, json!({})), vec![1, 2, 3, 4, 5]),
        (ask(2, json!({})), vec![1, 2]),
        (ask(2, json!({ "since": { "offset": 3 } })), vec![4, 5]),
        (ask(2, json!({ "reverse": true })), vec![5, 4]),
        (
            ask(9, json!({ "reverse": true, "since": { "offset": 3 } })),
            vec![2, 1],
        ),
    ] {
        let reply = client.ask("history", &request).await;
        assert_eq!(numbers(&reply["history"]), expected, "{request}");
        assert_eq!(reply["history"]["offset"], 5);
    }
    let other = ask(1, json!({ "since": { "offset": 1, "epoch": "x" } }));
    assert_eq!(client.refused("history", &other).await, 112);
    let before = ask(1, json!({ "since": {}, "reverse": true }));
    assert_eq!(client.refused("history", &before).await, 107);
    let live = json!({ "channel": "live:1" });
    assert_eq!(client.refused("history", &live).await, 108);
}
