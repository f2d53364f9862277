//! Who is subscribed.

use hearken_session_protocol::{
    Answer, ClientInfo, PresenceRequest, PresenceResult, PresenceStatsRequest, PresenceStatsResult,
};

use crate::session::connection::Known;
use crate::session::handle::Session;
use crate::session::refused::Refused;
use crate::session::verb::Verb;

impl Session {
    /// All who are subscribed to a channel.
    pub(in crate::session) fn presence(
        &self,
        known: &Known,
        request: &PresenceRequest,
    ) -> Result<Answer, Refused> {
        let name = self.channel(&request.channel)?;
        let resolved = self.shared.resolve(&self.shared.in_use(), &name);
        self.check(known, Verb::Presence, &name, &resolved)?;
        let infos = self.shared.hubs.get(&name).map(|hub| hub.present());
        // Put together when the hub is not kept from its work any more.
        let infos = infos.unwrap_or_default();
        let named = infos
            .iter()
            .map(|info| (info.client.clone(), ClientInfo::clone(info)));
        Ok(Answer::Presence(PresenceResult {
            presence: named.collect(),
        }))
    }

    /// How many are subscribed to a channel.
    pub(in crate::session) fn presence_stats(
        &self,
        known: &Known,
        request: &PresenceStatsRequest,
    ) -> Result<Answer, Refused> {
        let name = self.channel(&request.channel)?;
        let resolved = self.shared.resolve(&self.shared.in_use(), &name);
        self.check(known, Verb::Presence, &name, &resolved)?;
        let stats = self.shared.hubs.get(&name).map(|hub| hub.presence_stats());
        let stats = stats.unwrap_or_default();
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Ok(Answer::PresenceStats(PresenceStatsResult {
            num_clients: count(stats.clients),
            num_users: count(stats.users),
        }))
    }
}
