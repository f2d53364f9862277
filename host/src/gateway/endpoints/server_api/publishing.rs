//! `publish` and `broadcast`.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use hearken_session_protocol::ClientError;
use hearken_session_protocol::codes::errors;
use serde_json::value::RawValue;

use super::Calling;
use super::methods::{Answer, refused, result};
use super::requests::{OfChannel, OfChannels, Publication, bad_request, data, read};
use super::results::{Published, Reply, Responses};
use crate::access::Act;
use crate::event::{Draft, EventType};
use crate::session::{PublishOptions, type_of};

/// Channels of a broadcast that are published to at once: those of a node that does not answer
/// do not keep the others waiting.
const MAX_CONCURRENT: usize = 256;

/// How something is published.
#[derive(Clone)]
struct How {
    tags: BTreeMap<String, String>,
    idempotency_key: Option<String>,
    delta: bool,
    skip_history: bool,
}

impl Calling<'_> {
    pub(super) async fn publish(&self, sent: &RawValue) -> Answer {
        let OfChannel { channel } = read(sent)?;
        let how = How::read(sent)?;
        let published = self.publish_to(&channel, &how, data(sent)?);
        result(&published.await?)
    }

    pub(super) async fn broadcast(&self, sent: &RawValue) -> Answer {
        let OfChannels { channels } = read(sent)?;
        let channels = channels.all()?;
        let (how, data) = (How::read(sent)?, data(sent)?);
        if channels.is_empty() {
            return Err(bad_request("`channels` is missing"));
        }
        self.take_channels(channels.len())?;
        let all = channels.iter();
        let all: Vec<_> = all
            .map(|channel| self.publish_to(channel, &how, data.clone()))
            .collect();
        let responses = stream::iter(all).buffered(MAX_CONCURRENT).map(|published| {
            let answer = published.and_then(|published| result(&published));
            Reply::from(answer)
        });
        let responses = responses.collect().await;
        result(&Responses { responses })
    }

    async fn publish_to(
        &self,
        channel: &str,
        how: &How,
        data: Option<Bytes>,
    ) -> Result<Published, ClientError> {
        if channel.is_empty() {
            return Err(bad_request("`channel` is missing"));
        }
        let Some(data) = data else {
            return Err(bad_request("`data` is missing"));
        };
        self.check(&Act::Append(channel))?;
        let budget = self.identity.budget().take(1);
        budget.map_err(|_| errors::TOO_MANY_REQUESTS)?;
        let sessions = &self.context.sessions;
        let event_type = sessions.published_type(channel);
        let event_type = event_type.map_err(|failure| refused(failure.into()))?;
        if self.context.channels.has_declared(channel) {
            // No namespace sets the type, so that the right to publish it is needed too.
            self.check(&Act::Publish(&event_type))?;
        }
        let event_type = EventType::host(&event_type);
        let event_type = event_type.map_err(|error| bad_request(&error.to_string()))?;
        let draft = Draft {
            datacontenttype: type_of(&data),
            data: Some((&*data).into()),
            ..Draft::new(event_type)
        };
        let How {
            tags,
            idempotency_key,
            delta,
            skip_history,
        } = how.clone();
        let options = PublishOptions {
            exclude: None,
            tags,
            idempotency_key,
            delta,
            skip_history,
        };
        let connection = &self.client.connection;
        let publisher = connection.publisher(self.identity, &self.context.bus);
        let principal = self.identity.principal().to_string();
        let published = sessions.publish_anywhere(publisher, &principal, channel, draft, options);
        let position = published.await.map_err(refused)?.position;
        Ok(Published {
            offset: position.as_ref().map(|position| position.offset),
            epoch: position.map(|position| position.epoch.to_string()),
        })
    }
}

impl How {
    fn read(sent: &RawValue) -> Result<Self, ClientError> {
        let Publication {
            skip_history,
            tags,
            idempotency_key: key,
            delta,
        } = read(sent)?;
        Ok(Self {
            tags: tags.all()?,
            idempotency_key: (!key.is_empty()).then_some(key),
            delta,
            skip_history,
        })
    }
}
