//! Which sessions are subscribed to a channel, and what is published to it.

use super::name::ChannelName;
use super::receipt::PublishFailure;
use super::server::Whose;
use super::sessions::Sessions;
use super::shown::SessionStatus;

impl Sessions {
    /// The type of what is published to a channel by those who do not say one.
    ///
    /// # Errors
    /// [`PublishFailure`] says why nothing may be published to it.
    pub fn published_type(&self, channel: &str) -> Result<String, PublishFailure> {
        match self.0.published_to(channel) {
            Ok((_, namespace)) => Ok(namespace.event_type.clone()),
            Err(PublishFailure::Durable(name)) => {
                let namespace = self.0.namespace(&self.0.in_use(), &name);
                let namespace = namespace.map_err(|_| PublishFailure::UnknownChannel(name))?;
                Ok(namespace.event_type.clone())
            }
            Err(failure) => Err(failure),
        }
    }

    /// Up to `limit` sessions of this node behind the id `after` that are meant, in the order
    /// of their ids.
    pub(super) fn list_of(&self, whose: &Whose, after: &str, limit: usize) -> Vec<SessionStatus> {
        let client = match whose {
            Whose::User(user) => return self.list(Some(user), after, limit),
            Whose::Channel(name) => return self.list_of_channel(name, after, limit),
            Whose::NodeOf(node) if **node != **self.0.bus.node() => return Vec::new(),
            Whose::Node | Whose::NodeOf(_) | Whose::All => return self.list(None, after, limit),
            Whose::Client(client) | Whose::ClientOf { client, .. } => client,
        };
        let is_meant = |status: &SessionStatus| match whose {
            Whose::ClientOf { user, .. } => *status.user == **user,
            _ => true,
        };
        let shown = self.show(client).filter(|_| **client > *after && limit > 0);
        shown.filter(is_meant).into_iter().collect()
    }

    /// Up to `limit` sessions of this node behind the id `after` that are subscribed to the
    /// channel, in the order of their ids.
    fn list_of_channel(&self, name: &ChannelName, after: &str, limit: usize) -> Vec<SessionStatus> {
        let hub = self.0.hubs.get(name);
        let mut clients = hub.map(|hub| hub.clients()).unwrap_or_default();
        clients.retain(|client| **client > *after);
        clients.sort_unstable();
        let sessions = clients
            .iter()
            .filter_map(|client| self.0.registry.get(client));
        let shown = sessions.filter_map(|connection| self.0.status(&connection));
        shown.take(limit).collect()
    }
}
