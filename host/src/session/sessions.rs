//! The room's front: all sessions of a node.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use hearken_channel_log::Environment;
use hearken_session_protocol::codes::disconnects;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until, timeout_at};
use uuid::Builder;

use super::across::Hearing;
use super::arriving::{Arrival, NoPlace};
use super::connection::{Connection, Transport};
use super::handle::Session;
use super::hooks::SessionHooks;
use super::in_use::InUse;
use super::name::ChannelName;
use super::namespaces::Namespaces;
use super::outbox::Outbox;
use super::publishing::published_in_time;
use super::receipt::{PublishFailure, PublishOptions, SessionReceipt};
use super::refused::Refused;
use super::settings::SessionsSettings;
use super::shared::{Parts, Shared};
use super::source::Source;
use super::timing::STALE;
use super::wheel::millis;
use crate::access::Access;
use crate::bus::{Bus, Publisher};
use crate::channel::{Channels, NamespaceFailure};
use crate::event::Draft;
use crate::mesh::{Ears, Mesh};

/// Parts of the time that a draining node has in which its sessions are closed, so that they
/// do not all come back to other nodes at once.
const DRAIN_STEPS: u32 = 50;

/// The sessions of a node; cloning shares them.
#[derive(Clone)]
pub struct Sessions(pub(super) Arc<Shared>);

/// What the sessions of a node need of it.
pub struct Surroundings {
    /// Where what is published to their channels goes too.
    pub bus: Bus,
    /// The durable channels.
    pub channels: Channels,
    /// Who may do what.
    pub access: Access,
    /// Time of day and randomness.
    pub environment: Arc<dyn Environment>,
    /// Who is asked where a plugin decides.
    pub hooks: Arc<dyn SessionHooks>,
    /// The way to the sessions of other nodes, whose words go to [`Sessions::ears`].
    pub mesh: Arc<dyn Mesh>,
}

impl Sessions {
    /// None yet. It runs on the runtime that this is called on, until [`Sessions::finish`].
    ///
    /// # Panics
    /// Outside of a runtime.
    #[must_use]
    pub fn new(
        surroundings: Surroundings,
        settings: SessionsSettings,
        namespaces: Namespaces,
    ) -> Self {
        let Surroundings {
            bus,
            channels,
            access,
            environment,
            hooks,
            mesh,
        } = surroundings;
        let shared = Arc::new(Shared::new(Parts {
            bus,
            channels,
            access,
            environment,
            hooks,
            in_use: InUse::new(settings, namespaces),
            mesh,
            runtime: Handle::current(),
        }));
        let kept = Arc::clone(&shared);
        shared
            .tasks
            .keep_running(move || Arc::clone(&kept).look_after_all());
        let interest = Arc::clone(&shared.across.interest);
        shared.tasks.keep_running(move || {
            let interest = Arc::clone(&interest);
            async move { interest.say_in_time().await }
        });
        let kept = Arc::clone(&shared);
        shared
            .tasks
            .keep_running(move || Arc::clone(&kept).look_after_logs());
        Self(shared)
    }

    /// Who has to hear what the sessions of other nodes say.
    #[must_use]
    pub fn ears(&self) -> Arc<dyn Ears> {
        Arc::new(Hearing(Arc::clone(&self.0)))
    }

    /// Whether anybody can have a session.
    #[must_use]
    pub fn are_on(&self) -> bool {
        self.0.in_use().settings.are_on()
    }

    /// The settings that hold now.
    #[must_use]
    pub fn settings(&self) -> Arc<SessionsSettings> {
        Arc::clone(&self.0.in_use().settings)
    }

    /// From now on these hold. What sessions are subscribed to stays, unless it is in a namespace
    /// that is not there any more; channels whose history is no longer kept are told so.
    pub fn replace_settings(&self, settings: SessionsSettings, namespaces: Namespaces) {
        self.0.replace(InUse::new(settings, namespaces));
    }

    /// Takes a place for whoever is about to connect from there.
    ///
    /// # Errors
    /// [`NoPlace`] says whose are all taken.
    pub fn arrive(&self, address: IpAddr) -> Result<Arrival, NoPlace> {
        Arrival::of(&self.0, address)
    }

    /// Somebody is there, and has said nothing yet. What they are sent goes to `outbox`.
    /// Where there are as many as there may be, or the node ends, it has ended already.
    #[must_use]
    pub fn connect(&self, transport: Transport, outbox: Arc<Outbox>) -> Session {
        match self.arrive(transport.address) {
            Ok(arrival) => self.begin(arrival, transport, outbox),
            Err(_) => {
                let session = self.silent(transport, outbox);
                session.end_unbegun(disconnects::CONNECTION_LIMIT);
                session
            }
        }
    }

    /// The same in a place that was taken before.
    #[must_use]
    pub fn begin(&self, arrival: Arrival, transport: Transport, outbox: Arc<Outbox>) -> Session {
        let session = self.silent(transport, outbox);
        if self.0.tasks.are_closing() {
            session.end_unbegun(disconnects::SHUTDOWN);
        } else {
            arrival.begin();
            self.0.remind(&session.connection);
        }
        session
    }

    /// A session that nobody looks after yet.
    fn silent(&self, transport: Transport, outbox: Arc<Outbox>) -> Session {
        let shared = &self.0;
        outbox.share(&shared.brought);
        let secret = transport.has_secret.then(|| self.id().into());
        let stale = shared.wheel.now().saturating_add(millis(STALE));
        let client = self.id().into();
        let connection = Connection::new(client, secret, transport, outbox, stale);
        Session {
            shared: Arc::clone(shared),
            connection: Arc::new(connection),
        }
    }

    /// Whether it is the name of a channel of sessions that is not durable.
    #[must_use]
    pub fn has_channel(&self, channel: &str) -> bool {
        self.0.has_channel(channel)
    }

    /// Checks that something may be published to the channel of sessions of this name.
    ///
    /// # Errors
    /// [`PublishFailure`] says why nothing may.
    pub fn check_channel(&self, channel: &str) -> Result<(), PublishFailure> {
        self.0.published_to(channel).map(drop)
    }

    /// Publishes to a channel of sessions. Nobody is waited for: where another node keeps the
    /// channel's history, it is on its way there, and the receipt has no position.
    ///
    /// # Errors
    /// [`PublishFailure`] says why not; then nobody gets it.
    pub fn publish_unanswered(
        &self,
        publisher: &Publisher,
        principal: &str,
        channel: &str,
        draft: Draft<'_>,
        options: PublishOptions,
    ) -> Result<SessionReceipt, PublishFailure> {
        self.0
            .publish_unanswered(publisher, principal, channel, draft, options)
    }

    /// The same, and waits for its position where another node keeps the history.
    ///
    /// # Errors
    /// [`PublishFailure`] says why not. Nobody gets it then, unless that is
    /// [`PublishFailure::Unknown`].
    pub async fn publish(
        &self,
        publisher: &Publisher,
        principal: &str,
        channel: &str,
        draft: Draft<'_>,
        options: PublishOptions,
    ) -> Result<SessionReceipt, PublishFailure> {
        let published = self
            .0
            .publish(publisher, principal, channel, draft, options);
        published.await
    }

    /// Publishes to a channel of sessions, or appends to a durable one, which is made where it
    /// is one of a namespace; that is durable when this returns.
    ///
    /// # Errors
    /// Why not. What is temporary of that may be stored all the same.
    pub async fn publish_anywhere(
        &self,
        publisher: Arc<Publisher>,
        principal: &str,
        channel: &str,
        draft: Draft<'_>,
        options: PublishOptions,
    ) -> Result<SessionReceipt, Refused> {
        let name = ChannelName::new(channel).map_err(PublishFailure::from)?;
        published_in_time(async {
            let place = self.0.place(&self.0.in_use(), &name).await?;
            match &place.source {
                Source::Log(log) => {
                    let appended = self
                        .0
                        .append_to(&name, log, publisher, principal, draft, options);
                    appended.await
                }
                Source::Publishers | Source::Bus(_) => {
                    let published = self.publish(&publisher, principal, channel, draft, options);
                    Ok(published.await?)
                }
            }
        })
        .await
    }

    /// Whether it is the name of a durable channel of a namespace, which may have to be made.
    #[must_use]
    pub fn is_of_durable(&self, channel: &str) -> bool {
        self.0.is_of_durable(channel)
    }

    /// Has the durable channel of a namespace made whose name this is, if it is one and not
    /// there yet. For somebody who may append to it.
    ///
    /// # Errors
    /// Why it cannot be made.
    pub async fn make_if_durable(&self, channel: &str) -> Result<(), NamespaceFailure> {
        self.0.make_if_durable(channel).await
    }

    /// Closes all sessions, spread over the time until `deadline`, and ends what it runs.
    pub async fn finish(&self, deadline: Instant) {
        let shared = &self.0;
        // Before sessions go elsewhere, where they look for what they have missed.
        let half = Instant::now() + deadline.saturating_duration_since(Instant::now()) / 2;
        shared.hand_logs_over(half).await;
        shared.tasks.close();
        let sessions = shared.registry.list(None, "", usize::MAX);
        // The last of them are to be told before their connections are cut, too.
        let begun = Instant::now();
        let step = deadline.saturating_duration_since(begun) * 4 / 5 / DRAIN_STEPS;
        let at_once = sessions.len().div_ceil(DRAIN_STEPS as usize).max(1);
        for (number, some) in (0_u32..).zip(sessions.chunks(at_once)) {
            sleep_until(begun + step * number).await;
            for connection in some {
                shared.end(connection, Some(disconnects::SHUTDOWN));
            }
        }
        // Those that were closed are not lost with the node.
        shared.tell_holding();
        if timeout_at(deadline, shared.tasks.ended()).await.is_err() {
            tracing::warn!("publications to sessions are still under way as the node ends");
        }
    }

    /// An id that nobody can guess.
    fn id(&self) -> String {
        let environment = &self.0.environment;
        let halves = [environment.random(), environment.random()];
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&halves[0].to_be_bytes());
        bytes[8..].copy_from_slice(&halves[1].to_be_bytes());
        let id = Builder::from_random_bytes(bytes).into_uuid();
        id.hyphenated().to_string()
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").finish_non_exhaustive()
    }
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").finish_non_exhaustive()
    }
}
