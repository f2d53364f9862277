//! Every operation against every missing right, and what requests may show.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::middleware;
use axum::routing::get;
use futures_util::stream;
use hearken_pattern::Glob;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tower::ServiceExt;
use tracing_subscriber::layer::SubscriberExt;

use super::ask;
use crate::access::{Access, AccessSettings, BudgetLimits, Granted, KeyEntry, NewKey, Role};
use crate::bus::Bus;
use crate::event::Pattern;
use crate::gateway::test_support::{access, bus, guarded};

/// Bounds a test that has gone wrong.
const DEADLINE: Duration = Duration::from_secs(30);

/// The words of `x-right`.
const WORDS: [&str; 6] = ["publish", "listen", "append", "read", "observe", "operate"];

fn granted<T>(value: T) -> Granted<T> {
    Granted {
        value,
        place: "hearken.toml:1:1".to_owned(),
    }
}

/// A role with these rights: words, or words with what they are for.
fn role(rights: &[&str]) -> Role {
    let mut role = Role::default();
    for right in rights {
        let (word, pattern) = right.split_once(' ').unwrap_or((right, "*"));
        let glob = granted(Glob::new(pattern.to_owned()));
        let pattern = granted(Pattern::new(pattern).unwrap());
        match word {
            "publish" => role.publish.push(pattern),
            "listen" => role.listen.push(pattern),
            "append" => role.append.push(glob),
            "read" => role.read.push(glob),
            "observe" => role.observe = Some(granted(())),
            "operate" => role.operate = Some(granted(())),
            _ => panic!("unknown right {right}"),
        }
    }
    role
}

/// A gateway, and keys by name.
struct Guarded {
    bus: Bus,
    access: Access,
    settings: AccessSettings,
    router: Router,
    keys: BTreeMap<String, String>,
}

impl Guarded {
    /// One key for each role, of the same name.
    fn of(roles: &[(&str, Role)]) -> Self {
        let mut settings = AccessSettings::default();
        let mut keys = BTreeMap::new();
        for (name, role) in roles {
            let key = NewKey::generate().unwrap();
            settings.roles.insert((*name).to_owned(), role.clone());
            let entry = KeyEntry {
                place: "hearken.toml:1:1".to_owned(),
                keys: vec![key.hash()],
                roles: vec![granted((*name).to_owned())],
                expires: None,
            };
            settings.keys.insert((*name).to_owned(), entry);
            keys.insert((*name).to_owned(), key.reveal().to_string());
        }
        Self::with(settings, keys)
    }

    fn with(settings: AccessSettings, keys: BTreeMap<String, String>) -> Self {
        let bus = bus();
        let access = access(settings.clone());
        Self {
            router: guarded(&bus, access.clone()).router(),
            bus,
            access,
            settings,
            keys,
        }
    }

    fn bearer(&self, name: &str) -> String {
        format!("Bearer {}", self.keys[name])
    }

    /// Sends a request as somebody, or as nobody.
    async fn send(&self, name: Option<&str>, mut request: Request<Body>) -> Answered {
        let headers = request.headers_mut();
        headers.insert("host", "localhost".parse().unwrap());
        if let Some(name) = name {
            headers.insert("authorization", self.bearer(name).parse().unwrap());
        }
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let is_stream = head.headers["content-type"] == "text/event-stream";
        Answered {
            status: head.status,
            headers: head.headers,
            body: if is_stream {
                Bytes::new()
            } else {
                body.collect().await.unwrap().to_bytes()
            },
        }
    }

    async fn get(&self, name: Option<&str>, uri: &str) -> Answered {
        let request = Request::get(uri).body(Body::empty()).unwrap();
        self.send(name, request).await
    }

    async fn publish(&self, name: &str, event_type: &str) -> Answered {
        self.send(Some(name), post(&json!({ "type": event_type })))
            .await
    }
}

#[derive(Debug)]
struct Answered {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answered {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }
}

fn post(event: &Value) -> Request<Body> {
    Request::post("/v1/events")
        .header("content-type", "application/json")
        .body(Body::from(event.to_string()))
        .unwrap()
}

/// A path of the document with a name for each in braces.
fn named(path: &str) -> String {
    path.replace(['{', '}'], "").replace("/name", "/good")
}

/// An operation of the document, with one of the media types that it takes.
struct Operation {
    method: String,
    path: String,
    media_type: Option<String>,
    right: String,
    /// The statuses that it is documented to answer with.
    statuses: Vec<String>,
}

/// Every operation of the document, with each media type that it takes.
async fn operations() -> Vec<Operation> {
    let document = Guarded::of(&[]).get(None, "/openapi.json").await.json();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let right = operation["x-right"].as_str();
            let right = right.unwrap_or_else(|| panic!("{method} {path} has no x-right"));
            let taken = operation["requestBody"]["content"].as_object();
            let taken: Vec<_> = match taken {
                Some(taken) => taken.keys().cloned().map(Some).collect(),
                None => vec![None],
            };
            let answers = operation["responses"].as_object().unwrap();
            operations.extend(taken.into_iter().map(|media_type| Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                media_type,
                right: right.to_owned(),
                statuses: answers.keys().cloned().collect(),
            }));
        }
    }
    operations
}

impl Operation {
    /// A request that is in order but for who sends it.
    fn request(&self) -> Request<Body> {
        let query = match (self.method.as_str(), self.path.as_str()) {
            ("GET", "/v1/events") => "?type=custom.a",
            ("GET", "/v1/wait") => "?type=custom.a&timeout=1ms",
            _ => "",
        };
        let event = json!({"specversion": "1.0", "id": "1", "source": "/s", "type": "a"});
        let body = match self.media_type.as_deref() {
            None => Value::Null,
            Some("application/json") => json!({"type": "a"}),
            Some("application/cloudevents+json") => event,
            Some("application/cloudevents-batch+json") => json!([event]),
            Some(other) => panic!("write a body of {other} for {self}"),
        };
        let request = Request::builder()
            .method(self.method.as_str())
            .uri(format!("{}{query}", named(&self.path)));
        match &self.media_type {
            None => request.body(Body::empty()),
            Some(media_type) => request
                .header("content-type", media_type)
                .body(Body::from(body.to_string())),
        }
        .unwrap()
    }
}

impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let media_type = self.media_type.as_deref().unwrap_or_default();
        write!(f, "{} {} {media_type}", self.method, self.path)
    }
}

#[tokio::test]
async fn every_operation_against_every_missing_right() {
    let all = operations().await;
    assert!(all.len() >= 32);
    for operation in all {
        let place = operation.to_string();
        let right = operation.right.as_str();
        if right == "none" {
            let guarded = Guarded::of(&[("nothing", role(&[]))]);
            let answer = guarded.send(Some("nothing"), operation.request()).await;
            assert_eq!(answer.status, StatusCode::OK, "{place}");
            continue;
        }
        // They ask for themselves, and their own tests are about that.
        if matches!(right, "session" | "server-api") {
            continue;
        }
        for status in ["401", "403", "429"] {
            let told = operation.statuses.iter().any(|told| told == status);
            assert!(told, "{place} is not documented to answer {status}");
        }
        let others: Vec<&str> = WORDS.into_iter().filter(|word| *word != right).collect();
        assert_eq!(others.len(), 5, "{place}: {right} is no word");
        // Who appends publishes as well.
        let only = match right {
            "append" => role(&["append", "publish"]),
            right => role(&[right]),
        };
        let guarded = Guarded::of(&[("others", role(&others)), ("only", only)]);
        let refused = guarded.send(Some("others"), operation.request()).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{place}");
        let problem = refused.json();
        assert_eq!(problem["type"], "urn:hearken:problem:forbidden", "{place}");
        let missing = problem["right"].as_str().unwrap();
        assert_eq!(missing.split(' ').next(), Some(right), "{place}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.contains(missing) && detail.contains("key:others"),
            "{detail}"
        );

        let unknown = guarded.send(None, operation.request()).await;
        assert_eq!(unknown.status, StatusCode::UNAUTHORIZED, "{place}");
        assert_eq!(unknown.headers["www-authenticate"], "Bearer", "{place}");
        assert!(
            unknown.json()["detail"]
                .as_str()
                .unwrap()
                .contains("--key-file")
        );

        let mut wrong = operation.request();
        let header = "Bearer hrk_abcdefghijkl_0123456789012345678901234567890123456789012";
        wrong
            .headers_mut()
            .insert("authorization", header.parse().unwrap());
        let wrong = guarded.send(None, wrong).await;
        assert_eq!(wrong.status, StatusCode::UNAUTHORIZED, "{place}");
        let text = String::from_utf8(wrong.body.to_vec()).unwrap();
        assert!(!text.contains("012345678901"), "{text}");

        let allowed = guarded.send(Some("only"), operation.request()).await;
        let refusals = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN];
        assert!(!refusals.contains(&allowed.status), "{place}: {allowed:?}");
    }
}

#[tokio::test]
async fn head_needs_what_get_needs() {
    let guarded = Guarded::of(&[("nothing", role(&[]))]);
    for path in ["/v1/plugins", "/metrics", "/v1/events"] {
        let head = Request::head(path).body(Body::empty()).unwrap();
        let answer = guarded.send(Some("nothing"), head).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn a_route_without_a_right_answers_nobody() {
    let mut settings = AccessSettings::default();
    let open = access(settings.clone());
    settings.anonymous = Some(vec![granted("admin".to_owned())]);
    for access in [open, access(settings)] {
        let context = Arc::clone(&guarded(&bus(), access).context);
        let ask = middleware::from_fn_with_state(Arc::clone(&context), ask);
        let router = Router::new()
            .route("/v1/forgotten", get(async || "a secret"))
            .route("/v1/nodes", get(async || "known").post(async || "a secret"))
            .route_layer(ask)
            .with_state(context);
        for (method, path, status) in [
            ("GET", "/v1/forgotten", 405),
            ("HEAD", "/v1/forgotten", 405),
            ("POST", "/v1/nodes", 405),
            ("PUT", "/v1/nodes", 405),
            ("GET", "/v1/nodes", 200),
        ] {
            let request = Request::builder().method(method).uri(path);
            let request = request.body(Body::empty()).unwrap();
            let response = router.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), status, "{method} {path}");
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert!(!body.starts_with(b"a secret"), "{method} {path}");
        }
    }
}

/// What is written into the log.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_command_is_recorded_also_if_nobody_waits_for_its_answer() {
    let lines = Lines::default();
    let writer = lines.clone();
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(move || writer.clone());
    let subscriber = tracing_subscriber::registry().with(layer);
    let _logging = tracing::subscriber::set_default(subscriber);
    let guarded = Guarded::of(&[("ops", role(&["operate"]))]);
    let command = |plugin: &str| {
        let uri = format!("/v1/plugins/{plugin}/pause");
        Request::post(uri).body(Body::empty()).unwrap()
    };
    let answer = guarded.send(Some("ops"), command("good")).await;
    assert_eq!(answer.status, StatusCode::OK);
    let left = timeout(
        Duration::from_millis(10),
        guarded.send(Some("ops"), command("stuck")),
    );
    assert!(left.await.is_err());
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let audited: Vec<_> = text
        .lines()
        .filter(|line| line.contains("hearken::audit") && line.contains("key:ops"))
        .collect();
    let [answered, left] = audited[..] else {
        panic!("{text}");
    };
    assert!(answered.contains("plugins/good/pause") && answered.contains("status=200"));
    assert!(left.contains("plugins/stuck/pause") && !left.contains("status="));
}

#[tokio::test]
async fn an_event_for_a_channel_needs_both_rights() {
    let guarded = Guarded::of(&[("a", role(&["publish"]))]);
    let event = json!({"type": "a", "channel": "orders"});
    let refused = guarded.send(Some("a"), post(&event)).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(refused.json()["right"], "append orders");
}

#[tokio::test]
async fn what_is_no_operation_is_told_so() {
    let guarded = Guarded::of(&[("nothing", role(&[]))]);
    assert_eq!(
        guarded.get(None, "/nowhere").await.status,
        StatusCode::NOT_FOUND
    );
    let wrong = Request::put("/v1/wait").body(Body::empty()).unwrap();
    let answer = guarded.send(None, wrong).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.headers["allow"], "GET,HEAD");
}

#[tokio::test]
async fn each_event_is_checked_and_a_batch_is_refused_whole() {
    let guarded = Guarded::of(&[("shop", role(&["publish custom.shop.*", "listen"]))]);
    assert_eq!(
        guarded.publish("shop", "shop.paid").await.status,
        StatusCode::ACCEPTED
    );
    assert_eq!(
        guarded.publish("shop", "custom.shop.paid").await.status,
        StatusCode::ACCEPTED
    );
    let refused = guarded.publish("shop", "shopping").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(refused.json()["right"], "publish custom.shopping");

    let before = guarded.bus.passed_bytes();
    let event = |event_type: &str| json!({"specversion": "1.0", "id": "1", "source": "/s", "type": event_type});
    let batch = json!([event("shop.a"), event("other")]);
    let batch = Request::post("/v1/events")
        .header("content-type", "application/cloudevents-batch+json")
        .body(Body::from(batch.to_string()))
        .unwrap();
    let refused = guarded.send(Some("shop"), batch).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let problem = refused.json();
    assert_eq!(problem["right"], "publish custom.other");
    assert_eq!(problem["errors"][0]["pointer"], "#/1");
    // But for the event that tells of it, nothing was published.
    let after = guarded.bus.passed_bytes();
    assert!(after - before < 1024, "{before} {after}");
}

#[tokio::test]
async fn each_alternative_of_a_pattern_must_be_allowed() {
    let guarded = Guarded::of(&[("shop", role(&["listen custom.{shop,order}.*"]))]);
    for (pattern, status) in [
        ("custom.shop.*", 200),
        ("custom.{shop,order}.paid", 200),
        ("custom.order.7", 200),
        ("custom.*", 403),
        ("*", 403),
        ("custom.{shop,other}.*", 403),
        ("plugin.failed", 403),
    ] {
        let uri = format!("/v1/events?type={pattern}");
        let uri = uri.replace('{', "%7B").replace('}', "%7D");
        let answer = guarded.get(Some("shop"), &uri).await;
        assert_eq!(answer.status, status, "{pattern}");
    }
    let everything = guarded.get(Some("shop"), "/v1/events").await;
    assert_eq!(everything.json()["right"], "listen *");
}

#[tokio::test]
async fn a_credential_may_stand_in_the_query_of_streams_and_waits_alone() {
    let guarded = Guarded::of(&[("a", role(&["listen", "observe", "publish"]))]);
    let key = &guarded.keys["a"];
    for uri in ["/v1/events?type=a", "/v1/wait?type=a&timeout=1ms"] {
        let answer = guarded
            .get(None, &format!("{uri}&access_token={key}"))
            .await;
        assert_ne!(answer.status, StatusCode::UNAUTHORIZED, "{uri}");
        assert_ne!(answer.status, StatusCode::BAD_REQUEST, "{uri}");
        for name in [Some("a"), None] {
            let twice = format!("{uri}&access_token={key}&access_token={key}");
            let answer = guarded.get(name, &twice).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{uri}");
        }
        let both = guarded
            .get(Some("a"), &format!("{uri}&access_token={key}"))
            .await;
        assert_eq!(both.status, StatusCode::BAD_REQUEST, "{uri}");
        let text = String::from_utf8(both.body.to_vec()).unwrap();
        assert!(!text.contains("hrk_"), "{text}");
    }
    let elsewhere = guarded
        .get(None, &format!("/v1/plugins?access_token={key}"))
        .await;
    assert_eq!(elsewhere.status, StatusCode::BAD_REQUEST);
    let text = String::from_utf8(elsewhere.body.to_vec()).unwrap();
    assert!(
        text.contains("Authorization") && !text.contains("hrk_"),
        "{text}"
    );
    // An error of another parameter does not show it either.
    let uri = format!("/v1/wait?typ=a&access_token={key}");
    let mistake = guarded.get(None, &uri).await;
    assert_eq!(mistake.status, StatusCode::BAD_REQUEST);
    let text = String::from_utf8(mistake.body.to_vec()).unwrap();
    assert!(text.contains("`typ`") && !text.contains("hrk_"), "{text}");
}

#[tokio::test]
async fn whoever_asks_is_told_who_they_are() {
    let guarded = Guarded::of(&[("shop", role(&["publish custom.shop.*", "observe"]))]);
    let told = guarded.get(Some("shop"), "/v1/whoami").await.json();
    assert_eq!(told["principal"], "key:shop");
    assert_eq!(told["roles"], json!(["shop"]));
    assert_eq!(told["rights"]["publish"], json!(["custom.shop.*"]));
    assert_eq!(told["rights"]["listen"], json!([]));
    assert_eq!(told["rights"]["observe"], true);
    assert_eq!(told["rights"]["operate"], false);
    let nobody = guarded.get(None, "/v1/whoami").await;
    assert_eq!(nobody.status, StatusCode::OK);
    assert_eq!(nobody.json()["principal"], "anonymous");
    assert_eq!(nobody.json()["rights"]["publish"], json!([]));

    let open = Guarded::with(AccessSettings::default(), BTreeMap::new());
    let admin = open.get(None, "/v1/whoami").await.json();
    assert_eq!(admin["principal"], "anonymous");
    assert_eq!(admin["rights"]["operate"], true);
}

#[tokio::test]
async fn roles_of_anonymous_hold_for_who_shows_nothing() {
    let mut settings = AccessSettings {
        anonymous: Some(vec![granted("watcher".to_owned())]),
        ..AccessSettings::default()
    };
    settings
        .roles
        .insert("watcher".to_owned(), role(&["observe"]));
    let guarded = Guarded::with(settings, BTreeMap::new());
    assert_eq!(
        guarded.get(None, "/v1/plugins").await.status,
        StatusCode::OK
    );
    let refused = guarded.send(None, post(&json!({"type": "a"}))).await;
    assert_eq!(
        refused.status,
        StatusCode::UNAUTHORIZED,
        "it may help to say who one is"
    );
}

#[tokio::test]
async fn events_come_from_who_sends_them() {
    let guarded = Guarded::of(&[("shop", role(&["publish", "listen"]))]);
    for (source, told) in [
        (None, "/nodes/a/clients/key%3Ashop"),
        (Some("/mine"), "/mine"),
        (Some("/nodes/a/plugins/x"), "/nodes/a/clients/key%3Ashop"),
    ] {
        let wait = Request::get("/v1/wait?type=custom.a")
            .body(Body::empty())
            .unwrap();
        let waiting = guarded.send(Some("shop"), wait);
        let publishing = async {
            while guarded.bus.receivers(crate::bus::ReceiverKind::Waiter) == 0 {
                tokio::task::yield_now().await;
            }
            let event = match source {
                None => post(&json!({"type": "a"})),
                Some(source) => Request::post("/v1/events")
                    .header("content-type", "application/cloudevents+json")
                    .body(Body::from(
                        json!({"specversion": "1.0", "id": "1", "source": source, "type": "a"})
                            .to_string(),
                    ))
                    .unwrap(),
            };
            guarded.send(Some("shop"), event).await
        };
        let (event, published) = tokio::join!(waiting, publishing);
        assert_eq!(published.status, StatusCode::ACCEPTED);
        assert_eq!(event.json()["source"], told);
    }
}

#[tokio::test]
async fn budgets_are_held() {
    let bounded = Role {
        limits: BudgetLimits {
            rate: Some("2/h".parse().unwrap()),
            streams: Some(1),
            connections: Some(3),
        },
        ..role(&["publish", "listen"])
    };
    let guarded = Guarded::of(&[("a", bounded)]);
    assert_eq!(guarded.publish("a", "t").await.status, StatusCode::ACCEPTED);
    assert_eq!(guarded.publish("a", "t").await.status, StatusCode::ACCEPTED);
    let over = guarded.publish("a", "t").await;
    assert_eq!(over.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(over.json()["type"], "urn:hearken:problem:over-budget");
    let after: u64 = over.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(after > 60, "{after}");

    let wait = |timeout: &str| {
        let uri = format!("/v1/wait?type=a&timeout={timeout}");
        Request::get(uri).body(Body::empty()).unwrap()
    };
    let held = guarded.send(Some("a"), wait("5m"));
    let refused = async {
        while guarded.bus.receivers(crate::bus::ReceiverKind::Waiter) == 0 {
            tokio::task::yield_now().await;
        }
        guarded.send(Some("a"), wait("1ms")).await
    };
    tokio::select! {
        _ = held => panic!("nothing came"),
        refused = refused => {
            assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
            assert!(refused.json()["detail"].as_str().unwrap().contains("streams"));
        }
    }
    let again = guarded.send(Some("a"), wait("1ms")).await;
    assert_eq!(
        again.status,
        StatusCode::GATEWAY_TIMEOUT,
        "it was given back"
    );
}

#[tokio::test]
async fn streams_and_waits_end_with_the_key() {
    let guarded = Guarded::of(&[("a", role(&["listen"])), ("b", role(&["listen"]))]);
    let mut settings = guarded.settings.clone();
    settings.keys.remove("a");
    let open = async |name: &str| {
        let request = Request::get("/v1/events?type=custom.*")
            .header("host", "localhost")
            .header("authorization", guarded.bearer(name))
            .body(Body::empty())
            .unwrap();
        let mut body = guarded
            .router
            .clone()
            .oneshot(request)
            .await
            .unwrap()
            .into_body();
        body.frame().await.unwrap().unwrap();
        body
    };
    let (mut ending, mut staying) = (open("a").await, open("b").await);
    let wait = Request::get("/v1/wait?type=a&timeout=5m")
        .body(Body::empty())
        .unwrap();
    let waiting = guarded.send(Some("a"), wait);
    let ended = async {
        while guarded.bus.receivers(crate::bus::ReceiverKind::Waiter) == 0 {
            tokio::task::yield_now().await;
        }
        guarded.access.replace(settings).unwrap();
        let last = timeout(DEADLINE, ending.frame())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        let last = String::from_utf8(last.into_data().unwrap().to_vec()).unwrap();
        assert!(
            last.starts_with("event: access-ended\ndata: {\"reason\":"),
            "{last}"
        );
        assert!(last.contains("the key was removed"), "{last}");
        assert!(timeout(DEADLINE, ending.frame()).await.unwrap().is_none());
    };
    let (answer, ()) = tokio::join!(waiting, ended);
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(
        answer.json()["detail"]
            .as_str()
            .unwrap()
            .contains("the key was removed")
    );
    let gone = guarded.get(Some("a"), "/v1/events").await;
    assert_eq!(gone.status, StatusCode::UNAUTHORIZED);
    let silent = timeout(Duration::from_millis(50), staying.frame()).await;
    assert!(silent.is_err(), "the other's goes on");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_comes_after_the_key_has_gone_publishes_nothing() {
    let guarded = Guarded::of(&[("a", role(&["publish"])), ("b", role(&["publish"]))]);
    let mut settings = guarded.settings.clone();
    settings.keys.remove("a");
    let (begun, bodies): (Vec<_>, Vec<_>) = ["a", "b"]
        .map(|name| {
            let (body, comes) = oneshot::channel::<Bytes>();
            let request = Request::post("/v1/events")
                .header("content-type", "application/json")
                .body(Body::from_stream(stream::once(comes)))
                .unwrap();
            (guarded.send(Some(name), request), body)
        })
        .into_iter()
        .unzip();
    let coming = async {
        guarded.access.replace(settings).unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
        for body in bodies {
            body.send(Bytes::from_static(b"{\"type\": \"t\"}")).unwrap();
        }
    };
    let (answers, ()) = tokio::join!(futures_util::future::join_all(begun), coming);
    let [gone, stays] = &answers[..] else {
        panic!("two were sent");
    };
    assert_eq!(gone.status, StatusCode::UNAUTHORIZED);
    let detail = gone.json()["detail"].to_string();
    assert!(detail.contains("the key was removed"), "{detail}");
    assert_eq!(stays.status, StatusCode::ACCEPTED, "{stays:?}");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_comes_after_the_key_has_gone_changes_no_channel() {
    let guarded = Guarded::of(&[("a", role(&["operate"])), ("b", role(&["operate"]))]);
    let mut settings = guarded.settings.clone();
    settings.keys.remove("a");
    let (begun, bodies): (Vec<_>, Vec<_>) = ["a", "b"]
        .map(|name| {
            let (body, comes) = oneshot::channel::<Bytes>();
            let request = Request::put(format!("/v1/channels/{name}"))
                .header("content-type", "application/json")
                .body(Body::from_stream(stream::once(comes)))
                .unwrap();
            (guarded.send(Some(name), request), body)
        })
        .into_iter()
        .unzip();
    let coming = async {
        guarded.access.replace(settings).unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
        for body in bodies {
            body.send(Bytes::from_static(b"{}")).unwrap();
        }
    };
    let (answers, ()) = tokio::join!(futures_util::future::join_all(begun), coming);
    let [gone, stays] = &answers[..] else {
        panic!("two were sent");
    };
    assert_eq!(gone.status, StatusCode::UNAUTHORIZED);
    assert_eq!(stays.status, StatusCode::CREATED, "{stays:?}");
}

#[tokio::test]
async fn cursors_are_shown_to_their_owners_and_moved_without_tokens_in_urls() {
    let reader = || role(&["read"]);
    let guarded = Guarded::of(&[
        ("a", reader()),
        ("b", reader()),
        ("op", role(&["operate", "observe", "read"])),
    ]);
    let put = async |name: Option<&str>, uri: &str, body: Value| {
        let request = Request::put(uri)
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        guarded.send(name, request).await
    };
    let settings = json!({"keep_unread": ["client:kept"]});
    let made = put(Some("op"), "/v1/channels/orders", settings).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let uri = "/v1/channels/orders/cursors/billing";
    let position = || json!({"after": 0});
    assert_eq!(put(Some("a"), uri, position()).await.status, 201);
    assert_eq!(guarded.get(Some("a"), uri).await.status, StatusCode::OK);
    let events = "/v1/channels/orders/events?client=billing";
    for answer in [
        guarded.get(Some("b"), uri).await,
        guarded.get(Some("b"), events).await,
        put(Some("b"), uri, position()).await,
    ] {
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(!answer.json().to_string().contains("key:a"), "{answer:?}");
    }
    assert_eq!(guarded.get(Some("op"), uri).await.status, StatusCode::OK);

    let kept = "/v1/channels/orders/cursors/kept";
    let reserved = put(Some("a"), kept, position()).await;
    assert_eq!(reserved.status, StatusCode::FORBIDDEN);
    let owned = || json!({"after": 0, "owner": "key:a"});
    let own = put(Some("a"), uri, owned()).await;
    assert_eq!(own.json()["right"], "operate");
    assert_eq!(put(Some("op"), kept, owned()).await.status, 201);
    assert_eq!(put(Some("a"), kept, position()).await.status, 200);

    let key = &guarded.keys["a"];
    let shown = guarded
        .get(None, &format!("{uri}?access_token={key}"))
        .await;
    assert_eq!(shown.status, StatusCode::OK, "{shown:?}");
    let moved = put(None, &format!("{uri}?access_token={key}"), position()).await;
    assert_eq!(moved.status, StatusCode::BAD_REQUEST, "{moved:?}");
}

#[tokio::test]
async fn refusals_are_told_as_events_and_counted() {
    let guarded = Guarded::of(&[("a", role(&["listen", "observe"]))]);
    let wait = Request::get("/v1/wait?type=access.denied")
        .body(Body::empty())
        .unwrap();
    let waiting = guarded.send(Some("a"), wait);
    let refused = async {
        while guarded.bus.receivers(crate::bus::ReceiverKind::Waiter) == 0 {
            tokio::task::yield_now().await;
        }
        guarded.publish("a", "t").await
    };
    let (event, refused) = tokio::join!(waiting, refused);
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let event = event.json();
    assert_eq!(event["subject"], "key:a");
    assert_eq!(event["data"]["principal"], "key:a");
    assert_eq!(event["data"]["right"], "publish custom.t");
    assert_eq!(event["data"]["denied"], 1);
    guarded.get(None, "/v1/plugins").await;
    let metrics = guarded.get(Some("a"), "/metrics").await;
    let text = String::from_utf8(metrics.body.to_vec()).unwrap();
    for line in [
        r#"hearken_http_denied_requests_total{reason="forbidden"} 1"#,
        r#"hearken_http_denied_requests_total{reason="unauthenticated"} 1"#,
        r#"hearken_http_denied_requests_total{reason="over-budget"} 0"#,
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}
