//! Sessions of one node whose commands come to another, as behind a balancer.

use serde_json::json;

use super::*;
use crate::support::cluster::{linked, node};

#[tokio::test(flavor = "multi_thread")]
async fn any_node_takes_the_commands_of_a_session() {
    let (_configuration, file) = configured(CONFIGURATION);
    let file = file.display().to_string();
    let configured = |name: &str| node(name).with(&["--config", &file]);
    let there = configured("there").start().await;
    let address = there.cluster_address().await;
    let here = configured("here").joins(&address).start().await;
    linked(&[&here, &there]).await;

    let mut session = Session::connect(&there, "POST http_stream", json!({})).await;
    assert_eq!(session.connected["node"], "there");
    let subscribe = json!({ "subscribe": { "channel": "chat:1" }, "id": 2 });
    let reply = session.command(&here, subscribe).await;
    assert_eq!(reply["id"], 2, "{reply}");
    let publish = json!({ "type": "said", "channel": "chat:1", "data": 1 });
    there.publish(&publish).await;
    assert_eq!(session.stream.message().await["push"]["pub"]["data"], 1);

    // Of a session that is over, nobody is told so but its own client.
    let id = session.id().to_owned();
    let connected = session.connected.clone();
    drop(session);
    until_gone(&there, &id).await;
    emulate(&here, &connected, "{}").await;
    // Where there is no such node, the client is to connect anew.
    let nowhere = json!({ "session": connected["session"], "node": "nowhere" });
    let refused = answer(commands(&here, &nowhere, "{}")).await;
    assert_eq!(refused.status(), StatusCode::NOT_FOUND);
    there.kill().await;
    let waiting = async {
        while answer(commands(&here, &connected, "{}")).await.status() != StatusCode::NOT_FOUND {
            tokio::time::sleep(POLL).await;
        }
    };
    timeout(DEADLINE, waiting)
        .await
        .expect("it is seen that the node is away");
}
