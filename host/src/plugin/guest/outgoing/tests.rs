//! Requests of an instance, over real connections to this machine.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt, Empty, Full};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wasmtime_wasi_http::{Error, WasiBody, WasiHttpHooks};

use super::connector::{Connector, Resolve};
use super::hooks::OutgoingHttp;
use super::traffic::Traffic;
use crate::admin::HostRequests;
use crate::bus::{Bus, BusConfig};
use crate::channel::Channels;
use crate::clock::SystemClock;
use crate::config::{Manifest, PluginLimits};
use crate::plugin::guest::context::PluginContext;
use crate::plugin::guest::memory::MemoryLimiter;
use crate::plugin::guest::rights::{GuestRights, RightsInForce};
use crate::store::Store;

/// Every name leads to this machine.
struct Here;

impl Resolve for Here {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, std::io::Result<Vec<IpAddr>>> {
        Box::pin(std::future::ready(Ok(vec![[127, 0, 0, 1].into()])))
    }
}

/// A plugin that asks.
struct Asking {
    http: OutgoingHttp,
    plugin: Arc<PluginContext>,
}

impl Asking {
    fn new(grants: &str, limits: &PluginLimits) -> Self {
        let bus = Bus::new(BusConfig {
            node: "a".into(),
            incarnation: "i".into(),
            max_event_bytes: 1024,
            clock: Arc::new(SystemClock),
        });
        let store = Store::in_memory(bus.clone(), Arc::new(SystemClock)).unwrap();
        let traffic = Traffic::new(Arc::new(Connector::new(Arc::new(Here))), limits);
        let channels = Channels::new(&bus);
        let plugin = PluginContext::new("p".into(), bus, &channels, &store, traffic);
        let plugin = Arc::new(plugin);
        let text = format!("[allow]\nhttp = {grants}");
        let manifest = Manifest::parse(Path::new("p.toml"), &text).unwrap();
        let in_force = RightsInForce::new("p".into(), Arc::new(manifest), Arc::default());
        let rights = GuestRights::new(&Arc::new(in_force));
        let memory = MemoryLimiter::new(16 << 20, Arc::new(AtomicU64::new(0)));
        let account = Arc::clone(memory.account());
        Self {
            http: OutgoingHttp::new(Arc::clone(&plugin), rights, account),
            plugin,
        }
    }

    /// What came back: the status and the body, or the error.
    async fn ask(&mut self, uri: &str, body: WasiBody) -> Result<(u16, Bytes), Error> {
        let request = http::Request::post(uri).body(body).unwrap();
        let sent = self
            .http
            .send_request(request, None, Box::new(async { Ok(()) }));
        let (answer, driving) = Box::into_pin(sent).await?;
        let status = answer.status().as_u16();
        let (body, driven) = tokio::join!(answer.into_body().collect(), Box::into_pin(driving));
        let body = body?.to_bytes();
        driven?;
        Ok((status, body))
    }

    async fn get(&mut self, uri: &str) -> Result<(u16, Bytes), Error> {
        self.ask(
            uri,
            Empty::new().map_err(|never| match never {}).boxed_unsync(),
        )
        .await
    }

    fn counted(&self) -> Vec<HostRequests> {
        self.plugin.traffic.requests.view()
    }
}

/// A server on this machine that gives each request this answer; its port.
async fn server(answer: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = vec![0; 4096];
                let _ = connection.read(&mut request).await;
                let _ = connection.write_all(answer.as_bytes()).await;
            });
        }
    });
    port
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";

#[tokio::test]
async fn a_name_that_leads_to_this_machine_is_reached_only_where_its_grant_says_so() {
    let port = server(OK).await;
    let uri = format!("http://a.example:{port}/");
    let mut asking = Asking::new(r#"["a.example"]"#, &PluginLimits::default());
    let refused = asking.get(&uri).await.unwrap_err();
    assert!(
        matches!(refused, Error::DestinationIpProhibited),
        "{refused}"
    );
    let refused = asking
        .get(&format!("http://b.example:{port}/"))
        .await
        .unwrap_err();
    assert!(matches!(refused, Error::HttpRequestDenied), "{refused}");
    let counted = asking.counted();
    assert_eq!(counted[0].host, "a.example");
    assert_eq!(counted[0].requests, [("refused".to_owned(), 1)].into());
    assert_eq!(counted[1].host, "other");

    let mut asking = Asking::new(r#"["a.example private"]"#, &PluginLimits::default());
    let (status, body) = asking.get(&uri).await.unwrap();
    assert_eq!((status, &*body), (200, &b"ok"[..]));
    assert_eq!(asking.counted()[0].requests, [("200".to_owned(), 1)].into());
}

#[tokio::test]
async fn no_spelling_of_an_address_goes_round_the_grants() {
    let port = server(OK).await;
    let mut asking = Asking::new(r#"["a.example", "127.0.0.2"]"#, &PluginLimits::default());
    for host in [
        "127.0.0.1",
        "2130706433",
        "0177.0.0.1",
        "0x7f.1",
        "127.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "a.example@127.0.0.1",
        "169.254.169.254",
        "metadata.google.internal",
    ] {
        let refused = asking
            .get(&format!("http://{host}:{port}/"))
            .await
            .unwrap_err();
        assert!(
            matches!(refused, Error::HttpRequestDenied),
            "{host}: {refused}"
        );
    }
    assert_eq!(
        asking.counted().len(),
        1,
        "those hosts are not counted apart"
    );
}

#[tokio::test]
async fn a_server_is_told_of_the_host_that_was_checked_and_of_no_other() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let heard = tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.expect("a connection");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(connection.read_u8().await.expect("a whole head"));
        }
        connection.write_all(OK.as_bytes()).await.expect("it reads");
        String::from_utf8(head).expect("a text")
    });
    let grants = format!("[\"127.0.0.1:{port}\"]");
    let mut asking = Asking::new(&grants, &PluginLimits::default());
    for authority in [
        format!("other.example@127.0.0.1:{port}"),
        format!("other.example:80@127.0.0.1:{port}"),
        format!("other.example%40@127.0.0.1:{port}"),
        "127.0.0.1:99999".to_owned(),
    ] {
        let refused = asking.get(&format!("http://{authority}/")).await;
        let refused = refused.unwrap_err();
        assert!(
            matches!(refused, Error::HttpRequestDenied),
            "{authority}: {refused}"
        );
    }
    let request = http::Request::get(format!("http://127.0.0.1:{port}/a?b"))
        .header("host", "other.example")
        .body(Empty::new().map_err(|never| match never {}).boxed_unsync())
        .unwrap();
    let sent = (asking.http).send_request(request, None, Box::new(async { Ok(()) }));
    let (answer, _driving) = Box::into_pin(sent).await.unwrap();
    assert_eq!(answer.status(), 200);
    let head = heard.await.unwrap().to_ascii_lowercase();
    assert!(head.starts_with("get /a?b http/1.1\r\n"), "{head}");
    let hosts: Vec<_> = head
        .lines()
        .filter(|line| line.starts_with("host:"))
        .collect();
    assert_eq!(hosts, [format!("host: 127.0.0.1:{port}")], "{head}");
}

#[tokio::test]
async fn a_redirect_is_the_guest_s_to_follow() {
    let port = server(
        "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest/\r\ncontent-length: 0\r\n\
         connection: close\r\n\r\n",
    )
    .await;
    let grants = format!("[\"127.0.0.1:{port}\"]");
    let mut asking = Asking::new(&grants, &PluginLimits::default());
    let (status, _) = asking
        .get(&format!("http://127.0.0.1:{port}/"))
        .await
        .unwrap();
    assert_eq!(status, 302);
    let followed = asking
        .get("http://169.254.169.254/latest/")
        .await
        .unwrap_err();
    assert!(matches!(followed, Error::HttpRequestDenied), "{followed}");
}

#[tokio::test]
async fn requests_and_bytes_are_bounded() {
    let port = server(OK).await;
    let grants = format!("[\"127.0.0.1:{port}\"]");
    let limits = PluginLimits {
        http_requests: 1,
        http_bytes: 64 << 10,
        ..PluginLimits::default()
    };
    let mut asking = Asking::new(&grants, &limits);
    let uri = format!("http://127.0.0.1:{port}/");
    let request = http::Request::get(&uri)
        .body(Empty::new().map_err(|never| match never {}).boxed_unsync())
        .unwrap();
    let held = asking
        .http
        .send_request(request, None, Box::new(async { Ok(()) }));
    let held = Box::into_pin(held).await.unwrap();
    let refused = asking.get(&uri).await.unwrap_err();
    assert!(
        matches!(refused, Error::ConnectionLimitReached),
        "{refused}"
    );
    drop(held);
    assert!(asking.get(&uri).await.is_ok());

    let large = Full::new(Bytes::from(vec![b'x'; 120 << 10]));
    let large = large.map_err(|never| match never {}).boxed_unsync();
    assert!(asking.ask(&uri, large).await.is_err(), "it is cut off");
    let refused = asking.get(&uri).await.unwrap_err();
    assert!(
        matches!(refused, Error::ConnectionLimitReached),
        "{refused}"
    );
}
