//! A node as its HTTP clients see it.

use hearken::admin::PluginStatus;
use http_body_util::BodyExt;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::HOST;
use hyper_util::rt::TokioIo;
use reqwest::{Body, Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use super::events::Events;
use super::{DEADLINE, POLL};

/// A client of one node. Clones are other publishers.
pub struct Api {
    /// Without a slash at the end.
    pub url: String,
    client: Client,
    /// The connection over which events are published. Who publishes over two is two
    /// publishers, and a pool takes another when one is not back yet.
    publisher: Mutex<Option<SendRequest<Body>>>,
}

impl Clone for Api {
    fn clone(&self) -> Self {
        Self {
            url: self.url.clone(),
            client: self.client.clone(),
            publisher: Mutex::default(),
        }
    }
}

impl Api {
    pub fn new(url: String) -> Self {
        hearken::tls::choose_provider();
        let client = Client::builder()
            .no_proxy()
            .build()
            .expect("a client without special settings");
        Self {
            url,
            client,
            publisher: Mutex::default(),
        }
    }

    /// A request that is to be sent.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    /// What the node answers to a `GET`.
    pub async fn get(&self, path: &str) -> Response {
        answer(self.request(Method::GET, path)).await
    }

    /// What the node answers to a `POST` of an event in shorthand.
    pub async fn post(&self, event: &Value) -> Response {
        let request = self.request(Method::POST, "/v1/events");
        self.answer_in_order(request.json(event)).await
    }

    /// Publishes an event in shorthand; returns its id.
    pub async fn publish(&self, event: &Value) -> String {
        accepted(self.post(event).await).await
    }

    /// Publishes an event with data; returns its id.
    pub async fn send(&self, event_type: &str, data: impl Into<Value>) -> String {
        self.publish(&json!({ "type": event_type, "data": data.into() }))
            .await
    }

    /// Publishes CloudEvents with one request, so that they come all at once.
    pub async fn publish_all(&self, events: impl IntoIterator<Item = Value>) {
        let events: Vec<Value> = events.into_iter().collect();
        let request = self
            .request(Method::POST, "/v1/events")
            .header("content-type", "application/cloudevents-batch+json")
            .body(Value::from(events).to_string());
        let response = self.answer_in_order(request).await;
        let status = response.status();
        let text = response.text().await.expect("an answer");
        assert_eq!(status, StatusCode::ACCEPTED, "{text}");
    }

    /// Sends a request over the same connection as all before that were sent so.
    async fn answer_in_order(&self, request: RequestBuilder) -> Response {
        if self.url.starts_with("https:") {
            return answer(request).await;
        }
        let request = request.build().expect("a request");
        let mut request = hyper::Request::<Body>::try_from(request).expect("a request");
        let (_, address) = self.url.split_once("://").expect("a scheme");
        let host = address.parse().expect("an address");
        request.headers_mut().insert(HOST, host);
        let path = request.uri().path_and_query().expect("a path").as_str();
        *request.uri_mut() = path.parse().expect("it was one before");
        let answering = async {
            let mut publisher = self.publisher.lock().await;
            let mut kept = publisher.take();
            let usable = match &mut kept {
                Some(sender) => sender.ready().await.is_ok(),
                None => false,
            };
            let mut sender = match kept.filter(|_| usable) {
                Some(sender) => sender,
                None => connect(address).await,
            };
            let answer = sender.send_request(request).await;
            let (head, body) = answer.expect("the node is there").into_parts();
            let body = body.collect().await.expect("a whole answer").to_bytes();
            *publisher = Some(sender);
            hyper::Response::from_parts(head, body)
        };
        let answer = tokio::time::timeout(DEADLINE, answering).await;
        answer.expect("the node answers").into()
    }

    /// Publishes an event that names the type to answer to; returns its id.
    pub async fn ask(&self, event_type: &str, reply_to: &str, data: impl Into<Value>) -> String {
        let request = self
            .request(Method::POST, "/v1/events")
            .header("ce-specversion", "1.0")
            .header("ce-id", uuid::Uuid::new_v4().to_string())
            .header("ce-source", "/tests")
            .header("ce-type", event_type)
            .header("ce-replyto", reply_to)
            .header("content-type", "application/json")
            .body(data.into().to_string());
        accepted(self.answer_in_order(request).await).await
    }

    /// The live stream of the events whose type matches.
    pub async fn listen(&self, pattern: &str) -> Events {
        self.listen_with(&[("type", pattern)]).await
    }

    /// The live stream of what these query parameters select.
    pub async fn listen_with(&self, parameters: &[(&str, &str)]) -> Events {
        let request = self.request(Method::GET, "/v1/events").query(parameters);
        let response = answer(request).await;
        assert_eq!(response.status(), StatusCode::OK);
        Events::new(response)
    }

    /// How a plugin stands; nothing when there is none of that name.
    pub async fn status(&self, plugin: &str) -> Option<PluginStatus> {
        let response = self.get(&format!("/v1/plugins/{plugin}")).await;
        if response.status() == StatusCode::NOT_FOUND {
            return None;
        }
        Some(response.json().await.expect("a plugin's status"))
    }

    /// Waits until a plugin stands as wanted.
    pub async fn until(
        &self,
        plugin: &str,
        wanted: impl Fn(&PluginStatus) -> bool,
    ) -> PluginStatus {
        let mut last = None;
        let waiting = async {
            loop {
                last = self.status(plugin).await;
                if let Some(status) = last.clone().filter(&wanted) {
                    return status;
                }
                tokio::time::sleep(POLL).await;
            }
        };
        let found = tokio::time::timeout(DEADLINE, waiting).await;
        found.unwrap_or_else(|_| panic!("`{plugin}` does not get there; it stands so: {last:#?}"))
    }

    /// Reloads, pauses or resumes a plugin.
    pub async fn act(&self, plugin: &str, action: &str) -> Response {
        answer(self.request(Method::POST, &format!("/v1/plugins/{plugin}/{action}"))).await
    }

    /// As [`Api::act`], where it must succeed.
    pub async fn succeed(&self, plugin: &str, action: &str) -> PluginStatus {
        let response = self.act(plugin, action).await;
        let status = response.status();
        let text = response.text().await.expect("an answer");
        assert_eq!(status, StatusCode::OK, "{text}");
        serde_json::from_str(&text).expect("a plugin's status")
    }
}

async fn connect(address: &str) -> SendRequest<Body> {
    let stream = TcpStream::connect(address)
        .await
        .expect("the node is there");
    let connected = handshake(TokioIo::new(stream)).await;
    let (sender, connection) = connected.expect("a connection");
    // It ends with its sender, or with the node.
    tokio::spawn(connection);
    sender
}

/// Sends a request.
pub async fn answer(request: RequestBuilder) -> Response {
    tokio::time::timeout(DEADLINE, request.send())
        .await
        .expect("the node answers")
        .expect("the node is there")
}

async fn accepted(response: Response) -> String {
    let status = response.status();
    let text = response.text().await.expect("an answer");
    assert_eq!(status, StatusCode::ACCEPTED, "{text}");
    let receipt: Value = serde_json::from_str(&text).expect("a receipt");
    receipt["id"].as_str().expect("an id").to_owned()
}
