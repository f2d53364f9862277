//! Listeners that take many events a call: each event answers for itself, as if it
//! had come alone.

use hearken::admin::PluginState;
use serde_json::{Value, json};

use crate::support::neighbour::Neighbourhood;
use crate::support::node::TestNode;
use crate::support::plugin::plugin;

/// Below what the mailboxes on the way hold and a plugin may send at once.
const EVENTS: u64 = 300;

/// What the plugin does on the event with that number.
fn task(number: u64) -> &'static str {
    match number {
        100 | 200 => "panic",
        250 => "spin",
        number if number % 3 == 0 => "fail",
        _ => "succeed",
    }
}

fn is_death(number: u64) -> bool {
    matches!(task(number), "panic" | "spin")
}

fn id(number: u64) -> String {
    format!("event-{number}")
}

#[tokio::test(flavor = "multi_thread")]
pub async fn each_event_answers_for_itself() {
    let blamed = plugin("blamed").manifest("[limits]\ndeadline = \"100ms\"\n");
    let mut neighbours = Neighbourhood::of([blamed]).await;
    let mut begun = neighbours.listen("custom.report.blamed").await;
    neighbours.succeed("blamed", "pause").await;
    let events = (0..EVENTS).map(|number| {
        json!({
            "specversion": "1.0", "id": id(number), "source": "/tests", "type": "blamed.event",
            "data": { "number": number, "do": task(number) }
        })
    });
    neighbours.publish_all(events).await;
    neighbours.succeed("blamed", "resume").await;

    let mut of_the_instance = 0;
    for number in 0..EVENTS {
        of_the_instance += 1;
        assert_eq!(
            begun.next().await["data"],
            json!({ "id": id(number), "number": number, "begun": of_the_instance }),
            "each event once, in order, and the one after a death by a fresh instance"
        );
        if is_death(number) {
            of_the_instance = 0;
        }
    }
    let mut failures = 0;
    for number in (0..EVENTS).filter(|number| task(*number) != "succeed") {
        let failed = neighbours.reports.about("plugin.failed", "blamed").await;
        assert_eq!(failed["data"]["event"], id(number), "{failed}");
        let reason = failed["data"]["reason"].as_str().expect("a reason");
        let expected = match task(number) {
            "panic" => format!("alas, {number}"),
            "spin" => "deadline of 100ms exceeded".to_owned(),
            _ => format!("no to {number}"),
        };
        assert!(
            reason.contains(&expected),
            "`{expected}` is not in: {reason}"
        );
        failures += 1;
    }
    let status = neighbours
        .until("blamed", |status| status.counters.delivered >= EVENTS)
        .await;
    let counters = &status.counters;
    assert_eq!((counters.delivered, counters.failed), (EVENTS, failures));
    assert_eq!((counters.dropped, counters.queued), (0, 0));
    let deaths = (0..EVENTS).filter(|number| is_death(*number)).count() as u64;
    assert_eq!(counters.restarts, deaths);
    assert_eq!(status.state, PluginState::Running);
    neighbours.nothing_is_missed().await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn both_kinds_of_listener_get_the_same_attributes() {
    let node = TestNode::start([plugin("attributes"), plugin("attributes-framed")]).await;
    for (name, interface) in [
        ("attributes", "hearken:plugin/listener@0.2.0"),
        ("attributes-framed", "hearken:plugin/framed-listener@0.2.0"),
    ] {
        let status = node.status(name).await.expect("it is there");
        assert_eq!(status.interface.as_deref(), Some(interface));
    }
    let reports = "custom.report.attributes";
    let typed = node.listen(reports).await;
    let mut typed = typed.from("/nodes/test/plugins/attributes");
    let framed = node.listen(reports).await;
    let mut framed = framed.from("/nodes/test/plugins/attributes-framed");
    let full = json!({
        "specversion": "1.0",
        "id": "e-1",
        "source": "/shop",
        "type": "attributes.full",
        "subject": "cart-7",
        "time": "2018-04-05T17:31:00.5+02:00",
        "sequence": "0001",
        "datacontenttype": "application/json",
        "distributed": true,
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "tracestate": "a=1,b=2",
        "flag": true,
        "number": -7,
        "text": "höher",
        "data": { "n": 1 },
    });
    let scanty = json!({
        "specversion": "1.0", "id": "e-2", "source": "/shop", "type": "attributes.scanty"
    });
    node.publish_all([full.clone(), scanty]).await;

    let told = typed.next().await["data"].clone();
    assert_eq!(framed.next().await["data"], told);
    assert!(told["recordedtime"].is_u64(), "{told}");
    let expected = json!({
        "id": "e-1",
        "source": "/shop",
        "type": "custom.attributes.full",
        "subject": "cart-7",
        "time": "2018-04-05T17:31:00.5+02:00",
        "recordedtime": told["recordedtime"],
        "datacontenttype": "application/json",
        "data": { "n": 1 },
        "distributed": true,
        "origin": "test",
        "localorigin": true,
        "channel": null,
        "sequence": null,
        "traceparent": full["traceparent"],
        "tracestate": full["tracestate"],
        "extensions": [
            ["flag", "true"], ["number", "-7"], ["sequence", "0001"], ["text", "höher"]
        ],
    });
    assert_eq!(told, expected);

    let told = typed.next().await["data"].clone();
    assert_eq!(framed.next().await["data"], told);
    assert_eq!(told["id"], "e-2");
    for absent in ["subject", "time", "data", "traceparent", "tracestate"] {
        assert_eq!(told[absent], Value::Null, "{absent}");
    }
    assert_eq!(told["extensions"], json!([]));
    assert_eq!(told["distributed"], false);
}
