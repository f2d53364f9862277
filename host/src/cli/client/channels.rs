//! Channels of a node.

use reqwest::header::{ACCEPT, IF_MATCH, IF_NONE_MATCH};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use super::error::ClientError;
use super::{ANSWER_TIMEOUT, Client};
use crate::channel::SettingsDocument;

/// How a channel stands, as the API shows it.
#[derive(Debug, Deserialize, Serialize)]
pub(in crate::cli) struct ChannelView {
    pub(in crate::cli) name: String,
    pub(in crate::cli) epoch: String,
    pub(in crate::cli) node: String,
    /// Other nodes that have one of the same name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::cli) also_on: Vec<String>,
    pub(in crate::cli) created: String,
    pub(in crate::cli) first: u64,
    pub(in crate::cli) last: u64,
    pub(in crate::cli) bytes: u64,
    pub(in crate::cli) state: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) reason: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::cli) damaged: Vec<Numbers>,
    pub(in crate::cli) declared: bool,
    pub(in crate::cli) settings: SettingsDocument,
    /// Absent in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) cursors: Option<Vec<CursorView>>,
    /// Absent in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) consumers: Option<Vec<ConsumerView>>,
}

/// How a plugin stands that consumes a channel.
#[derive(Debug, Deserialize, Serialize)]
pub(in crate::cli) struct ConsumerView {
    pub(in crate::cli) plugin: String,
    pub(in crate::cli) after: u64,
    pub(in crate::cli) lag: u64,
    pub(in crate::cli) in_flight: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) waiting: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) stalled: Option<StalledView>,
    pub(in crate::cli) dead: u64,
    pub(in crate::cli) retried: u64,
    pub(in crate::cli) missed: u64,
}

/// An event on which a plugin hangs.
#[derive(Debug, Deserialize, Serialize)]
pub(in crate::cli) struct StalledView {
    pub(in crate::cli) sequence: u64,
    pub(in crate::cli) attempt: u64,
    pub(in crate::cli) reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) next_attempt: Option<String>,
}

/// Dead letters that a plugin is given again.
#[derive(Debug, Deserialize, Serialize)]
pub(in crate::cli) struct Retried {
    pub(in crate::cli) channel: String,
    pub(in crate::cli) plugin: String,
    pub(in crate::cli) retried: u64,
}

/// A position that a client keeps.
#[derive(Debug, Deserialize, Serialize)]
pub(in crate::cli) struct CursorView {
    pub(in crate::cli) client: String,
    pub(in crate::cli) after: u64,
    pub(in crate::cli) lag: u64,
    pub(in crate::cli) owner: String,
}

/// Numbers of events that follow each other.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(in crate::cli) struct Numbers {
    pub(in crate::cli) first: u64,
    pub(in crate::cli) last: u64,
}

/// Which events are read, as the API is asked.
#[derive(Clone, Debug, Default, Serialize)]
pub(in crate::cli) struct ReadQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) after: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) since: Option<String>,
    pub(in crate::cli) limit: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) client: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) wait: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) event_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) subject: Option<String>,
}

/// Events of a channel.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct EventPage {
    /// As CloudEvents JSON.
    pub(in crate::cli) events: Vec<Box<RawValue>>,
    pub(in crate::cli) epoch: String,
    pub(in crate::cli) next: u64,
    pub(in crate::cli) last: u64,
    pub(in crate::cli) gap: Option<Numbers>,
}

/// Events that are damaged.
#[derive(Debug, Deserialize, Serialize)]
pub(in crate::cli) struct Damage {
    pub(in crate::cli) channel: String,
    pub(in crate::cli) ranges: Vec<Numbers>,
}

#[derive(Deserialize)]
struct ChannelList {
    channels: Vec<ChannelView>,
    next: Option<String>,
}

impl Client {
    /// All channels of the node, by name.
    pub(in crate::cli) async fn channels(&self) -> Result<Vec<ChannelView>, ClientError> {
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let request = self.request(Method::GET, &["channels"]);
            let request = request
                .query(&[("limit", "1000")])
                .query(&[("after", &after)]);
            let ChannelList { channels, next } = self.ask(request).await?;
            all.extend(channels);
            if next.is_none() {
                return Ok(all);
            }
            after = next;
        }
    }

    /// One channel.
    pub(in crate::cli) async fn channel(&self, name: &str) -> Result<ChannelView, ClientError> {
        self.ask(self.request(Method::GET, &["channels", name]))
            .await
    }

    /// Makes a channel, or sets it anew, unless it has to be `new`.
    pub(in crate::cli) async fn set_channel(
        &self,
        name: &str,
        settings: &SettingsDocument,
        new: bool,
    ) -> Result<ChannelView, ClientError> {
        let mut request = self
            .request(Method::PUT, &["channels", name])
            .json(settings);
        if new {
            request = request.header(IF_NONE_MATCH, "*");
        }
        self.ask(request).await
    }

    /// Removes a channel whose last event is the expected one, a tag as the API takes it.
    pub(in crate::cli) async fn remove_channel(
        &self,
        name: &str,
        expected: &str,
    ) -> Result<(), ClientError> {
        let request = self.request(Method::DELETE, &["channels", name]);
        let request = request.header(IF_MATCH, expected).timeout(ANSWER_TIMEOUT);
        self.send(request).await?;
        Ok(())
    }

    /// A page of a channel's events.
    pub(in crate::cli) async fn read_channel(
        &self,
        name: &str,
        query: &ReadQuery,
    ) -> Result<EventPage, ClientError> {
        let request = self.request(Method::GET, &["channels", name, "events"]);
        let request = request.header(ACCEPT, "application/json").query(query);
        self.ask(request).await
    }

    /// The newest events of a channel.
    pub(in crate::cli) async fn latest(
        &self,
        name: &str,
        limit: u64,
    ) -> Result<EventPage, ClientError> {
        let request = self.request(Method::GET, &["channels", name, "latest"]);
        self.ask(request.query(&[("limit", limit)])).await
    }

    /// Moves the cursor of a client.
    pub(in crate::cli) async fn set_cursor(
        &self,
        name: &str,
        client: &str,
        after: &str,
    ) -> Result<CursorView, ClientError> {
        let request = self.request(Method::PUT, &["channels", name, "cursors", client]);
        self.ask(request.json(&json!({ "after": after }))).await
    }

    /// Drops the events of a channel with lower numbers.
    pub(in crate::cli) async fn trim(
        &self,
        name: &str,
        before: u64,
    ) -> Result<ChannelView, ClientError> {
        let request = self.request(Method::POST, &["channels", name, "trim"]);
        self.ask(request.json(&json!({ "before": before }))).await
    }

    /// Has all of a channel read, however long that takes, and tells what is damaged.
    pub(in crate::cli) async fn verify(&self, name: &str) -> Result<Damage, ClientError> {
        loop {
            let request = self.request(Method::POST, &["channels", name, "verify"]);
            match self.ask(request).await {
                // It goes on, and the next request is answered by the same.
                Err(ClientError::Refused { status, .. })
                    if status == StatusCode::GATEWAY_TIMEOUT => {}
                answered => return answered,
            }
        }
    }

    /// Gives up what is damaged of a channel.
    pub(in crate::cli) async fn repair(&self, name: &str) -> Result<Damage, ClientError> {
        let request = self.request(Method::POST, &["channels", name, "repair"]);
        self.ask(request.json(&json!({ "accept_loss": true })))
            .await
    }

    /// Gives a plugin its dead letters of a channel again.
    pub(in crate::cli) async fn retry(
        &self,
        name: &str,
        plugin: &str,
    ) -> Result<Retried, ClientError> {
        let parts = ["channels", name, "consumers", plugin, "retry"];
        self.ask(self.request(Method::POST, &parts)).await
    }

    /// Has a plugin go on behind a number of a channel.
    pub(in crate::cli) async fn seek(
        &self,
        name: &str,
        plugin: &str,
        after: u64,
    ) -> Result<ConsumerView, ClientError> {
        let parts = ["channels", name, "consumers", plugin, "seek"];
        let request = self.request(Method::POST, &parts);
        self.ask(request.json(&json!({ "after": after }))).await
    }

    async fn ask<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ClientError> {
        let response = self.send(request.timeout(ANSWER_TIMEOUT)).await?;
        self.answer(response).await
    }
}
