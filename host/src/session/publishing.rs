//! Publishing to channels of sessions: what clients, requests and plugins publish goes this
//! way.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use hearken_session_protocol::codes::errors;
use hearken_session_protocol::{ClientError, ClientInfo};

use super::history::{Page, PageRequest, Position};
use super::hub::{Exclude, Hub};
use super::hubs::NoHub;
use super::name::{ChannelName, ChannelNameError};
use super::namespace::{NameRefused, Namespace};
use super::namespaces::Resolved;
use super::publication::StoredPublication;
use super::refused::{Refused, bad_request};
use super::shared::Shared;
use super::source::Source;
use super::taking::{Went, encoded};
use crate::bus::{PublishError, Publisher};
use crate::event::Draft;

/// What a publisher may say beside the event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishOptions {
    /// Who does not get it.
    pub exclude: Option<Exclude>,
    /// Tags beside those that its attributes are.
    pub tags: BTreeMap<String, String>,
    /// What the same is known by when it is sent again within 5 minutes. It becomes the
    /// event's id, unless that has one.
    pub idempotency_key: Option<String>,
    /// Whether it goes out as what differs from the one before; the namespace may say so
    /// anyway.
    pub delta: bool,
    /// Whether the history passes it over.
    pub skip_history: bool,
}

/// What is published.
#[derive(Debug)]
pub(super) struct Publishing<'d> {
    pub(super) draft: Draft<'d>,
    pub(super) options: PublishOptions,
    /// The session that publishes it.
    pub(super) info: Option<ClientInfo>,
}

/// Something was published to a channel of sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionReceipt {
    /// The event's id.
    pub id: Arc<str>,
    /// When it was taken, in milliseconds since the Unix epoch.
    pub time: u64,
    /// The channel.
    pub channel: ChannelName,
    /// Its place in the channel's history, if it is in one.
    pub position: Option<Position>,
    /// Whether it was taken before, and was not again.
    pub duplicate: bool,
}

/// Why something is not published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishFailure {
    /// The channel cannot have that name.
    #[error(transparent)]
    Name(#[from] ChannelNameError),
    /// Nothing says what such a channel is.
    #[error(
        "there is no channel `{0}`: it is neither declared nor of a namespace under \
         `[sessions.namespaces]`"
    )]
    UnknownChannel(ChannelName),
    /// The namespace does not allow the name.
    #[error(transparent)]
    Refused(#[from] NameRefused),
    /// It is appended to, and not published to.
    #[error("the channel `{0}` is durable: append to it")]
    Durable(ChannelName),
    /// It shows what is published elsewhere.
    #[error("nothing is published to `{0}`: it shows events that are published elsewhere")]
    NotPublished(ChannelName),
    /// The namespace has as many channels as it may have.
    #[error("the namespace of `{0}` has as many channels as its `max_channels` allows")]
    TooManyChannels(ChannelName),
    /// The node that numbers the channel's publications cannot be reached now.
    #[error("the node that keeps the history of `{0}` cannot be reached now")]
    Away(ChannelName),
    /// It has not answered: whether it has the publication is not known.
    #[error(
        "the node that keeps the history of `{0}` has not answered: whether it has the \
         publication is not known"
    )]
    Unknown(ChannelName),
    /// Too many publications are on their way to it.
    #[error("too many publications to `{0}` wait for the node that keeps its history")]
    Busy(ChannelName),
    /// The event breaks a rule.
    #[error(transparent)]
    Event(#[from] PublishError),
}

impl Shared {
    /// Whether it is the name of a channel of sessions that is not durable.
    pub(super) fn has_channel(&self, channel: &str) -> bool {
        ChannelName::new(channel).is_ok_and(|name| match self.resolve(&self.in_use(), &name) {
            Resolved::Durable | Resolved::Unknown => false,
            Resolved::Namespace(namespace) => !namespace.durable,
            Resolved::Subject(_) | Resolved::Events(_) | Resolved::NoPattern(_) => true,
        })
    }

    /// The channel of that name, to which something may be published.
    ///
    /// # Errors
    /// [`PublishFailure`] says why nothing may.
    pub(super) fn published_to(
        &self,
        channel: &str,
    ) -> Result<(ChannelName, Arc<Namespace>), PublishFailure> {
        let name = ChannelName::new(channel)?;
        let namespace = match self.resolve(&self.in_use(), &name) {
            Resolved::Namespace(namespace) => namespace,
            Resolved::Durable => return Err(PublishFailure::Durable(name)),
            Resolved::Subject(_) | Resolved::Events(_) | Resolved::NoPattern(_) => {
                return Err(PublishFailure::NotPublished(name));
            }
            Resolved::Unknown => return Err(PublishFailure::UnknownChannel(name)),
        };
        namespace.check_name(&name)?;
        if namespace.durable {
            return Err(PublishFailure::Durable(name));
        }
        Ok((name, namespace))
    }

    /// Publishes to the channel of that name. `principal` is who does; what is known by a
    /// key is of one principal. Nobody is waited for: where another node numbers it, it is on
    /// its way there, behind others to the same channel, and has no position yet.
    ///
    /// # Errors
    /// [`PublishFailure`] says why not; then nobody gets it.
    pub(super) fn publish_unanswered(
        self: &Arc<Self>,
        publisher: &Publisher,
        principal: &str,
        channel: &str,
        draft: Draft<'_>,
        options: PublishOptions,
    ) -> Result<SessionReceipt, PublishFailure> {
        let (name, namespace, publishing) = self.publishing(principal, channel, draft, options)?;
        let new = encoded(publisher, &name, &namespace, publishing)?;
        match self.take(publisher, &name, &namespace, &new)? {
            Went::Here(taken) => Ok(self.receipt(&name, taken)),
            Went::There(_) => Ok(SessionReceipt {
                id: new.event.id().into(),
                time: new.event.recorded_time(),
                channel: name,
                position: None,
                duplicate: false,
            }),
        }
    }

    /// The same, and waits for its number where another node gives that.
    ///
    /// # Errors
    /// [`PublishFailure`] says why not. Nobody gets it then, unless that is
    /// [`PublishFailure::Unknown`].
    pub(super) async fn publish(
        self: &Arc<Self>,
        publisher: &Publisher,
        principal: &str,
        channel: &str,
        draft: Draft<'_>,
        options: PublishOptions,
    ) -> Result<SessionReceipt, PublishFailure> {
        let (name, namespace, publishing) = self.publishing(principal, channel, draft, options)?;
        self.publish_to(publisher, &name, &namespace, publishing)
            .await
    }

    /// What is published to the channel of that name, if something may be.
    fn publishing<'d>(
        &self,
        principal: &str,
        channel: &str,
        draft: Draft<'d>,
        options: PublishOptions,
    ) -> Result<(ChannelName, Arc<Namespace>, Publishing<'d>), PublishFailure> {
        let (name, namespace) = self.published_to(channel)?;
        let mut draft = draft;
        let key = options.idempotency_key.as_deref();
        if let Some(key) = key
            && draft.id.is_none()
        {
            draft.id = Some(Cow::Owned(key.to_owned()));
        }
        let key = key.map(|key| format!("{principal}\n{key}"));
        let publishing = Publishing {
            draft,
            options: PublishOptions {
                idempotency_key: key,
                ..options
            },
            info: None,
        };
        Ok((name, namespace, publishing))
    }

    /// Publishes to a channel of a namespace, of which nothing is durable.
    ///
    /// # Errors
    /// [`PublishFailure`] says why not. Nobody gets it then, unless that is
    /// [`PublishFailure::Unknown`].
    pub(super) async fn publish_to(
        self: &Arc<Self>,
        publisher: &Publisher,
        name: &ChannelName,
        namespace: &Namespace,
        publishing: Publishing<'_>,
    ) -> Result<SessionReceipt, PublishFailure> {
        let new = encoded(publisher, name, namespace, publishing)?;
        let went = self.take(publisher, name, namespace, &new)?;
        drop(new);
        let taken = self.taken(name, went).await?;
        Ok(self.receipt(name, taken))
    }

    /// A part of a channel's history.
    ///
    /// # Errors
    /// Why there is none, or what is wrong with what was asked for.
    pub(super) fn page(
        &self,
        name: &ChannelName,
        namespace: &Namespace,
        asked: &PageRequest<'_>,
    ) -> Result<Page<StoredPublication>, Refused> {
        let Some(settings) = namespace.history_in_memory() else {
            return Err(errors::NOT_AVAILABLE.into());
        };
        let (random, now) = (self.environment.random(), self.wheel.now());
        let made = |hub: &Arc<Hub>| self.look_after(hub);
        let read = |hub: &Arc<Hub>| hub.page(asked, settings, random, now);
        let page = self
            .hubs
            .with(name, namespace, &Source::Publishers, made, read);
        // It was settled, and is not any more.
        let page = page.map_err(no_hub)?.ok_or(errors::INTERNAL)?;
        Ok(page?)
    }
}

impl From<PublishFailure> for Refused {
    fn from(failure: PublishFailure) -> Self {
        let error = match failure {
            PublishFailure::UnknownChannel(_) => errors::UNKNOWN_CHANNEL,
            PublishFailure::Durable(_) => errors::NOT_AVAILABLE,
            PublishFailure::NotPublished(_) => ClientError {
                message: format!("{}: {failure}", errors::PERMISSION_DENIED.message).into(),
                ..errors::PERMISSION_DENIED
            },
            PublishFailure::Away(_) | PublishFailure::Unknown(_) => errors::INTERNAL,
            PublishFailure::Busy(_) => errors::TOO_MANY_REQUESTS,
            PublishFailure::TooManyChannels(_)
            | PublishFailure::Event(PublishError::TooLarge { .. }) => errors::LIMIT_EXCEEDED,
            PublishFailure::Name(_) | PublishFailure::Refused(_) | PublishFailure::Event(_) => {
                bad_request(failure)
            }
        };
        Self::Error(error)
    }
}

/// What is told of a channel that cannot be used.
pub(super) fn no_hub(why: NoHub) -> ClientError {
    match why {
        NoHub::TooManyChannels => errors::LIMIT_EXCEEDED,
        NoHub::Changing => errors::INTERNAL,
    }
}
