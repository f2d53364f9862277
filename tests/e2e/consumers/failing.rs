//! Events that the plugin fails, rejects or dies of.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{
    AT_ONCE, all, append, append_to, attempt, attempts, make, node, node_in, order, reports,
    until_handled,
};
use crate::support::api::answer;
use crate::support::languages::in_each_language;
use crate::support::node::TestNode;
use crate::support::plugin::plugin;

fn fail(times: u64) -> Value {
    json!({ "do": "fail", "times": times })
}

fn recorded(report: &Value) -> OffsetDateTime {
    let time = report["recordedtime"].as_str().expect("a time");
    OffsetDateTime::parse(time, &Rfc3339).expect("a time")
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_failed_event_is_tried_again_later_and_holds_back_only_its_subject() {
    in_each_language(async |language| {
        let node = node_in(language, "backoff = \"200ms\"").await;
        let mut reports = reports(&node).await;
        let last = append(
            &node,
            &[
                order("a1", "a", fail(3)),
                order("a2", "a", Value::Null),
                order("b1", "b", Value::Null),
            ],
        )
        .await;
        let reports = reports.take(6).await;
        let order: Vec<_> = reports.iter().map(attempt).collect();
        let place = |id: &str, nth| {
            let mut order = order.iter();
            order.position(|found| *found == (id.to_owned(), Some(nth)))
        };
        let tries = [1, 2, 3, 4].map(|nth| place("a1", nth).expect("it is tried"));
        assert!(tries.is_sorted(), "{order:?}");
        assert!(
            place("a2", 1) > Some(tries[3]),
            "one after the other: {order:?}"
        );
        assert!(place("b1", 1) < Some(tries[3]), "others go on: {order:?}");
        // Each is waited for twice as long as the one before.
        for (pair, least) in tries.windows(2).zip([200, 400, 800]) {
            let waited = recorded(&reports[pair[1]]) - recorded(&reports[pair[0]]);
            // Their times are cut to milliseconds.
            assert!(
                waited.whole_milliseconds() >= least - 1,
                "{waited} of {least}"
            );
        }
        until_handled(&node, last).await;
        let status = node.status("consuming").await.expect("it is there");
        assert_eq!(status.consumers[0].dead, 0);
        assert_eq!(status.consumers[0].stalled, None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn after_the_last_attempt_an_event_is_a_dead_letter_until_it_is_retried() {
    let node = node(&format!("attempts = 2\n{AT_ONCE}")).await;
    let mut reports = reports(&node).await;
    let mut rejected = node.listen("plugin.rejected").await;
    let last = append(
        &node,
        &[order("a1", "a", fail(2)), order("a2", "a", Value::Null)],
    )
    .await;
    let expected = [("a1", 1), ("a1", 2), ("a2", 1)];
    let expected = expected.map(|(id, nth)| (id.to_owned(), Some(nth)));
    assert_eq!(attempts(&mut reports, 3).await, expected);
    until_handled(&node, last).await;
    assert_eq!(rejected.next().await["subject"], "consuming");

    let letters = all(&node, "dead.consuming").await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    let letter = &letters[0];
    assert_eq!(
        (&letter["id"], &letter["subject"]),
        (&json!("a1"), &json!("a"))
    );
    assert_eq!(
        (&letter["type"], &letter["data"]),
        (&json!("custom.order.placed"), &fail(2))
    );
    assert_eq!(letter["deadchannel"], "orders");
    assert_eq!(letter["deadplugin"], "consuming");
    assert_eq!(text(&letter["deadsequence"]), "1");
    assert_eq!(text(&letter["deadattempts"]), "2");
    assert_eq!(text(&letter["deadseeks"]), "0");
    assert_eq!(letter["deadreason"], "it is told to fail");
    let status = node.status("consuming").await.expect("it is there");
    assert_eq!(status.consumers[0].dead, 1);

    for _ in 0..2 {
        let retry = node.request(
            Method::POST,
            "/v1/channels/orders/consumers/consuming/retry",
        );
        assert_eq!(
            answer(retry.json(&json!({}))).await.status(),
            StatusCode::OK
        );
    }
    append(&node, &[order("a3", "a", Value::Null)]).await;
    let mut after = attempts(&mut reports, 2).await;
    after.sort();
    let expected = ["a1", "a3"].map(|id| (id.to_owned(), Some(1)));
    assert_eq!(after, expected, "once, and as if for the first time");
    // What came of it is over: nothing of it is handed over behind later events.
    append(&node, &[order("a4", "a", Value::Null)]).await;
    assert_eq!(
        attempts(&mut reports, 1).await,
        [("a4".to_owned(), Some(1))]
    );
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

#[tokio::test(flavor = "multi_thread")]
pub async fn what_is_rejected_is_a_dead_letter_at_once() {
    in_each_language(async |language| {
        let node = node_in(language, "backoff = \"1h\"").await;
        let mut reports = reports(&node).await;
        let last = append(
            &node,
            &[
                order("a1", "a", json!({ "do": "reject" })),
                order("a2", "a", Value::Null),
            ],
        )
        .await;
        let expected = ["a1", "a2"].map(|id| (id.to_owned(), Some(1)));
        assert_eq!(attempts(&mut reports, 2).await, expected);
        until_handled(&node, last).await;
        let letters = all(&node, "dead.consuming").await;
        assert_eq!(letters.len(), 1, "{letters:?}");
        let reason = letters[0]["deadreason"].as_str().unwrap_or_default();
        assert!(reason.contains("it is told to reject"), "{reason}");
        assert_eq!(text(&letters[0]["deadattempts"]), "1");
    })
    .await;
}

/// Instances are made more slowly after each death, so that there are not many more of them
/// than would quarantine the plugin.
#[tokio::test(flavor = "multi_thread")]
pub async fn an_event_that_kills_each_instance_quarantines_nobody() {
    let node = node(&format!("attempts = 6\n{AT_ONCE}")).await;
    let mut reports = reports(&node).await;
    let quarantined = node.listen("plugin.{quarantined,rejected}").await.gather();
    let last = append(
        &node,
        &[
            order("a1", "a", json!({ "do": "trap" })),
            order("a2", "a", Value::Null),
        ],
    )
    .await;
    let attempts = attempts(&mut reports, 7).await;
    let expected: Vec<_> = (1..=6).map(|nth| ("a1".to_owned(), Some(nth))).collect();
    assert_eq!(attempts[..6], expected);
    assert_eq!(attempts[6], ("a2".to_owned(), Some(1)), "it goes on");
    until_handled(&node, last).await;
    assert_eq!(all(&node, "dead.consuming").await.len(), 1);
    let told = quarantined.until_count(1).await;
    let told: Vec<_> = told.iter().map(|event| &event["type"]).collect();
    assert_eq!(told, ["plugin.rejected"]);
}

/// Many more than would quarantine the plugin, had it died of live ones.
#[tokio::test(flavor = "multi_thread")]
pub async fn events_that_kill_each_instance_quarantine_nobody_however_many_they_are() {
    const POISON: usize = 100;
    let manifest = "[config]\nalso = \"others\"\n[consume.orders]\nattempts = 1\n";
    let node = TestNode::start([plugin("consuming").manifest(manifest)]).await;
    for channel in ["orders", "others"] {
        make(&node, channel).await;
    }
    let reports = reports(&node).await.gather();
    let told = node.listen("plugin.{quarantined,rejected}").await.gather();
    let poison = (0..POISON).map(|n| {
        let trap = json!({ "do": "trap" });
        order(&format!("p{n}"), &format!("s{n}"), trap)
    });
    let last = append(&node, &Vec::from_iter(poison)).await;
    reports.until_count(5).await;
    let live = json!({ "type": "both.live", "id": "live", "source": "/tests" });
    node.publish(&live).await;
    append_to(&node, "others", &[order("good", "a", Value::Null)]).await;
    // In parts, since each is waited for only so long.
    for count in [POISON / 3, 2 * POISON / 3] {
        reports.until_count(count).await;
    }
    let found = reports.until_count(POISON + 2).await;
    let found: Vec<_> = found.iter().map(|report| attempt(report).0).collect();
    let place = |id: &str| found.iter().position(|found| found == id);
    let end = place(&format!("p{}", POISON - 1)).expect("each is tried");
    for good in ["live", "good"] {
        assert!(
            place(good).is_some_and(|at| at < end),
            "not held up: {found:?}"
        );
    }
    until_handled(&node, last).await;
    assert_eq!(all(&node, "dead.consuming").await.len(), POISON);
    let told = told.until_count(POISON).await;
    let rejected = told.iter().all(|event| event["type"] == "plugin.rejected");
    assert!(rejected, "{told:#?}");
}

#[tokio::test(flavor = "multi_thread")]
pub async fn without_dead_letters_it_is_shown_what_a_plugin_hangs_on() {
    let settings = "dead_letters = false\nattempts = 2\nbackoff = \"1ms\"\nmax_backoff = \"50ms\"";
    let node = node(settings).await;
    let mut stalled = node.listen("plugin.stalled").await;
    let mut reports = reports(&node).await;
    let never = json!({ "do": "fail" });
    append(
        &node,
        &[order("a1", "a", never), order("b1", "b", Value::Null)],
    )
    .await;
    // Beyond its attempts.
    reports.until(|report| attempt(report).1 == Some(5)).await;
    assert_eq!(stalled.next().await["subject"], "consuming");
    let hangs = node.until("consuming", |status| status.consumers[0].stalled.is_some());
    let status = hangs.await;
    let consumer = &status.consumers[0];
    let stalled = consumer.stalled.as_ref().expect("looked for");
    assert_eq!((consumer.after, stalled.sequence), (0, 1));
    assert!(stalled.attempts >= 2, "{stalled:?}");
    assert_eq!(stalled.reason, "it is told to fail");
    assert_eq!(consumer.dead, 0);
    let live = json!({ "type": "both.live", "id": "c", "source": "/tests" });
    node.publish(&live).await;
    let heard = reports.until(|report| report["data"]["id"] == "c").await;
    assert_eq!(
        attempt(&heard),
        ("c".to_owned(), None),
        "live events are not held up"
    );
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_plugin_in_quarantine_loses_nothing_of_its_channel() {
    let node = node(AT_ONCE).await;
    let mut reports = reports(&node).await;
    let mut host = node.listen("plugin.quarantined").await;
    for n in 0..5 {
        let poison = json!({
            "type": "poison.live", "id": format!("p{n}"), "source": "/tests", "data": { "do": "trap" }
        });
        node.publish(&poison).await;
    }
    host.next().await;
    reports.take(5).await;
    let last = append(&node, &[order("a1", "a", Value::Null)]).await;
    let status = node.status("consuming").await.expect("it is there");
    assert_eq!(
        (status.consumers[0].after, status.consumers[0].in_flight),
        (0, 0)
    );
    node.succeed("consuming", "resume").await;
    assert_eq!(
        attempts(&mut reports, 1).await,
        [("a1".to_owned(), Some(1))]
    );
    until_handled(&node, last).await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_retry_calls_only_the_listeners_that_failed() {
    let manifest = format!("[consume.orders]\n{AT_ONCE}");
    let node = TestNode::start([plugin("consumer").manifest(&manifest)]).await;
    make(&node, "orders").await;
    let told = node.listen("custom.report.consumer").await.gather();
    // For two listeners, of which one fails.
    let mut both = order("o1", "a", json!({ "fail": 1 }));
    both["type"] = json!("order.both");
    append(&node, &[both, order("o2", "a", json!({}))]).await;
    let is_last = |event: &Value| {
        let report = &event["data"];
        (&report["who"], &report["sequence"]) == (&json!("handled"), &json!(2))
    };
    let told = told.until(|events| events.iter().any(is_last)).await;
    let reports = told.iter().map(|event| &event["data"]);
    // Events that are published are seen too.
    let calls: Vec<_> = reports
        .filter(|report| report["who"] != "see")
        .map(|report| json!([report["who"], report["sequence"], report["retry"]]))
        .collect();
    let expected = [
        json!(["handle", 1, false]),
        json!(["witness", 1, false]),
        json!(["handle", 1, true]),
        json!(["handled", 1, true]),
        json!(["handle", 2, false]),
        json!(["handled", 2, false]),
    ];
    assert_eq!(calls, expected);
}
