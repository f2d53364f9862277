//! Telling plugins and streams what becomes of sessions.

use std::sync::atomic::Ordering;

use super::connection::Connection;
use super::hub::Hub;
use super::name::ChannelName;
use super::shared::Shared;
use crate::event::host_event::{HostEventType, SessionChanged};

impl Shared {
    /// Counts what a hub had to drop, and says so.
    pub(super) fn count_dropped(&self, hub: &Hub) {
        let dropped = hub.take_dropped();
        if dropped > 0 {
            self.counts.dropped.fetch_add(dropped, Ordering::Relaxed);
            let channel = hub.name();
            tracing::warn!(
                %channel,
                dropped,
                "more was published to the channel than could be handed to its subscribers"
            );
        }
    }

    /// Counts whether somebody who came back got all that it had missed, which were so many
    /// publications.
    pub(super) fn count_recovery(&self, is_recovered: bool, publications: u64) {
        let brought = &self.counts.recovered_publications;
        brought.fetch_add(publications, Ordering::Relaxed);
        let count = match is_recovered {
            true => &self.counts.recovered,
            false => &self.counts.unrecovered,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// Publishes a host event about a session.
    pub(super) fn report(
        &self,
        event_type: HostEventType,
        connection: &Connection,
        user: &str,
        channel: Option<&ChannelName>,
        code: Option<u32>,
    ) {
        let data = SessionChanged {
            client: (*connection.client).to_owned(),
            user: user.to_owned(),
            channel: channel.map(ChannelName::to_string),
            code,
        };
        self.host
            .publish_host(event_type, &connection.client, &data);
    }
}
