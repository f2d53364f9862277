//! Tokens that are not the client's, or not tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hearken::clock::{Clock, SystemClock};
use ring::hmac;

use super::*;

/// The secret of the node, and of the backend.
const SECRET: &str = "of the node and of the backend: 0123456789";

const INVALID: (u16, &str) = (3500, "invalid token");

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A token with such a head and these claims.
fn signed(head: Value, claims: &Value, secret: &str) -> String {
    let signed = format!(
        "{}.{}",
        encoded(head.to_string()),
        encoded(claims.to_string())
    );
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", encoded(signature))
}

/// A token as the backend makes them.
fn token(claims: &Value) -> String {
    signed(json!({ "alg": "HS256", "typ": "JWT" }), claims, SECRET)
}

/// So many seconds from now, as tokens say times.
fn in_seconds(seconds: i64) -> i64 {
    let now = SystemClock.now_millis() / 1000;
    i64::try_from(now).expect("it is not that late") + seconds
}

fn of(user: &str) -> Value {
    json!({ "sub": user, "exp": in_seconds(3600) })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_token_connects_nobody() {
    let mut stage = Stage::new().await;
    let ada = of("ada");
    let good = token(&ada);
    let (body, signature) = good.rsplit_once('.').expect("a signature");
    let (head, _) = body.split_once('.').expect("a body");
    let bob = encoded(of("bob").to_string());
    let hs256 = || json!({ "alg": "HS256", "typ": "JWT" });
    for (what, token) in [
        (
            "another secret",
            signed(hs256(), &ada, "another secret of 32 bytes or more"),
        ),
        ("an empty secret", signed(hs256(), &ada, "")),
        (
            "other claims under the signature",
            format!("{head}.{bob}.{signature}"),
        ),
        ("no signature", format!("{body}.")),
        (
            "no algorithm",
            signed(json!({ "alg": "none" }), &ada, SECRET),
        ),
        (
            "no algorithm and no signature",
            format!("{}.{bob}.", encoded(r#"{"alg":"none"}"#)),
        ),
        (
            "another algorithm",
            signed(json!({ "alg": "HS512" }), &ada, SECRET),
        ),
        (
            "a critical extension",
            signed(
                json!({ "alg": "HS256", "crit": ["x"], "x": 1 }),
                &ada,
                SECRET,
            ),
        ),
        (
            "not yet",
            token(&json!({ "sub": "ada", "nbf": in_seconds(3600) })),
        ),
        (
            "one for a subscription",
            token(&json!({ "sub": "ada", "channel": "chat:1" })),
        ),
        ("claims of another type", token(&json!({ "sub": 42 }))),
        ("no JWT", "ada".to_owned()),
        ("a long one", format!("{good}{}", "A".repeat(9 << 10))),
    ] {
        let mut hostile = WebSocket::open(&stage.node, PATH, &[]).await;
        let connect = json!({ "connect": { "token": token }, "id": 1 });
        hostile.say(&connect.to_string()).await;
        let (code, reason) = hostile.closed().await;
        assert_eq!((code, &*reason), INVALID, "{what}");
    }
    stage.witness.misses_nothing(&stage.node).await;
    // The same by the backend's own secret is one.
    Hostile::connect_with(&stage.node, json!({ "token": good })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_too_late_may_come_again_with_another_token_alone() {
    let mut stage = Stage::new().await;
    let late = token(&json!({ "sub": "ada", "exp": in_seconds(-60) }));
    let connect = |token: &str| json!({ "connect": { "token": token }, "id": 1 }).to_string();
    let mut hostile = WebSocket::open(&stage.node, PATH, &[]).await;
    hostile.say(&connect(&late)).await;
    assert_eq!(hostile.message().await["error"]["code"], 109);
    // Over another connection.
    hostile.say(&connect(&token(&of("ada")))).await;
    assert_eq!(hostile.closed().await.0, 3501);
    stage.witness.misses_nothing(&stage.node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_others_end_the_session() {
    let mut stage = Stage::new().await;
    let hour = in_seconds(3600);
    let subscription =
        |user: &str, channel: &str| token(&json!({ "sub": user, "channel": channel, "exp": hour }));
    let of_client = json!({ "sub": "ada", "channel": "$chat:1", "client": stage.witness.id });
    for (what, command) in [
        (
            "of another user",
            subscribe(&subscription("bob", "$chat:1")),
        ),
        ("of nobody", subscribe(&subscription("", "$chat:1"))),
        (
            "for another channel",
            subscribe(&subscription("ada", "$chat:2")),
        ),
        ("for another client", subscribe(&token(&of_client))),
        (
            "a refresh of another user",
            json!({ "refresh": { "token": token(&of("bob")) }, "id": 2 }),
        ),
        (
            "a refresh by one for a subscription",
            json!({ "refresh": { "token": subscription("ada", "$chat:1") }, "id": 2 }),
        ),
    ] {
        let ada = json!({ "token": token(&of("ada")) });
        let mut hostile = Hostile::connect_with(&stage.node, ada).await;
        hostile.say(&command.to_string()).await;
        stage.ends(hostile, INVALID, Some(3500), what).await;
    }
    let mut ada = Hostile::connect_with(&stage.node, json!({ "token": token(&of("ada")) })).await;
    for wrong in [
        "",
        "ada",
        &token(&of("ada")),
        &subscription("ada", "$chat:1").replace('.', ""),
    ] {
        ada.say(&subscribe(wrong).to_string()).await;
        assert_eq!(ada.message().await["error"]["code"], 103, "{wrong}");
    }
    ada.say(&subscribe(&subscription("ada", "$chat:1")).to_string())
        .await;
    let reply = ada.message().await;
    assert_eq!(reply["subscribe"]["expires"], true, "{reply}");
    for line in stage.node.log() {
        assert!(
            !line.to_string().contains("eyJ"),
            "no token is logged: {line}"
        );
    }
}

/// A command that subscribes by a token.
fn subscribe(token: &str) -> Value {
    json!({ "subscribe": { "channel": "$chat:1", "token": token }, "id": 2 })
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_commands_a_session_whose_secret_is_not_known() {
    let mut stage = Stage::new().await;
    let ada = json!({ "token": token(&of("ada")) });
    let mut streaming = Session::connect(&stage.node, "POST http_stream", ada).await;
    let ids = [stage.witness.id.clone(), streaming.id().to_owned()];
    let unsubscribe = json!({ "unsubscribe": { "channel": BESIDE }, "id": 9 });
    for session in ids.iter().map(String::as_str).chain(["", "*"]) {
        let told = json!({ "session": session, "node": "test" });
        // Nor is it told whether there is such a session.
        emulate(&stage.node, &told, &unsubscribe.to_string()).await;
        emulate(&stage.node, &told, "{").await;
    }
    stage.witness.misses_nothing(&stage.node).await;
    let beside = format!("/v1/sessions?channel={BESIDE}");
    let listed: Value = stage.node.get(&beside).await.json().await.expect("JSON");
    assert_eq!(listed["sessions"][0]["id"], ids[0], "{listed}");
    let ping = json!({ "history": { "channel": BESIDE }, "id": 2 });
    let reply = streaming.command(&stage.node, ping).await;
    assert_eq!(reply["id"], 2, "{reply}");
}
