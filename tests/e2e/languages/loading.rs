//! A save is the new version; what is no plugin is told with its line.

use std::fs;

use hearken::admin::PluginState;
use hearken::script::Language;
use serde_json::json;

use super::{answer, answering, node, save};
use crate::support::plugin::{file, text};
use crate::support::process::NodeProcess;

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_a_listener_and_each_save_the_next_version() {
    let (node, mut reports) = node().await;
    let mut answers = node.listen("custom.answered").await;
    save(&node, "text.js", &answering("event.data.n + 1"));
    reports.about("plugin.started", "text").await;
    node.send("asked", json!({ "n": 1 })).await;
    assert_eq!(answer(&mut answers).await, 2);

    save(&node, "text.js", &answering("event.data.n + 10"));
    reports.about("plugin.reloaded", "text").await;
    node.send("asked", json!({ "n": 1 })).await;
    assert_eq!(answer(&mut answers).await, 11);

    let status = node.status("text").await.expect("it is there");
    assert_eq!(status.language, Some(Language::JavaScript));
    assert_eq!(status.listeners[0].name, "answer");
    fs::remove_file(node.plugins().join("text.js")).expect("it is there");
    reports.about("plugin.removed", "text").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn types_are_taken_out_and_lines_stay() {
    let (node, mut reports) = node().await;
    let mut answers = node.listen("custom.answered").await;
    let text = "import { listen, send, type Event } from \"hearken\";\n\
                type Asked = { n: number };\n\
                interface Unused { a?: string }\n\
                listen<Asked>(\"custom.asked\", (event: Event<Asked>): void => {\n\
                \x20 const n = event.data.n as number;\n\
                \x20 if (n < 0) throw new Error(`negative`);\n\
                \x20 send(\"answered\", { data: n! * 2 });\n\
                });\n";
    save(&node, "typed.ts", text);
    reports.about("plugin.started", "typed").await;
    node.send("asked", json!({ "n": 21 })).await;
    assert_eq!(answer(&mut answers).await, 42);
    node.send("asked", json!({ "n": -1 })).await;
    let failed = reports.about("plugin.failed", "typed").await;
    let trace = failed["data"]["trace"].as_str().expect("a trace");
    assert!(trace.contains("typed.ts:6:"), "{failed}");
    let status = node.status("typed").await.expect("it is there");
    assert_eq!(status.language, Some(Language::TypeScript));

    save(&node, "typed.ts", "enum Size { Small }\n");
    let failed = reports.about("plugin.failed", "typed").await;
    let reason = failed["data"]["reason"].as_str().expect("a reason");
    assert!(reason.contains("typed.ts:1:"), "{failed}");
    node.send("asked", json!({ "n": 1 })).await;
    assert_eq!(answer(&mut answers).await, 2, "the old version goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_save_keeps_the_old_version_and_shows_the_line() {
    let (node, mut reports) = node().await;
    let mut answers = node.listen("custom.answered").await;
    save(&node, "text.js", &answering("1"));
    reports.about("plugin.started", "text").await;

    for (text, reason) in [
        ("const a = 1;\nconst b = ;\n", "text.js:2:11"),
        ("\n\nnull.property;\n", "text.js:3:"),
        ("1 + 1;\n", "listens to nothing"),
        ("import \"node:fs\";\n", "node:fs"),
        (
            "const { listen } = require(\"hearken\");\n",
            "a text is a module",
        ),
        (
            "import { lisen } from \"hearken\";\n",
            "there are listen, send",
        ),
        (
            "import { send } from \"hearken\";\nimport {\n  listens,\n} from 'hearken';\n",
            "text.js:3:3",
        ),
    ] {
        save(&node, "text.js", text);
        let failed = reports.about("plugin.failed", "text").await;
        let told = failed["data"]["reason"].as_str().expect("a reason");
        assert!(told.contains(reason), "{failed}");
        node.send("asked", 0).await;
        assert_eq!(answer(&mut answers).await, 1, "after {text:?}");
    }
    save(&node, "text.js", "const a = 1;\nconst b = ;\n");
    let status = node
        .until("text", |status| {
            let error = status.last_error.as_deref().unwrap_or_default();
            error.contains("2 | const b = ;\n  |           ^")
        })
        .await;
    assert_eq!(status.state, PluginState::Running);
    let refused = node.act("text", "reload").await;
    let told = refused.text().await.expect("a problem");
    assert!(told.contains("text.js:2:11"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_logged_once() {
    let node = NodeProcess::start([text("bad", "js", "null.property;\n")], &[]).await;
    node.says(&["failed to start", "bad.js:1:"]).await;
    let lines = node.log();
    let about = lines.iter().map(ToString::to_string);
    let about: Vec<String> = about.filter(|line| line.contains("bad.js:1:")).collect();
    assert_eq!(about.len(), 1, "{about:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_called_as_texts_are_elsewhere_is_told() {
    let node = NodeProcess::start([], &[]).await;
    for name in ["shop.tsx", "cart.cjs"] {
        fs::write(node.plugins().join(name), "1;\n").expect("a new file");
        node.says(&["ignored", name, ".mts"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_event_has_the_place_and_the_calls_that_led_there() {
    let (node, mut reports) = node().await;
    let text = "import { listen } from \"hearken\";\n\
                function inner(event) {\n\
                \x20 return event.data.missing.deeper;\n\
                }\n\
                listen(\"custom.asked\", async function outer(event) {\n\
                \x20 return inner(event);\n\
                });\n";
    save(&node, "throws.js", text);
    reports.about("plugin.started", "throws").await;
    let event = node.send("asked", json!({})).await;
    let failed = reports.about("plugin.failed", "throws").await;
    let data = &failed["data"];
    assert_eq!(data["event"], event);
    let reason = data["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("outer: TypeError: "), "{data}");
    assert!(reason.contains("(throws.js:3:"), "{data}");
    let trace: Vec<_> = data["trace"].as_str().expect("a trace").lines().collect();
    assert!(trace[0].contains("inner (throws.js:3:"), "{data}");
    assert!(trace[1].contains("outer (throws.js:6:"), "{data}");
    assert!(data["backtrace"].is_null(), "{data}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_save_of_a_shared_text_reloads_who_imports_it() {
    let (node, mut reports) = node().await;
    let mut answers = node.listen("custom.answered").await;
    save(&node, "_shared.js", "export const value = 1;\n");
    let importing = format!(
        "import {{ value }} from \"./_shared.js\";\n{}",
        answering("value")
    );
    save(&node, "importer.js", &importing);
    reports.about("plugin.started", "importer").await;
    save(
        &node,
        "other.js",
        &answering("\"other\"").replace("asked", "else"),
    );
    reports.about("plugin.started", "other").await;

    save(&node, "_shared.js", "export const value = 2;\n");
    let reloaded = reports
        .until(|event| event["type"] == "plugin.reloaded")
        .await;
    assert_eq!(reloaded["subject"], "importer");
    node.send("asked", 0).await;
    assert_eq!(answer(&mut answers).await, 2);

    save(&node, "_shared.js", "export const another = 2;\n");
    reports.about("plugin.failed", "importer").await;
    node.send("asked", 0).await;
    assert_eq!(answer(&mut answers).await, 2, "the old version goes on");
    assert!(node.status("_shared").await.is_none(), "it is no plugin");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_with_a_main_file_is_a_plugin() {
    let (node, mut reports) = node().await;
    let mut answers = node.listen("custom.answered").await;
    save(&node, "shop/prices.js", "export const price = 5;\n");
    let main = format!(
        "import {{ price }} from \"./prices.js\";\n{}",
        answering("price")
    );
    save(&node, "shop/main.js", &main);
    reports.about("plugin.started", "shop").await;
    node.send("asked", 0).await;
    assert_eq!(answer(&mut answers).await, 5);
    save(&node, "shop/prices.js", "export const price = 6;\n");
    reports.about("plugin.reloaded", "shop").await;
    node.send("asked", 0).await;
    assert_eq!(answer(&mut answers).await, 6);
    fs::remove_dir_all(node.plugins().join("shop")).expect("it is there");
    reports.about("plugin.removed", "shop").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_files_of_one_name_are_told_and_what_ran_goes_on() {
    let (node, mut reports) = node().await;
    let mut answers = node.listen("custom.answered").await;
    save(&node, "twice.js", &answering("1"));
    reports.about("plugin.started", "twice").await;
    node.place(&file("twice", b"\0asm\x0d\0\x01\0"));
    let failed = reports.about("plugin.failed", "twice").await;
    let reason = failed["data"]["reason"].as_str().expect("a reason");
    assert!(
        reason.contains("twice.js") && reason.contains("twice.wasm"),
        "{failed}"
    );
    node.send("asked", 0).await;
    assert_eq!(answer(&mut answers).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_language_without_its_engine_says_how_to_get_it() {
    let (node, mut reports) = node().await;
    save(&node, "late.py", "print('late')\n");
    let failed = reports.about("plugin.failed", "late").await;
    let reason = failed["data"]["reason"].as_str().expect("a reason");
    assert!(reason.contains("hearken engine add python"), "{failed}");
    node.until("late", |status| status.state == PluginState::Failed)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_for_people_and_tools_is_no_plugin() {
    let (node, mut reports) = node().await;
    for name in ["types.d.ts", "cart.test.ts", "test_cart.py", "_alone.js"] {
        save(&node, name, "nonsense(");
    }
    save(&node, "last.js", &answering("1"));
    let installed = reports
        .until(|event| event["type"] == "plugin.installed")
        .await;
    assert_eq!(installed["subject"], "last");
}
