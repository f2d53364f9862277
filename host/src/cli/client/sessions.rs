//! Sessions of a node.

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use super::{ANSWER_TIMEOUT, Client, ClientError};

/// A session, as the API shows it.
#[derive(Debug, Deserialize, Serialize)]
pub(in crate::cli) struct SessionView {
    pub(in crate::cli) id: String,
    pub(in crate::cli) node: String,
    pub(in crate::cli) user: String,
    pub(in crate::cli) transport: String,
    pub(in crate::cli) encoding: String,
    pub(in crate::cli) address: String,
    pub(in crate::cli) name: String,
    pub(in crate::cli) version: String,
    pub(in crate::cli) connected: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) expires: Option<String>,
    pub(in crate::cli) queued: u64,
    pub(in crate::cli) channels: Vec<SubscriptionView>,
}

/// A channel that a session is subscribed to.
#[derive(Debug, Deserialize, Serialize)]
pub(in crate::cli) struct SubscriptionView {
    pub(in crate::cli) channel: String,
    pub(in crate::cli) server_side: bool,
}

/// What was reached.
#[derive(Debug, Deserialize, Serialize)]
pub(in crate::cli) struct Reached {
    pub(in crate::cli) nodes: u64,
    pub(in crate::cli) sessions: u64,
    pub(in crate::cli) partial: bool,
}

/// Whose sessions are meant, as the API is asked.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::cli) enum To {
    Session(String),
    User(String),
    Subject(String),
    Channel(String),
    Node(String),
    All(bool),
}

#[derive(Deserialize)]
struct SessionList {
    sessions: Vec<SessionView>,
    next: Option<String>,
}

impl Client {
    /// All sessions of the node, or those of a user or a channel.
    pub(in crate::cli) async fn sessions(
        &self,
        user: Option<&str>,
        channel: Option<&str>,
    ) -> Result<Vec<SessionView>, ClientError> {
        let mut all = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let request = self.request(Method::GET, &["sessions"]).query(&[
                ("limit", Some("1000")),
                ("after", after.as_deref()),
                ("user", user),
                ("channel", channel),
            ]);
            let response = self.send(request.timeout(ANSWER_TIMEOUT)).await?;
            let SessionList { sessions, next } = self.answer(response).await?;
            all.extend(sessions);
            if next.is_none() {
                return Ok(all);
            }
            after = next;
        }
    }

    /// One session.
    pub(in crate::cli) async fn session(&self, id: &str) -> Result<SessionView, ClientError> {
        let request = self.request(Method::GET, &["sessions", id]);
        let response = self.send(request.timeout(ANSWER_TIMEOUT)).await?;
        self.answer(response).await
    }

    /// Sends sessions a message.
    pub(in crate::cli) async fn message(
        &self,
        to: &To,
        data: &RawValue,
    ) -> Result<Reached, ClientError> {
        #[derive(Serialize)]
        struct Message<'m> {
            to: &'m To,
            data: &'m RawValue,
        }
        let request = self.request(Method::POST, &["sessions", "messages"]);
        let request = request.json(&Message { to, data }).timeout(ANSWER_TIMEOUT);
        let response = self.send(request).await?;
        self.answer(response).await
    }

    /// Closes sessions.
    pub(in crate::cli) async fn disconnect(
        &self,
        to: &To,
        code: Option<u32>,
        reason: Option<&str>,
    ) -> Result<Reached, ClientError> {
        let request = self.request(Method::POST, &["sessions", "disconnect"]);
        let request = request.json(&json!({ "to": to, "code": code, "reason": reason }));
        let response = self.send(request.timeout(ANSWER_TIMEOUT)).await?;
        self.answer(response).await
    }
}
