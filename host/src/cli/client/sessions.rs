//! Sessions of a node and those beside it.

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
    /// Nodes that list only their own do not say it.
    #[serde(default)]
    partial: bool,
}

/// Sessions of all nodes, or of one.
#[derive(Debug, Default)]
pub(in crate::cli) struct Listed {
    pub(in crate::cli) sessions: Vec<SessionView>,
    /// Whether there may be others on nodes that have not said which they have.
    pub(in crate::cli) partial: bool,
}

impl Client {
    /// All sessions, or those of a user, a channel or a node.
    pub(in crate::cli) async fn sessions(
        &self,
        user: Option<&str>,
        channel: Option<&str>,
        node: Option<&str>,
    ) -> Result<Listed, ClientError> {
        let mut all = Listed::default();
        let mut after: Option<String> = None;
        loop {
            let request = self.request(Method::GET, &["sessions"]).query(&[
                ("limit", Some("1000")),
                ("after", after.as_deref()),
                ("user", user),
                ("channel", channel),
                ("node", node),
            ]);
            let response = self.send(request.timeout(ANSWER_TIMEOUT)).await?;
            let SessionList {
                sessions,
                next,
                partial,
            } = self.answer(response).await?;
            all.sessions.extend(sessions);
            all.partial |= partial;
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
