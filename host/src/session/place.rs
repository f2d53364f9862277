//! Finding out what a channel of sessions is, and making the durable ones that are made by
//! their use.

use std::sync::Arc;

use hearken_channel_log::{ChannelName as LogName, CreateError};
use hearken_session_protocol::ClientError;
use hearken_session_protocol::codes::errors;

use super::grant::Overrides;
use super::in_use::InUse;
use super::name::ChannelName;
use super::namespace::Namespace;
use super::namespaces::Resolved;
use super::options::{SubscriptionOptions, Wanted};
use super::refused::{Refused, bad_request};
use super::shared::Shared;
use super::source::Source;
use crate::bus::Filter;
use crate::channel::{NamespaceFailure, OfNamespace, SetFailure};
use crate::event::Pattern;

/// A channel of sessions.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// What it is set to.
    pub(super) namespace: Arc<Namespace>,
    /// Where its publications come from.
    pub(super) source: Source,
    /// Whether it is a durable channel that was declared.
    is_declared: bool,
}

impl Place {
    /// What a subscription is like that asks for this, by somebody who may read the history or
    /// not, and see who is subscribed or not.
    pub(super) fn options(
        &self,
        overrides: Overrides,
        wanted: Wanted,
        may_read_history: bool,
        may_see_presence: bool,
    ) -> SubscriptionOptions {
        match &self.source {
            Source::Bus(_) => SubscriptionOptions::default(),
            Source::Log(_) if self.is_declared => SubscriptionOptions::of_declared(),
            Source::Log(_) | Source::Publishers => SubscriptionOptions::of(
                &self.namespace,
                overrides,
                wanted,
                may_read_history,
                may_see_presence,
            ),
        }
    }
}

impl Shared {
    /// What the channel of this name is set to.
    ///
    /// # Errors
    /// Why there can be none.
    pub(super) fn namespace(
        &self,
        in_use: &InUse,
        name: &ChannelName,
    ) -> Result<Arc<Namespace>, Refused> {
        match self.resolve(in_use, name) {
            Resolved::Namespace(namespace) => {
                namespace.check_name(name).map_err(bad_request)?;
                Ok(namespace)
            }
            Resolved::Durable => Ok(Arc::clone(&self.reserved.declared)),
            Resolved::Subject(_) | Resolved::Events(_) => Ok(Arc::clone(&self.reserved.watched)),
            Resolved::NoPattern(error) => Err(bad_request(error).into()),
            Resolved::Unknown => Err(errors::UNKNOWN_CHANNEL.into()),
        }
    }

    /// The channel of this name, for somebody who may do what they are about to: a durable one
    /// of a namespace is made if it is not there.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) async fn place(&self, in_use: &InUse, name: &ChannelName) -> Result<Place, Refused> {
        let namespace = self.namespace(in_use, name)?;
        let (source, is_declared) = match self.resolve(in_use, name) {
            Resolved::Namespace(namespace) if namespace.durable => {
                let made = self.make(name, &namespace).await;
                (made.map_err(|failure| not_made(&failure))?, false)
            }
            Resolved::Namespace(_) => (Source::Publishers, false),
            Resolved::Durable => {
                let channel = self.channels.get(name.as_str());
                (Source::Log(channel.ok_or(errors::UNKNOWN_CHANNEL)?), true)
            }
            Resolved::Subject(subject) => {
                let filter = Filter {
                    subject: Some(subject.into()),
                    ..Filter::new(Pattern::any())
                };
                (Source::Bus(Box::new(filter)), false)
            }
            Resolved::Events(pattern) => (Source::Bus(Box::new(Filter::new(pattern))), false),
            Resolved::NoPattern(_) | Resolved::Unknown => {
                return Err(errors::UNKNOWN_CHANNEL.into());
            }
        };
        Ok(Place {
            namespace,
            source,
            is_declared,
        })
    }

    /// The durable channel of a namespace, which is made if it is not there.
    async fn make(
        &self,
        name: &ChannelName,
        namespace: &Namespace,
    ) -> Result<Source, NamespaceFailure> {
        let busy = || NamespaceFailure::from(SetFailure::Busy);
        let settings = namespace.durable_settings().ok_or_else(busy)?;
        // What the namespace takes as a name is one of logs too.
        let log = LogName::new(name.as_str()).map_err(|_| busy())?;
        let of = OfNamespace {
            name: namespace.name.as_str().into(),
            most: namespace.max_channels,
        };
        let channel = self.channels.of_namespace(&log, settings, of).await?;
        Ok(Source::Log(channel))
    }

    /// Has the durable channel of a namespace made whose name this is, if it is one and not
    /// there yet, nor on another node.
    ///
    /// # Errors
    /// Why it cannot be.
    pub(super) async fn make_if_durable(&self, channel: &str) -> Result<(), NamespaceFailure> {
        let Some((name, namespace)) = self.durable_of(channel) else {
            return Ok(());
        };
        match self.make(&name, &namespace).await {
            Ok(_) | Err(NamespaceFailure::Elsewhere(_)) => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    /// Whether it is the name of a durable channel of a namespace.
    pub(super) fn is_of_durable(&self, channel: &str) -> bool {
        self.durable_of(channel).is_some()
    }

    fn durable_of(&self, channel: &str) -> Option<(ChannelName, Arc<Namespace>)> {
        let name = ChannelName::new(channel).ok()?;
        match self.resolve(&self.in_use(), &name) {
            Resolved::Namespace(namespace)
                if namespace.durable && namespace.check_name(&name).is_ok() =>
            {
                Some((name, namespace))
            }
            _ => None,
        }
    }
}

/// What is told of a durable channel that cannot be made.
fn not_made(failure: &NamespaceFailure) -> ClientError {
    match failure {
        NamespaceFailure::TooMany { .. }
        | NamespaceFailure::Set(SetFailure::Create(CreateError::TooMany(_))) => {
            errors::LIMIT_EXCEEDED
        }
        NamespaceFailure::Elsewhere(_) => errors::NOT_AVAILABLE,
        NamespaceFailure::Set(failure) => {
            tracing::warn!(error = %failure, "a durable channel of a namespace is not made");
            errors::INTERNAL
        }
    }
}
