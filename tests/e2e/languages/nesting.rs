//! Whatever a text or its data are nested into, the instance lives.

use serde_json::json;

use super::{answer, node, save};

/// What recurses in the engine itself, and not in calls of the text.
const NESTED: [(&str, &str); 17] = [
    ("JSON", r#"JSON.parse("[".repeat(1e5))"#),
    ("JSON objects", r#"JSON.parse('{"a":'.repeat(1e5))"#),
    (
        "a reviver",
        r#"JSON.parse("[".repeat(5e4) + "]".repeat(5e4), (k, v) => v)"#,
    ),
    ("writing JSON", "JSON.stringify(nested())"),
    ("data that is sent", r#"send("never", { data: nested() })"#),
    ("brackets", r#"eval("(".repeat(1e5))"#),
    ("arrays", r#"eval("[".repeat(1e5))"#),
    ("objects", r#"eval("(" + "{a:".repeat(1e5))"#),
    ("templates", r#"eval("`${".repeat(1e5))"#),
    ("functions", r#"eval("()=>".repeat(1e5))"#),
    ("bodies", r#"eval("(()=>{".repeat(1e5))"#),
    ("blocks", r#"eval("{".repeat(1e5))"#),
    ("operators", r#"eval("-!".repeat(1e5) + "1")"#),
    ("conditions", r#"eval("1?".repeat(1e5))"#),
    (
        "groups",
        r#"new RegExp("(?:".repeat(1e5) + ")".repeat(1e5))"#,
    ),
    ("flattening", "nested().flat(Infinity)"),
    (
        "constructors",
        "new (class A { constructor() { new A(); } })()",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_nested_too_deeply_is_an_error_that_can_be_caught() {
    let (node, mut reports) = node().await;
    let mut answers = node.listen("custom.answered").await;
    // As deep as a text may be allowed.
    node.place_manifest("nests", "[engine]\nstack = \"704KiB\"\n");
    let cases: Vec<String> = NESTED
        .iter()
        .map(|(name, code)| format!("{name:?}: () => {code},"))
        .collect();
    let text = format!(
        r#"import {{ listen, send }} from "hearken";
        function nested() {{
          let nested = [];
          for (let depth = 0; depth < 1e5; depth += 1) nested = [nested];
          return nested;
        }}
        const cases = {{ {} }};
        let seen = 0;
        listen("custom.asked", (event) => {{
          seen += 1;
          let thrown = null;
          try {{ cases[event.data](); }} catch (error) {{ thrown = error.message; }}
          send("answered", {{ data: [thrown, seen] }});
        }});"#,
        cases.join("\n")
    );
    save(&node, "nests.js", &text);
    reports.about("plugin.started", "nests").await;
    for (number, (name, _)) in NESTED.iter().enumerate() {
        node.send("asked", *name).await;
        let told = answer(&mut answers).await;
        let thrown = told[0].as_str().unwrap_or_default();
        let is_told = ["stack", "memory"].iter().any(|word| thrown.contains(word));
        assert!(is_told, "{name}: {told}");
        assert_eq!(told[1], number + 1, "{name}: the instance lives");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_is_nested_too_deeply_is_refused() {
    let (node, mut reports) = node().await;
    for (name, text, told) in [
        ("deep.js", "(".repeat(100_000), "RangeError"),
        ("typed.ts", "[".repeat(100_000), "nested too deeply"),
    ] {
        save(&node, name, &text);
        let plugin = name.split('.').next().expect("a name");
        let failed = reports.about("plugin.failed", plugin).await;
        let reason = failed["data"]["reason"].as_str().expect("a reason");
        assert!(reason.contains(told), "{failed}");
    }
}

/// Data of an event that is nested too deeply is rejected like other data that is not what it
/// says, by an instance that lives.
#[tokio::test(flavor = "multi_thread")]
async fn nested_data_costs_its_event_alone() {
    let (node, mut reports) = node().await;
    let mut answers = node.listen("custom.answered").await;
    let text = r#"import { listen, send } from "hearken";
        let seen = 0;
        listen("custom.asked", (event) => send("answered", { data: [(seen += 1), event.data] }));
        listen("custom.deep", (event) => {
          seen += 1;
          return JSON.parse(event.data);
        });"#;
    save(&node, "reads.js", text);
    reports.about("plugin.started", "reads").await;
    node.send("deep", "[".repeat(100_000)).await;
    node.send("deep", json!(1)).await;
    node.send("asked", 7).await;
    assert_eq!(answer(&mut answers).await, json!([3, 7]));
    let status = node.status("reads").await.expect("it is there");
    assert_eq!(status.counters.restarts, 0, "{status:?}");
}
