//! `plugin list`, `show`, `reload`, `pause` and `resume`.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use hearken::admin::{
    AnswersStatus, ConsumedStatus, Counters, DeliveryStatus, HostRequests, LimitsStatus,
    ListenerStatus, PluginState, PluginStatus, ReplayState, ReplayStatus, RightsStatus,
    StalledStatus, WithheldStatus,
};
use hearken::bus::Overflow;
use hearken::script::Language;
use serde_json::{Value, json};

use crate::support::Node;

fn status(name: &str, state: PluginState) -> PluginStatus {
    PluginStatus {
        name: name.to_owned(),
        version: Some("1.2.3".to_owned()),
        state,
        language: Some(Language::Component),
        interface: Some("hearken:plugin/listener@0.2.0".to_owned()),
        listeners: vec![ListenerStatus {
            name: "greet".to_owned(),
            pattern: "custom.hello.*".to_owned(),
            subject: None,
            channel: None,
            local_only: true,
            delivery: DeliveryStatus::Live,
        }],
        answers: Some(AnswersStatus {
            questions: vec!["connect".to_owned(), "subscribe".to_owned()],
            namespaces: vec!["chat".to_owned()],
        }),
        consumers: vec![ConsumedStatus {
            channel: "orders".to_owned(),
            epoch: Some("5d0c7bb14f3e9a26".to_owned()),
            after: 7,
            lag: 5,
            in_flight: 1,
            waiting: None,
            stalled: Some(StalledStatus {
                sequence: 8,
                attempts: 3,
                reason: "it\nfails".to_owned(),
                next_attempt: Some("2026-11-28T12:00:00Z".to_owned()),
            }),
            dead: 2,
            retried: 1,
            missed: 0,
        }],
        replay: Some(ReplayStatus {
            channel: "orders".to_owned(),
            after: 2,
            until: 6,
            copy: true,
            at: 4,
            state: ReplayState::Running,
            handled: 1,
            failed: 1,
            missing: 0,
            last_error: None,
        }),
        rights: RightsStatus {
            publish: Some(Vec::new()),
            http: vec!["api.example.com".to_owned()],
            withheld: vec![WithheldStatus {
                right: "listen".to_owned(),
                asked: "custom.*".to_owned(),
                granted: vec!["custom.hello.*".to_owned()],
                listener: Some("greet".to_owned()),
            }],
            ..RightsStatus::default()
        },
        limits: LimitsStatus {
            memory_bytes: 64 << 20,
            deadline_ms: 5000,
            time_slice_us: 1000,
            mailbox: 1024,
            overflow: Overflow::DropOldest,
            concurrency: 1,
        },
        counters: Counters {
            delivered: 17,
            ..Counters::default()
        },
        http: vec![HostRequests {
            host: "api.example.com".to_owned(),
            requests: [("200".to_owned(), 3), ("failed".to_owned(), 1)].into(),
        }],
        content_hash: Some("c0ffee".to_owned()),
        memory_bytes: 1 << 20,
        last_error: (state == PluginState::Failed).then(|| "it\ntrapped\u{1b}[2J".to_owned()),
        last_error_time: None,
        quarantined_until: None,
    }
}

async fn node() -> Node {
    let list = async || {
        Json(json!({"plugins": [
            status("audit-log", PluginState::Running),
            status("b", PluginState::BackingOff),
        ]}))
    };
    let one = async |Path(name): Path<String>| Json(status(&name, PluginState::Failed));
    let act = async |Path((name, action)): Path<(String, String)>| {
        let state = match action.as_str() {
            "replay" => PluginState::Running,
            "pause" => PluginState::Paused,
            "reload" | "resume" => PluginState::Running,
            _ => return Err(StatusCode::NOT_FOUND),
        };
        Ok(Json(status(&name, state)))
    };
    let router = Router::new()
        .route("/v1/plugins", get(list))
        .route("/v1/plugins/{name}", get(one))
        .route("/v1/plugins/{name}/{action}", post(act));
    Node::start(router).await
}

#[tokio::test]
async fn list_is_a_table_or_a_json_value_a_plugin() {
    let node = node().await;
    let answer = node.hearken(&["plugin", "list"]).await;
    assert_eq!(answer.code, 0);
    assert_eq!(
        answer.stdout,
        "NAME       VERSION  STATE        DELIVERED  FAILED  DROPPED  QUEUED  LISTENS TO\n\
         audit-log  1.2.3    running      17         0       0        0       custom.hello.*\n\
         b          1.2.3    backing-off  17         0       0        0       custom.hello.*\n"
    );
    let answer = node.hearken(&["plugin", "list", "--json"]).await;
    let names: Vec<Value> = answer
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["name"].clone())
        .collect();
    assert_eq!(names, ["audit-log", "b"]);
}

#[tokio::test]
async fn show_tells_everything() {
    let node = node().await;
    let answer = node.hearken(&["plugin", "show", "a b/c"]).await;
    assert_eq!(answer.code, 0);
    for part in [
        "name        a b/c\n",
        "state       failed\n",
        "listens to  custom.hello.* local only (greet)\n",
        "answers     connect, subscribe of chat\n",
        "may         publish nothing\n",
        "may         http api.example.com\n",
        "may not     listen custom.* (greet), but for custom.hello.*\n",
        "http        api.example.com: 3 200, 1 failed\n",
        "memory 64.0 MiB, deadline 5s, time slice 1ms, mailbox 1024 (drop-oldest), concurrency 1\n",
        "17 delivered",
        "consumes    orders after 7, 5 behind, 1 in hand, 2 dead letters, 1 of them retried; \
         stalled on 8 after 3 attempts, the next at 2026-11-28T12:00:00Z: it\\nfails\n",
        "replay      orders from 3 to 6: running at 4, 1 handled, 1 failed, 0 missing; by a copy\n",
        "\n  it\n  trapped\\u{1b}[2J\n",
    ] {
        assert!(
            answer.stdout.contains(part),
            "{part:?} is not in\n{}",
            answer.stdout
        );
    }
    let answer = node.hearken(&["--json", "plugin", "show", "b"]).await;
    let shown: PluginStatus = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!(shown, status("b", PluginState::Failed));
}

#[tokio::test]
async fn actions_answer_how_the_plugin_stands() {
    let node = node().await;
    for (action, state) in [
        ("reload", "running"),
        ("pause", "paused"),
        ("resume", "running"),
    ] {
        let answer = node.hearken(&["plugin", action, "b"]).await;
        assert_eq!(answer.code, 0);
        assert_eq!(answer.stdout, format!("b: {state}, version 1.2.3\n"));
    }
}

#[tokio::test]
async fn replay_tells_who_is_handed_what() {
    let node = node().await;
    let range = ["--channel", "orders", "--after", "2", "--until", "6"];
    let answer = node
        .hearken(&[&["plugin", "replay", "b"][..], &range].concat())
        .await;
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    assert_eq!(
        answer.stdout,
        "b: is handed what follows number 2 of orders, up to number 6\n"
    );
    let answer = node.hearken(&["plugin", "replay", "b"]).await;
    assert_eq!(answer.code, 2, "it has to be said what");
}
