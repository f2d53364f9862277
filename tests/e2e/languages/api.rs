//! What a text imports from `hearken`, and what is global, does what it does for any plugin.

use std::sync::Arc;

use axum::Router;
use axum::routing::post;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Barrier;
use tokio_util::task::AbortOnDropHandle;

use super::{answer, node, save};
use crate::support::api::answer as answered;

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_waits_for_several_things_at_once() {
    let (node, mut reports) = node().await;
    let mut answers = node.listen("custom.answered").await;
    let mut asked = node.listen("custom.question.*").await;
    let text = r#"import { listen, send, wait } from "hearken";
        listen("custom.asked", async function ask(event) {
          const options = { subject: event.subject, timeout: "20s" };
          const waits = ["one", "two"].map((name) => wait(`custom.reply.${name}`, options));
          send("question.both");
          const [one, two] = await Promise.all(waits);
          const late = await wait("custom.never", { timeout: "10ms" }).catch((error) => error);
          await new Promise((resolve) => setTimeout(resolve, 5));
          send("answered", { data: [one.data, two.data, late.name] });
        });"#;
    save(&node, "asking.js", text);
    reports.about("plugin.started", "asking").await;
    node.send("asked", 0).await;
    asked.next().await;
    // The other way round than they are waited for.
    node.send("reply.two", 2).await;
    node.send("reply.one", 1).await;
    assert_eq!(answer(&mut answers).await, json!([1, 2, "TimeoutError"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_that_begin_with_the_same_memory_have_chance_and_time_of_their_own() {
    let (node, mut reports) = node().await;
    let mut answers = node.listen("custom.answered").await;
    let text = r#"import { listen, send } from "hearken";
        const drawn = Math.random();
        const began = performance.now();
        listen("custom.asked", function tell() {
          const goes = performance.timeOrigin > 0 && began >= 0 && performance.now() >= began;
          send("answered", { data: [drawn, Math.random(), goes] });
        });"#;
    for name in ["one", "two"] {
        save(&node, &format!("{name}.js"), text);
        reports.about("plugin.started", name).await;
    }
    node.send("asked", 0).await;
    let [one, two] = [answer(&mut answers).await, answer(&mut answers).await];
    assert_ne!(one[0], two[0], "at the top of the file");
    assert_ne!(one[1], two[1], "in a handler");
    assert_ne!(one[0], one[1]);
    assert_eq!([&one[2], &two[2]], [&json!(true), &json!(true)]);
}

/// A server that answers two requests when both have come, and none before.
async fn server() -> (String, AbortOnDropHandle<()>) {
    let both = Arc::new(Barrier::new(2));
    let answering = move |body: String| {
        let both = Arc::clone(&both);
        async move {
            both.wait().await;
            format!("{{\"got\":{body}}}")
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a free port");
    let authority = listener.local_addr().expect("an address").to_string();
    let router = Router::new().route("/", post(answering));
    let serving = tokio::spawn(async move {
        axum::serve(listener, router).await.expect("it serves");
    });
    (authority, AbortOnDropHandle::new(serving))
}

#[tokio::test(flavor = "multi_thread")]
async fn several_requests_are_under_way_at_once_and_others_are_refused() {
    let (authority, _serving) = server().await;
    let (node, mut reports) = node().await;
    let mut answers = node.listen("custom.answered").await;
    let manifest = format!("[allow]\nhttp = [\"{authority}\"]\n[config]\nto = \"{authority}\"\n");
    node.place_manifest("fetches", &manifest);
    let text = r#"import { config, listen, send } from "hearken";
        listen("custom.asked", async function ask() {
          const post = (body) => fetch(`http://${config.get("to")}/`, { method: "POST", body });
          const replies = await Promise.all([post("1"), post("[2]")]);
          const got = await Promise.all(replies.map((reply) => reply.json()));
          const denied = await fetch("http://elsewhere.example/").catch((error) => error.message);
          send("answered", { data: [replies[0].status, got[0].got, got[1].got, denied] });
        });"#;
    save(&node, "fetches.js", text);
    reports.about("plugin.started", "fetches").await;
    node.send("asked", 0).await;
    let told = answer(&mut answers).await;
    assert_eq!(
        told.as_array().map(|told| &told[..3]),
        Some(&[json!(200), json!(1), json!([2])][..])
    );
    let denied = told[3].as_str().expect("a message");
    assert!(denied.contains("[allow] http"), "{denied}");
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_keep_what_a_text_puts_there() {
    let (node, mut reports) = node().await;
    let mut answers = node.listen("custom.answered").await;
    node.place_manifest("keeps", "[allow]\nkeyvalue = [\"visits\"]\n");
    let text = r#"import { bucket, listen, send } from "hearken";
        listen("custom.asked", function keep(event) {
          const visits = bucket("visits");
          visits.set("last", { of: event.data });
          visits.increment("total", 2);
          let denied;
          try { bucket("others"); } catch (error) { denied = error.code; }
          const { last, total } = visits.getMany(["last", "total", "none"]);
          send("answered", { data: [last, total, visits.has("none"), denied] });
        });"#;
    save(&node, "keeps.js", text);
    reports.about("plugin.started", "keeps").await;
    for total in [2, 4] {
        node.send("asked", total).await;
        let expected = json!([{ "of": total }, total, false, "denied"]);
        assert_eq!(answer(&mut answers).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_text_appends_for_an_event_of_a_channel_is_stored_once() {
    let (node, mut reports) = node().await;
    for channel in ["orders", "booked"] {
        let request = node.request(Method::PUT, &format!("/v1/channels/{channel}"));
        answered(request.json(&json!({}))).await;
    }
    let manifest = "[allow]\nappend = [\"booked\"]\nread = [\"booked\"]\n\
                    [consume.orders]\nbackoff = \"1ms\"\n";
    node.place_manifest("books", manifest);
    let text = r#"import { append, listen, read, Reject } from "hearken";
        let attempts = 0;
        listen("custom.order.*", { channel: "orders" }, async function book(event) {
          if (event.data === "bad") throw new Reject("it is bad");
          attempts += 1;
          const stored = await append("booked", "booked", { data: event.data });
          if (attempts < 3) throw new Error(`attempt ${attempts}`);
          const { events } = await read("booked");
          await append("booked", "done", { data: [stored.duplicate, events.length], id: "done" });
        });"#;
    save(&node, "books.js", text);
    reports.about("plugin.started", "books").await;
    for data in ["bad", "good"] {
        let event = json!({ "type": "order.placed", "channel": "orders", "data": data });
        answered(node.request(Method::POST, "/v1/events").json(&event)).await;
    }
    let page: Value = loop {
        let path = "/v1/channels/booked/events?wait=10s&after=1";
        let page = answered(node.request(Method::GET, path)).await;
        let page: Value = page.json().await.expect("a page");
        if page["last"] == 2 {
            break page;
        }
    };
    // Three attempts, and one event of them.
    assert_eq!(page["events"][0]["data"], json!([true, 1]), "{page}");
}
