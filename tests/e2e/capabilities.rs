//! What plugins may use when it is granted.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::StatusCode;
use axum::response::Redirect;
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

#[cfg(target_os = "linux")]
use crate::support::lacking;
use crate::support::node::TestNode;
use crate::support::plugin::plugin;
#[cfg(target_os = "linux")]
use crate::support::process::NodeProcess;

/// The changes that one exercise of the guest `keyvalue` makes, when `count` is
/// there already or not.
fn changes(count: &str) -> Vec<Value> {
    [
        ("record.created", "greeting"),
        (count, "count"),
        ("record.created", "a"),
        ("record.created", "b"),
        ("record.deleted", "a"),
        ("record.deleted", "b"),
        ("record.deleted", "greeting"),
    ]
    .map(|(event_type, key)| {
        json!([event_type, key, { "bucket": "guests", "key": key, "plugin": "keyvalue" }, true])
    })
    .to_vec()
}

#[tokio::test(flavor = "multi_thread")]
pub async fn keyvalue() {
    let granted = plugin("keyvalue").manifest("[allow]\nkeyvalue = [\"guests\"]\n");
    let mut node = TestNode::start([granted]).await;
    for (round, created) in [(1, "record.created"), (2, "record.updated")] {
        let mut reports = node.listen("custom.report.keyvalue").await;
        let mut records = node.listen("record.*").await;
        node.send("keyvalue.exercise", round).await;
        assert_eq!(
            reports.next().await["data"],
            json!({
                "get": "hello",
                "exists": true,
                // What the first round has counted outlives the node.
                "increment": 2 * round,
                "keys": ["a", "b", "count", "greeting"],
                "get_many": [["a", "a"], null, ["b", "b"]],
                "exists_after_delete": false,
                "get_after_delete": null,
            })
        );
        let seen: Vec<Value> = records.take(7).await.iter().map(change).collect();
        assert_eq!(seen, changes(created));
        drop((reports, records));
        let (ended, folders) = node.stop().await;
        ended.expect("nothing was cut off");
        node = TestNode::start_in(folders).await;
    }
}

fn change(event: &Value) -> Value {
    let parts = ["type", "subject", "data", "distributed"].map(|part| event[part].clone());
    Value::Array(parts.to_vec())
}

#[tokio::test(flavor = "multi_thread")]
pub async fn configured() {
    let manifest =
        "[config]\ngreeting = \"hello\"\nlimit = 7\n[config.schema]\ntype = \"object\"\n";
    let node = TestNode::start([plugin("configured").manifest(manifest)]).await;
    let mut reports = node.listen("custom.report.configured").await;
    node.send("configured.tell", 1).await;
    assert_eq!(
        reports.next().await["data"],
        json!({ "greeting": "hello", "limit": "7", "schema": r#"{"type":"object"}"# })
    );
}

/// A server on the loopback interface that answers `GET /` with 200.
async fn server() -> (String, AbortOnDropHandle<()>) {
    serve(Router::new().route("/", get(|| async { StatusCode::OK }))).await
}

async fn serve(router: Router) -> (String, AbortOnDropHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let authority = listener.local_addr().expect("an address").to_string();
    let serving = tokio::spawn(async move {
        axum::serve(listener, router).await.expect("it serves");
    });
    (authority, AbortOnDropHandle::new(serving))
}

#[tokio::test(flavor = "multi_thread")]
async fn http_reaches_the_granted_host_and_no_other() {
    let (granted, _granted_server) = server().await;
    let (other, _other_server) = server().await;
    let asking = |name: &str, authority: &str| {
        let manifest =
            format!("[allow]\nhttp = [\"{granted}\"]\n[config]\nauthority = \"{authority}\"\n");
        plugin("ungranted-http").named(name).manifest(&manifest)
    };
    let node = TestNode::start([asking("allowed", &granted), asking("denied", &other)]).await;
    let reports = node.listen("custom.report.ungranted-http").await;
    let again = node.listen("custom.report.ungranted-http").await;
    node.send("ungranted-http.ask", 1).await;
    let allowed = reports.from("/nodes/test/plugins/allowed").next().await;
    assert_eq!(allowed["data"]["status"], 200, "{allowed}");
    let denied = again.from("/nodes/test/plugins/denied").next().await;
    let error = denied["data"]["error"].as_str().expect("an error");
    assert!(error.contains("HttpRequestDenied"), "{error}");
    for (name, host, outcome) in [
        ("allowed", "127.0.0.1", "200"),
        ("denied", "other", "refused"),
    ] {
        let status = node.status(name).await.expect("it is there");
        let [counted] = &status.http[..] else {
            panic!("{:?}", status.http);
        };
        assert_eq!(counted.host, host);
        assert_eq!(counted.requests, BTreeMap::from([(outcome.to_owned(), 1)]));
    }
    let metrics = node.get("/metrics").await.text().await.expect("a text");
    let line = r#"plugin_http_requests_total{plugin="allowed",host="127.0.0.1",status="200"} 1"#;
    assert!(metrics.contains(line), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_spelling_of_an_address_is_reached() {
    let (server, _serving) = server().await;
    let (_, port) = server.rsplit_once(':').expect("a port");
    let asking = |host: &str| {
        let manifest = format!(
            "[allow]\nhttp = [\"localhost:{port}\", \"a.example\"]\n\
             [config]\nauthority = \"{host}:{port}\"\n"
        );
        plugin("ungranted-http").manifest(&manifest)
    };
    let node = TestNode::start([asking("localhost")]).await;
    let mut reports = node.listen("custom.report.ungranted-http").await;
    let mut asked = async |host: &str| {
        node.place(&asking(host));
        // Answered when it is loaded with the manifest as it is now.
        node.succeed("ungranted-http", "reload").await;
        node.send("ungranted-http.ask", 1).await;
        reports.next().await["data"].clone()
    };
    let here = asked("localhost").await;
    assert_eq!(here["status"], 200, "{here}");
    for host in [
        "127.0.0.1",
        "2130706433",
        "0177.0.0.1",
        "127.1",
        "[::ffff:127.0.0.1]",
        "169.254.169.254",
        // Not these either, which would tell the server of another host.
        "a.example@localhost",
        "a.example:80@localhost",
    ] {
        let refused = asked(host).await;
        let error = refused["error"].as_str().expect("an error");
        assert!(error.contains("HttpRequestDenied"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_redirect_leads_no_plugin_where_it_may_not_go() {
    let (granted, _granted_server) = server().await;
    let (other, _other_server) = server().await;
    let location = Arc::new(Mutex::new(String::new()));
    let (redirecting, _redirecting_server) = {
        let location = Arc::clone(&location);
        let redirect = move || {
            let to = location.lock().expect("nothing panics in here").clone();
            std::future::ready(Redirect::temporary(&to))
        };
        serve(Router::new().route("/", get(redirect))).await
    };
    let manifest = format!(
        "[allow]\nhttp = [\"{redirecting}\", \"{granted}\", \"a.example private\"]\n\
         [config]\nauthority = \"{redirecting}\"\n"
    );
    let node = TestNode::start([plugin("redirected").manifest(&manifest)]).await;
    let mut reports = node.listen("custom.report.redirected").await;
    let mut redirected_to = async |authority: &str| {
        *location.lock().expect("nothing panics in here") = format!("http://{authority}/latest/");
        node.send("redirected.now", 1).await;
        let report = reports.next().await["data"].clone();
        assert_eq!(report["asked"], json!([redirecting, authority]));
        report
    };
    let followed = redirected_to(&granted).await;
    assert_eq!(followed["status"], 200, "{followed}");
    for authority in [
        &*other,
        "169.254.169.254",
        "[fd00:ec2::254]",
        "[::ffff:169.254.169.254]",
        "metadata.google.internal",
        "a.example@169.254.169.254",
    ] {
        let refused = redirected_to(authority).await;
        let error = refused["error"].as_str().expect("an error");
        assert!(error.contains("HttpRequestDenied"), "{refused}");
    }
}

/// What the names of these tests lead to, in the format of `/etc/hosts`.
#[cfg(target_os = "linux")]
const HOSTS: &str = "127.0.0.1 localhost inward.example\n169.254.169.254 metadata.example\n";

/// How a program is run for which names lead where [`HOSTS`] in this file says.
#[cfg(target_os = "linux")]
fn among(hosts: &std::path::Path) -> [String; 5] {
    std::fs::write(hosts, HOSTS).expect("a new file");
    let script = format!(
        "mount --bind '{}' /etc/hosts && exec \"$0\" \"$@\"",
        hosts.display()
    );
    ["unshare", "--mount", "sh", "-c", &script].map(str::to_owned)
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn where_a_name_leads_decides_whether_it_is_gone_to() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let program = among(&folder.path().join("hosts"));
    let found = std::process::Command::new(&program[0])
        .args(&program[1..])
        .args(["getent", "ahostsv4", "inward.example"])
        .output();
    if !found.is_ok_and(|found| found.stdout.starts_with(b"127.0.0.1")) {
        lacking("no mount namespaces, in which names lead elsewhere");
        return;
    }
    let (server, _serving) = server().await;
    let (_, port) = server.rsplit_once(':').expect("a port");
    let asking = |name: &str, host: &str, grant: &str| {
        let manifest =
            format!("[allow]\nhttp = [\"{grant}\"]\n[config]\nauthority = \"{host}:{port}\"\n");
        plugin("ungranted-http").named(name).manifest(&manifest)
    };
    let plugins = [
        asking("private", "inward.example", "inward.example private"),
        asking("public", "inward.example", "inward.example"),
        asking("metadata", "metadata.example", "metadata.example private"),
    ];
    let program = program.each_ref().map(String::as_str);
    let node = NodeProcess::start_by(&program, plugins, &[]).await;
    let heard = [
        ("/nodes/test/plugins/private", None),
        (
            "/nodes/test/plugins/public",
            Some("DestinationIpProhibited"),
        ),
        (
            "/nodes/test/plugins/metadata",
            Some("DestinationIpProhibited"),
        ),
    ];
    let mut reports = Vec::new();
    for (source, error) in heard {
        let listening = node.listen("custom.report.ungranted-http").await;
        reports.push((listening.from(source), error));
    }
    node.send("ungranted-http.ask", 1).await;
    for (mut reports, expected) in reports {
        let report = reports.next().await;
        let error = report["data"]["error"].as_str();
        match expected {
            None => assert_eq!(report["data"]["status"], 200, "{report}"),
            Some(expected) => {
                assert!(
                    error.is_some_and(|error| error.contains(expected)),
                    "{report}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn compiled_code_is_kept_over_a_restart() {
    let node = TestNode::start([plugin("echo")]).await;
    let hash = node
        .status("echo")
        .await
        .and_then(|status| status.content_hash);
    let hash: Arc<str> = hash.expect("it runs").into();
    let (_, folders) = node.stop().await;
    let code = folders.path().join("data/code");
    // Compiling again would put another file in the place of this one.
    let kept = || -> BTreeMap<String, u64> {
        std::fs::read_dir(&code)
            .expect("the node has made it")
            .map(|entry| entry.expect("it is readable"))
            .map(|entry| {
                let file = entry.metadata().expect("it is readable");
                let name = entry.file_name().into_string().expect("an ASCII name");
                (name, file.ino())
            })
            .collect()
    };
    let before = kept();
    // The code and its checksum.
    assert_eq!(before.len(), 2, "{before:?}");
    assert!(
        before.keys().all(|name| name.starts_with(&*hash)),
        "{before:?}"
    );
    let node = TestNode::start_in(folders).await;
    let status = node.status("echo").await.expect("it is there");
    assert_eq!(status.content_hash.as_deref(), Some(&*hash));
    assert_eq!(kept(), before, "not compiled again");
}
