//! Projects of npm: what their own bundler makes of them is a plugin, and what goes wrong in it
//! has the place that its author wrote. The bundler is a script here.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{answer, answering, node, save};
use crate::support::DEADLINE;
use crate::support::engines::{compiled, folders};
use crate::support::node::TestNode;
use crate::support::process::{Answer, NodeProcess, hearken, run};

/// Puts a line before the project's only source, and says so in the map. It counts how often it
/// has run, outside of what is watched.
const BUNDLER: &str = r#"#!/bin/sh
for it; do case $it in --outfile=*) out=${it#--outfile=};; esac; done
echo "$*" >> ../../bundled
if grep -q WRONG src/main.js; then echo 'src/main.js:2:4: ERROR: it is wrong' >&2; exit 1; fi
{ echo '// made'; cat src/main.js; echo "//# sourceMappingURL=$(basename "$out").map"; } > "$out"
printf '{"version":3,"sources":["%s/src/main.js"],"sourcesContent":["one\\n  two\\n  three"],"mappings":";AAAA;AACA;AACA;AACA;AACA"}' "$PWD" > "$out.map"
"#;

/// Makes a project with that bundler.
fn project(plugins: &Path, name: &str, source: &str) {
    let dir = plugins.join(name);
    let tools = dir.join("node_modules/.bin");
    fs::create_dir_all(&tools).expect("a new folder");
    fs::create_dir_all(dir.join("src")).expect("a new folder");
    let tool = tools.join("esbuild");
    fs::write(&tool, BUNDLER).expect("a new file");
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).expect("it is ours");
    fs::write(dir.join("src/main.js"), source).expect("a new file");
    fs::write(dir.join("package.json"), "{}").expect("a new file");
}

fn bundled(folder: &Path) -> usize {
    let runs = fs::read_to_string(folder.join("bundled")).unwrap_or_default();
    runs.lines().count()
}

/// After so long without an answer it is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// Asks until the answer is this one.
async fn until_answered(node: &NodeProcess, expected: u64) {
    let mut answers = node.listen("custom.answered").await;
    let asking = async {
        loop {
            node.send("asked", json!({ "n": 1 })).await;
            // A version that fails answers nothing.
            let answered = tokio::time::timeout(ASK_AGAIN, answer(&mut answers)).await;
            if answered.is_ok_and(|answered| answered == expected) {
                return;
            }
        }
    };
    tokio::time::timeout(DEADLINE, asking)
        .await
        .expect("the save is the next version");
}

#[tokio::test(flavor = "multi_thread")]
async fn dev_bundles_a_project_and_follows_its_sources() {
    let folder = folders().await;
    let plugins = folder.path().join("plugins");
    project(&plugins, "shop", &answering("1"));
    let node = NodeProcess::dev(folder).await;
    node.said(|line| line.contains("Edit a plugin")).await;
    node.until("shop", |status| status.listeners.len() == 1)
        .await;
    until_answered(&node, 1).await;
    let runs = fs::read_to_string(node.folder().join("bundled")).expect("it has run");
    for flag in [
        "src/main.js --bundle",
        "--format=esm",
        "--external:hearken",
        "--sourcemap",
    ] {
        assert!(runs.contains(flag), "{runs}");
    }
    let types = node.plugins().join(".hearken/npm/testing/index.js");
    assert!(types.is_file(), "tests of projects need it");

    let source = node.plugins().join("shop/src/main.js");
    fs::write(&source, "WRONG").expect("a file");
    node.compiled("src/main.js:2:4: ERROR: it is wrong").await;
    until_answered(&node, 1).await;

    let mut reports = node.listen("plugin.*").await;
    fs::write(&source, answering("event.data.missing.deeper")).expect("a file");
    reports.about("plugin.reloaded", "shop").await;
    node.send("asked", json!({ "n": 1 })).await;
    let failed = reports.about("plugin.failed", "shop").await;
    let trace = failed["data"]["trace"].as_str().expect("a trace");
    assert!(trace.contains("shop/src/main.js:3:1"), "{failed}");

    fs::write(&source, answering("3")).expect("a file");
    until_answered(&node, 3).await;
    // Nothing that was written meanwhile is a source: each save was bundled, and no more.
    assert_eq!(bundled(node.folder()), 4);

    fs::remove_dir_all(node.plugins().join("shop")).expect("it is there");
    node.compiled("shop is gone").await;
    assert!(!node.plugins().join("shop.js").exists());
    assert!(!node.plugins().join("shop.js.map").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_the_author_s_own_is_not_replaced() {
    let folder = folders().await;
    let plugins = folder.path().join("plugins");
    project(&plugins, "shop", &answering("1"));
    fs::write(plugins.join("shop.js"), answering("2")).expect("a new file");
    let node = NodeProcess::dev(folder).await;
    node.compiled("it is there and was not built").await;
    until_answered(&node, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_dev_takes_what_was_built() {
    let (node, mut reports) = node().await;
    let mut answers = node.listen("custom.answered").await;
    // A project begins with its bundle, and not with a main file.
    project(&node.plugins(), "shop", "");
    save(&node, "shop/main.js", "nonsense(");
    let map = json!({
        "version": 3, "sources": ["shop/src/a.ts"], "sourcesContent": ["one\n  two\n  three"],
        "mappings": "AAAA;AACA;AACA",
    });
    save(&node, "shop.js.map", &map.to_string());
    let text = format!(
        "{}//# sourceMappingURL=shop.js.map\n",
        answering("event.data.a.b")
    );
    save(&node, "shop.js", &text);
    reports.about("plugin.started", "shop").await;
    node.send("asked", json!({ "a": { "b": 7 } })).await;
    assert_eq!(answer(&mut answers).await, 7);
    node.send("asked", json!({})).await;
    let failed = reports.about("plugin.failed", "shop").await;
    let reason = failed["data"]["reason"].as_str().expect("a reason");
    assert!(reason.contains("(shop/src/a.ts:3:1)"), "{failed}");
    node.until("shop", |status| {
        let error = status.last_error.as_deref().unwrap_or_default();
        error.contains("3 |   three")
    })
    .await;
    // Another map makes another version, of the same text.
    save(
        &node,
        "shop.js.map",
        &map.to_string().replace("a.ts", "b.ts"),
    );
    reports.about("plugin.reloaded", "shop").await;
    node.send("asked", json!({})).await;
    let failed = reports.about("plugin.failed", "shop").await;
    assert!(failed.to_string().contains("shop/src/b.ts:3:1"), "{failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_without_a_name_is_called_by_the_place_that_was_written() {
    let (node, mut reports) = node().await;
    let map = r#"{"version":3,"sources":["shop/src/a.ts"],"mappings":"AAAA;AAIA"}"#;
    save(&node, "shop.js.map", map);
    let text = "import { listen } from \"hearken\";\n\
                listen(\"custom.asked\", () => {});\n\
                //# sourceMappingURL=shop.js.map\n";
    save(&node, "shop.js", text);
    reports.about("plugin.started", "shop").await;
    let status = node.status("shop").await.expect("it is there");
    assert_eq!(status.listeners[0].name, "shop/src/a.ts:5");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_has_the_place_that_was_written() {
    let (node, mut reports) = node().await;
    node.place_manifest("spins", "[limits]\ndeadline = \"300ms\"\n");
    let map = r#"{"version":3,"sources":["spins/src/a.ts"],"mappings":"AAAA;AACA"}"#;
    save(&node, "spins.js.map", map);
    let text = "import { listen } from \"hearken\";\n\
                listen(\"custom.spin\", () => { for (;;); });\n\
                //# sourceMappingURL=spins.js.map\n";
    save(&node, "spins.js", text);
    reports.about("plugin.started", "spins").await;
    node.send("spin", 0).await;
    let failed = reports.about("plugin.failed", "spins").await;
    let reason = failed["data"]["reason"].as_str().expect("a reason");
    assert!(reason.contains("deadline of 300ms exceeded"), "{failed}");
    assert!(reason.contains("(spins/src/a.ts:2:1)"), "{failed}");
}

async fn command(folder: &TempDir, arguments: &[&str]) -> Answer {
    let data = compiled().await.display().to_string();
    let data = ["--data", data.as_str()];
    run(hearken(folder.path(), &[arguments, &data].concat())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_is_explained_tried_and_built() {
    let folder = TempDir::new().expect("a temporary folder");
    let plugins = folder.path().join("plugins");
    project(&plugins, "shop", &answering("event.data.a.b"));
    fs::write(plugins.join("shop.toml"), "[limits]\nmemory = \"8MiB\"\n").expect("a new file");
    let checked = command(&folder, &["plugin", "check", "plugins/shop"]).await;
    assert_eq!(checked.code, 0, "{checked:?}");
    assert!(
        checked.stdout.contains("custom.asked (answer)"),
        "{checked:?}"
    );
    assert!(checked.stdout.starts_with("plugins/shop: "), "{checked:?}");

    let event = json!({ "type": "asked", "data": { "a": { "b": 2 } } });
    fs::write(folder.path().join("event.json"), event.to_string()).expect("a new file");
    let attempt = ["plugin", "try", "plugins/shop", "--event", "event.json"];
    let tried = command(&folder, &attempt).await;
    assert_eq!(tried.code, 0, "{tried:?}");
    assert!(tried.stdout.contains("sent custom.answered 2"), "{tried:?}");
    fs::write(
        folder.path().join("event.json"),
        r#"{"type":"asked","data":{}}"#,
    )
    .expect("a file");
    let tried = command(&folder, &attempt).await;
    assert!(tried.stderr.contains("shop/src/main.js:3:1"), "{tried:?}");

    let built = command(&folder, &["plugin", "build", "plugins/shop"]).await;
    assert_eq!(built.stdout, "target/shop.wasm\n", "{built:?}");
    let tried = ["plugin", "try", "target/shop.wasm", "--event", "event.json"];
    let tried = command(&folder, &tried).await;
    assert!(tried.stderr.contains("shop/src/main.js:3:1"), "{tried:?}");

    fs::write(plugins.join("shop/src/main.js"), "WRONG").expect("a file");
    let checked = command(&folder, &["plugin", "check", "plugins/shop"]).await;
    assert_eq!(checked.code, 1, "{checked:?}");
    assert!(checked.stderr.contains("src/main.js:2:4"), "{checked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_project_has_what_it_needs() {
    let folder = TempDir::new().expect("a temporary folder");
    let new = [
        "plugin",
        "new",
        "shop",
        "--js",
        "--project",
        "--dir",
        "plugins",
    ];
    let made = run(hearken(folder.path(), &new)).await;
    assert_eq!(made.code, 0, "{made:?}");
    let plugins = folder.path().join("plugins");
    let described = fs::read_to_string(plugins.join("shop/package.json")).expect("it is there");
    let described: Value = serde_json::from_str(&described).expect("JSON");
    let package = described["devDependencies"]["hearken"].as_str();
    let package = package.and_then(|package| package.strip_prefix("file:"));
    let package = plugins
        .join("shop")
        .join(package.expect("it is on the disk"));
    assert!(package.join("package.json").is_file());
    let again = run(hearken(folder.path(), &new)).await;
    assert_eq!(again.code, 1, "{again:?}");
    let twice = ["plugin", "new", "other", "--rust", "--project"];
    assert_eq!(run(hearken(folder.path(), &twice)).await.code, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_bundled_is_told_what_to_do() {
    let node = TestNode::start_in(folders().await).await;
    let mut reports = node.listen("plugin.failed").await;
    for (import, told) in [
        ("zod", "hearken plugin new NAME --project"),
        ("node:fs", "no Node program"),
    ] {
        save(
            &node,
            "bare.js",
            &format!("import \"{import}\";\n{}", answering("1")),
        );
        let failed = reports.about("plugin.failed", "bare").await;
        let reason = failed["data"]["reason"].as_str().expect("a reason");
        assert!(reason.contains(told), "{failed}");
        assert!(reason.contains("bare.js:1:8"), "{failed}");
    }
}
