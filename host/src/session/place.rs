//! Finding out what a channel of sessions is, and making the durable ones that are made by
//! their use.

use std::sync::Arc;
use std::time::Duration;

use hearken_channel_log::{ChannelName as LogName, CreateError};
use hearken_session_protocol::ClientError;
use hearken_session_protocol::codes::errors;
use tokio::time::timeout;

use super::across::{Holder, NotOpened};
use super::grant::Overrides;
use super::in_use::InUse;
use super::log::Log;
use super::name::ChannelName;
use super::namespace::Namespace;
use super::namespaces::Resolved;
use super::options::{SubscriptionOptions, Wanted};
use super::refused::{Refused, bad_request};
use super::shared::Shared;
use super::source::Source;
use crate::bus::Filter;
use crate::channel::{Channel, NamespaceFailure, OfNamespace, SetFailure};
use crate::event::Pattern;

/// How long it takes at most until a node that has made a channel has said so to the others.
const PLACE_KNOWN_WITHIN: Duration = Duration::from_secs(2);

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
    /// Whether nothing is kept of it: what its subscribers miss is missed.
    pub(super) fn is_live(&self) -> bool {
        matches!(self.source, Source::Publishers) && self.namespace.history_in_memory().is_none()
    }

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
            Resolved::Unknown => Err(self.no_such_channel().into()),
        }
    }

    /// What is told where there is no channel of that name: as long as the node does not know
    /// yet which it has, that is for now.
    pub(super) fn no_such_channel(&self) -> ClientError {
        match self.channels.is_open() {
            true => errors::UNKNOWN_CHANNEL,
            false => errors::INTERNAL,
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
                (Source::Log(self.log_of(name, &namespace).await?), false)
            }
            Resolved::Namespace(_) => (Source::Publishers, false),
            Resolved::Durable => (Source::Log(self.declared_log(name).await?), true),
            Resolved::Subject(subject) => {
                let filter = Filter {
                    subject: Some(subject.into()),
                    ..Filter::new(Pattern::any())
                };
                (Source::Bus(Box::new(filter)), false)
            }
            Resolved::Events(pattern) => (Source::Bus(Box::new(Filter::new(pattern))), false),
            Resolved::NoPattern(_) | Resolved::Unknown => {
                return Err(self.no_such_channel().into());
            }
        };
        Ok(Place {
            namespace,
            source,
            is_declared,
        })
    }

    /// The log of a durable channel that was declared, here or on another node.
    async fn declared_log(&self, name: &ChannelName) -> Result<Log, Refused> {
        if let Some(channel) = self.channels.get(name.as_str()) {
            return Ok(Log::Near(channel));
        }
        match self.holder_of(name) {
            Holder::There(peer) => {
                let opened = self.open_far(name, &peer, false).await;
                let log = opened.map_err(not_opened)?;
                // It is of a namespace there, which is none here: nobody may what those may who
                // have a role.
                match log.state().is_declared {
                    true => Ok(Log::Far(log)),
                    false => Err(self.no_such_channel().into()),
                }
            }
            Holder::Away => Err(errors::INTERNAL.into()),
            Holder::Here | Holder::Nowhere => Err(self.no_such_channel().into()),
        }
    }

    /// The log of a durable channel of a namespace, which is made if it is on no node.
    async fn log_of(&self, name: &ChannelName, namespace: &Namespace) -> Result<Log, Refused> {
        match self.holder_of(name) {
            Holder::There(peer) => match self.open_far(name, &peer, false).await {
                // Whoever may use channels of the namespace need not be allowed to use that one.
                Ok(log) if log.state().is_declared => Err(self.no_such_channel().into()),
                Ok(log) => Ok(Log::Far(log)),
                // It was removed just now, which is known here in a moment.
                Err(NotOpened::Unknown) => Err(errors::INTERNAL.into()),
                Err(why) => Err(not_opened(why).into()),
            },
            Holder::Away => Err(errors::INTERNAL.into()),
            Holder::Here | Holder::Nowhere => {
                let made = self.made(name, namespace).await;
                Ok(made.map_err(|failure| not_made(&failure))?)
            }
        }
    }

    /// The log of a durable channel of a namespace that is here or nowhere; made if it is
    /// nowhere, on the node that all see as its home, so that several that have it made at the
    /// same time have one made.
    async fn made(
        &self,
        name: &ChannelName,
        namespace: &Namespace,
    ) -> Result<Log, NamespaceFailure> {
        if !self.channels.has(name.as_str()) {
            // A node that is yet to be met, or to say what it has, may have it.
            if !self.channels.are_others_settled() {
                return Err(SetFailure::Busy.into());
            }
            if let Some(maker) = self.maker_of(name) {
                match self.open_far(name, &maker, true).await {
                    Ok(log) => {
                        // Else the next to ask would have another made when that node is gone.
                        self.until_placed(name).await?;
                        return Ok(Log::Far(log));
                    }
                    // Its configuration has no such namespace.
                    Err(NotOpened::Unknown) => {}
                    Err(NotOpened::Away) => return Err(SetFailure::Busy.into()),
                    Err(NotOpened::TooMany) => {
                        return Err(NamespaceFailure::TooMany {
                            namespace: namespace.name.clone(),
                            most: namespace.max_channels,
                        });
                    }
                }
            }
        }
        Ok(Log::Near(self.make(name, namespace).await?))
    }

    /// The durable channel of a namespace on this node, which is made if it is not there.
    ///
    /// # Errors
    /// What is told where it cannot be.
    pub(super) async fn make_near(
        &self,
        name: &ChannelName,
        namespace: &Namespace,
    ) -> Result<Arc<Channel>, ClientError> {
        let made = self.make(name, namespace).await;
        made.map_err(|failure| not_made(&failure))
    }

    async fn make(
        &self,
        name: &ChannelName,
        namespace: &Namespace,
    ) -> Result<Arc<Channel>, NamespaceFailure> {
        let busy = || NamespaceFailure::from(SetFailure::Busy);
        let settings = namespace.durable_settings().ok_or_else(busy)?;
        // What the namespace takes as a name is one of logs too.
        let log = LogName::new(name.as_str()).map_err(|_| busy())?;
        if !self.channels.has(name.as_str()) && self.may_be_elsewhere(name).await {
            return Err(busy());
        }
        let of = OfNamespace {
            name: namespace.name.as_str().into(),
            most: namespace.max_channels,
        };
        self.channels.of_namespace(&log, settings, of).await
    }

    /// Has the durable channel of a namespace made whose name this is, if it is one and not
    /// there yet, nor on another node. Then this node knows where it is.
    ///
    /// # Errors
    /// Why it cannot be.
    pub(super) async fn make_if_durable(&self, channel: &str) -> Result<(), NamespaceFailure> {
        let Some((name, namespace)) = self.durable_of(channel) else {
            return Ok(());
        };
        match self.holder_of(&name) {
            Holder::There(_) | Holder::Away => return Ok(()),
            Holder::Here | Holder::Nowhere => {}
        }
        match self.made(&name, &namespace).await {
            Ok(_) | Err(NamespaceFailure::Elsewhere(_)) => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    /// Waits until this node knows which other one has a channel that was just made.
    async fn until_placed(&self, name: &ChannelName) -> Result<(), NamespaceFailure> {
        let known = self.channels.appears_elsewhere(name.as_str());
        let known = timeout(PLACE_KNOWN_WITHIN, known).await;
        known.map_err(|_| SetFailure::Busy.into())
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

/// What is told of a durable channel of another node that cannot be opened.
fn not_opened(why: NotOpened) -> ClientError {
    match why {
        NotOpened::Away => errors::INTERNAL,
        NotOpened::Unknown => errors::UNKNOWN_CHANNEL,
        NotOpened::TooMany => errors::LIMIT_EXCEEDED,
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
        // It can be in a moment.
        NamespaceFailure::Set(SetFailure::Busy) => errors::INTERNAL,
        NamespaceFailure::Set(failure) => {
            tracing::warn!(error = %failure, "a durable channel of a namespace is not made");
            errors::INTERNAL
        }
    }
}
