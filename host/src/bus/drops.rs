//! Reports of dropped events, at most once a second for each receiver.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::receiver::Core;
use super::{Publisher, ReceiverKind};
use crate::event::host_event::{HostEventType, PluginOverflowed};

const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// Receivers with drops to report. Each is listed at most once, so the list is
/// as bounded as the receivers are.
#[derive(Default)]
pub(super) struct Drops {
    pending: Mutex<Vec<Arc<Core>>>,
    noted: Notify,
}

impl Drops {
    /// Lists a receiver that had nothing to report before.
    pub(super) fn note(&self, core: &Arc<Core>) {
        self.lock().push(Arc::clone(core));
        self.noted.notify_one();
    }

    pub(super) async fn report(&self, publisher: &Publisher) {
        loop {
            self.noted.notified().await;
            self.report_pending(publisher);
            tokio::time::sleep(REPORT_INTERVAL).await;
        }
    }

    pub(super) fn report_pending(&self, publisher: &Publisher) {
        // Taken before publishing, which may itself cause drops.
        let pending = std::mem::take(&mut *self.lock());
        for core in pending {
            let (dropped, total) = core.take_unreported();
            report_one(publisher, &core, dropped, total);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Core>>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn report_one(publisher: &Publisher, core: &Core, dropped: u64, total: u64) {
    let name = core.name();
    let kind = core.kind().as_str();
    match core.kind() {
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
