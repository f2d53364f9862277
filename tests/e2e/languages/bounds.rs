//! What a text may take is what any plugin may.

use serde_json::json;

use super::{answer, answering, node, save};

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_spins_changes_nothing_for_others() {
    let (node, mut reports) = node().await;
    let mut answers = node.listen("custom.answered").await;
    node.place_manifest("spins", "[limits]\ndeadline = \"300ms\"\n");
    let spins = "import { listen } from \"hearken\";\n\
                 listen(\"custom.spin\", () => { for (;;); });\n";
    save(&node, "spins.js", spins);
    reports.about("plugin.started", "spins").await;
    save(&node, "good.js", &answering("event.data"));
    reports.about("plugin.started", "good").await;
    node.send("spin", 0).await;
    for number in 0..50 {
        node.send("asked", number).await;
        assert_eq!(answer(&mut answers).await, number);
    }
    let failed = reports.about("plugin.failed", "spins").await;
    let reason = failed["data"]["reason"].as_str().expect("a reason");
    assert!(reason.contains("deadline of 300ms exceeded"), "{failed}");
    assert!(reason.contains("(spins.js:2:"), "where it was: {failed}");
    // Another instance takes the next event.
    node.until("spins", |status| status.counters.restarts == 1)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recursion_without_end_is_an_error_that_can_be_caught() {
    let (node, mut reports) = node().await;
    let mut answers = node.listen("custom.answered").await;
    let deep = "import { listen, send } from \"hearken\";\n\
                const down = (n) => 1 + down(n + 1);\n\
                let seen = 0;\n\
                listen(\"custom.asked\", () => {\n\
                \x20 seen += 1;\n\
                \x20 try { down(0); } catch (error) {\n\
                \x20   send(\"answered\", { data: { name: error.name, seen } });\n\
                \x20 }\n\
                });\n\
                listen(\"custom.thrown\", function fall() { down(0); });\n";
    save(&node, "deep.js", deep);
    reports.about("plugin.started", "deep").await;
    for seen in 1..=2 {
        node.send("asked", 0).await;
        let expected = json!({ "name": "RangeError", "seen": seen });
        assert_eq!(answer(&mut answers).await, expected, "the instance lives");
    }
    node.send("thrown", 0).await;
    let failed = reports.about("plugin.failed", "deep").await;
    let reason = failed["data"]["reason"].as_str().expect("a reason");
    assert!(
        reason.contains("RangeError") && reason.contains("deep.js:2:"),
        "{failed}"
    );
    let status = node.status("deep").await.expect("it is there");
    assert_eq!(status.counters.restarts, 0, "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_beyond_the_limit_is_refused() {
    let (node, mut reports) = node().await;
    let mut answers = node.listen("custom.answered").await;
    node.place_manifest("greedy", "[limits]\nmemory = \"16MiB\"\n");
    let greedy = format!(
        "{}listen(\"custom.hoard\", () => {{\n\
         \x20 const all = [];\n\
         \x20 for (;;) all.push(new Uint8Array(65536).fill(1));\n\
         }});\n",
        answering("event.data")
    );
    save(&node, "greedy.js", &greedy);
    reports.about("plugin.started", "greedy").await;
    node.send("hoard", 0).await;
    let failed = reports.about("plugin.failed", "greedy").await;
    let reason = failed["data"]["reason"].as_str().expect("a reason");
    assert!(reason.contains("memory"), "{failed}");
    node.send("asked", 7).await;
    assert_eq!(answer(&mut answers).await, 7, "it goes on");
    let status = node.status("greedy").await.expect("it is there");
    assert!(status.memory_bytes <= 16 << 20, "{status:?}");
}

/// An instance each, and one engine.
#[tokio::test(flavor = "multi_thread")]
async fn plugins_share_an_engine_and_nothing_else() {
    let (node, mut reports) = node().await;
    let mut answers = node.listen("custom.answered").await;
    let counting = answering("[\"NAME\", globalThis.count = (globalThis.count ?? 0) + 1]");
    for name in ["one", "two"] {
        save(
            &node,
            &format!("{name}.js"),
            &counting.replace("NAME", name),
        );
        reports.about("plugin.started", name).await;
    }
    node.send("asked", 0).await;
    let mut both = [answer(&mut answers).await, answer(&mut answers).await];
    both.sort_by_key(ToString::to_string);
    assert_eq!(both, [json!(["one", 1]), json!(["two", 1])]);
}
