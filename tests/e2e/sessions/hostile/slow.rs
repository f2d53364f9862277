//! Clients that say little, or nothing, or stop half-way.

use super::*;
use crate::support::web_socket::{Heard, first, frame};

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_say_who_it_is_in_time_is_closed() {
    let mut stage = Stage::new().await;
    let stale = (3502, "stale".to_owned());
    let mut silent = WebSocket::open(&stage.node, PATH, &[]).await;
    let mut half = WebSocket::open(&stage.node, PATH, &[]).await;
    let connect = frame(first::TEXT, br#"{"connect":{},"id":1}"#);
    half.send(&connect[..connect.len() - 1]).await;
    let mut trickling = WebSocket::open(&stage.node, PATH, &[]).await;
    let trickle = async {
        for byte in &connect {
            trickling.send(&[*byte]).await;
            // The trickle itself, and nothing that anybody waits for.
            tokio::time::sleep(Duration::from_secs(1)).await;
            if trickling.has_come() {
                break;
            }
        }
        trickling.closed().await
    };
    let others = async { tokio::join!(trickle, silent.closed(), half.closed()) };
    let (trickled, silent, half) = stage.beside(others).await;
    assert_eq!([trickled, silent, half], [(); 3].map(|()| stale.clone()));
}

/// Of a node that pings soon, and does not wait long for the answer.
fn pinging() -> String {
    let pings = "ping_interval = \"2s\"\npong_timeout = \"1s\"";
    CONFIGURATION.replace("ping_interval = \"1h\"", pings)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_answers_no_ping_is_closed_and_cut_off() {
    let mut stage = Stage::with(&pinging()).await;
    let Hostile { mut web_socket, id } = Hostile::connect(&stage.node).await;
    let ignoring = async {
        let pinged = Heard::Text("{}".to_owned());
        assert_eq!(web_socket.hear().await, Some(pinged));
        let close = (3012, "no pong".to_owned());
        assert_eq!(web_socket.closed().await, close);
        // Nor does it answer that, or close its side.
        assert_eq!(web_socket.hear().await, None);
    };
    stage.beside(ignoring).await;
    let report = stage.reports.about("session.disconnected", &id).await;
    assert_eq!(report["data"]["code"], 3012);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_answers_no_ping_of_web_socket_is_closed_and_cut_off() {
    let mut stage = Stage::with(&pinging()).await;
    let path = "/connection/websocket?cf_ws_frame_ping_pong=true";
    let mut hostile = WebSocket::open(&stage.node, path, &[]).await;
    hostile.say(r#"{"connect":{},"id":1}"#).await;
    let reply = hostile.message().await;
    let id = reply["connect"]["client"]
        .as_str()
        .expect("an id")
        .to_owned();
    let ignoring = async {
        assert_eq!(hostile.hear().await, Some(Heard::Ping(Vec::new())));
        let close = (3012, "no pong".to_owned());
        assert_eq!(hostile.closed().await, close);
        assert_eq!(hostile.hear().await, None);
    };
    stage.beside(ignoring).await;
    let report = stage.reports.about("session.disconnected", &id).await;
    assert_eq!(report["data"]["code"], 3012);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_goes_without_a_word_has_left() {
    let mut stage = Stage::new().await;
    for way in [
        "its side is closed",
        "the connection is broken",
        "in the midst of a frame",
    ] {
        let Hostile { mut web_socket, id } = Hostile::connect(&stage.node).await;
        web_socket
            .say(r#"{"subscribe":{"channel":"chat:1"},"id":2}"#)
            .await;
        assert_eq!(web_socket.message().await["id"], 2);
        match way {
            "its side is closed" => {
                web_socket.hush().await;
                web_socket.ended().await;
            }
            "in the midst of a frame" => {
                let publish = json!({ "publish": { "channel": BESIDE, "data": "half" }, "id": 3 });
                let publish = frame(first::TEXT, publish.to_string().as_bytes());
                web_socket.send(&publish[..publish.len() - 1]).await;
                web_socket.abort();
            }
            _ => web_socket.abort(),
        }
        let report = stage.reports.about("session.disconnected", &id).await;
        assert_eq!(report["data"]["code"], Value::Null, "{way}");
        let listed = stage.node.get("/v1/sessions?channel=chat:1").await;
        let listed: Value = listed.json().await.expect("JSON");
        assert_eq!(listed["sessions"], json!([]), "{way}");
        // Half a command is none.
        stage.witness.misses_nothing(&stage.node).await;
    }
}
