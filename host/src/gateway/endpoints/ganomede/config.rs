//! What the API is on a node, and what its routes share.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hearken_channel_log::ChannelName;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::members::Members;
use super::query::Query;
use super::refusal::Refusal;
use crate::access::Identity;
use crate::channel::Mover;
use crate::gateway::context::Context;
use crate::gateway::rejection::Rejection;
use crate::gateway::serve::client::Client;
use crate::gateway::shared_secret::SharedSecret;

/// Whose cursors and events those of the API are: whoever shows the secret is the principal
/// `key:ganomede`.
const NAME: &str = "ganomede";

/// The parameter, and the member, in which the secret stands.
const SECRET: &str = "secret";

/// Time between two lines of the log about cursors that cannot be kept.
const PAUSE: Duration = Duration::from_secs(60);

/// The API of ganomede-events on a node.
#[derive(Clone, Debug)]
pub struct GanomedeConfig {
    /// What clients show.
    pub secret: SharedSecret,
    /// Whether an event or an index for a missing channel makes the channel.
    pub create: bool,
    /// How long a poll waits for an event.
    pub poll_timeout: Duration,
    /// When the node was started, in milliseconds since the Unix epoch.
    pub started: u64,
}

/// What the routes share.
pub(in crate::gateway) struct Ganomede {
    config: GanomedeConfig,
    identity: Identity,
    principal: String,
    /// The turn of those who define indexes, whose ids are the whole node's.
    pub(super) defining: Semaphore,
    /// When it was last said that a cursor cannot be kept.
    said: Mutex<Option<Instant>>,
}

impl Ganomede {
    pub(in crate::gateway) fn new(config: GanomedeConfig) -> Self {
        let identity = Identity::of_secret(NAME);
        Self {
            principal: identity.principal().to_string(),
            identity,
            config,
            defining: Semaphore::new(1),
            said: Mutex::default(),
        }
    }

    pub(super) fn config(&self) -> &GanomedeConfig {
        &self.config
    }

    /// Who whoever shows the secret is.
    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The name of that.
    pub(super) fn principal(&self) -> &str {
        &self.principal
    }

    /// The same as one who moves cursors: those of its own.
    pub(super) fn mover(&self) -> Mover<'_> {
        Mover {
            principal: &self.principal,
            operates: false,
        }
    }

    /// Lets those through who show the secret, in the body or in the query.
    pub(super) fn admit(
        &self,
        context: &Context,
        client: &Client,
        query: &Query,
        members: Option<&Members<'_>>,
    ) -> Result<(), Refusal> {
        let member = members.and_then(|members| members.text(SECRET));
        let in_body = member
            .as_deref()
            .is_some_and(|shown| self.config.secret.is(shown));
        let in_query = query
            .text(SECRET)
            .is_some_and(|shown| self.config.secret.is(shown));
        if in_body || in_query {
            return Ok(());
        }
        context.denials.wrong_secret(client.address);
        // Whoever shows none has guessed nothing.
        if member.is_some() || query.text(SECRET).is_some() {
            let counted = context.access.count_wrong(client.address);
            counted.map_err(Rejection::from)?;
        }
        Err(Refusal::Secret)
    }

    /// Logs that a cursor cannot be kept, at most once in a while. The API has no answer for
    /// that: whoever polls gets their events, and those again after a restart.
    pub(super) fn say_unkept(&self, channel: &ChannelName, error: &dyn fmt::Display) {
        let now = Instant::now();
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.is_none_or(|said| now.duration_since(said) >= PAUSE) {
            *said = Some(now);
            tracing::warn!(%channel, %error, "the position of a client of ganomede-events is not kept");
        }
    }
}
