//! Versions of a plugin that come while sessions ask.

use super::*;
use crate::support::POLL;

#[tokio::test(flavor = "multi_thread")]
async fn no_question_is_lost_while_versions_come_and_go() {
    in_each_language(async |language| {
        let node = node(language).await;
        let mut ada = user(&node, "ada").await;
        let mut last = 0;
        for version in 2..=6 {
            let manifest = format!("{MANIFEST}[config]\nversion = \"{version}\"\n");
            language
                .guest("doorman")
                .manifest(&manifest)
                .place(&node.plugins());
            loop {
                let reply = call(&node, &mut ada, "door.version", json!({})).await;
                assert_eq!(code(&reply), 0, "{reply}");
                let said = reply["rpc"]["data"]["version"].as_str().unwrap_or("1");
                let said: u64 = said.parse().expect("a number");
                assert!(said >= last, "an older version answers after {last}");
                last = said;
                if said == version {
                    break;
                }
            }
        }
        let status = node.status("doorman").await.expect("it is there");
        assert_eq!(status.counters.restarts, 0, "{:?}", status.last_error);
        assert_eq!(status.version.as_deref(), Some("6"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_brings_a_namespace_and_takes_it_along() {
    let configuration = "[access]\nanonymous = [\"admin\"]\n[sessions]\nanonymous = true\n";
    let node = node_of(configuration, []).await;
    let mut somebody = Session::connect(&node, WAY, json!({})).await;
    assert_eq!(code(&subscribe(&node, &mut somebody, "game:1").await), 102);
    let manifest = "[allow]\nsessions = [\"game\"]\n[sessions.namespaces.game]\n\
                    authorize = \"doorman\"\n";
    plugin("doorman").manifest(manifest).place(&node.plugins());
    let brought = async {
        loop {
            let reply = look_into(&node, &mut somebody).await;
            match code(&reply) {
                0 => return reply,
                // Between the plugin's coming and its namespace's.
                102 => tokio::time::sleep(POLL).await,
                other => panic!("{other}: {reply}"),
            }
        }
    };
    let taken = timeout(DEADLINE, brought).await.expect("it comes");
    assert_eq!(
        taken["subscribe"]["data"]["user"], "",
        "the plugin was asked"
    );
    let status = node.status("doorman").await.expect("it is there");
    assert_eq!(status.rights.namespaces, ["game"]);
    assert_eq!(status.rights.sessions, ["game"]);
    // What the node's own file says wins, and is read while it runs.
    let file = node.folder().join("hearken.toml");
    let own = format!("{configuration}[sessions.namespaces.game]\n");
    std::fs::write(&file, own).expect("the file is writable");
    let replaced = async {
        while look_into(&node, &mut somebody).await["subscribe"] != json!({}) {
            tokio::time::sleep(POLL).await;
        }
    };
    timeout(DEADLINE, replaced).await.expect("it is read again");
}

/// What is answered to who subscribes, who is not any more then.
async fn look_into(api: &Api, session: &mut Session) -> Value {
    let reply = subscribe(api, session, "game:1").await;
    if code(&reply) == 0 {
        let leave = json!({ "unsubscribe": { "channel": "game:1" }, "id": 4 });
        session.command(api, leave).await;
    }
    reply
}
