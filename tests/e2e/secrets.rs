//! Secrets of plugins: read, followed, and said nowhere.

use hearken::admin::PluginState;
use serde_json::{Value, json};

use crate::support::node::TestNode;
use crate::support::plugin::{Plugin, place, plugin};
use crate::support::process::NodeProcess;

const TOKEN: &str = "hunter22-of-the-file";

fn secretive(manifest: &str) -> Plugin {
    plugin("secretive").manifest(&format!("[secrets]\n{manifest}\n"))
}

async fn reveal(node: &TestNode, key: &str) -> Value {
    let mut reports = node.listen("custom.report.secretive").await;
    node.send("secretive.now", key).await;
    reports.next().await["data"].clone()
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_secret_is_read_and_followed() {
    let node = TestNode::start([]).await;
    place(&node.plugins(), "token", format!("{TOKEN}\n").as_bytes());
    // Cargo sets it, in this process, which is the node's.
    let variable = "CARGO_PKG_NAME";
    node.place(&secretive(&format!(
        "token = {{ file = \"token\" }}\nname = {{ env = \"{variable}\" }}"
    )));
    node.until("secretive", |status| status.state == PluginState::Running)
        .await;
    assert_eq!(reveal(&node, "token").await["value"], TOKEN);
    assert_eq!(reveal(&node, "name").await["value"], env!("CARGO_PKG_NAME"));
    let missing = reveal(&node, "nothing").await;
    assert!(
        missing["error"]
            .as_str()
            .expect("an error")
            .contains("NotFound"),
        "{missing}"
    );

    place(&node.plugins(), "token", b"another-secret");
    let replaced = async { while reveal(&node, "token").await["value"] != "another-secret" {} };
    tokio::time::timeout(crate::support::DEADLINE, replaced)
        .await
        .expect("it is read again");

    // Nothing of it is in what the node says of a failure.
    let mut failures = node.listen("plugin.failed").await;
    node.send("secretive.now", json!(["token"])).await;
    let failed = failures.next().await.to_string();
    assert!(
        failed.contains("it did not help: Ok(\\\"[secret]\\\")"),
        "{failed}"
    );
    let status = node.status("secretive").await.expect("it is there");
    let error = status.last_error.expect("it failed");
    assert!(
        error.contains("[secret]") && !error.contains("another-secret"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_says_where_secrets_may_be() {
    let policy = "[policy.plugin.secretive]\nsecrets = [\"env:CARGO_PKG_NAME\", \"granted\"]\n";
    let node = TestNode::start_under(policy, []).await;
    let granted = node.plugins().join("granted");
    std::fs::create_dir(&granted).expect("a new folder");
    place(&granted, "inner", TOKEN.as_bytes());
    // What is not granted is not even looked for: there is no such file.
    node.place(&secretive(
        "inner = { file = \"granted/inner\" }\nname = { env = \"CARGO_PKG_NAME\" }\n\
         other = { env = \"CARGO_PKG_VERSION\" }\ntoken = { file = \"nowhere\" }",
    ));
    let status = node
        .until("secretive", |status| status.state == PluginState::Running)
        .await;
    assert_eq!(
        status.rights.secrets,
        ["inner (file granted/inner)", "name (env CARGO_PKG_NAME)"]
    );
    let withheld: Vec<_> = (status.rights.withheld.iter())
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        withheld,
        [
            "secrets other (env CARGO_PKG_VERSION)",
            "secrets token (file nowhere)"
        ]
    );
    assert_eq!(reveal(&node, "inner").await["value"], TOKEN);
    assert_eq!(reveal(&node, "name").await["value"], env!("CARGO_PKG_NAME"));
    let refused = async |key: &str| {
        let refused = reveal(&node, key).await;
        let error = refused["error"].as_str();
        assert!(
            error.is_some_and(|error| error.contains("NotFound")),
            "{key}: {refused}"
        );
    };
    for key in ["other", "token"] {
        refused(key).await;
    }
    // One that is known to the policy has none unless it names them.
    node.set_policy("[policy.default]\nlisten = [\"custom.*\"]\n");
    refused("name").await;
    let status = node
        .until("secretive", |status| status.rights.secrets.is_empty())
        .await;
    assert_eq!(status.rights.withheld.len(), 4);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn secrets_in_pipes_hold_up_nobody() {
    let node = TestNode::start([]).await;
    let pipe = node.plugins().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("every Unix has `mkfifo`").success());
    // As many as there are threads that read files, and one more.
    let names = ["a", "b", "c", "d", "e"];
    for name in names {
        node.place(&secretive("token = { file = \"pipe\" }").named(name));
    }
    for name in names {
        let status = node.until(name, |status| status.last_error.is_some()).await;
        let error = status.last_error.expect("it was waited for");
        assert!(error.contains("not a regular file"), "{error}");
    }
    node.place(&plugin("echo"));
    node.until("echo", |status| status.state == PluginState::Running)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_secrets_a_plugin_does_not_load() {
    let node = TestNode::start([
        secretive("token = { file = \"token\" }"),
        secretive("token = { env = \"HEARKEN_TESTS_HAVE_NO_SUCH\" }").named("other"),
    ])
    .await;
    let status = node
        .until("other", |status| status.last_error.is_some())
        .await;
    assert_eq!(status.state, PluginState::Failed);
    let error = status.last_error.expect("it was waited for");
    assert!(
        error.contains("`token`") && error.contains("HEARKEN_TESTS_HAVE_NO_SUCH"),
        "{error}"
    );
    let status = node
        .until("secretive", |status| status.last_error.is_some())
        .await;
    assert_eq!(status.state, PluginState::Failed);
    let error = status.last_error.expect("it was waited for");
    assert!(
        error.contains("`token`") && error.contains("plugins/token"),
        "{error}"
    );
    // As soon as it is there.
    place(&node.plugins(), "token", TOKEN.as_bytes());
    node.until("secretive", |status| status.state == PluginState::Running)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_prints_its_secret_logs_none() {
    // Of this process and the node's, with some path in it.
    let token = std::env::var("PATH").expect("there is one");
    let plugin = secretive("token = { env = \"PATH\" }");
    let node = NodeProcess::start([plugin], &[]).await;
    node.send("secretive.now", "token").await;
    for stream in ["stdout", "stderr"] {
        let line = node
            .logged(|line| line["plugin"] == "secretive" && line["context"] == stream)
            .await;
        let message = line["message"].as_str().expect("a text");
        assert_eq!(message, "it is Ok(\"[secret]\")");
        assert!(!line.to_string().contains(&token), "{line}");
    }
}
