//! Whatever an event is, a text that sends it on sends what it was given.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Map, Value, json};

use super::{node, save};

/// Events that are sent through a text.
const EVENTS: usize = 150;

/// Sends each event back as it came: JSON as what was read of it, text as text, all else as bytes.
const BACK: &str = r#"import { listen, send } from "hearken";
    listen("custom.there", function back(event) {
      const { subject, datacontenttype, extensions, time } = event;
      const data = event.bytes().length === 0 ? undefined : event.data;
      send("back", { subject, datacontenttype, extensions, time, data });
    });"#;

/// Numbers that JavaScript has: all that are written in JSON, as near as 64 bits come to them.
fn number() -> impl Strategy<Value = Value> {
    let edges = [
        0.0,
        -0.0,
        5e-324,
        f64::MAX,
        f64::MIN,
        f64::EPSILON,
        9_007_199_254_740_991.0,
        9_007_199_254_740_993.0,
        1e21,
        123_456_789_012_345_680_000.0,
    ];
    prop_oneof![
        any::<i64>().prop_map(|number| json!(number)),
        any::<u64>().prop_map(|number| json!(number)),
        (any::<f64>()).prop_filter_map("JSON has it", |number| {
            serde_json::Number::from_f64(number).map(Value::Number)
        }),
        proptest::sample::select(edges.to_vec()).prop_map(|number| json!(number)),
    ]
}

/// Texts of all characters, and of those that are written in special ways.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[\"\\\\/\u{0}-\u{1f}\u{7f}-\u{9f}\u{2028}\u{2029}\u{202e}\u{feff}\u{fffd}🦀é]{0,12}",
        proptest::sample::select(vec![
            "__proto__",
            "constructor",
            "toJSON",
            "then",
            "length",
            "0"
        ])
        .prop_map(str::to_owned),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number(),
        text().prop_map(Value::String),
    ];
    leaf.prop_recursive(6, 48, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::Array),
            btree_map(text(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// What an event carries: its data in the form that JSON has for it, and its media type.
fn content() -> impl Strategy<Value = Map<String, Value>> {
    let of = |name: &str, data: Value, media_type: &str| {
        let mut content = Map::new();
        content.insert(name.to_owned(), data);
        content.insert("datacontenttype".to_owned(), json!(media_type));
        content
    };
    prop_oneof![
        4 => value().prop_map(move |data| of("data", data, "application/json")),
        1 => value().prop_map(move |data| of("data", data, "application/vnd.of-us+json")),
        1 => text().prop_map(move |data| of("data", json!(format!("{data}.")), "text/plain; charset=utf-8")),
        2 => vec(any::<u8>(), 1..200).prop_map(move |bytes| {
            of("data_base64", json!(base64(&bytes)), "application/octet-stream")
        }),
        1 => Just(Map::new()),
    ]
}

fn event() -> impl Strategy<Value = Value> {
    let subject = proptest::option::of("[a-zA-Z0-9 üß€🦀/:._-]{1,30}");
    let name = "x[a-z0-9]{0,18}";
    let extensions = btree_map(name, "[ -~¡-ÿ一-龥🦀]{1,20}", 0..4);
    let time = proptest::option::of("20[0-9]{2}-0[1-9]-1[0-9]T1[0-9]:[0-5][0-9]:[0-5][0-9]Z");
    let parts = (content(), subject, extensions, time);
    parts.prop_map(|(mut event, subject, extensions, time)| {
        event.extend(
            extensions
                .into_iter()
                .map(|(name, value)| (name, json!(value))),
        );
        let attributes = [("subject", subject), ("time", time)];
        for (name, value) in attributes {
            event.extend(value.map(|value| (name.to_owned(), json!(value))));
        }
        Value::Object(event)
    })
}

/// As a text does it.
fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Whether one is what is left of the other when all numbers are those of 64 bits.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            let [one, other] = [one, other].map(|number| number.as_f64().expect("finite"));
            // As near as these tests read a number that is written otherwise.
            one == other || (one - other).abs() <= one.abs() * f64::EPSILON
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .zip(other)
                    .all(|(one, other)| is_same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(name, value)| other.get(name).is_some_and(|other| is_same(value, other)))
        }
        _ => one == other,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_comes_out_of_a_text_as_it_went_in() {
    let (node, mut reports) = node().await;
    save(&node, "back.js", BACK);
    reports.about("plugin.started", "back").await;
    let mut there = node.listen("custom.there").await;
    let mut back = node.listen("custom.back").await;
    let mut failed = node.listen("plugin.failed").await;
    // Others each time, and known where it fails.
    let seed: [u8; 32] = rand::random();
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = event();
    for number in 0..EVENTS {
        let tree = strategy
            .new_tree(&mut runner)
            .expect("there are such events");
        let mut sent = tree.current();
        sent["type"] = json!("there");
        sent["specversion"] = json!("1.0");
        sent["source"] = json!("/tests");
        sent["id"] = json!(number.to_string());
        node.publish_all([sent.clone()]).await;
        let went_in = there.next().await;
        let came_out = tokio::select! {
            came_out = back.next() => came_out,
            failed = failed.next() => panic!("{seed:?}: {sent} fails: {failed}"),
        };
        let names = went_in.as_object().expect("an object").keys();
        for name in names.filter(|name| !given_anew(name)) {
            let (one, other) = (&went_in[name], &came_out[name]);
            assert!(
                is_same(one, other),
                "{seed:?}: `{name}` of {went_in} is {other}"
            );
        }
        let known = |name: &&String| went_in.get(name.as_str()).is_some() || given_anew(name);
        let more = came_out
            .as_object()
            .expect("an object")
            .keys()
            .find(|name| !known(name));
        assert_eq!(more, None, "{seed:?}: {came_out} of {went_in}");
    }
}

/// What every event has of its own.
fn given_anew(name: &str) -> bool {
    let own = [
        "id",
        "source",
        "type",
        "recordedtime",
        "traceparent",
        "tracestate",
    ];
    own.contains(&name)
}

/// What is no Unicode is no text for others: what is half of a character comes out as it can be
/// written, and a number that no number of JavaScript is is kept in `text()`.
#[tokio::test(flavor = "multi_thread")]
async fn what_javascript_has_and_others_do_not_is_told_or_written_plainly() {
    let (node, mut reports) = node().await;
    let mut answers = node.listen("custom.{answered,half}").await;
    let text = r#"import { listen, send } from "hearken";
        listen("custom.asked", function ask(event) {
          const told = (call) => {
            try { call(); return "sent"; } catch (error) { return error.name; }
          };
          send("half", { data: ["\ud800", "a\udc00b"], subject: "\ud83e" });
          send("answered", { data: [
            event.text(),
            told(() => send("half", { data: 10n })),
            told(() => send("half", { data: Symbol("none") })),
            told(() => send("half", { data: () => 1 })),
            told(() => send("half", { data: { get a() { throw new TypeError("mine"); } } })),
            told(() => send(Symbol("none"))),
            told(() => send("half", { subjet: "x" })),
            JSON.stringify([NaN, -0, 1e400, new Date(NaN), [undefined]]),
          ] });
        });"#;
    save(&node, "odd.js", text);
    reports.about("plugin.started", "odd").await;
    let event = "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/tests\",\"type\":\"asked\",\
                 \"data\":[18446744073709551615,1.50,123456789012345678901234567890]}";
    let request = node.request(reqwest::Method::POST, "/v1/events");
    let request = request
        .header("content-type", "application/cloudevents+json")
        .body(event);
    let answered = crate::support::api::answer(request).await;
    assert!(answered.status().is_success(), "{answered:?}");
    let half = answers.next().await;
    assert_eq!(half["data"], json!(["\u{fffd}", "a\u{fffd}b"]), "{half}");
    assert_eq!(half["subject"], "\u{fffd}", "{half}");
    let expected = json!([
        "[18446744073709551615,1.50,123456789012345678901234567890]",
        "TypeError",
        "TypeError",
        "TypeError",
        "TypeError",
        "TypeError",
        "TypeError",
        "[null,0,null,null,[null]]",
    ]);
    assert_eq!(answers.next().await["data"], expected);
}
