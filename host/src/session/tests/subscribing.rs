use std::time::Duration;

use serde_json::json;

use crate::session::namespace::{DeltaType, Namespace};
use crate::session::receipt::PublishOptions;
use crate::session::test_client::{pass, settle};
use crate::session::test_support::{Rig, kept, open};

#[tokio::test(start_paused = true)]
async fn what_is_published_comes_after_the_reply_and_in_order() {
    let rig = Rig::new(&[kept("chat")], |_| {});
    rig.publish("chat:1", &json!(0));
    let mut client = rig.connected().await;
    let mut other = rig.connected().await;
    let result = client.subscribe(json!({ "channel": "chat:1" })).await;
    assert_eq!(
        (&result["offset"], &result["positioned"]),
        (&json!(1), &json!(true))
    );
    other.subscribe(json!({ "channel": "chat:1" })).await;
    for number in 1..=40 {
        rig.publish("chat:1", &json!(number));
    }
    rig.publish("chat:2", &json!("other"));
    let expected: Vec<_> = (1..=40)
        .map(|n| format!("chat:1 {n} at {}", n + 1))
        .collect();
    assert_eq!(client.pushes().await, expected);
    assert_eq!(other.pushes().await, expected);
}

#[tokio::test(start_paused = true)]
async fn nothing_comes_after_the_end_of_a_subscription() {
    let rig = Rig::new(&[open("chat")], |_| {});
    let mut client = rig.connected().await;
    let request = json!({ "channel": "chat:1" });
    client.subscribe(request.clone()).await;
    rig.publish("chat:1", &json!(1));
    // It has not been handed on yet, and is not any more.
    client.ask("unsubscribe", &request).await;
    assert!(client.messages().await.is_empty());
    client.subscribe(request).await;
    rig.publish("chat:1", &json!(2));
    assert_eq!(client.pushes().await, ["chat:1 2"]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_subscribed_to_is_refused_by_its_code() {
    let rig = Rig::guarded(
        &[
            open("chat"),
            Namespace::new("closed"),
            Namespace {
                allow_user_limited_channels: true,
                ..Namespace::new("dialog")
            },
        ],
        |settings| settings.channel_limit = 3,
    );
    let mut client = rig.user("42").await;
    for (channel, code) in [
        ("nothing:1", 102),
        ("alone", 102),
        ("closed:1", 103),
        ("$chat:1", 103),
        ("dialog:1#43,44", 103),
        ("subject:ORDER-7", 103),
        ("chat:a b", 107),
        (&"x".repeat(256), 107),
    ] {
        let request = json!({ "channel": channel });
        assert_eq!(
            client.refused("subscribe", &request).await,
            code,
            "{channel}"
        );
    }
    let map = json!({ "channel": "chat:1", "type": 1 });
    assert_eq!(client.refused("subscribe", &map).await, 108);
    client.subscribe(json!({ "channel": "chat:1" })).await;
    let twice = json!({ "channel": "chat:1" });
    assert_eq!(client.refused("subscribe", &twice).await, 105);
    client
        .subscribe(json!({ "channel": "dialog:1#43,42" }))
        .await;
    client.subscribe(json!({ "channel": "chat:2" })).await;
    let one_more = json!({ "channel": "chat:3" });
    assert_eq!(client.refused("subscribe", &one_more).await, 106);
    assert_eq!(client.closed_by("subscribe", &json!({})).await, Some(3501));
}

#[tokio::test(start_paused = true)]
async fn a_subscription_token_is_for_its_channel_and_user() {
    let rig = Rig::guarded(&[Namespace::new("chat")], |_| {});
    let mut client = rig.user("42").await;
    let request = |user, channel, seconds| {
        let token = rig.token(user, Some(channel), seconds);
        json!({ "channel": "$chat:1", "token": token })
    };
    let result = client.subscribe(request("42", "$chat:1", 60)).await;
    assert_eq!(
        (&result["expires"], &result["ttl"]),
        (&json!(true), &json!(60))
    );
    client
        .ask("unsubscribe", &json!({ "channel": "$chat:1" }))
        .await;
    let expired = request("42", "$chat:1", 0);
    assert_eq!(client.refused("subscribe", &expired).await, 109);
    let forged = json!({ "channel": "$chat:1", "token": "no" });
    assert_eq!(client.refused("subscribe", &forged).await, 103);
    for wrong in [request("43", "$chat:1", 60), request("42", "$chat:2", 60)] {
        let mut client = rig.user("42").await;
        assert_eq!(client.closed_by("subscribe", &wrong).await, Some(3500));
    }
}

#[tokio::test(start_paused = true)]
async fn a_filter_selects_by_type_and_needs_to_be_allowed() {
    let filtered = Namespace {
        allow_tags_filter: true,
        ..kept("chat")
    };
    let rig = Rig::new(&[filtered, open("plain")], |_| {});
    let mut client = rig.connected().await;
    let filter = |value| json!({ "key": "kind", "cmp": "eq", "val": value });
    let request = json!({ "channel": "chat:1", "tf": filter("a") });
    client.subscribe(request).await;
    for (number, kind) in [(1, "a"), (2, "b"), (3, "a")] {
        let options = PublishOptions {
            tags: [("kind".to_owned(), kind.to_owned())].into(),
            ..PublishOptions::default()
        };
        rig.publish_with("chat:1", &json!(number), options).unwrap();
    }
    assert_eq!(client.pushes().await, ["chat:1 1 at 1", "chat:1 3 at 3"]);
    for (channel, filter) in [
        ("plain:1", filter("a")),
        ("chat:2", json!({ "key": "kind", "cmp": "like" })),
    ] {
        let request = json!({ "channel": channel, "tf": filter });
        assert_eq!(
            client.refused("subscribe", &request).await,
            107,
            "{channel}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn deltas_follow_on_a_whole_publication() {
    let deltas = Namespace {
        allowed_delta_types: vec![DeltaType::Fossil],
        delta_publish: true,
        ..kept("chat")
    };
    let rig = Rig::new(&[deltas], |_| {});
    let mut client = rig.connected().await;
    let mut plain = rig.connected().await;
    let request = json!({ "channel": "chat:1", "delta": "fossil" });
    assert_eq!(client.subscribe(request).await["delta"], true);
    plain.subscribe(json!({ "channel": "chat:1" })).await;
    let long = "a text that is long enough for a delta to be shorter ".repeat(4);
    let texts: Vec<String> = (0..3).map(|number| format!("{long}{number}")).collect();
    rig.publish("chat:1", &json!(texts[0]));
    settle().await;
    rig.publish("chat:1", &json!(texts[1]));
    rig.publish("chat:1", &json!(texts[2]));
    let mut before = String::new();
    for (at, message) in client.messages().await.iter().enumerate() {
        let publication = &message["push"]["pub"];
        let data = publication["data"].as_str().unwrap();
        let is_delta = publication["delta"] == true;
        assert_eq!(is_delta, at > 0);
        before = if is_delta {
            let whole =
                hearken_session_protocol::delta::apply(before.as_bytes(), data.as_bytes(), 1 << 20);
            String::from_utf8(whole.unwrap()).unwrap()
        } else {
            data.to_owned()
        };
        assert_eq!(before, json!(texts[at]).to_string());
    }
    assert_eq!(before, json!(texts[2]).to_string());
    for (at, message) in plain.messages().await.iter().enumerate() {
        assert_eq!(message["push"]["pub"]["data"], json!(texts[at]));
    }
}

#[tokio::test(start_paused = true)]
async fn pushes_may_have_a_number_in_place_of_the_name() {
    let rig = Rig::new(&[open("chat")], |_| {});
    let mut client = rig.connected().await;
    let request = json!({ "channel": "chat:1", "flag": 1 });
    let id = client.subscribe(request).await["id"].clone();
    assert!(id.as_u64().unwrap() > 0);
    rig.publish("chat:1", &json!(1));
    let push = client.messages().await.remove(0)["push"].take();
    assert_eq!((&push["id"], &push["channel"]), (&id, &json!(null)));
}

#[tokio::test(start_paused = true)]
async fn a_namespace_has_as_many_channels_as_it_may() {
    let few = Namespace {
        max_channels: 1,
        ..open("chat")
    };
    let rig = Rig::new(&[few], |_| {});
    let mut client = rig.connected().await;
    client.subscribe(json!({ "channel": "chat:1" })).await;
    let second = json!({ "channel": "chat:2" });
    assert_eq!(client.refused("subscribe", &second).await, 106);
    client
        .ask("unsubscribe", &json!({ "channel": "chat:1" }))
        .await;
    settle().await;
    client.subscribe(second).await;
}

#[tokio::test(start_paused = true)]
async fn names_that_somebody_makes_up_keep_nobody_out_of_a_namespace() {
    let few = Namespace {
        max_channels: 3,
        ..kept("chat")
    };
    let rig = Rig::new(&[few], |_| {});
    let mut client = rig.connected().await;
    let of = |number: u32| json!({ "channel": format!("chat:{number}") });
    // Each has a history then, to which nobody has published.
    for number in 0..20 {
        client.subscribe(of(number)).await;
        client.ask("unsubscribe", &of(number)).await;
        settle().await;
    }
    // What was published stays, as long as it is kept.
    for number in 0..3 {
        rig.publish(&format!("chat:{number}"), &json!(number));
    }
    pass(Duration::from_secs(2)).await;
    assert_eq!(client.refused("subscribe", &of(20)).await, 106);
    let history = client
        .ask("history", &json!({ "channel": "chat:1", "limit": 10 }))
        .await;
    assert_eq!(history["history"]["offset"], 1, "{history}");
}
