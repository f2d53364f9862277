//! The commands as processes, against a node that is one too.

use serde_json::Value;
use tempfile::TempDir;

use crate::support::plugin::{Plugin, plugin};
use crate::support::process::{Answer, NodeProcess, hearken, run};

fn recorder() -> Plugin {
    plugin("recorder").manifest("subscribe = [\"custom.good.*\"]")
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("one line of JSON")
}

fn succeeded(answer: &Answer) -> &str {
    assert_eq!((answer.code, &*answer.stderr), (0, ""), "{answer:?}");
    answer.stdout.trim_end()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_sent_and_heard() {
    let node = NodeProcess::start([recorder()], &[]).await;
    let arguments = [
        "--json",
        "listen",
        "custom.*",
        "--subject",
        "7",
        "--count",
        "1",
    ];
    let listening = tokio::spawn(run(node.command(&arguments)));
    let waiting = tokio::spawn(run(node.command(&["wait", "custom.recorded.*"])));
    node.receivers("stream", 1).await;
    node.receivers("waiter", 1).await;
    node.hearken(&["send", "good.other", "--subject", "6"])
        .await;
    let arguments = ["send", "good.bye", "--subject", "7", "--data", "{\"n\":1}"];
    let sent = node.hearken(&arguments).await;
    let id = succeeded(&sent);
    let heard = listening.await.expect("it does not panic");
    let heard = json(succeeded(&heard));
    assert_eq!(
        (&heard["id"], &heard["type"]),
        (&id.into(), &"custom.good.bye".into())
    );
    assert_eq!(heard["data"]["n"], 1);
    let waited = waiting.await.expect("it does not panic");
    assert!(succeeded(&waited).contains("custom.recorded.custom.good"));
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_have_exit_codes_and_say_why() {
    let node = NodeProcess::start([recorder()], &[]).await;
    for (arguments, code, reason) in [
        (
            &["wait", "custom.never", "--timeout", "50ms"][..],
            3,
            "within 50ms",
        ),
        (&["send", "a b"], 1, "' '"),
        (&["send", "a", "--data", "{"], 2, "JSON"),
        (&["plugin", "show", "nobody"], 1, "no plugin `nobody`"),
        (&["plugin", "explode"], 2, "explode"),
        (
            &["send", "a", "--host", "http://127.0.0.1:1"],
            1,
            "127.0.0.1:1",
        ),
    ] {
        let answer = node.hearken(arguments).await;
        assert_eq!(answer.code, code, "{arguments:?}: {answer:?}");
        assert!(answer.stderr.contains(reason), "{arguments:?}: {answer:?}");
        assert_eq!(answer.stdout, "", "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_is_told_once() {
    let node = NodeProcess::start([], &[]).await;
    let refused = node.hearken(&["send", "bad type"]).await;
    assert_eq!(refused.stderr.lines().count(), 1, "{refused:?}");
    assert_eq!(refused.stderr.matches("' '").count(), 1, "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn help_shows_the_flags_that_mean_something() {
    let folder = TempDir::new().expect("a temporary folder");
    for (command, host, json) in [
        (&["run"][..], false, false),
        (&["dev"], false, false),
        (&["send"], true, true),
        (&["plugin", "check"], false, true),
        (&["plugin", "list"], true, true),
    ] {
        let arguments = [command, &["--help"]].concat();
        let help = run(hearken(folder.path(), &arguments)).await;
        let help = succeeded(&help);
        assert_eq!(help.contains("--host"), host, "{help}");
        assert_eq!(help.contains("--json"), json, "{help}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn plugins_are_looked_after() {
    let node = NodeProcess::start([recorder(), plugin("fail")], &[]).await;
    let list = node.hearken(&["plugin", "list", "--json"]).await;
    let names: Vec<Value> = succeeded(&list)
        .lines()
        .map(|line| json(line)["name"].clone())
        .collect();
    assert_eq!(names, ["fail", "recorder"]);
    for (action, state) in [
        ("pause", "paused"),
        ("resume", "running"),
        ("reload", "running"),
    ] {
        let acted = node.hearken(&["plugin", action, "recorder"]).await;
        assert!(succeeded(&acted).contains(state), "{action}: {acted:?}");
        let shown = node
            .hearken(&["plugin", "show", "recorder", "--json"])
            .await;
        assert_eq!(json(succeeded(&shown))["state"], state);
    }
    std::fs::write(node.plugins().join("fail.wasm"), "nonsense").expect("it is writable");
    let refused = node.hearken(&["plugin", "reload", "fail"]).await;
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("not a WebAssembly file"),
        "{refused:?}"
    );
    let shown = node.hearken(&["plugin", "show", "fail"]).await;
    assert!(succeeded(&shown).contains("not a WebAssembly file"));
}

#[tokio::test(flavor = "multi_thread")]
async fn any_file_is_explained() {
    let folder = TempDir::new().expect("a temporary folder");
    let module = wat::parse_str("(module)").expect("a module");
    for (name, bytes, code, words) in [
        (
            "echo",
            plugin("echo").bytes(),
            0,
            &["custom.*", "hearken:plugin/events@0.2.0"][..],
        ),
        (
            "import",
            plugin("unknown-import").bytes(),
            1,
            &["nobody:has/this@1.0.0"],
        ),
        (
            "other",
            plugin("no-handler").bytes(),
            1,
            &["hearken:plugin/framed-listener@0.2.0"],
        ),
        (
            "module",
            module,
            1,
            &["core WebAssembly module", "hearken plugin build"],
        ),
        ("script", b"#!/bin/sh".to_vec(), 1, &["not"]),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("it is writable");
        let answer = run(hearken(folder.path(), &["plugin", "check", name])).await;
        assert_eq!(answer.code, code, "{name}: {answer:?}");
        let said = format!("{}{}", answer.stdout, answer.stderr);
        for word in words {
            assert!(said.contains(word), "`{word}` is not in: {said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_lacks_one_line_of_manifest_is_told_that_line() {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("echo.wasm");
    std::fs::write(path, plugin("wasmcloud-echo").bytes()).expect("it is writable");
    let manifest = folder.path().join("echo.toml");
    let check = async || run(hearken(folder.path(), &["plugin", "check", "echo.wasm"])).await;

    let lacks_the_line = async || {
        let answer = check().await;
        let said = succeeded(&answer);
        assert_eq!(said.matches("subscribe").count(), 1, "{said}");
        assert!(said.contains("once echo.toml says"), "{said}");
    };
    lacks_the_line().await;
    std::fs::write(&manifest, "concurrency = 1\n").expect("it is writable");
    lacks_the_line().await;
    std::fs::write(&manifest, "subscribe = [\"custom.a.*\"]\n").expect("it is writable");
    let answer = check().await;
    for part in ["custom.a.* (subscribe)", "this host can run it; "] {
        assert!(succeeded(&answer).contains(part), "{answer:?}");
    }
    std::fs::write(&manifest, "subscribes = 1\n").expect("it is writable");
    let answer = check().await;
    assert_eq!(answer.code, 1, "{answer:?}");
    assert!(answer.stdout.contains("echo.toml:1:1"), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_refuses_what_it_cannot_run_with() {
    let folder = TempDir::new().expect("a temporary folder");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let taken = listener.local_addr().expect("an address").to_string();
    std::fs::write(
        folder.path().join("typo.toml"),
        "lissten = \"127.0.0.1:0\"\n",
    )
    .expect("it is writable");
    for (arguments, code, reason) in [
        (
            &["run", "--listen", "0.0.0.0:0"][..],
            2,
            "--allow-unauthenticated",
        ),
        (&["run", "--listen", "[::]:0"], 2, "--allow-unauthenticated"),
        (
            &["run", "--listen", "[::]:0", "--allow-unauthenticated"],
            2,
            "--http-allow-plaintext",
        ),
        (&["run", "--listen", &taken], 1, &*taken),
        (
            &["run", "--config", "typo.toml"],
            2,
            "typo.toml:1:1: unknown key `lissten`",
        ),
        (&["run", "--config", "none.toml"], 2, "none.toml"),
        (&["run", "--shutdown-timeout", "5"], 2, "no unit"),
    ] {
        let answer = run(hearken(folder.path(), arguments)).await;
        assert_eq!(answer.code, code, "{arguments:?}: {answer:?}");
        assert!(answer.stderr.contains(reason), "{arguments:?}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_serves_other_machines_only_when_told_so() {
    let arguments = [
        "--listen",
        "0.0.0.0:0",
        "--allow-unauthenticated",
        "--http-allow-plaintext",
    ];
    let node = NodeProcess::start([], &arguments).await;
    assert!(node.url.starts_with("http://0.0.0.0:"));
}
