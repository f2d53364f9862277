//! Who is subscribed.

use std::sync::Arc;

use hearken_session_protocol::{
    Answer, ClientInfo, PresenceRequest, PresenceResult, PresenceStatsRequest, PresenceStatsResult,
};

use crate::session::connection::Known;
use crate::session::handle::Session;
use crate::session::hub::Hub;
use crate::session::name::ChannelName;
use crate::session::refused::Refused;
use crate::session::verb::Verb;

impl Session {
    /// All who are subscribed to a channel.
    pub(in crate::session) async fn presence(
        &self,
        known: &Known,
        request: &PresenceRequest,
    ) -> Result<Answer, Refused> {
        let name = self.channel(&request.channel)?;
        let hub = self.looked_at(known, &name).await?;
        // Put together when the hub is not kept from its work any more.
        let infos = hub.map(|hub| hub.present()).unwrap_or_default();
        let named = infos
            .iter()
            .map(|info| (info.client.clone(), ClientInfo::clone(info)));
        Ok(Answer::Presence(PresenceResult {
            presence: named.collect(),
        }))
    }

    /// The channel's hub, if the session may look at who is subscribed, once that is known.
    async fn looked_at(
        &self,
        known: &Known,
        name: &ChannelName,
    ) -> Result<Option<Arc<Hub>>, Refused> {
        let in_use = self.shared.in_use();
        let resolved = self.shared.resolve(&in_use, name);
        self.check(known, Verb::Presence, name, &resolved)?;
        let namespace = self.shared.namespace(&in_use, name)?;
        self.shared.looked_at(name, &namespace).await
    }

    /// How many are subscribed to a channel.
    pub(in crate::session) async fn presence_stats(
        &self,
        known: &Known,
        request: &PresenceStatsRequest,
    ) -> Result<Answer, Refused> {
        let name = self.channel(&request.channel)?;
        let hub = self.looked_at(known, &name).await?;
        let stats = hub.map(|hub| hub.presence_stats()).unwrap_or_default();
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Ok(Answer::PresenceStats(PresenceStatsResult {
            num_clients: count(stats.clients),
            num_users: count(stats.users),
        }))
    }
}
