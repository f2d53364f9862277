use std::time::Duration;

use serde_json::json;

use crate::session::namespace::Namespace;
use crate::session::test_client::{pass, settle};
use crate::session::test_support::{Rig, kept, open};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn who_says_nothing_is_closed() {
    let rig = Rig::new(&[], |_| {});
    let mut client = rig.client();
    pass(9 * SECOND).await;
    assert_eq!(client.end(), None);
    pass(2 * SECOND).await;
    assert_eq!(client.end(), Some(3502));
}

#[tokio::test(start_paused = true)]
async fn sessions_are_pinged_at_different_times_and_have_to_answer() {
    let rig = Rig::new(&[], |_| {});
    let mut firsts = Vec::new();
    for _ in 0..4 {
        let mut client = rig.connected().await;
        for tenths in 0.. {
            if client.messages().await == [json!({})] {
                firsts.push(tenths);
                break;
            }
            pass(SECOND / 10).await;
        }
        client.leave();
    }
    assert!(
        firsts.iter().all(|first| (125..=255).contains(first)),
        "{firsts:?}"
    );
    firsts.dedup();
    assert!(firsts.len() > 1);
    let mut client = rig.connected().await;
    client.stay(100 * SECOND).await;
    assert_eq!(client.end(), None);
    // A pong that nobody has asked for.
    client.send("{}").await;
    assert_eq!(client.end(), Some(3501));
    let mut silent = rig.connected().await;
    pass(36 * SECOND).await;
    assert_eq!(silent.end(), Some(3012));
}

#[tokio::test(start_paused = true)]
async fn a_connection_ends_some_time_after_its_token() {
    let rig = Rig::guarded(&[], |_| {});
    let mut late = rig.client();
    let token = json!({ "token": rig.token("42", None, 20) });
    late.ask("connect", &token).await;
    let mut renewed = rig.client();
    renewed.ask("connect", &token).await;
    let other = json!({ "token": rig.token("42", None, 100) });
    let reply = renewed.ask("refresh", &other).await;
    assert_eq!(
        (&reply["refresh"]["expires"], &reply["refresh"]["ttl"]),
        (&json!(true), &json!(100))
    );
    late.stay(44 * SECOND).await;
    assert_eq!(late.end(), None);
    late.stay(2 * SECOND).await;
    assert_eq!(late.end(), Some(3005));
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_by_one_of_the_same_user_only() {
    let rig = Rig::guarded(&[], |_| {});
    for (token, code) in [
        (rig.token("43", None, 60), 3500),
        (rig.token("42", None, 0), 3005),
        ("no".to_owned(), 3500),
    ] {
        let mut client = rig.user("42").await;
        let request = json!({ "token": token });
        assert_eq!(client.closed_by("refresh", &request).await, Some(code));
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscription_ends_some_time_after_its_token() {
    let rig = Rig::guarded(&[open("chat")], |_| {});
    let mut client = rig.user("42").await;
    for channel in ["$chat:1", "$chat:2"] {
        let token = rig.token("42", Some(channel), 20);
        client
            .subscribe(json!({ "channel": channel, "token": token }))
            .await;
    }
    let other = rig.token("42", Some("$chat:2"), 40);
    let request = json!({ "channel": "$chat:2", "token": other });
    let reply = client.ask("sub_refresh", &request).await;
    assert_eq!(reply["sub_refresh"]["ttl"], 40);
    let not_subscribed = json!({ "channel": "$chat:3", "token": other });
    assert_eq!(client.refused("sub_refresh", &not_subscribed).await, 103);
    client.stay(44 * SECOND).await;
    assert!(client.pushes().await.is_empty());
    client.stay(2 * SECOND).await;
    assert_eq!(client.pushes().await, ["$chat:1 unsubscribe 2501"]);
    client.stay(20 * SECOND).await;
    assert_eq!(client.pushes().await, ["$chat:2 unsubscribe 2501"]);
}

#[tokio::test(start_paused = true)]
async fn channels_that_nobody_needs_are_forgotten() {
    let rig = Rig::new(&[open("chat"), kept("kept")], |_| {});
    let mut client = rig.connected().await;
    for channel in ["chat:1", "kept:1"] {
        client.subscribe(json!({ "channel": channel })).await;
        rig.publish(channel, &json!(1));
    }
    rig.publish("chat:2", &json!(1));
    rig.publish("kept:2", &json!(1));
    assert_eq!(rig.sessions.stats().channels, 3);
    assert_eq!(rig.sessions.channels().len(), 2);
    client.leave();
    settle().await;
    assert_eq!(rig.sessions.stats().channels, 2);
    pass(400 * SECOND).await;
    assert_eq!(rig.sessions.stats().channels, 0);
}

#[tokio::test(start_paused = true)]
async fn a_history_that_was_only_asked_for_is_not_kept_for_long() {
    let long = Namespace {
        history_meta_ttl: 720 * 3600 * SECOND,
        ..kept("chat")
    };
    let rig = Rig::new(&[long], |_| {});
    let mut client = rig.connected().await;
    for channel in ["chat:1", "chat:2"] {
        client.ask("history", &json!({ "channel": channel })).await;
    }
    client.leave();
    rig.publish("chat:2", &json!(1));
    assert_eq!(rig.sessions.stats().channels, 2);
    pass(3700 * SECOND).await;
    assert_eq!(rig.sessions.stats().channels, 1);
}
