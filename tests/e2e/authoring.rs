//! From nothing to a plugin that is being edited, with the commands for authors.

use std::path::Path;

use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::authored::Authored;
use crate::support::process::{NodeProcess, cargo, compiling, run, run_compiling};

fn folder() -> TempDir {
    TempDir::new().expect("a temporary folder")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_crate_builds_passes_its_test_and_is_explained() {
    let folder = folder();
    let greeter = Authored::new(folder.path(), "made-to-build").await;

    let built = run_compiling(compiling(&greeter.folder, &["plugin", "build"])).await;
    assert_eq!(built.code, 0, "{built:?}");
    let component = built.stdout.trim_end();
    assert!(Path::new(component).is_file(), "{built:?}");

    let checked = run(compiling(folder.path(), &["plugin", "check", component])).await;
    assert_eq!(checked.code, 0, "{checked:?}");
    for part in ["this host can run it", "custom.hello.* (greet)"] {
        assert!(checked.stdout.contains(part), "{checked:?}");
    }

    let tested = run_compiling(cargo(&greeter.folder, &["test", "--lib"])).await;
    assert!(
        tested.stdout.contains("test result: ok. 1 passed"),
        "{tested:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_made_or_built_is_told() {
    let folder = folder();
    for (arguments, reason) in [
        (["plugin", "new", "Not a name"], "lower-case letter"),
        (["plugin", "build", "nowhere"], "no Cargo.toml"),
        (["plugin", "check", "nowhere.wasm"], "nowhere.wasm"),
    ] {
        let answer = run(compiling(folder.path(), &arguments)).await;
        assert_eq!(answer.code, 1, "{arguments:?}: {answer:?}");
        assert!(answer.stderr.contains(reason), "{arguments:?}: {answer:?}");
        assert_eq!(answer.stdout, "", "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_plugins_are_built_it_is_said_and_no_event_is_taken() {
    let folder = folder();
    let greeter = Authored::new(folder.path(), "made-to-wait").await;
    // The build goes on when there is this file, and gives up in the end.
    let go_on = folder.path().join("go-on");
    let script = format!(
        "fn main() {{ for _ in 0..6000 {{ if std::path::Path::new({go_on:?}).exists() {{ return }} \
         std::thread::sleep(std::time::Duration::from_millis(10)); }} panic!() }}"
    );
    std::fs::write(greeter.folder.join("build.rs"), script).expect("a new file");

    let node = NodeProcess::building(folder).await;
    node.compiled("building made-to-wait").await;
    let event = json!({ "type": "hello.morning", "subject": "Ada" });
    for refused in [node.get("/readyz").await, node.post(&event).await] {
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        let problem: Value = refused.json().await.expect("a problem");
        assert_eq!(problem["type"], "urn:hearken:problem:starting");
    }
    std::fs::write(go_on, "").expect("a new file");
    node.compiled("built made-to-wait (1 of 1) after ").await;
    node.said(|line| line.contains("Listening on ")).await;
    let mut greetings = node.listen("custom.greeted").await;
    node.publish(&event).await;
    assert_eq!(greetings.next().await["data"], "hello, Ada");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crate_is_rebuilt_and_reloaded_as_it_is_edited() {
    let folder = folder();
    let greeter = Authored::new(folder.path(), "made-to-edit").await;
    let node = NodeProcess::dev(folder).await;
    for told in [
        "listens to custom.hello.*",
        "send hello.world --subject you",
        "Edit a plugin",
    ] {
        node.said(|line| line.contains(told)).await;
    }
    let mut reports = node.listen("plugin.*").await;
    let mut greetings = node.listen("custom.greeted").await;
    let mut greeted = async || {
        let morning = json!({ "type": "hello.morning", "subject": "Ada" });
        node.publish(&morning).await;
        greetings.next().await["data"].clone()
    };
    assert_eq!(greeted().await, "hello, Ada");

    greeter.edit("\"hello, {}\"", "\"welcome, {}\"");
    node.compiled("building made-to-edit").await;
    reports.about("plugin.reloaded", "made-to-edit").await;
    assert_eq!(greeted().await, "welcome, Ada");

    greeter.edit("\"welcome, {}\"", "\"good day, {}\", nonsense");
    node.compiled("cannot find value `nonsense`").await;
    node.compiled("an older version keeps running").await;
    assert_eq!(greeted().await, "welcome, Ada");

    greeter.edit(", nonsense", "");
    reports.about("plugin.reloaded", "made-to-edit").await;
    assert_eq!(greeted().await, "good day, Ada");

    std::fs::remove_dir_all(&greeter.folder).expect("it is there");
    reports.about("plugin.removed", "made-to-edit").await;
    node.compiled(" listening node=test").await;
    let noise: Vec<Value> = node
        .log()
        .into_iter()
        .filter(|line| line.as_str().is_none_or(|line| line.contains(" notify")))
        .collect();
    assert_eq!(
        noise,
        [Value::Null; 0],
        "JSON, or the watcher talks about itself"
    );
}
