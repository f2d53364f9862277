//! Texts that were evaluated ahead: a node that gets one begins behind that.

use std::fs;

use hearken::admin::{PluginState, PluginStatus};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Mutex;

use super::answer;
use crate::support::engines::{compiled, folders};
use crate::support::node::TestNode;
use crate::support::plugin::file;
use crate::support::process::{Answer, hearken, run_compiling};

/// One after the other: the first compiles for all.
static TURN: Mutex<()> = Mutex::const_new(());

/// Builds a snapshot of a text, with a manifest beside it, in the folders of a node.
async fn snapshot(name: &str, text: &str, manifest: &str) -> (Answer, TempDir) {
    let folder = folders().await;
    fs::write(folder.path().join(name), text).expect("a new file");
    let stem = name.split_once('.').expect("an extension").0;
    fs::write(folder.path().join(format!("{stem}.toml")), manifest).expect("a new file");
    let data = compiled().await.display().to_string();
    let build = ["plugin", "build", name, "--snapshot", "--out", "out.wasm"];
    let build = [&build[..], &["--data", &data]].concat();
    let _turn = TURN.lock().await;
    let built = run_compiling(hearken(folder.path(), &build)).await;
    if built.code == 0 {
        // So that the node need not compile it, which takes its time on a busy machine.
        let check = ["plugin", "check", "out.wasm", "--data", "data"];
        run_compiling(hearken(folder.path(), &check)).await;
    }
    (built, folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_begins_with_the_state_that_was_kept() {
    let text = r#"import { bucket, config, listen, send, wait } from "hearken";
        const made: number = Date.now();
        const table = Array.from({ length: 1000 }, (_, n) => n * n);
        const limit = Number(config.get("limit"));
        const kept = bucket("kept");
        let count = 40;
        console.log("evaluated");
        listen<{ n: number }>("custom.asked", async function answer(event) {
          count += 1;
          kept.set("count", count);
          const late = await wait("custom.never", { timeout: "5ms" }).catch((error) => error.name);
          send("answered", { data: {
            count, limit, late,
            square: table[event.data.n],
            kept: kept.get("count"),
            later: Date.now() > made,
            since: performance.now() >= 0 && performance.now() < 60_000,
            random: Math.random(),
            unique: crypto.randomUUID(),
          } });
          if (event.data.n > 100) event.data.missing.deeper;
        });"#;
    let manifest = "[config]\nlimit = \"5\"\n[allow]\nkeyvalue = [\"kept\"]\n";
    let (built, folder) = snapshot("squares.ts", text, manifest).await;
    assert_eq!(built.code, 0, "{built:?}");
    assert!(
        built.stderr.contains("evaluated"),
        "when it is built: {built:?}"
    );
    let component = fs::read(folder.path().join("out.wasm")).expect("it was built");

    let node = TestNode::start_in(folder).await;
    let mut reports = node.listen("plugin.*").await;
    let mut answers = node.listen("custom.answered").await;
    for plugin in ["one", "two"] {
        let plugin = file(plugin, component.clone());
        node.place(&plugin.manifest(manifest));
    }
    for plugin in ["one", "two"] {
        // In whatever order they come.
        let is_running = |status: &PluginStatus| status.state == PluginState::Running;
        let status = node.until(plugin, is_running).await;
        let language = serde_json::to_value(status.language).expect("a word");
        assert_eq!(language, "typescript");
        assert_eq!(status.listeners[0].name, "answer");
    }
    node.send("asked", json!({ "n": 12 })).await;
    let first = [answer(&mut answers).await, answer(&mut answers).await];
    for told in &first {
        assert_eq!(told["count"], 41, "each has a state of its own");
        assert_eq!(told["square"], 144);
        assert_eq!(told["limit"], 5);
        assert_eq!(told["kept"], 41);
        assert_eq!(told["late"], "TimeoutError");
        assert_eq!(told["later"], true, "the clock goes on");
        assert_eq!(told["since"], true, "from the start of the instance");
    }
    for differs in ["random", "unique"] {
        assert_ne!(first[0][differs], first[1][differs], "{differs}");
    }
    node.send("asked", json!({ "n": 101 })).await;
    assert_eq!(answer(&mut answers).await["count"], 42);
    let failed = reports
        .until(|event| event["type"] == "plugin.failed")
        .await;
    let reason = failed["data"]["reason"].as_str().expect("a reason");
    assert!(reason.contains("squares.ts:21:"), "{failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_of_a_node_or_a_moment_is_not_kept() {
    for (at_the_top, told) in [
        ("send(\"early\")", "send is for handlers"),
        (
            "bucket(\"kept\").get(\"a\")",
            "a bucket is for handlers here",
        ),
        ("secrets.get(\"a\")", "secrets.get is for handlers here"),
        ("crypto.randomUUID()", "crypto is for handlers here"),
        (
            "await fetch(\"http://example.com/\")",
            "fetch is for handlers",
        ),
    ] {
        let text = format!(
            "import {{ bucket, listen, secrets, send }} from \"hearken\";\n\
             listen(\"custom.asked\", () => {{}});\n{at_the_top};\n"
        );
        let (built, folder) = snapshot("early.js", &text, "").await;
        assert_eq!(built.code, 1, "{at_the_top}: {built:?}");
        assert!(built.stderr.contains(told), "{at_the_top}: {built:?}");
        assert!(
            built.stderr.contains("early.js:3:"),
            "{at_the_top}: {built:?}"
        );
        assert!(!folder.path().join("out.wasm").exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_not_used_with_another_configuration() {
    let text = "import { config, listen } from \"hearken\";\n\
                const limit = config.get(\"limit\");\n\
                listen(\"custom.asked\", () => limit);\n";
    let (built, folder) = snapshot("bound.js", text, "[config]\nlimit = \"5\"\n").await;
    assert_eq!(built.code, 0, "{built:?}");
    let component = fs::read(folder.path().join("out.wasm")).expect("it was built");
    let node = TestNode::start_in(folder).await;
    let mut reports = node.listen("plugin.*").await;
    let plugin = file("bound", component);
    node.place(&plugin.manifest("[config]\nlimit = \"6\"\n"));
    let failed = reports.about("plugin.failed", "bound").await;
    let reason: &Value = &failed["data"]["reason"];
    let reason = reason.as_str().expect("a reason");
    assert!(
        reason.contains("was \"5\" then, and is \"6\" here"),
        "{failed}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_text_is_told_when_it_is_built() {
    let (built, _) = snapshot("bad.js", "const a = 1;\nconst b = ;\n", "").await;
    assert_eq!(built.code, 1, "{built:?}");
    assert!(built.stderr.contains("bad.js:2:11"), "{built:?}");
    let (built, _) = snapshot("late.py", "print('late')\n", "").await;
    assert_eq!(built.code, 1, "{built:?}");
}
