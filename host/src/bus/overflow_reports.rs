//! Reports of dropped events, at most once a second for each receiver.

use std::time::Duration;

use super::handle::Bus;
use super::publisher::Publisher;
use super::registration::{ReceiverKind, Registration};
use crate::event::host_event::{HostEventType, PluginOverflowed};

const REPORT_INTERVAL: Duration = Duration::from_secs(1);

impl Bus {
    /// Reports drops for as long as it is polled: by `plugin.overflowed` for
    /// plugins, in the log for all others, at most once a second for each
    /// receiver.
    pub async fn run_drop_reports(&self) {
        let publisher = self.host_publisher();
        loop {
            self.0.drops.noted().await;
            self.report_pending(&publisher);
            tokio::time::sleep(REPORT_INTERVAL).await;
        }
    }

    /// Reports the drops of the last second at once, as the node ends.
    pub fn report_last_drops(&self) {
        self.report_pending(&self.host_publisher());
    }

    fn report_pending(&self, publisher: &Publisher) {
        // Taken before publishing, which may itself cause drops.
        for registration in self.0.drops.take() {
            let (dropped, total) = registration.take_unreported();
            report_one(publisher, &registration, dropped, total);
        }
    }
}

fn report_one(publisher: &Publisher, registration: &Registration, dropped: u64, total: u64) {
    let name = registration.name();
    let kind = registration.kind().as_str();
    match registration.kind() {
        ReceiverKind::Plugin => {
            tracing::warn!(plugin = name, dropped, total, "mailbox overflowed");
            let data = PluginOverflowed {
                plugin: name.to_owned(),
                dropped,
                total,
            };
            publisher.publish_host(HostEventType::PluginOverflowed, name, &data);
        }
        ReceiverKind::Stream | ReceiverKind::Link => {
            tracing::warn!(receiver = name, kind, dropped, total, "mailbox overflowed");
        }
        // A waiter wants one event; whatever came after it is not missed.
        ReceiverKind::Waiter => {}
    }
}
