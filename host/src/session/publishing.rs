//! Publishing to channels of sessions: what clients, requests and plugins publish goes this
//! way.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use hearken_session_protocol::ClientError;
use hearken_session_protocol::codes::errors;
use tokio::time::Instant;

use super::across::PUBLISH_TIMEOUT;
use super::history::{Page, PageRequest};
use super::hub::Hub;
use super::hubs::NoHub;
use super::name::ChannelName;
use super::namespace::Namespace;
use super::namespaces::Resolved;
use super::publication::StoredPublication;
use super::receipt::{PublishFailure, PublishOptions, Publishing, SessionReceipt};
use super::refused::Refused;
use super::shared::Shared;
use super::source::Source;
use super::taking::{Went, encoded};
use crate::bus::Publisher;
use crate::event::Draft;

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
        let until = Instant::now() + PUBLISH_TIMEOUT;
        match self.take(publisher, &name, &namespace, &new, until)? {
            Went::Here(taken) => Ok(self.receipt(&name, taken)),
            Went::There(..) => Ok(SessionReceipt {
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
        let until = Instant::now() + PUBLISH_TIMEOUT;
        self.publish_to(publisher, &name, &namespace, publishing, until)
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

    /// Publishes to a channel of a namespace, of which nothing is durable. Until then another
    /// node is waited for that gives it its number.
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
        until: Instant,
    ) -> Result<SessionReceipt, PublishFailure> {
        let new = encoded(publisher, name, namespace, publishing)?;
        let went = self.take(publisher, name, namespace, &new, until)?;
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

/// How long whoever publishes waits, whatever has to be found and asked for that: a client waits
/// 5 s for an answer.
const PUBLISHED_WITHIN: Duration = Duration::from_millis(4_700);

/// What becomes of a publication, if that is known in time.
///
/// # Errors
/// Why not; with [`errors::INTERNAL`] it may be published all the same.
pub(super) async fn published_in_time<T>(
    publishing: impl Future<Output = Result<T, Refused>>,
) -> Result<T, Refused> {
    let published = tokio::time::timeout(PUBLISHED_WITHIN, publishing).await;
    published.unwrap_or_else(|_| Err(errors::INTERNAL.into()))
}

/// What is told of a channel that cannot be used.
pub(super) fn no_hub(why: NoHub) -> ClientError {
    match why {
        NoHub::TooManyChannels => errors::LIMIT_EXCEEDED,
        NoHub::Changing => errors::INTERNAL,
    }
}
