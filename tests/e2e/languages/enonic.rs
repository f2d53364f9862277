//! Scripts that were written for Enonic XP run as they are.

use serde_json::{Value, json};

use super::{answer, node, save};
use crate::support::node::TestNode;

const COMPAT: &str = "[engine]\ncompat = \"enonic\"\n[config]\nlimit = \"3\"\n";

/// As one is found in an application of XP, down to its `var` and its semicolons.
const SCRIPT: &str = r#"var eventLib = require('/lib/xp/event');
var format = require('./_format');

log.info('Started %s with %s', app.name, JSON.stringify(app.config));

eventLib.listener({
    type: 'custom.cart.(added|changed)',
    localOnly: false,
    callback: function (event) {
        if (event.data.quantity <= app.config.limit) {
            return;
        }
        log.debug('Got %s', event.type);
        eventLib.send({
            type: 'answered',
            distributed: false,
            data: {
                text: format.describe(event),
                local: event.localOrigin,
                distributed: event.distributed,
                hasTime: typeof event.timestamp === 'number' && event.timestamp > 1.5e12
            }
        });
    }
});

// What regular expressions have and globs do not.
eventLib.listener({
    type: 'custom.order.[0-9]+',
    callback: function (event) {
        eventLib.send({type: 'answered', data: {order: event.type}});
    }
});
"#;

const FORMAT: &str = "exports.describe = function (event) {\n\
                      \x20   return event.type + ': ' + event.data.quantity;\n\
                      };\n";

async fn saved(text: &str) -> (TestNode, Value) {
    let (node, mut reports) = node().await;
    node.place_manifest("script", COMPAT);
    save(&node, "_format.js", FORMAT);
    save(&node, "script.js", text);
    let report =
        reports.until(|event| event["subject"] == "script" && event["type"] != "plugin.installed");
    let report = report.await;
    (node, report)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_of_enonic_xp_runs_as_it_is() {
    let (node, report) = saved(SCRIPT).await;
    assert_eq!(report["type"], "plugin.started", "{report}");
    let mut answers = node.listen("custom.answered").await;
    for (kind, quantity) in [("added", 3), ("added", 4), ("removed", 5), ("changed", 6)] {
        let data = json!({ "quantity": quantity });
        node.send(&format!("cart.{kind}"), data).await;
    }
    for text in ["custom.cart.added: 4", "custom.cart.changed: 6"] {
        let expected = json!({
            "text": text, "local": true, "distributed": false, "hasTime": true
        });
        assert_eq!(answer(&mut answers).await, expected);
    }
    // What is no object is none for them.
    node.send("order.x", 1).await;
    node.send("order.12", 1).await;
    assert_eq!(
        answer(&mut answers).await,
        json!({ "order": "custom.order.12" })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_xp_has_and_is_not_here_is_an_error_that_names_it() {
    for (text, reason) in [
        ("require('/lib/xp/content');", "/lib/xp/content"),
        (
            "require('/lib/xp/event');\nrequire('./_missing');",
            "./_missing",
        ),
        ("__.newBean('com.example.Bean');", "com.example.Bean"),
        (
            "require('/lib/xp/event').listener({type: 'a'});",
            "listener",
        ),
        ("require('/lib/xp/event').subscribe('a');", "not a function"),
        ("Java.type('java.lang.System');", "Java is not defined"),
    ] {
        let (_node, report) = saved(&format!("\n{text}\n")).await;
        assert_eq!(report["type"], "plugin.failed", "{report}");
        let told = report["data"]["reason"].as_str().expect("a reason");
        assert!(told.contains(reason), "{text}: {told}");
        assert!(told.contains("script.js:"), "where it is: {told}");
    }
}
