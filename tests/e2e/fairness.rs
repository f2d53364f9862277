//! Who gets the CPU: busy plugins are in nobody's way, whatever they do, and get their
//! share. What the system tells of threads is needed, and so Linux.
#![cfg(target_os = "linux")]

use std::fs;
use std::time::Duration;

use tokio::process::{Child, Command};

use crate::support::plugin::{Plugin, plugin};
use crate::support::process::NodeProcess;
use crate::support::{DEADLINE, POLL};

/// CPU that the threads of a process whose names begin so have used.
fn cpu(pid: u32, threads: &str) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("the process runs");
    tasks
        .flatten()
        .filter_map(|task| {
            let name = fs::read_to_string(task.path().join("comm")).ok()?;
            let used = fs::read_to_string(task.path().join("schedstat")).ok()?;
            let nanoseconds = used.split(' ').next()?.parse().ok()?;
            name.starts_with(threads)
                .then(|| Duration::from_nanos(nanoseconds))
        })
        .sum()
}

/// CPU of the threads that run plugins, the foreground's by itself.
fn of_plugins(node: &NodeProcess) -> (Duration, Duration) {
    let [foreground, lowest, polite] =
        ["plugin-fg", "plugin-bg", "plugin-polite"].map(|threads| cpu(node.pid(), threads));
    (foreground, foreground + lowest + polite)
}

async fn until(wanted: impl Fn() -> bool) {
    let waiting = async {
        while !wanted() {
            tokio::time::sleep(POLL).await;
        }
    };
    tokio::time::timeout(DEADLINE, waiting)
        .await
        .expect("it comes to that");
}

/// A plugin that works for a while on what it gets, and sends it on.
fn busy(name: &str, from: &str, to: &str) -> Plugin {
    let manifest = format!("subscribe = [\"custom.{from}\"]\n[config]\nto = \"{to}\"\n");
    plugin("busy").named(name).manifest(&manifest)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_works_in_pieces_shorter_than_a_time_slice_leaves_the_foreground_too() {
    const ENOUGH: Duration = Duration::from_millis(500);
    let to_itself = vec![busy("self", "round", "round")];
    let to_each_other = vec![busy("ping", "ping", "pong"), busy("pong", "pong", "ping")];
    for (plugins, first) in [(to_itself, "round"), (to_each_other, "ping")] {
        let node = NodeProcess::start(plugins, &[]).await;
        let work = serde_json::json!({ "micros": 900 });
        node.send(first, work).await;
        until(|| of_plugins(&node).1 > ENOUGH).await;
        let (foreground, all) = of_plugins(&node);
        assert!(2 * foreground < all, "{first}: {foreground:?} of {all:?}");
    }
}

/// A process that does nothing but use the CPU.
fn competitor() -> Child {
    Command::new("sh")
        .args(["-c", "while :; do :; done"])
        .kill_on_drop(true)
        .spawn()
        .expect("there is a shell")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_plugin_gets_its_share_beside_other_busy_processes() {
    /// CPU of each competitor in which the share is measured.
    const MEASURED: Duration = Duration::from_secs(4);
    let endless = plugin("spin").manifest("[limits]\ndeadline = \"1h\"\n");
    let node = NodeProcess::start([endless], &[]).await;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let competitors: Vec<Child> = (0..cores).map(|_| competitor()).collect();
    let theirs = || -> Duration {
        let pids = competitors.iter().filter_map(Child::id);
        pids.map(|pid| cpu(pid, "")).sum()
    };
    node.send("spin.now", 1).await;
    let before = of_plugins(&node).1;
    let enough = theirs() + MEASURED * u32::try_from(cores).expect("a small number");
    until(|| theirs() >= enough).await;
    let used = of_plugins(&node).1 - before;
    // The lowest class alone would get some hundredths of a percent, and there are
    // other tests beside the competitors.
    assert!(
        used > MEASURED / 40,
        "{used:?} beside {MEASURED:?} on each core"
    );
}
