//! What all instances and versions of one plugin share: who it is on the bus and in the
//! store, and what it may use of the node.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::budget::Budget;
use super::outgoing::traffic::Traffic;
use super::output::PluginLog;
use crate::bus::{Bus, BusConfig, PublishError, Published, Publisher};
use crate::channel::Channels;
use crate::clock::Clock;
use crate::consumer::OutputsRoom;
use crate::event::Draft;
use crate::session::Sessions;
use crate::store::{Records, Store};

/// Events that a plugin may publish or append at once, waits and reads that it may begin and key-value
/// records that it may change: below the default mailbox, so that one burst overflows
/// nobody.
pub(crate) const BURST: u32 = 512;

/// Events, waits, reads and changes a second that a plugin may go on with for long: as many
/// as the slowest kind of guest can still handle.
const A_SECOND: u32 = 10_000;

/// Between two log lines about a budget that stays spent.
const REFUSAL_REPORTS: Duration = Duration::from_secs(10);

/// Most bytes of the appends of a plugin that wait for the disk: a small part of what a node
/// has for all of them, so that it holds up nobody else.
const MAX_APPENDING_BYTES: usize = 4 << 20;

/// Bytes of an event that is appended which cost as much as an event.
const BYTES_OF_ONE: usize = 4 << 10;

/// Bytes that one call may copy from the guest beyond the largest event, strings and
/// lists together: enough for the event's attributes, and for a key-value record.
const CALL_SLACK_BYTES: usize = 2 << 20;

/// What all instances and versions of one plugin share.
#[derive(Debug)]
pub(crate) struct PluginContext {
    pub(crate) name: Arc<str>,
    /// The plugin whose rights it has: itself, or the one that it is a copy of.
    pub(crate) rights_of: Arc<str>,
    /// Whether it is a copy, whose effects are logged and not done.
    pub(crate) pretends: bool,
    pub(crate) bus: Bus,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) channels: Channels,
    /// The sessions that it may address, if there are ever any.
    pub(crate) addressed: Option<Sessions>,
    /// For what is remembered of what it appends.
    pub(crate) outputs: OutputsRoom,
    pub(crate) records: Records,
    pub(crate) log: Arc<PluginLog>,
    pub(crate) sent: AtomicU64,
    pub(crate) refused: AtomicU64,
    /// Bytes that all instances hold.
    pub(crate) memory: Arc<AtomicU64>,
    pub(crate) traffic: Arc<Traffic>,
    budget: Budget,
    /// Of the bytes of appends that are under way.
    appending: Arc<Semaphore>,
    /// Lets through what is logged of a spent budget.
    refusal_reports: DefaultDirectRateLimiter,
}

/// Why a guest's event was not published.
#[derive(Debug)]
pub(crate) enum SendError {
    Budget,
    Publish(PublishError),
}

impl PluginContext {
    pub(crate) fn new(
        name: Arc<str>,
        bus: Bus,
        channels: &Channels,
        store: &Arc<Store>,
        traffic: Traffic,
    ) -> Self {
        let source = format!("/nodes/{}/plugins/{name}", bus.node());
        let publisher = Arc::new(bus.publisher(source, Arc::clone(&name)));
        let reports = Quota::with_period(REFUSAL_REPORTS).expect("a constant above zero");
        Self {
            log: Arc::new(PluginLog::new(Arc::clone(&name))),
            records: store.records(&name),
            rights_of: Arc::clone(&name),
            pretends: false,
            name,
            bus,
            publisher,
            channels: channels.clone(),
            addressed: None,
            outputs: OutputsRoom::default(),
            sent: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            memory: Arc::default(),
            traffic: Arc::new(traffic),
            budget: Budget::new(BURST, A_SECOND),
            appending: Arc::new(Semaphore::new(MAX_APPENDING_BYTES)),
            refusal_reports: RateLimiter::direct(reports),
        }
    }

    /// Has it address these sessions.
    pub(crate) fn addressing(mut self, addressed: Option<Sessions>) -> Self {
        self.addressed = addressed;
        self
    }

    /// Makes a copy of another plugin of it, whose effects are logged and not done.
    pub(crate) fn pretending(mut self, original: &str, clock: Arc<dyn Clock>) -> Self {
        // On which nobody listens.
        let nowhere = Bus::new(BusConfig {
            node: Arc::clone(self.bus.node()),
            incarnation: String::new(),
            max_event_bytes: self.bus.max_event_bytes(),
            clock,
        });
        let source = format!("/nodes/{}/plugins/{}", nowhere.node(), self.name);
        self.publisher = Arc::new(nowhere.publisher(source, Arc::clone(&self.name)));
        self.rights_of = original.into();
        self.pretends = true;
        self
    }

    /// Whether what the plugin does beyond itself is not done; logs it then.
    pub(crate) fn pretend(&self, what: &str, how: impl FnOnce() -> String) -> bool {
        if self.pretends {
            let how = format!("not done, as this is a copy: {}", how());
            self.log.line(tracing::Level::INFO, what, &how);
        }
        self.pretends
    }

    /// Bytes that one call may copy from a guest; bounds what it can make the host
    /// allocate, and for how long.
    pub(crate) fn call_bytes(&self) -> usize {
        self.bus.max_event_bytes().saturating_add(CALL_SLACK_BYTES)
    }

    /// Takes one event, wait, read or change from the plugin's budget.
    pub(crate) fn spend(&self) -> bool {
        self.spend_many(1)
    }

    /// Takes what appending events of so many bytes costs: of each as much as it is large.
    pub(crate) fn spend_on_append(&self, sizes: impl Iterator<Item = usize>) -> bool {
        let cost: usize = sizes.map(|size| size.div_ceil(BYTES_OF_ONE).max(1)).sum();
        self.spend_many(cost as u64)
    }

    /// Room for so many bytes of an append, for as long as it is under way. However small it
    /// is, it takes as much as an event costs, so that they are not too many.
    pub(crate) async fn room_to_append(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let bytes = bytes.clamp(BYTES_OF_ONE, MAX_APPENDING_BYTES);
        let bytes = u32::try_from(bytes).ok()?;
        let room = Arc::clone(&self.appending).acquire_many_owned(bytes);
        room.await.ok()
    }

    /// Takes so many; those that are more than can be had at once are paid off later.
    fn spend_many(&self, count: u64) -> bool {
        let granted = self.budget.spend(count);
        if !granted {
            self.count_refusal(
                "budget",
                "it publishes events, waits for them, reads them or changes records faster than its budget allows",
            );
        }
        granted
    }

    pub(crate) fn publish<'a>(&'a self, draft: &'a Draft<'_>) -> Result<Published<'a>, SendError> {
        if !self.spend() {
            return Err(SendError::Budget);
        }
        let claims = draft.check_claims().map_err(PublishError::from);
        claims.map_err(SendError::Publish)?;
        self.pretend("send", || draft.event_type.as_str().to_owned());
        let event = self.publisher.publish(draft).map_err(SendError::Publish)?;
        self.count_sent(1);
        Ok(event)
    }

    /// Counts events that were published or appended.
    pub(crate) fn count_sent(&self, events: usize) {
        self.sent.fetch_add(events as u64, Ordering::Relaxed);
    }

    /// Counts that the plugin lacks a right, and logs it now and then; returns what the
    /// guest is told.
    pub(crate) fn refuse_right(&self, right: &str, what: &str) -> String {
        let why = format!(
            "the plugin has no right to {right} `{what}`; it would need `{right}` in `[allow]` of {}.toml \
             and in the node's `[policy]` to cover that",
            self.name
        );
        self.count_refusal(right, &why);
        why
    }

    /// Counts that something was refused, and logs it now and then.
    pub(crate) fn count_refusal(&self, what: &str, why: &str) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        if self.refusal_reports.check().is_ok() {
            self.log_refusal(what, why);
        }
    }

    /// Logs that the plugin tried what it may not do.
    pub(crate) fn log_refusal(&self, what: &str, why: &str) {
        self.log
            .line(tracing::Level::WARN, what, &format!("refused: {why}"));
    }
}
