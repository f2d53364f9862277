//! Plugins come, change and go while the node runs, and no event is lost, given
//! twice or out of order.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::time::Duration;

use hearken::admin::PluginState;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::support::DEADLINE;
use crate::support::api::Api;
use crate::support::languages::{Language, in_each_language};
use crate::support::node::TestNode;
use crate::support::plugin::{Plugin, file, plugin};
use crate::support::process::NodeProcess;

/// Name under which the versions replace one another.
const NAME: &str = "versioned";

/// Enough for all that may wait while a version starts.
const ROOMY: &str = "[limits]\nmailbox = 100000\n";

fn version(number: u64) -> Plugin {
    version_in(Language::Rust, number)
}

fn version_in(language: Language, number: u64) -> Plugin {
    let guest = if number % 2 == 1 {
        "versioned-v1"
    } else {
        "versioned-v2"
    };
    language.guest(guest).named(NAME)
}

/// What the version with that number calls itself.
fn label(number: u64) -> &'static str {
    if number % 2 == 1 { "1.0.0" } else { "2.0.0" }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_lives_from_its_file_s_appearance_to_its_removal() {
    in_each_language(async |language| {
        let node = TestNode::start([]).await;
        let mut reports = node.listen("plugin.*").await;
        let mut handled = node.listen("custom.handled").await;
        assert!(node.status(NAME).await.is_none());

        node.place(&version_in(language, 1));
        let installed = reports.next().await;
        assert_eq!(installed["type"], "plugin.installed");
        assert_eq!(installed["data"], json!({ "plugin": NAME }));
        let started = reports.next().await;
        assert_eq!(started["type"], "plugin.started");
        assert_eq!(
            started["data"],
            json!({ "plugin": NAME, "version": "1.0.0" })
        );
        node.send("versioned.event", 1).await;
        assert_eq!(handled.next().await["data"]["version"], "1.0.0");

        node.place(&version_in(language, 2));
        let reloaded = reports.next().await;
        assert_eq!(reloaded["type"], "plugin.reloaded", "renamed over");
        assert_eq!(
            reloaded["data"],
            json!({ "plugin": NAME, "version": "2.0.0" })
        );
        node.send("versioned.event", 2).await;
        assert_eq!(handled.next().await["data"]["version"], "2.0.0");

        version_in(language, 1).overwrite(&node.plugins());
        let reloaded = reports.next().await;
        assert_eq!(reloaded["type"], "plugin.reloaded", "written in place");
        assert_eq!(reloaded["data"]["version"], "1.0.0");
        node.send("versioned.event", 3).await;
        assert_eq!(handled.next().await["data"]["version"], "1.0.0");
        // Counted since the plugin was installed.
        node.until(NAME, |status| status.counters.delivered == 3)
            .await;

        node.remove_file(&version_in(language, 1));
        assert_eq!(reports.next().await["type"], "plugin.stopped");
        let removed = reports.next().await;
        assert_eq!(
            (&removed["type"], &removed["subject"]),
            (&json!("plugin.removed"), &json!(NAME))
        );
        let gone = async {
            while node.status(NAME).await.is_some() {
                tokio::time::sleep(crate::support::POLL).await;
            }
        };
        tokio::time::timeout(DEADLINE, gone)
            .await
            .expect("it is forgotten");
        node.place(&version_in(language, 2));
        reports.about("plugin.started", NAME).await;
        node.send("versioned.event", 4).await;
        assert_eq!(handled.next().await["data"]["data"], 4);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_manifest_takes_effect() {
    in_each_language(async |language| {
        let node = TestNode::start([version_in(language, 1)]).await;
        let mut reports = node.listen("plugin.*").await;
        let mut handled = node.listen("custom.handled").await;
        node.place_manifest(
            NAME,
            "subscribe = [\"custom.other\"]\n[limits]\nmailbox = 7\n",
        );
        reports.about("plugin.reloaded", NAME).await;
        let status = node.status(NAME).await.expect("it is there");
        let patterns: Vec<&str> = status
            .listeners
            .iter()
            .map(|listener| &*listener.pattern)
            .collect();
        assert_eq!(patterns, ["custom.other"]);
        assert_eq!(status.limits.mailbox, 7);
        node.send("versioned.event", 1).await;
        node.send("other", 2).await;
        assert_eq!(handled.next().await["data"]["data"], 2);

        std::fs::remove_file(node.plugins().join(format!("{NAME}.toml"))).expect("it is there");
        reports.about("plugin.reloaded", NAME).await;
        node.send("other", 3).await;
        node.send("versioned.event", 4).await;
        assert_eq!(handled.next().await["data"]["data"], 4, "as declared again");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_written_file_is_not_loaded() {
    let node = TestNode::start([]).await;
    let mut reports = node.listen("plugin.*").await;
    let bytes = version(1).bytes();
    let (first, rest) = bytes.split_at(bytes.len() / 2);
    let mut half = File::create(node.plugins().join("half.wasm")).expect("the folder is there");
    half.write_all(first).expect("there is room");
    // Placed after it, and yet seen before it.
    node.place(&plugin("echo"));
    reports.about("plugin.started", "echo").await;
    assert!(node.status("half").await.is_none());
    half.write_all(rest).expect("there is room");
    drop(half);
    let installed = reports.next().await;
    assert_eq!(
        (&installed["type"], &installed["subject"]),
        (&json!("plugin.installed"), &json!("half"))
    );
    let started = reports.next().await;
    assert_eq!(
        started["type"], "plugin.started",
        "it is loaded once, whole"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_written_in_pieces_replaces_the_old_one_when_it_is_whole() {
    let node = TestNode::start([version(1)]).await;
    let mut reports = node.listen("plugin.*").await;
    let bytes = version(2).bytes();
    let (first, rest) = bytes.split_at(bytes.len() / 2);
    let path = node.plugins().join(format!("{NAME}.wasm"));
    std::fs::write(&path, first).expect("the folder is writable");
    let mut file = OpenOptions::new()
        .append(true)
        .open(path)
        .expect("it is there");
    file.write_all(rest).expect("there is room");
    drop(file);
    let reloaded = reports.about("plugin.reloaded", NAME).await;
    assert_eq!(reloaded["data"]["version"], "2.0.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_loaded_or_started_leaves_the_old_version_running() {
    let truncated = version(2).bytes();
    let truncated = &truncated[..truncated.len() / 2];
    let broken = [
        (file(NAME, "nonsense"), "not a WebAssembly file"),
        (file(NAME, truncated), "it is incomplete"),
        (plugin("describe-trap").named(NAME), "failed to start"),
        (plugin("unknown-import").named(NAME), "nobody:has/this"),
        (version(2).manifest("subscribe = 3"), "versioned.toml:1:13"),
    ];
    let node = TestNode::start([version(1)]).await;
    let mut reports = node.listen("plugin.*").await;
    let mut handled = node.listen("custom.handled").await;
    for (number, (plugin, reason)) in (1_u64..).zip(broken) {
        node.place(&plugin);
        let failed = reports.until(|event| {
            let told = event["data"]["reason"].as_str().unwrap_or_default();
            event["type"] == "plugin.failed" && told.contains(reason)
        });
        let told = failed.await["data"]["reason"].clone();
        let status = node.status(NAME).await.expect("it is there");
        assert_eq!(status.state, PluginState::Running);
        assert_eq!(status.version.as_deref(), Some("1.0.0"));
        assert_eq!(status.last_error.as_deref(), told.as_str());
        node.send("versioned.event", number).await;
        let event = handled.next().await;
        assert_eq!(event["data"]["version"], "1.0.0");
        assert_eq!(event["data"]["data"], number);
    }
    node.place_manifest(NAME, "");
    reports.about("plugin.reloaded", NAME).await;
    let status = node.status(NAME).await.expect("it is there");
    assert_eq!(status.version.as_deref(), Some("2.0.0"));
    assert_eq!(status.last_error, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_long_in_starting_delays_nothing() {
    let endless = plugin("describe-wait")
        .named(NAME)
        .manifest("[limits]\ndeadline = \"1h\"\n");
    let node = NodeProcess::start([version(1)], &[]).await;
    let mut starting = node.listen("custom.report.describe-wait").await;
    let mut reports = node.listen("plugin.reloaded").await;
    let mut handled = node.listen("custom.handled").await;
    endless.place(&node.plugins());
    starting.next().await;
    let status = node.succeed(NAME, "pause").await;
    assert_eq!(status.state, PluginState::Paused);
    node.send("versioned.event", 1).await;
    node.succeed(NAME, "resume").await;
    assert_eq!(handled.next().await["data"]["version"], "1.0.0");

    // What the file is now takes the place of what it was.
    version(2).place(&node.plugins());
    reports
        .until(|event| event["data"]["version"] == "2.0.0")
        .await;
    node.send("versioned.event", 2).await;
    assert_eq!(handled.next().await["data"]["version"], "2.0.0");

    endless.place(&node.plugins());
    starting.next().await;
    node.signal("TERM").await;
    let (code, log) = node.ended().await;
    assert_eq!(code, 0, "{log:#?}");
    let abandoned = log.iter().any(|line| {
        line["message"]
            .as_str()
            .is_some_and(|text| text.contains("took too long"))
    });
    assert!(!abandoned, "{log:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_plugin_stays_paused_when_it_is_replaced() {
    in_each_language(async |language| {
        let node = TestNode::start([version_in(language, 1)]).await;
        let mut handled = node.listen("custom.handled").await;
        node.succeed(NAME, "pause").await;
        node.send("versioned.event", 1).await;
        node.place(&version_in(language, 2));
        let status = node
            .until(NAME, |status| status.version.as_deref() == Some("2.0.0"))
            .await;
        assert_eq!(
            (status.state, status.counters.queued),
            (PluginState::Paused, 1)
        );
        node.succeed(NAME, "resume").await;
        assert_eq!(handled.next().await["data"]["version"], "2.0.0");
    })
    .await;
}

/// Publishes numbered events, in bursts or one after the other, until it is stopped;
/// never has more than a few hundred on the way, so that nothing overflows.
struct Publishing {
    handled: watch::Sender<u64>,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<u64>,
}

impl Publishing {
    const ON_THE_WAY: u64 = 200;

    /// Slower than the budget of a plugin that publishes an event for each that it
    /// gets.
    const PACE: Duration = Duration::from_micros(500);

    fn start(api: Api, subjects: u64, burst: u64) -> Self {
        let (handled, mut seen) = watch::channel(0);
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            let times = u32::try_from(burst).expect("a small number");
            let mut pace = tokio::time::interval(Self::PACE * times);
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut number = 0;
            while !*stopped.borrow() {
                let events = (number..number + burst).map(|number| numbered(number, subjects));
                api.publish_all(events).await;
                number += burst;
                pace.tick().await;
                let room = seen.wait_for(|handled| number + burst - handled <= Self::ON_THE_WAY);
                tokio::time::timeout(DEADLINE, room)
                    .await
                    .expect("events are handled")
                    .expect("the test goes on");
            }
            number
        });
        Self {
            handled,
            stop,
            task,
        }
    }
}

/// The event with that number, of one of so many subjects.
fn numbered(number: u64, subjects: u64) -> Value {
    json!({
        "specversion": "1.0", "id": number.to_string(), "source": "/tests",
        "type": "versioned.event", "subject": format!("subject-{}", number % subjects),
        "data": number
    })
}

/// Replaces a plugin again and again by `replace` while events are published with
/// `subjects` subjects, `burst` at a time; checks that each event is handled once, and
/// those of each subject in order. Returns what the plugin told of them.
async fn under_a_steady_stream(
    node: &TestNode,
    [subjects, burst]: [u64; 2],
    replacements: u64,
    label: impl Fn(u64) -> &'static str,
    replace: impl Fn(&TestNode, u64),
) -> Vec<Value> {
    let mut handled = node.listen("custom.handled").await;
    let mut reports = node.listen("plugin.*").await;
    let publishing = Publishing::start(Api::new(node.url.clone()), subjects, burst);
    let progress = publishing.handled.clone();
    let (published, total) = watch::channel(None);
    let reading = tokio::spawn(async move {
        let mut next: Vec<u64> = (0..subjects).collect();
        let mut count = 0;
        let mut told = Vec::new();
        while total.borrow().is_none_or(|total| count < total) {
            let mut event = handled.next().await;
            let number = event["data"]["data"].as_u64().expect("a number");
            let subject = usize::try_from(number % subjects).expect("a small number");
            assert_eq!(number, next[subject], "lost, repeated or out of order");
            next[subject] += subjects;
            count += 1;
            told.push(event["data"].take());
            progress.send_replace(count);
        }
        told
    });
    for replacement in 2..2 + replacements {
        // Some of the stream passes through every version.
        let before = *publishing.handled.borrow();
        let mut seen = publishing.handled.subscribe();
        tokio::time::timeout(DEADLINE, seen.wait_for(|handled| *handled > before + 20))
            .await
            .expect("events are handled")
            .expect("the reader goes on");
        replace(node, replacement);
        // On a slow machine a manifest may be taken up by itself, before the file beside it.
        let is_of_before = |report: &Value| {
            report["type"] == "plugin.reloaded"
                && report["data"]["version"] == label(replacement - 1)
                && label(replacement - 1) != label(replacement)
        };
        let report = reports.until(|report| !is_of_before(report)).await;
        assert_eq!(report["type"], "plugin.reloaded", "{report}");
        assert_eq!(report["data"]["version"], label(replacement));
    }
    publishing.stop.send_replace(true);
    let sent = publishing.task.await.expect("the publisher does not panic");
    // One more, for the reader to see that it is done.
    published.send_replace(Some(sent + 1));
    node.publish_all([numbered(sent, subjects)]).await;
    let told = tokio::time::timeout(DEADLINE, reading)
        .await
        .expect("all events are handled")
        .expect("they come in order");
    assert_eq!(told.len() as u64, sent + 1);
    let status = node
        .until(NAME, |status| status.counters.delivered > sent)
        .await;
    assert_eq!(status.counters.delivered, sent + 1);
    assert_eq!((status.counters.dropped, status.counters.failed), (0, 0));
    told
}

/// The longest run of events whose data was one behind the other in a plugin's memory,
/// at equal distances: what came in one frame.
fn longest_run(told: &[Value]) -> usize {
    /// An event has at least so much besides its data.
    const HEAD: i64 = 64;
    let places: Vec<i64> = told
        .iter()
        .map(|told| told["at"].as_i64().expect("a place"))
        .collect();
    let distances: Vec<i64> = places.windows(2).map(|pair| pair[1] - pair[0]).collect();
    distances
        .chunk_by(|one, other| one == other && *one > HEAD)
        .map(<[i64]>::len)
        .max()
        .unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
pub async fn thirty_replacements_under_a_steady_stream_lose_repeat_and_reorder_nothing() {
    in_each_language(async |language| {
        let version = |number| version_in(language, number);
        let node = TestNode::start([version(1).manifest(ROOMY)]).await;
        under_a_steady_stream(&node, [1, 1], 30, label, |node, replacement| {
            if replacement % 4 < 2 {
                node.place(&version(replacement));
            } else {
                version(replacement).overwrite(&node.plugins());
            }
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn replacements_amid_frames_lose_repeat_and_reorder_nothing() {
    let framed = |mailbox| {
        plugin("versioned-framed")
            .named(NAME)
            .manifest(&format!("[limits]\nmailbox = {mailbox}\n"))
    };
    let node = TestNode::start([framed(100_000)]).await;
    let status = node.status(NAME).await.expect("it is there");
    assert_eq!(
        status.interface.as_deref(),
        Some("hearken:plugin/framed-listener@0.2.0")
    );
    let label = |_| env!("CARGO_PKG_VERSION");
    let told = under_a_steady_stream(&node, [1, 100], 30, label, |node, replacement| {
        node.place(&framed(100_000 + replacement));
    })
    .await;
    let run = longest_run(&told);
    assert!(run >= 8, "frames of many events, not of {run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_instances_keep_each_subject_s_order_while_their_number_changes() {
    in_each_language(async |language| {
        let node = TestNode::start([version_in(language, 1).manifest(ROOMY)]).await;
        under_a_steady_stream(&node, [7, 1], 8, label, |node, replacement| {
            let instances = 1 + replacement % 4;
            let manifest = format!("concurrency = {instances}\n{ROOMY}");
            node.place(&version_in(language, replacement).manifest(&manifest));
        })
        .await;
    })
    .await;
}
