//! HTTP with TLS: real nodes, certificates by the command, clients of both versions of HTTP.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Body;
use http_body_util::BodyExt;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::support::DEADLINE;
use crate::support::process::{NodeProcess, hearken, run};

/// A folder with `ca.crt`, `localhost.crt` and `localhost.key`.
async fn certificates() -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    make(folder.path(), "localhost").await;
    folder
}

async fn make(folder: &Path, host: &str) {
    let arguments = ["access", "certificate", host, "127.0.0.1", "--ca", "."];
    let made = run(hearken(folder, &arguments)).await;
    assert_eq!(made.code, 0, "{made:?}");
}

fn file(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).display().to_string()
}

async fn node(certificates: &TempDir) -> NodeProcess {
    let (certificate, key) = (
        file(certificates, "localhost.crt"),
        file(certificates, "localhost.key"),
    );
    NodeProcess::start([], &["--http-cert", &certificate, "--http-key", &key]).await
}

/// A client of HTTP/1.1 that trusts the authority.
fn http1(ca: &Path) -> reqwest::Client {
    hearken::tls::choose_provider();
    let ca = std::fs::read(ca).expect("it was made");
    let ca = reqwest::Certificate::from_pem(&ca).expect("a certificate");
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([ca]);
    client.build().expect("a client")
}

/// A connection of HTTP/2 to the node.
async fn http2(node: &NodeProcess, ca: &Path) -> hyper::client::conn::http2::SendRequest<Body> {
    hearken::tls::choose_provider();
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(ca).expect("a certificate"))
        .expect("an authority");
    let mut config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let address = node.url.trim_start_matches("https://");
    let stream = TcpStream::connect(address).await.expect("it listens");
    let name = ServerName::try_from("localhost").expect("a name");
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .expect("they agree");
    let (requests, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .expect("it speaks HTTP/2");
    tokio::spawn(connection);
    requests
}

#[tokio::test(flavor = "multi_thread")]
async fn both_versions_of_http_are_served() {
    let certificates = certificates().await;
    let ca: PathBuf = certificates.path().join("ca.crt");
    let node = node(&certificates).await;
    assert!(node.url.starts_with("https://127.0.0.1:"), "{}", node.url);

    let mut requests = http2(&node, &ca).await;
    let listen = hyper::Request::get("https://localhost/v1/events?type=custom.*")
        .body(Body::empty())
        .expect("a request");
    let stream = requests.send_request(listen).await.expect("an answer");
    assert_eq!(stream.status(), 200);
    let mut stream = stream.into_body();
    stream.frame().await.expect("the opening").expect("whole");

    let published = http1(&ca)
        .post(format!("{}/v1/events", node.url))
        .json(&json!({"type": "t", "data": 1}))
        .send()
        .await
        .expect("an answer");
    assert_eq!(published.version(), reqwest::Version::HTTP_11);
    assert_eq!(published.status(), 202);
    let published: Value = published.json().await.expect("a receipt");

    let message = tokio::time::timeout(DEADLINE, stream.frame()).await;
    let message = message.expect("in time").expect("an event").expect("whole");
    let text = String::from_utf8(message.into_data().expect("data").to_vec()).expect("text");
    let id = published["id"].as_str().expect("an id");
    assert!(
        text.starts_with(&format!("id: {id}\nevent: custom.t\n")),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_and_its_commands_share_a_connection_of_http_2() {
    let certificates = certificates().await;
    let ca = certificates.path().join("ca.crt");
    let configuration = certificates.path().join("sessions.toml");
    let text = "[sessions]\nanonymous = true\n\
                [sessions.namespaces.chat]\n\
                allow_subscribe_for_client = true\nallow_subscribe_for_anonymous = true\n";
    std::fs::write(&configuration, text).expect("a new file");
    let files = ["localhost.crt", "localhost.key"].map(|name| file(&certificates, name));
    let configuration = configuration.display().to_string();
    let flags = [
        "--http-cert",
        &files[0],
        "--http-key",
        &files[1],
        "--config",
        &configuration,
    ];
    let node = NodeProcess::start([], &flags).await;
    let mut requests = http2(&node, &ca).await;
    let mut post = |path: &str, body: Value| {
        let request = hyper::Request::post(format!("https://localhost{path}"));
        let body = Body::from(body.to_string());
        requests.send_request(request.body(body).expect("a request"))
    };
    let connect = json!({"connect": {}, "id": 1});
    let stream = post("/connection/http_stream", connect).await;
    let stream = stream.expect("an answer");
    assert_eq!(stream.status(), 200);
    let mut stream = stream.into_body();
    let mut message = async || -> Value {
        let frame = tokio::time::timeout(DEADLINE, stream.frame()).await;
        let frame = frame.expect("in time").expect("a message").expect("whole");
        serde_json::from_slice(&frame.into_data().expect("data")).expect("JSON")
    };
    let connected = message().await["connect"].clone();
    for id in 2..10 {
        let subscribe = json!({"subscribe": {"channel": format!("chat:{id}")}, "id": id});
        let emulated = json!({
            "session": connected["session"],
            "node": connected["node"],
            "data": subscribe.to_string(),
        });
        let taken = post("/emulation", emulated).await.expect("an answer");
        assert_eq!(taken.status(), 204);
        assert_eq!(message().await["id"], id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_trust_the_authority_that_is_named_and_no_other() {
    let certificates = certificates().await;
    let ca = file(&certificates, "ca.crt");
    let node = node(&certificates).await;
    let answer = node.hearken(&["nodes"]).await;
    assert_eq!(answer.code, 1, "{answer:?}");
    for part in ["is not trusted", "--ca (or HEARKEN_CA)"] {
        assert!(answer.stderr.contains(part), "{answer:?}");
    }
    let answer = node.hearken(&["send", "a", "--ca", &ca]).await;
    assert_eq!(answer.code, 0, "{answer:?}");
    let mut command = node.command(&["nodes"]);
    command.env("HEARKEN_CA", &ca);
    assert_eq!(run(command).await.code, 0);

    let stranger = TempDir::new().expect("a temporary folder");
    make(stranger.path(), "localhost").await;
    let answer = node
        .hearken(&["nodes", "--ca", &file(&stranger, "ca.crt")])
        .await;
    assert!(answer.stderr.contains("is not trusted"), "{answer:?}");
    let answer = node.hearken(&["nodes", "--ca", "none.crt"]).await;
    assert_eq!(answer.code, 2, "{answer:?}");
    assert!(answer.stderr.contains("none.crt"), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_mistakes_the_scheme_is_told() {
    let certificates = certificates().await;
    let node = node(&certificates).await;
    let plain = node.url.replace("https://", "http://");
    let answer = node.hearken(&["nodes", "--host", &plain]).await;
    assert_eq!(answer.code, 1, "{answer:?}");
    assert!(answer.stderr.contains("`https://`"), "{answer:?}");

    let open = NodeProcess::start([], &[]).await;
    let secure = open.url.replace("http://", "https://");
    let ca = file(&certificates, "ca.crt");
    let answer = node
        .hearken(&["nodes", "--host", &secure, "--ca", &ca])
        .await;
    assert!(
        answer.stderr.contains("is it an http:// address?"),
        "{answer:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_needs_no_restart() {
    let certificates = certificates().await;
    let node = node(&certificates).await;
    let renewed = TempDir::new().expect("a temporary folder");
    make(renewed.path(), "localhost").await;
    for name in ["localhost.crt", "localhost.key"] {
        let place = certificates.path().join(name);
        std::fs::rename(renewed.path().join(name), place).expect("the same file system");
    }
    node.says(&["took new certificates for HTTP"]).await;
    let answer = node
        .hearken(&["nodes", "--ca", &file(&renewed, "ca.crt")])
        .await;
    assert_eq!(answer.code, 0, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_not_sent_for_all_to_read() {
    let folder = TempDir::new().expect("a temporary folder");
    let mut command = hearken(folder.path(), &["nodes", "--host", "http://192.0.2.1:7070"]);
    command.env("HEARKEN_KEY", "hrk_public_secret");
    let answer = run(command).await;
    assert_eq!(answer.code, 2, "{answer:?}");
    for part in ["HEARKEN_KEY", "https://", "--allow-plaintext"] {
        assert!(answer.stderr.contains(part), "{answer:?}");
    }
    assert!(!answer.stderr.contains("hrk_"), "{answer:?}");
}
