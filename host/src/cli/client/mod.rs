//! A node as the commands see it: its HTTP API with typed errors.

mod channels;
mod error;
mod messages;
mod sessions;
mod stream;
mod target;

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, IF_MATCH};
use reqwest::redirect::Policy;
use reqwest::{ClientBuilder, Method, RequestBuilder, Response, StatusCode, Url};
use serde::de::DeserializeOwned;

use crate::admin::{NodeStatus, PluginStatus, ReplayRequest};
use crate::gateway::{COMMAND_TIME, is_loopback};

pub(super) use channels::{
    ChannelView, ConsumerView, CursorView, Damage, EventPage, Numbers, ReadQuery,
};
pub(super) use error::ClientError;
use error::shown;
pub(super) use messages::{NewEvent, PluginAction, Published, StreamFilter};
use messages::{Nodes, Plugins};
pub(super) use sessions::{Reached, SessionView, To};
pub(super) use stream::EventStream;
pub(super) use target::Target;

/// For a connection: long enough for a lost packet or two.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How much later than its own time-out the node may answer.
const MARGIN: Duration = Duration::from_secs(10);

/// For an answer: longer than the node takes over anything. A reload compiles the plugin
/// first, tens of seconds for a large one.
const ANSWER_TIMEOUT: Duration = COMMAND_TIME.saturating_add(MARGIN);

/// How long an append is waited for: a little longer than the node waits for its disk. It is
/// sent again after that, well within the time for which a channel remembers it.
const APPEND_TIMEOUT: Duration = Duration::from_secs(35);

/// Silence on a stream after which the node is taken for lost: four of the
/// comments that it sends every 15 seconds.
const STREAM_SILENCE: Duration = Duration::from_secs(60);

/// A node to ask.
#[derive(Debug)]
pub(super) struct Client {
    base: Url,
    http: reqwest::Client,
    /// For live streams, which end when they fall silent.
    streams: reqwest::Client,
}

impl Client {
    /// A client of a node.
    pub(super) fn new(target: &Target) -> Result<Self, ClientError> {
        let base = target.base()?;
        let build = |adapt: fn(ClientBuilder) -> ClientBuilder| {
            let builder = target.secure(builder(&base, target.credential(&base)?), &base)?;
            adapt(builder)
                .build()
                .map_err(|error| ClientError::transport(&base, &error))
        };
        let http = build(|builder| builder)?;
        let streams = build(|builder| builder.read_timeout(STREAM_SILENCE))?;
        Ok(Self {
            base,
            http,
            streams,
        })
    }

    /// Publishes an event; into a channel only if its last event has the number `expected`.
    pub(super) async fn publish(
        &self,
        event: &NewEvent<'_>,
        expected: Option<u64>,
    ) -> Result<Published, ClientError> {
        let mut request = self.request(Method::POST, &["events"]).json(event);
        if let Some(last) = expected {
            request = request.header(IF_MATCH, format!("\"{last}\""));
        }
        let timeout = match event.channel {
            Some(_) => APPEND_TIMEOUT,
            None => ANSWER_TIMEOUT,
        };
        self.answer(self.send(request.timeout(timeout)).await?)
            .await
    }

    /// Opens a live stream of the events that pass `filter`.
    pub(super) async fn listen(
        &self,
        filter: &StreamFilter<'_>,
    ) -> Result<EventStream, ClientError> {
        let request = self.streams.get(self.url(&["events"])).query(filter);
        let response = tokio::time::timeout(ANSWER_TIMEOUT, self.send(request))
            .await
            .map_err(|_| ClientError::Silent {
                host: shown(&self.base),
            })??;
        Ok(EventStream::new(self.base.clone(), response))
    }

    /// The next event of a type as CloudEvents JSON; `None` if it did not come in time.
    pub(super) async fn wait(
        &self,
        event_type: &str,
        subject: Option<&str>,
        timeout: Duration,
    ) -> Result<Option<String>, ClientError> {
        let milliseconds = format!("{}ms", timeout.as_millis());
        let request = self
            .request(Method::GET, &["wait"])
            .query(&[("type", event_type), ("timeout", &milliseconds)])
            .query(&subject.map(|subject| [("subject", subject)]))
            .timeout(timeout.saturating_add(MARGIN));
        match self.send(request).await {
            Err(ClientError::Refused { status, .. }) if status == StatusCode::GATEWAY_TIMEOUT => {
                Ok(None)
            }
            Err(error) => Err(error),
            Ok(response) => response
                .text()
                .await
                .map(Some)
                .map_err(|error| self.transport(&error)),
        }
    }

    /// All plugins, ordered by name.
    pub(super) async fn plugins(&self) -> Result<Vec<PluginStatus>, ClientError> {
        let request = self.request(Method::GET, &["plugins"]);
        let response = self.send(request.timeout(ANSWER_TIMEOUT)).await?;
        let Plugins { plugins } = self.answer(response).await?;
        Ok(plugins)
    }

    /// One plugin.
    pub(super) async fn plugin(&self, name: &str) -> Result<PluginStatus, ClientError> {
        let request = self.request(Method::GET, &["plugins", name]);
        self.answer(self.send(request.timeout(ANSWER_TIMEOUT)).await?)
            .await
    }

    /// Does something to a plugin and returns how it stands then.
    pub(super) async fn act(
        &self,
        name: &str,
        action: PluginAction,
    ) -> Result<PluginStatus, ClientError> {
        let request = self.request(Method::POST, &["plugins", name, action.as_str()]);
        self.answer(self.send(request.timeout(ANSWER_TIMEOUT)).await?)
            .await
    }

    /// Begins to hand a plugin, or a copy of it, events again; returns how whoever gets them
    /// stands.
    pub(super) async fn replay(
        &self,
        name: &str,
        replay: &ReplayRequest,
    ) -> Result<PluginStatus, ClientError> {
        let request = self.request(Method::POST, &["plugins", name, "replay"]);
        let request = request.json(replay).timeout(ANSWER_TIMEOUT);
        self.answer(self.send(request).await?).await
    }

    /// Ends what a plugin, or its copy, is handed again; returns how the plugin stands.
    pub(super) async fn end_replay(&self, name: &str) -> Result<PluginStatus, ClientError> {
        let request = self.request(Method::DELETE, &["plugins", name, "replay"]);
        self.answer(self.send(request.timeout(ANSWER_TIMEOUT)).await?)
            .await
    }

    /// All nodes of the cluster, the one that is asked first.
    pub(super) async fn nodes(&self) -> Result<Vec<NodeStatus>, ClientError> {
        let request = self.request(Method::GET, &["nodes"]);
        let response = self.send(request.timeout(ANSWER_TIMEOUT)).await?;
        let Nodes { nodes } = self.answer(response).await?;
        Ok(nodes)
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        self.http.request(method, self.url(path))
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .expect("a URL of scheme http or https has a path")
            .pop_if_empty()
            .push("v1")
            .extend(path);
        url
    }

    /// Sends a request; an answer that is not a success is an error.
    async fn send(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let response = request
            .send()
            .await
            .map_err(|error| self.transport(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = response
            .bytes()
            .await
            .map_err(|error| self.transport(&error))?;
        Err(ClientError::refused(&self.base, status, &body))
    }

    async fn answer<T: DeserializeOwned>(&self, response: Response) -> Result<T, ClientError> {
        let body = response
            .bytes()
            .await
            .map_err(|error| self.transport(&error))?;
        serde_json::from_slice(&body).map_err(|source| ClientError::BadAnswer {
            host: shown(&self.base),
            source,
        })
    }

    fn transport(&self, error: &reqwest::Error) -> ClientError {
        ClientError::transport(&self.base, error)
    }
}

/// A client of whatever is no node; it waits `within` for an answer, all of it.
pub(super) fn plain(within: Duration) -> reqwest::Result<reqwest::Client> {
    crate::tls::choose_provider();
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(within)
        .user_agent(concat!("hearken/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// What all requests to the node at `base` have in common.
fn builder(base: &Url, credential: Option<HeaderValue>) -> ClientBuilder {
    crate::tls::choose_provider();
    let credential = credential.map(|credential| (AUTHORIZATION, credential));
    let mut builder = reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        // No node sends its clients elsewhere, and nobody else gets the credential.
        .redirect(Policy::none())
        .default_headers(HeaderMap::from_iter(credential))
        .user_agent(concat!("hearken/", env!("CARGO_PKG_VERSION")));
    if is_loopback(base.host_str().unwrap_or_default()) {
        // A proxy has another idea of what is local.
        builder = builder.no_proxy();
    }
    builder
}
