//! A node as its HTTP clients see it.

use hearken::admin::PluginStatus;
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};

use super::events::Events;
use super::{DEADLINE, POLL};

/// A client of one node.
#[derive(Clone)]
pub struct Api {
    /// Without a slash at the end.
    pub url: String,
    client: Client,
}

impl Api {
    pub fn new(url: String) -> Self {
        hearken::tls::choose_provider();
        let client = Client::builder()
            .no_proxy()
            .build()
            .expect("a client without special settings");
        Self { url, client }
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
        answer(self.request(Method::POST, "/v1/events").json(event)).await
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
        let response = answer(request).await;
        let status = response.status();
        let text = response.text().await.expect("an answer");
        assert_eq!(status, StatusCode::ACCEPTED, "{text}");
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
        accepted(answer(request).await).await
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

/// Sends a request.
pub async fn answer(request: reqwest::RequestBuilder) -> Response {
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
