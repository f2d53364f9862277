//! What authors of texts do without a node.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{answer, answering};
use crate::support::engines::{compiled, folders};
use crate::support::node::TestNode;
use crate::support::process::{Answer, NodeProcess, hearken, run};

/// What a command does that may use the engines which are compiled for all tests.
async fn command(folder: &TempDir, arguments: &[&str]) -> Answer {
    let data = compiled().await.display().to_string();
    let new = arguments.contains(&"new");
    let mut arguments = arguments.to_vec();
    if !new {
        arguments.extend(["--data", data.as_str()]);
    }
    run(hearken(folder.path(), &arguments)).await
}

fn folder() -> TempDir {
    TempDir::new().expect("a temporary folder")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_text_is_explained_tried_and_built() {
    let folder = folder();
    for (flag, file, language) in [
        ("--js", "hello.js", "javascript"),
        ("--ts", "hello.ts", "typescript"),
    ] {
        let place = file.replace('.', "-");
        let made = command(&folder, &["plugin", "new", "hello", flag, "--dir", &place]).await;
        assert_eq!(made.code, 0, "{made:?}");
        let text = format!("{place}/{file}");
        let checked = command(&folder, &["plugin", "check", &text, "--json"]).await;
        assert_eq!(checked.code, 0, "{checked:?}");
        let report: Value = serde_json::from_str(&checked.stdout).expect("JSON");
        assert_eq!(report["language"], language);
        assert_eq!(report["engine"]["name"], "javascript");
        assert_eq!(report["listeners"][0]["name"], "greet");

        let event = json!({ "type": "hello.morning", "subject": "Ada" });
        fs::write(folder.path().join("event.json"), event.to_string()).expect("a new file");
        let tried = ["plugin", "try", &text, "--event", "event.json"];
        let tried = command(&folder, &tried).await;
        assert_eq!(tried.code, 0, "{tried:?}");
        assert!(
            tried.stdout.contains("sent custom.greeted \"hello, Ada\""),
            "{tried:?}"
        );
        assert!(
            tried.stderr.contains("hello, Ada"),
            "what it logs: {tried:?}"
        );

        let built = command(&folder, &["plugin", "build", &text]).await;
        assert_eq!(built.code, 0, "{built:?}");
        let component = built.stdout.trim_end();
        let checked = command(&folder, &["plugin", "check", component]).await;
        assert_eq!(checked.code, 0, "{checked:?}");
        assert!(
            checked.stdout.contains("custom.hello.* (greet)"),
            "{checked:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_text_is_shown_by_line() {
    let folder = folder();
    fs::write(folder.path().join("bad.js"), "const a = 1;\nconst b = ;\n").expect("a new file");
    let checked = command(&folder, &["plugin", "check", "bad.js"]).await;
    assert_eq!(checked.code, 1, "{checked:?}");
    assert!(checked.stdout.contains("bad.js:2:11"), "{checked:?}");
    assert!(checked.stdout.contains("2 | const b = ;"), "{checked:?}");

    fs::write(folder.path().join("good.js"), answering("event.data.a.b")).expect("a new file");
    fs::write(
        folder.path().join("event.json"),
        "{\"type\":\"asked\",\"data\":{}}",
    )
    .expect("a file");
    let failed = command(
        &folder,
        &["plugin", "try", "good.js", "--event", "event.json"],
    )
    .await;
    assert_eq!(failed.code, 1, "{failed:?}");
    assert!(failed.stderr.contains("good.js:3:"), "{failed:?}");

    fs::write(folder.path().join("event.json"), "{\"type\":\"else\"}").expect("a file");
    let unwanted = command(
        &folder,
        &["plugin", "try", "good.js", "--event", "event.json"],
    )
    .await;
    assert_eq!(unwanted.code, 1, "{unwanted:?}");
    assert!(unwanted.stderr.contains("custom.asked"), "{unwanted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_built_of_what_would_not_start() {
    let folder = folder();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("a file");
    for (name, text, told) in [
        (
            "bad.js",
            "const a = 1;\nconst b = ;\n",
            ["bad.js:2:11", "2 | const b = ;", "          ^\n"],
        ),
        (
            "bad.ts",
            "type A = number;\nenum B { C }\n",
            ["bad.ts:2:1", "2 | enum B { C }", "| ^\n"],
        ),
        (
            "throws.js",
            "const a = {};\na.b.c;\n",
            ["throws.js:2:", "2 | a.b.c;", "^\n"],
        ),
    ] {
        write(name, text);
        let built = ["plugin", "build", name, "--out", "out.wasm"];
        let built = command(&folder, &built).await;
        assert_eq!(built.code, 1, "{built:?}");
        for told in told {
            assert!(built.stderr.contains(told), "{name}: {built:?}");
        }
        assert_eq!(built.stdout, "");
        assert!(!folder.path().join("out.wasm").exists(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_asks_for_a_secret_when_it_starts_is_built_where_there_is_none() {
    let folder = folder();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("a file");
    let text = format!(
        "import {{ secrets }} from \"hearken\";\n\
         const token = secrets.get(\"token\");\n{}",
        answering("token.length")
    );
    write("asks.js", &text);
    write(
        "asks.toml",
        "[secrets]\ntoken = { env = \"NOBODY_HAS_THIS\" }\n",
    );
    let built = command(&folder, &["plugin", "build", "asks.js"]).await;
    assert_eq!(built.code, 0, "{built:?}");
    let event = "{\"type\":\"asked\"}";
    let tried = command(&folder, &["plugin", "try", "asks.js", "--event", event]).await;
    let length = "stand-in-for-token".len();
    assert!(
        tried
            .stdout
            .contains(&format!("sent custom.answered {length}")),
        "{tried:?}"
    );
    write("asks.toml", "");
    let refused = command(&folder, &["plugin", "build", "asks.js"]).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("asks.js:2:"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_texts_is_given_by_its_name() {
    let folder = folder();
    let plugins = folder.path().join("plugins");
    fs::create_dir_all(plugins.join("shop")).expect("a new folder");
    let write = |name: &str, text: &str| fs::write(plugins.join(name), text).expect("a new file");
    write("_one.js", "export const one = 1;\n");
    write("shop/cart.js", "export { one } from \"../_one.js\";\n");
    let main = format!(
        "import {{ one }} from \"./cart.js\";\n{}",
        answering("event.data + one")
    );
    write("shop/main.js", &main);
    let checked = command(&folder, &["plugin", "check", "plugins/shop"]).await;
    assert_eq!(checked.code, 0, "{checked:?}");
    assert!(
        checked.stdout.contains("custom.asked (answer)"),
        "{checked:?}"
    );
    fs::write(
        folder.path().join("event.json"),
        "{\"type\":\"asked\",\"data\":1}",
    )
    .expect("a new file");
    let tried = ["plugin", "try", "plugins/shop/", "--event", "event.json"];
    let tried = command(&folder, &tried).await;
    assert!(tried.stdout.contains("sent custom.answered 2"), "{tried:?}");
    let built = command(&folder, &["plugin", "build", "plugins/shop"]).await;
    assert_eq!(built.stdout, "target/shop.wasm\n", "{built:?}");

    // From within it too.
    let data = compiled().await.display().to_string();
    for within in [".", "main.js"] {
        let check = ["plugin", "check", within, "--data", &data];
        let checked = run(hearken(&plugins.join("shop"), &check)).await;
        assert_eq!(checked.code, 0, "{checked:?}");
    }

    let none = command(&folder, &["plugin", "check", "plugins"]).await;
    assert_eq!(none.code, 1, "{none:?}");
    assert!(none.stderr.contains("main.js"), "{none:?}");
    fs::write(plugins.join("Cargo.toml"), "").expect("a new file");
    let unbuilt = command(&folder, &["plugin", "check", "plugins"]).await;
    assert_eq!(unbuilt.code, 1, "{unbuilt:?}");
    assert!(
        unbuilt.stderr.contains("plugin build plugins"),
        "{unbuilt:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_to_try_may_be_given_or_come_from_standard_input() {
    let folder = folder();
    fs::write(folder.path().join("good.js"), answering("event.data")).expect("a new file");
    let data = compiled().await.display().to_string();
    let seven = "{\"type\":\"asked\",\"data\":7}";
    for (event, given, code, told) in [
        ("-", seven, 0, "sent custom.answered 7"),
        ("-", "nonsense", 1, "standard input: "),
        (seven, "", 0, "sent custom.answered 7"),
        ("{\"subject\":\"a\"}", "", 1, "--event: "),
    ] {
        let attempt = [
            "plugin", "try", "good.js", "--event", event, "--data", &data,
        ];
        fs::write(folder.path().join("given"), given).expect("a file");
        let stdin = fs::File::open(folder.path().join("given")).expect("it was written");
        let mut tried = hearken(folder.path(), &attempt);
        tried.stdin(stdin);
        let tried = run(tried).await;
        assert_eq!(tried.code, code, "{tried:?}");
        assert!(
            format!("{}{}", tried.stdout, tried.stderr).contains(told),
            "{tried:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_carries_a_text_is_the_plugin_that_the_text_is() {
    let folder = folder();
    fs::write(folder.path().join("_one.js"), "export const one = 1;\n").expect("a new file");
    let text = format!(
        "import {{ one }} from \"./_one.js\";\n{}",
        answering("event.data + one")
    );
    fs::write(folder.path().join("built.js"), text).expect("a new file");
    let built = ["plugin", "build", "built.js", "--out", "built.wasm"];
    let built = command(&folder, &built).await;
    assert_eq!(built.code, 0, "{built:?}");

    let node = TestNode::start_in(folders().await).await;
    let mut reports = node.listen("plugin.*").await;
    let mut answers = node.listen("custom.answered").await;
    let component = fs::read(folder.path().join("built.wasm")).expect("it was built");
    node.place(&crate::support::plugin::file("built", component));
    reports.about("plugin.started", "built").await;
    node.send("asked", 1).await;
    assert_eq!(answer(&mut answers).await, 2);
    let status = node.status("built").await.expect("it is there");
    let language = serde_json::to_value(status.language).expect("a word");
    assert_eq!(language, "javascript");
}

#[tokio::test(flavor = "multi_thread")]
async fn engines_are_listed_and_added() {
    let folder = folder();
    let command = async |arguments: &[&str]| run(hearken(folder.path(), arguments)).await;
    let listed = command(&["engine", "list", "--json"]).await;
    assert_eq!(listed.code, 0, "{listed:?}");
    let engines: Vec<Value> = listed
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let named = |name: &str| engines.iter().find(|engine| engine["name"] == name);
    assert_eq!(named("javascript").expect("it is there")["built_in"], true);
    assert!(named("python").expect("it is known")["hash"].is_null());

    let nowhere = command(&["engine", "add", "python", "--from", "nowhere.wasm"]).await;
    assert_eq!(nowhere.code, 1, "{nowhere:?}");
    assert!(nowhere.stderr.contains("nowhere.wasm"), "{nowhere:?}");
    fs::write(folder.path().join("engine.wasm"), b"\0asm\x0d\0\x01\0").expect("a new file");
    let no_engine = command(&["engine", "add", "python", "--from", "engine.wasm"]).await;
    assert_eq!(no_engine.code, 1, "{no_engine:?}");
    assert!(
        no_engine.stderr.contains("hearken:engine/script"),
        "{no_engine:?}"
    );
    let engine = r#"(component (import "hearken:engine/script@0.1.0" (instance)))"#;
    let engine = wat::parse_str(engine).expect("it is valid");
    fs::write(folder.path().join("engine.wasm"), engine).expect("a file");
    let added = command(&["engine", "add", "python", "--from", "engine.wasm"]).await;
    assert_eq!(added.code, 0, "{added:?}");
    let listed = command(&["engine", "list"]).await;
    assert!(listed.stdout.contains("engines/python.wasm"), "{listed:?}");
}

/// Without cargo: there is no crate.
#[tokio::test(flavor = "multi_thread")]
async fn dev_runs_texts_and_keeps_their_types() {
    let folder = folders().await;
    let plugins = folder.path().join("plugins");
    fs::write(plugins.join("hello.js"), answering("1")).expect("a new file");
    let node = NodeProcess::dev(folder).await;
    node.said(|line| line.contains("Edit a plugin")).await;
    let mut answers = node.listen("custom.answered").await;
    node.until("hello", |status| status.listeners.len() == 1)
        .await;
    node.send("asked", 0).await;
    assert_eq!(answer(&mut answers).await, 1);
    for module in ["index.d.ts", "testing/index.d.ts", "client/index.d.ts"] {
        let types = node.plugins().join(".hearken/npm").join(module);
        assert!(types.is_file(), "{module}");
    }
    fs::write(node.plugins().join("hello.js"), answering("2")).expect("a file");
    let answered = async {
        loop {
            node.send("asked", 0).await;
            if answer(&mut answers).await == 2 {
                return;
            }
        }
    };
    let answered = tokio::time::timeout(crate::support::DEADLINE, answered).await;
    answered.expect("the save is the next version");
}
