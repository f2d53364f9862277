//! Clients that ask for more than they may have, or than they read.

use super::*;
use crate::support::web_socket::{Heard, first, frame};

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_subscriptions_are_answered_and_few_are_taken() {
    let mut stage = Stage::new().await;
    let mut hostile = Hostile::connect(&stage.node).await;
    let subscribing = async {
        let mut codes = Vec::new();
        let numbers: Vec<u32> = (2..10_002).collect();
        for some in numbers.chunks(1000) {
            let lines = some.iter().map(|id| {
                let channel = format!("chat:{id}");
                json!({ "subscribe": { "channel": channel }, "id": id }).to_string()
            });
            hostile.say(&lines.collect::<Vec<_>>().join("\n")).await;
            for id in some {
                let reply = hostile.message().await;
                assert_eq!(reply["id"], *id, "{reply}");
                codes.push(reply["error"]["code"].clone());
            }
        }
        codes
    };
    let codes = stage.beside(subscribing).await;
    let (taken, refused) = codes.split_at(128);
    assert!(taken.iter().all(Value::is_null), "{taken:?}");
    assert!(refused.iter().all(|code| *code == 106), "{refused:?}");
    // Who gives one up may have another.
    let give_up = r#"{"unsubscribe":{"channel":"chat:2"},"id":10002}"#;
    let another = r#"{"subscribe":{"channel":"chat:another"},"id":10003}"#;
    hostile.say(&[give_up, another].join("\n")).await;
    for _ in 0..2 {
        let reply = hostile.message().await;
        assert!(reply["error"].is_null(), "{reply}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_more_than_it_reads_is_closed() {
    let mut stage = Stage::new().await;
    for n in 0..60 {
        let data = format!("{n}{}", "x".repeat(10 << 10));
        let event = json!({ "type": "said", "channel": "chat:long", "data": data });
        stage.node.publish(&event).await;
    }
    let mut hostile = Hostile::connect(&stage.node).await;
    // Of 600 KiB each.
    let lines = (2..502).map(|id| {
        json!({ "history": { "channel": "chat:long", "limit": 60 }, "id": id }).to_string()
    });
    hostile.say(&lines.collect::<Vec<_>>().join("\n")).await;
    let report = stage.reports.about("session.disconnected", &hostile.id);
    assert_eq!(report.await["data"]["code"], 3008);
    stage.witness.misses_nothing(&stage.node).await;
    // What was under way when it was closed comes whole, and is read in time or cut off.
    let mut count = 0;
    let end = loop {
        match hostile.hear().await {
            Some(Heard::Text(_)) => count += 1,
            end => break end,
        }
    };
    let is_told = matches!(end, None | Some(Heard::Close { code: 3008, .. }));
    assert!(is_told, "{end:?}");
    assert!(count < 500, "nobody can have taken all of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_never_reads_publications_is_closed() {
    let mut stage = Stage::new().await;
    let mut hostile = Hostile::connect(&stage.node).await;
    hostile
        .say(r#"{"subscribe":{"channel":"chat:1"},"id":2}"#)
        .await;
    assert_eq!(hostile.message().await["id"], 2);
    let large = json!({ "type": "said", "channel": "chat:1", "data": "x".repeat(200 << 10) });
    let shown = format!("/v1/sessions/{}", hostile.id);
    // More than sockets hold.
    while stage.node.get(&shown).await.status() == StatusCode::OK {
        stage.node.publish(&large).await;
        stage.witness.misses_nothing(&stage.node).await;
    }
    let report = stage.reports.about("session.disconnected", &hostile.id);
    assert_eq!(report.await["data"]["code"], 3008);
    // However much of it was written, and however little is read of that.
    hostile.web_socket.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_pings_the_last_is_answered() {
    let mut stage = Stage::new().await;
    let mut hostile = Hostile::connect(&stage.node).await;
    let flooding = async {
        for n in 1..=20_000_u32 {
            let payload = [&n.to_be_bytes()[..], &[0; 121]].concat();
            hostile.send(&frame(first::PING, &payload)).await;
        }
        let mut last = 0;
        while last < 20_000 {
            let Some(Heard::Pong(payload)) = hostile.hear().await else {
                panic!("nothing but pongs comes");
            };
            let n = u32::from_be_bytes(*payload.first_chunk().expect("a number"));
            assert!(n > last, "{n} after {last}");
            last = n;
        }
    };
    stage.beside(flooding).await;
    hostile
        .say(r#"{"subscribe":{"channel":"chat:1"},"id":2}"#)
        .await;
    assert_eq!(hostile.message().await["id"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_that_come_too_fast_are_refused_and_then_end_the_session() {
    let slowly = CONFIGURATION.replace("ping_interval", "rate = \"1/s\"\nping_interval");
    let mut stage = Stage::with(&slowly).await;
    let mut hostile = Hostile::connect(&stage.node).await;
    let lines = (2..102)
        .map(|id| json!({ "presence_stats": { "channel": "chat:beside" }, "id": id }).to_string());
    hostile.say(&lines.collect::<Vec<_>>().join("\n")).await;
    let close = (3013, "too many requests");
    stage.ends(hostile, close, Some(3013), "too fast").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_no_more_connections_than_it_may() {
    // One of which is the session beside.
    let few = CONFIGURATION.replace("ping_interval", "per_address = 5\nping_interval");
    let mut stage = Stage::with(&few).await;
    let mut silent = Vec::new();
    for _ in 0..4 {
        silent.push(WebSocket::open(&stage.node, PATH, &[]).await);
    }
    for _ in 0..20 {
        // Clients come back from that, and not from a code that says that there are too many.
        let (beyond, _) = WebSocket::shake_hands(&stage.node, "GET", PATH, &[]).await;
        assert_eq!(beyond.status, 429, "{beyond:?}");
        assert!(beyond.head.contains("retry-after:"), "{beyond:?}");
    }
    stage.witness.misses_nothing(&stage.node).await;
    for mut one in silent {
        one.say(r#"{"connect":{},"id":1}"#).await;
        assert_eq!(one.message().await["id"], 1);
    }
}
