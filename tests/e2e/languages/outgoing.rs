//! What a text hands to the node is what it meant, or an error; never the end of the instance.

use serde_json::{Value, json};

use super::{answer, node, save};

/// Evaluates each expression for an event of its own; what came of it, and how many events the
/// instance has seen.
fn evaluating(cases: &[(&str, Value)]) -> String {
    let cases: Vec<String> = cases
        .iter()
        .map(|(code, _)| format!("async () => {code},"))
        .collect();
    format!(
        r#"import {{ append, bucket, config, listen, log, secrets, send, wait }} from "hearken";
        const cases = [{}];
        let seen = 0;
        listen("custom.asked", async function answer(event) {{
          seen += 1;
          let told;
          try {{ told = await cases[event.data](); }} catch (error) {{ told = error.name; }}
          send("answered", {{ data: [told ?? null, seen] }});
        }});"#,
        cases.join("\n")
    )
}

async fn all_come_out(cases: &[(&str, Value)]) {
    let (node, mut reports) = node().await;
    let mut answers = node.listen("custom.answered").await;
    node.place_manifest(
        "hands",
        "[allow]\nkeyvalue = [\"b\"]\n[config]\n__proto__ = \"x\"\n",
    );
    save(&node, "hands.js", &evaluating(cases));
    reports.about("plugin.started", "hands").await;
    for (number, (code, expected)) in cases.iter().enumerate() {
        node.send("asked", number).await;
        let told = answer(&mut answers).await;
        assert_eq!(told, json!([expected, number + 1]), "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_an_error_of_the_author_s() {
    all_come_out(&[
        (r#"send("x".repeat(5e6))"#, json!("RangeError")),
        (r#"send("a", { subject: "x".repeat(5e6) })"#, json!("RangeError")),
        (r#"send("a", { data: "x".repeat(5e6) })"#, json!("RangeError")),
        (r#"send("a", { data: new Uint8Array(5e6) })"#, json!("RangeError")),
        // The node's own bound is told by the node.
        (r#"send("a", { data: "x".repeat(2e6) })"#, json!("SendError")),
        (
            r#"send("a", { extensions: Object.fromEntries(Array.from({ length: 1e5 }, (_, n) => [`e${n}`, "v"])) })"#,
            json!("RangeError"),
        ),
        (r#"append("c", Array.from({ length: 1e5 }, () => ({ type: "t" })))"#, json!("RangeError")),
        (r#"wait("x".repeat(5e6))"#, json!("RangeError")),
        (r#"bucket("x".repeat(5e6))"#, json!("RangeError")),
        (r#"bucket("b").get("x".repeat(5e6))"#, json!("RangeError")),
        (r#"bucket("b").set("k", "x".repeat(5e6))"#, json!("RangeError")),
        (
            r#"bucket("b").setMany(Object.fromEntries(Array.from({ length: 1e5 }, (_, n) => [n, n])))"#,
            json!("RangeError"),
        ),
        (r#"config.get("x".repeat(5e6))"#, json!("RangeError")),
        (r#"secrets.get("x".repeat(5e6))"#, json!("RangeError")),
        (r#"fetch("http://localhost/", { method: "x".repeat(5e6) })"#, json!("RangeError")),
        (r#"log.info("x".repeat(5e6)) ?? "logged""#, json!("logged")),
        (r#"console.log(new Array(1e6).fill("x".repeat(1e4))) ?? "logged""#, json!("logged")),
        ("wait(`custom.never`, { timeout: 5 })", json!("TimeoutError")),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_go_out_as_they_are_meant() {
    all_come_out(&[
        // Half a character is a mark, as on the web.
        (r#"bucket("b").set("\ud800", 1) ?? bucket("b").keys().keys"#, json!(["\u{fffd}"])),
        (r#"bucket("b").delete("\ud800") ?? console.log("\ud800", { a: "\ud800" })"#, Value::Null),
        (r#"bucket("b").set("__proto__", 1) ?? bucket("b").getMany(["__proto__"])"#, json!({ "__proto__": 1 })),
        ("config.all()", json!({ "__proto__": "x" })),
        ("bucket(\"b\").set(\"k\", new Uint16Array([258])) ?? [...bucket(\"b\").getBytes(\"k\")]", json!([2, 1])),
        ("bucket(\"b\").set(\"k\", new DataView(new ArrayBuffer(3), 1)) ?? bucket(\"b\").getBytes(\"k\").length", json!(2)),
        ("bucket(\"b\").set(\"k\", new Uint8Array([1, 2, 3, 4]).subarray(1, 3)) ?? [...bucket(\"b\").getBytes(\"k\")]", json!([2, 3])),
        // What is logged may be anything.
        ("console.log({ get a() { throw 1; } }, new Proxy({}, { get() { throw 1; }, ownKeys() { throw 2; } })) ?? \"logged\"", json!("logged")),
        ("console.log(Object.defineProperty(new Error(\"x\"), \"message\", { get() { throw 1; } })) ?? \"logged\"", json!("logged")),
        // A timer that is always due again keeps nothing from being ready.
        (
            "(async () => { let done; wait(\"custom.never\", { timeout: 20 }).catch(() => (done = true)); while (!done) await new Promise((next) => setTimeout(next, 0)); return \"done\"; })()",
            json!("done"),
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_thrown_is_told() {
    let (node, mut reports) = node().await;
    let thrown = [
        ("\"text\"", "text"),
        ("undefined", "undefined"),
        ("10n", "10n"),
        ("Symbol(\"mark\")", "Symbol(mark)"),
        ("function named() {}", "[Function: named]"),
        (
            "(() => { const all = { a: 1 }; all.all = all; return all; })()",
            "a: 1, all: [Circular]",
        ),
        (
            "new Proxy({}, { get() { throw new Error(\"inner\"); } })",
            "cannot be shown",
        ),
        (
            "new AggregateError([new Error(\"first\"), new Error(\"second\")])",
            "one of which is Error: second",
        ),
        (
            "new Error(\"outer\", { cause: \"inner\" })",
            "caused by inner",
        ),
        ("new Error(\"x\".repeat(2e7))", "Error: xxx"),
    ];
    let cases: Vec<&str> = thrown.iter().map(|(code, _)| *code).collect();
    let text = format!(
        "import {{ listen }} from \"hearken\";\n\
         const cases = [{}];\n\
         listen(\"custom.asked\", function fall(event) {{ throw cases[event.data](); }});\n",
        cases
            .iter()
            .map(|code| format!("() => ({code}),"))
            .collect::<String>()
    );
    save(&node, "throws.js", &text);
    reports.about("plugin.started", "throws").await;
    for (number, (code, told)) in thrown.iter().enumerate() {
        node.send("asked", number).await;
        let failed = reports.about("plugin.failed", "throws").await;
        let said = format!("{}\n{}", failed["data"]["reason"], failed["data"]["trace"]);
        assert!(said.contains(told), "{code}: {failed}");
    }
    let status = node.status("throws").await.expect("it is there");
    assert_eq!(status.counters.restarts, 0, "{status:?}");
}
