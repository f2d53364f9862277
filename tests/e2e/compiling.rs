//! The processes that compile for a node, and the cache of what they made.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hearken::admin::PluginState;
use hearken::config::NodeConfig;
use hearken::node::Node;
use serde_json::json;
use tempfile::TempDir;

use crate::support::bombs::loops;
use crate::support::node::{TestNode, config, free_ports};
use crate::support::plugin::{file, plugin};
use crate::support::process::NodeProcess;
use crate::support::{DEADLINE, POLL};

/// Compiling it takes hours.
const LOOPS: usize = 200_000;

fn folders() -> TempDir {
    let folders = TempDir::new().expect("a temporary folder");
    fs::create_dir(folders.path().join("plugins")).expect("a new folder");
    folders
}

/// Waits until `found` finds something.
async fn eventually<T>(mut found: impl FnMut() -> Option<T>) -> T {
    let waiting = async {
        loop {
            if let Some(found) = found() {
                return found;
            }
            tokio::time::sleep(POLL).await;
        }
    };
    tokio::time::timeout(DEADLINE, waiting)
        .await
        .expect("it comes to that")
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_file_keeps_no_node_from_starting() {
    let folders = folders();
    file("bomb", loops(LOOPS)).place(&folders.path().join("plugins"));
    let good = plugin("recorder").manifest("subscribe = [\"custom.good.*\"]");
    good.place(&folders.path().join("plugins"));
    let config = NodeConfig {
        startup_timeout: Duration::from_millis(100),
        ..config(folders.path())
    };
    let node = TestNode::start_with(config, folders).await;
    assert_eq!(node.get("/readyz").await.status(), 200);

    // The good one may have been late too, but is not for long.
    node.until("recorder", |status| status.state == PluginState::Running)
        .await;
    let mut recorded = node.listen("custom.recorded.*").await;
    let id = node.publish(&json!({ "type": "good.event" })).await;
    assert_eq!(recorded.next().await["data"]["id"], *id);

    let status = node.status("bomb").await.expect("it is there");
    assert_eq!(
        (status.state, status.last_error),
        (PluginState::Loading, None)
    );
    let shown = node
        .get("/v1/plugins/bomb")
        .await
        .text()
        .await
        .expect("text");
    assert!(shown.contains("\"state\":\"loading\""), "{shown}");
    let metrics = node.get("/metrics").await.text().await.expect("text");
    let line = "hearken_plugin_state{plugin=\"bomb\",state=\"loading\"} 1\n";
    assert!(metrics.contains(line), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_replaced_or_removed_is_not_compiled_any_longer() {
    let node = TestNode::start([]).await;
    let loading = async |name: &str| {
        node.place(&file(name, loops(LOOPS)));
        node.until(name, |status| status.state == PluginState::Loading)
            .await;
    };
    loading("replaced").await;
    loading("removed").await;
    node.place(&plugin("echo").named("replaced"));
    node.until("replaced", |status| status.state == PluginState::Running)
        .await;
    node.remove("removed");
    let gone = async {
        while node.status("removed").await.is_some() {
            tokio::time::sleep(POLL).await;
        }
    };
    tokio::time::timeout(DEADLINE, gone).await.expect("it goes");
}

/// Code that was damaged while no node ran is compiled again and not run.
#[tokio::test(flavor = "multi_thread")]
async fn flipped_bits_in_the_cache_are_compiled_away() {
    let node = TestNode::start([plugin("echo")]).await;
    let (ended, mut folders) = node.stop().await;
    ended.expect("it ends in order");
    let code = folders.path().join("data").join("code");
    let cached = || {
        let files = fs::read_dir(&code).expect("the cache");
        let files = files.map(|file| file.expect("a file").path());
        let mut files = files.filter(|file| file.extension().is_some_and(|end| end == "cwasm"));
        files.next().expect("the code of one plugin")
    };
    let sound = fs::read(cached()).expect("it is readable");
    for part in 1..8 {
        let mut damaged = sound.clone();
        for at in (0..3).map(|bit| part * sound.len() / 8 + bit * 101) {
            damaged[at] ^= 1 << part;
        }
        fs::write(cached(), damaged).expect("it is writable");
        let node = TestNode::start_in(folders).await;
        let status = node.status("echo").await.expect("it is there");
        assert_eq!(
            status.state,
            PluginState::Running,
            "{:?}",
            status.last_error
        );
        folders = node.stop().await.1;
        assert!(fs::read(cached()).expect("it is readable") == sound);
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_cache_that_others_can_write_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folders = folders();
    let code = folders.path().join("data").join("code");
    fs::create_dir_all(&code).expect("a new folder");
    fs::set_permissions(&code, PermissionsExt::from_mode(0o777)).expect("it is ours");
    let refused = Node::serve(config(folders.path()), free_ports().await).err();
    let refused = refused.expect("an error").to_string();
    assert!(refused.contains(&code.display().to_string()), "{refused}");
    assert!(refused.contains("mode 0777"), "{refused}");
}

/// The processes that compile for a node, with the CPU time that each has used, in the
/// system's ticks.
#[cfg(target_os = "linux")]
fn workers(node: &NodeProcess) -> Vec<(u32, u64)> {
    let processes = fs::read_dir("/proc").expect("Linux has it");
    let numbers = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    numbers
        .filter_map(|process: u32| {
            let folder = Path::new("/proc").join(process.to_string());
            let command = fs::read(folder.join("cmdline")).ok()?;
            let status = fs::read_to_string(folder.join("stat")).ok()?;
            // Behind the name, which is in brackets: state, parent, …
            let fields: Vec<&str> = status.rsplit_once(')')?.1.split_whitespace().collect();
            let used = fields[11].parse::<u64>().ok()? + fields[12].parse::<u64>().ok()?;
            let is_worker = command.starts_with(b"hearken\0compile-worker\0");
            (is_worker && fields[1] == node.id().to_string()).then_some((process, used))
        })
        .collect()
}

#[cfg(target_os = "linux")]
async fn kill(process: u32) {
    let killed = tokio::process::Command::new("kill")
        .args(["-s", "KILL", &process.to_string()])
        .status();
    assert!(killed.await.expect("every Unix has `kill`").success());
}

/// Has a node compile a bomb; returns the process that does.
#[cfg(target_os = "linux")]
async fn compiling(node: &NodeProcess, name: &str) -> u32 {
    let before = workers(node);
    file(name, loops(LOOPS)).place(&node.plugins());
    eventually(|| {
        let used_before = |process| before.iter().find(|(other, _)| *other == process);
        let busy = |(process, used): &(u32, u64)| {
            *used > used_before(*process).map_or(0, |(_, used)| *used) + 30
        };
        Some(workers(node).into_iter().find(busy)?.0)
    })
    .await
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn processes_that_are_killed_cost_one_file_and_another_one_starts() {
    let node = NodeProcess::start([plugin("echo")], &[]).await;
    let mut reports = node.listen("plugin.failed").await;
    let first = compiling(&node, "bomb").await;
    kill(first).await;
    // It is given to another, once.
    let busy = |(process, used): &(u32, u64)| *process != first && *used > 30;
    let (worker, _) = eventually(|| workers(&node).into_iter().find(busy)).await;
    kill(worker).await;
    let failed = reports.about("plugin.failed", "bomb").await;
    let reason = failed["data"]["reason"].as_str().expect("a reason");
    assert!(reason.contains("bomb.wasm"), "{reason}");
    assert!(reason.contains("signal: 9 (SIGKILL)"), "{reason}");
    let status = node.status("bomb").await.expect("it is there");
    assert_eq!(status.state, PluginState::Failed);

    plugin("sleeper").place(&node.plugins());
    node.until("sleeper", |status| status.state == PluginState::Running)
        .await;
    let others = workers(&node);
    assert!(!others.is_empty() && others.iter().all(|(other, _)| *other != worker));

    // One without work is replaced without a word.
    for (idle, _) in others {
        kill(idle).await;
    }
    plugin("fail").place(&node.plugins());
    let status = node
        .until("fail", |status| status.state != PluginState::Loading)
        .await;
    assert_eq!(
        status.state,
        PluginState::Running,
        "{:?}",
        status.last_error
    );
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_process_ends_with_its_node() {
    let node = NodeProcess::start([], &[]).await;
    let worker = compiling(&node, "bomb").await;
    let process: PathBuf = Path::new("/proc").join(worker.to_string());
    let alive = || {
        // One that has ended may wait for ever for whoever adopts it.
        let status = fs::read_to_string(process.join("status")).unwrap_or_default();
        status.contains("State:") && !status.contains("State:\tZ")
    };
    assert!(alive());
    node.kill().await;
    eventually(|| (!alive()).then_some(())).await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_compiles_knows_nothing_of_the_nodes_secrets_and_goes_first() {
    let node = NodeProcess::start([plugin("echo")], &[]).await;
    let (worker, _) = workers(&node).pop().expect("it has compiled");
    let read = |name: &str| {
        let file = Path::new("/proc").join(worker.to_string()).join(name);
        fs::read_to_string(file).expect("its files are readable")
    };
    let environment = read("environ");
    let names: Vec<&str> = environment
        .split('\0')
        .filter(|line| !line.is_empty())
        .collect();
    let is_harmless = |line: &&str| {
        line.starts_with("LD_LIBRARY_PATH=") || line.starts_with("MIMALLOC_ARENA_RESERVE=")
    };
    assert!(names.iter().all(is_harmless), "{names:?}");
    assert_eq!(read("oom_score_adj").trim(), "1000");
    let limits = read("limits");
    let has = |name: &str, bytes: u64| {
        limits.lines().any(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            line.starts_with(name) && words.contains(&bytes.to_string().as_str())
        })
    };
    assert!(has("Max data size", 4 << 30), "{limits}");
    assert!(has("Max core file size", 0), "{limits}");
}
