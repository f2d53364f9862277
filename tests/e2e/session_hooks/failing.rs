//! Plugins that do not answer as they should.

use std::time::Duration;

use tokio::time::Instant;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_is_cut_off_after_a_second_and_holds_up_nobody_else() {
    in_each_language(async |language| {
        let node = node(language).await;
        let mut ada = user(&node, "ada").await;
        let mut bob = user(&node, "bob").await;
        let begun = Instant::now();
        let mut hanging = Box::pin(subscribe(&node, &mut ada, "chat:hang"));
        // Meanwhile those go on who do not need the plugin.
        tokio::select! {
            biased;
            refused = &mut hanging => panic!("{refused} came first"),
            plain = subscribe(&node, &mut bob, "plain:1") => {
                assert_eq!(plain["subscribe"], json!({}));
            }
        }
        let refused = hanging.await;
        assert_eq!(code(&refused), 100, "{refused}");
        assert!(
            begun.elapsed() >= Duration::from_millis(900),
            "it had its time"
        );
        let status = node
            .until("doorman", |status| status.counters.restarts == 1)
            .await;
        // A fresh instance answers.
        let taken = subscribe(&node, &mut ada, "chat:1").await;
        assert!(taken["subscribe"].is_object(), "{taken}");
        let error = status.last_error.expect("it was told");
        assert!(
            error.contains("subscribe") && error.contains("deadline"),
            "{error}"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_traps_refuses_and_recovers() {
    let node = node(Language::Rust).await;
    let mut failures = node.listen("plugin.failed").await;
    let mut ada = user(&node, "ada").await;
    let refused = subscribe(&node, &mut ada, "chat:trap").await;
    assert_eq!(code(&refused), 100, "{refused}");
    let failed = failures.next().await;
    let reason = failed["data"]["reason"].as_str().expect("a reason");
    assert!(reason.contains("`subscribe`"), "{reason}");
    let taken = subscribe(&node, &mut ada, "chat:1").await;
    assert!(taken["subscribe"].is_object(), "{taken}");
    let refused = answer_to_connect(&node, json!({ "data": { "then": "x.trap" } })).await;
    assert_eq!(refused["push"]["disconnect"]["code"], 3004, "{refused}");
    user(&node, "bob").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_plugin_nobody_gets_what_it_would_decide() {
    let node = node(Language::Rust).await;
    let mut ada = user(&node, "ada").await;
    let paused = node.act("doorman", "pause").await;
    assert_eq!(paused.status(), StatusCode::OK);
    assert_eq!(code(&subscribe(&node, &mut ada, "chat:1").await), 100);
    node.succeed("doorman", "resume").await;
    let taken = subscribe(&node, &mut ada, "chat:1").await;
    assert!(taken["subscribe"].is_object(), "{taken}");

    std::fs::remove_file(node.plugins().join("doorman.wasm")).expect("it is there");
    let gone = async {
        while node.status("doorman").await.is_some() {
            tokio::time::sleep(crate::support::POLL).await;
        }
    };
    timeout(DEADLINE, gone).await.expect("it is removed");
    for channel in ["chat:2", "judged:2"] {
        assert_eq!(code(&subscribe(&node, &mut ada, channel).await), 100);
    }
    let plain = subscribe(&node, &mut ada, "plain:2").await;
    assert_eq!(plain["subscribe"], json!({}));
    let refused = answer_to_connect(&node, json!({ "data": { "user": "bob" } })).await;
    assert_eq!(refused["push"]["disconnect"]["code"], 3004, "{refused}");

    let mut started = node.listen("plugin.started").await;
    doorman(Language::Rust).place(&node.plugins());
    started.next().await;
    let taken = subscribe(&node, &mut ada, "chat:2").await;
    assert!(taken["subscribe"].is_object(), "{taken}");
}
