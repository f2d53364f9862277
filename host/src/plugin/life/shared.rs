//! What the parts of one plugin share: its counters, its status, and the
//! reports of what goes wrong.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use hearken_wire::EventRef;
use tokio::time::Instant;

use crate::admin::{Counters, LimitsStatus, ListenerStatus, PluginState, PluginStatus};
use crate::bus::{Filter, Publisher, Receiver};
use crate::clock::Clock;
use crate::config::{PluginLimits, QuarantinePauses};
use crate::event::cloudevent::rfc3339;
use crate::event::host_event::{HostEventType, PluginChanged, PluginFailed, PluginQuarantined};
use crate::plugin::guest::context::PluginContext;
use crate::plugin::guest::death::Death;
use crate::plugin::run::instance::Version;

/// `plugin.failed` events at once; what a plugin fails beyond is counted only,
/// so that listeners that fail on failures cannot keep each other busy.
const FAILURE_BURST: NonZeroU32 = NonZeroU32::new(1_000).expect("not zero");

/// `plugin.failed` events a second for long.
const FAILURES_A_SECOND: NonZeroU32 = NonZeroU32::new(100).expect("not zero");

/// Shared by supervisor, workers and status of one plugin.
pub(crate) struct Shared {
    pub(crate) context: Arc<PluginContext>,
    pub(crate) delivered: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) restarts: AtomicU64,
    /// Instances that died since the last event that was handled.
    pub(crate) deaths_in_a_row: AtomicU32,
    /// The mailbox, from the first successful start on.
    pub(crate) receiver: OnceLock<Arc<Receiver>>,
    is_stopped: AtomicBool,
    clock: Arc<dyn Clock>,
    pauses: QuarantinePauses,
    host: Publisher,
    failure_budget: DefaultDirectRateLimiter,
    shown: Mutex<Shown>,
}

/// The changing part of the status.
struct Shown {
    state: PluginState,
    version: Option<String>,
    interface: Option<&'static str>,
    listeners: Vec<ListenerStatus>,
    limits: PluginLimits,
    concurrency: usize,
    content_hash: Option<blake3::Hash>,
    last_error: Option<(String, u64)>,
    /// From the first death too many to the first event that is handled after it.
    quarantine: Option<Quarantine>,
}

/// For how long a plugin gets no events.
#[derive(Clone, Copy, Debug)]
struct Quarantine {
    /// Events that were tried and failed since it began.
    failed_tries: u32,
    until: Instant,
    /// The same by the wall clock.
    until_millis: u64,
}

/// A listener: its name and what it wants.
pub(crate) struct Listener {
    pub(crate) name: String,
    pub(crate) filter: Filter,
}

impl Shared {
    pub(crate) fn new(
        context: Arc<PluginContext>,
        clock: Arc<dyn Clock>,
        limits: PluginLimits,
        pauses: QuarantinePauses,
    ) -> Self {
        let quota = Quota::per_second(FAILURES_A_SECOND).allow_burst(FAILURE_BURST);
        Self {
            host: context.bus.host_publisher(),
            context,
            delivered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            restarts: AtomicU64::new(0),
            deaths_in_a_row: AtomicU32::new(0),
            receiver: OnceLock::new(),
            is_stopped: AtomicBool::new(false),
            clock,
            pauses,
            failure_budget: RateLimiter::direct(quota),
            shown: Mutex::new(Shown {
                state: PluginState::Loading,
                version: None,
                interface: None,
                listeners: Vec::new(),
                limits,
                concurrency: 1,
                content_hash: None,
                last_error: None,
                quarantine: None,
            }),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.context.name
    }

    pub(crate) fn state(&self) -> PluginState {
        self.shown().state
    }

    pub(crate) fn set_state(&self, state: PluginState) {
        self.shown().state = state;
    }

    /// Changes the state on behalf of a worker, while the plugin works at all: a
    /// quarantine outlasts what the plugin's other workers still have to say.
    pub(crate) fn set_working_state(&self, state: PluginState) {
        let mut shown = self.shown();
        if matches!(shown.state, PluginState::Running | PluginState::BackingOff) {
            shown.state = state;
        }
    }

    /// Shows a version that starts to run.
    pub(crate) fn show_version(&self, version: &Version, label: &str, listeners: &[Listener]) {
        let mut shown = self.shown();
        shown.version = Some(label.to_owned());
        shown.interface = Some(version.exported().interface());
        shown.listeners = listeners.iter().map(listener_status).collect();
        shown.limits = version.limits.clone();
        shown.concurrency = version.concurrency();
        shown.content_hash = Some(version.content_hash);
        shown.last_error = None;
        drop(shown);
        self.forgive();
    }

    /// Forgets the deaths so far, and ends a quarantine.
    pub(crate) fn forgive(&self) {
        self.deaths_in_a_row.store(0, Ordering::Relaxed);
        self.shown().quarantine = None;
    }

    /// An event was handled, after deaths: whatever was wrong is over.
    pub(crate) fn recovered(&self) {
        self.forgive();
        let mut shown = self.shown();
        if shown.state == PluginState::Quarantined {
            shown.state = PluginState::Running;
            drop(shown);
            let plugin = self.name();
            tracing::info!(plugin, "an event was handled: the quarantine is over");
        }
    }

    /// When a quarantine lets one event be tried.
    pub(crate) fn quarantined_until(&self) -> Option<Instant> {
        let shown = self.shown();
        shown.quarantine.map(|quarantine| quarantine.until)
    }

    /// Publishes that the plugin was installed, started, reloaded, …
    pub(crate) fn announce(&self, event_type: HostEventType) {
        self.announce_with(event_type, None);
    }

    /// Gives up whatever events have not been handled, those in hand too, and publishes
    /// that the plugin was stopped and how many they were. Does nothing for a plugin
    /// that never ran, nor a second time.
    pub(crate) fn stopped(&self) {
        let Some(receiver) = self.receiver.get() else {
            return;
        };
        if self.is_stopped.swap(true, Ordering::Relaxed) {
            return;
        }
        let unhandled = receiver.give_up(self.delivered.load(Ordering::Acquire));
        if unhandled > 0 {
            let plugin = self.name();
            tracing::warn!(plugin, unhandled, "stopped before its events were handled");
        }
        self.announce_with(HostEventType::PluginStopped, Some(unhandled));
    }

    fn announce_with(&self, event_type: HostEventType, unhandled: Option<u64>) {
        let version = self.shown().version.clone();
        let name = self.name();
        tracing::info!(plugin = name, version, "{}", event_type.as_str());
        let data = PluginChanged {
            plugin: name.to_owned(),
            version,
            unhandled: unhandled.filter(|unhandled| *unhandled > 0),
        };
        self.host.publish_host(event_type, name, &data);
    }

    /// Reports that an event failed, or, without an event, that the plugin
    /// could not be loaded or started. That it failed on the report of a failure is
    /// logged and counted, but reported no further: it would fail on that again.
    pub(crate) fn report_failure(&self, event: Option<EventRef<'_>>, death: &Death) {
        let name = self.name();
        let now = self.clock.now_millis();
        self.shown().last_error = Some((death.reason.clone(), now));
        if self.failure_budget.check().is_err() {
            return;
        }
        let Death { reason, backtrace } = death;
        let report = HostEventType::PluginFailed;
        let of_a_report = event.is_some_and(|event| event.event_type() == report.as_str());
        let event = event.map(EventRef::id);
        // The guest may have chosen the words: none of its lines begins where a
        // line of the host would.
        let shown = reason.replace('\n', "\n    ");
        match event {
            Some(event) => tracing::warn!(plugin = name, event, "event failed: {shown}"),
            None => tracing::error!(plugin = name, "{shown}"),
        }
        if of_a_report {
            return;
        }
        let data = PluginFailed {
            plugin: name.to_owned(),
            event: event.map(str::to_owned),
            reason: self.fitting(reason).to_owned(),
            backtrace: backtrace
                .as_ref()
                .map(|trace| self.fitting(trace).to_owned()),
        };
        self.host.publish_host(report, name, &data);
    }

    /// As much of a text as fits twice into an event, beside the names.
    fn fitting<'t>(&self, text: &'t str) -> &'t str {
        let most = self.context.bus.max_event_bytes() / 4;
        let mut bytes = 0;
        let end = text.char_indices().find(|(_, character)| {
            bytes += json_bytes(*character);
            bytes > most
        });
        end.map_or(text, |(end, _)| &text[..end])
    }

    /// Lets the plugin have no more events for a while, which is longer each time that
    /// the event that was tried has failed too; reports it.
    pub(crate) fn quarantine(&self, failures: u32, reason: &str) {
        let now = self.clock.now_millis();
        let mut shown = self.shown();
        if matches!(shown.state, PluginState::Paused | PluginState::Failed) {
            return;
        }
        let begins = Instant::now();
        let failed_tries = match shown.quarantine {
            // Another instance has just died, too.
            Some(before) if before.until > begins => return,
            Some(before) => before.failed_tries.saturating_add(1),
            None => 0,
        };
        let pause = self.pauses.after(failed_tries);
        let pause_millis = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        let until_millis = now.saturating_add(pause_millis);
        shown.state = PluginState::Quarantined;
        shown.quarantine = Some(Quarantine {
            failed_tries,
            until: begins + pause,
            until_millis,
        });
        let plugin = self.name().to_owned();
        let until = rfc3339(until_millis);
        let way_out = format!("replace the file, or run `hearken plugin resume {plugin}`");
        let explained = format!(
            "quarantined after {failures} deaths in a row; one event is tried after {until}; \
             to end it now, {way_out}: {reason}"
        );
        shown.last_error = Some((explained, now));
        drop(shown);
        tracing::error!(
            plugin,
            failures,
            until,
            "quarantined; to end it now, {way_out}"
        );
        let data = PluginQuarantined {
            plugin,
            failures,
            reason: self.fitting(reason).to_owned(),
            until,
        };
        self.host
            .publish_host(HostEventType::PluginQuarantined, self.name(), &data);
    }

    pub(crate) fn status(&self) -> PluginStatus {
        let receiver = self.receiver.get();
        let delivered = self.delivered.load(Ordering::Acquire);
        let counters = Counters {
            delivered,
            failed: self.failed.load(Ordering::Relaxed),
            dropped: receiver.map_or(0, |receiver| receiver.dropped()),
            queued: receiver.map_or(0, |receiver| receiver.mailbox().unfinished(delivered)),
            sent: self.context.sent.load(Ordering::Relaxed),
            refused: self.context.refused.load(Ordering::Relaxed),
            restarts: self.restarts.load(Ordering::Relaxed),
        };
        let shown = self.shown();
        PluginStatus {
            name: self.name().to_owned(),
            version: shown.version.clone(),
            state: shown.state,
            interface: shown.interface.map(str::to_owned),
            listeners: shown.listeners.clone(),
            limits: limits_status(&shown.limits, shown.concurrency),
            counters,
            content_hash: shown.content_hash.map(|hash| hash.to_hex().to_string()),
            memory_bytes: self.context.memory.load(Ordering::Relaxed),
            last_error: shown.last_error.as_ref().map(|(text, _)| text.clone()),
            last_error_time: shown.last_error.as_ref().map(|(_, time)| rfc3339(*time)),
            quarantined_until: shown
                .quarantine
                .filter(|_| shown.state == PluginState::Quarantined)
                .map(|quarantine| rfc3339(quarantine.until_millis)),
        }
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        // Plain assignments in here; nothing panics half-way.
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that a character takes in a JSON string.
fn json_bytes(character: char) -> usize {
    match character {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        character => character.len_utf8(),
    }
}

pub(crate) fn listener_status(listener: &Listener) -> ListenerStatus {
    let filter = &listener.filter;
    ListenerStatus {
        name: listener.name.clone(),
        pattern: filter.pattern.as_str().to_owned(),
        subject: filter.subject.as_deref().map(str::to_owned),
        channel: filter.channel.as_deref().map(str::to_owned),
        local_only: filter.local_only,
    }
}

fn limits_status(limits: &PluginLimits, concurrency: usize) -> LimitsStatus {
    LimitsStatus {
        memory_bytes: limits.memory,
        deadline_ms: u64::try_from(limits.deadline.as_millis()).unwrap_or(u64::MAX),
        time_slice_us: u64::try_from(limits.time_slice.as_micros()).unwrap_or(u64::MAX),
        mailbox: limits.mailbox,
        overflow: limits.overflow,
        concurrency,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::{Bus, BusConfig, MailboxLimits, Overflow, ReceiverKind, Subscription};
    use crate::clock::SystemClock;
    use crate::event::{Event, Pattern};
    use crate::store::Store;

    /// A plugin on a bus that takes small events, and what the host reports of it.
    fn plugin() -> (Receiver, Shared) {
        let bus = Bus::new(BusConfig {
            node: "a".into(),
            incarnation: "i".into(),
            max_event_bytes: 1024,
            clock: Arc::new(SystemClock),
        });
        let reports = bus.subscribe(Subscription {
            name: "r".into(),
            kind: ReceiverKind::Stream,
            filters: vec![Filter::new(Pattern::new("plugin.*").unwrap())],
            limits: MailboxLimits::default(),
            overflow: Overflow::DropOldest,
            partitions: 1,
        });
        let store = Store::in_memory(bus.clone(), Arc::new(SystemClock)).unwrap();
        let context = PluginContext::new("p".into(), bus, &store);
        let (clock, pauses) = (Arc::new(SystemClock), QuarantinePauses::default());
        let shared = Shared::new(Arc::new(context), clock, PluginLimits::default(), pauses);
        (reports, shared)
    }

    fn death(text: &str) -> Death {
        Death {
            reason: text.to_owned(),
            backtrace: Some(text.to_owned()),
        }
    }

    fn reported(reports: &Receiver) -> Option<Event> {
        reports.mailbox().try_recv(0).expect("it is open")
    }

    #[test]
    fn however_long_the_reason_the_failure_is_reported() {
        let (reports, shared) = plugin();
        for text in ["x", "\u{1}", "\"", "\n", "é", "\u{1f600}"] {
            let long = text.repeat(4096 / text.len());
            shared.report_failure(None, &death(&long));
            let event = reported(&reports).expect(text);
            let data: serde_json::Value =
                serde_json::from_slice(event.data().unwrap_or_default()).unwrap();
            let reason = data["reason"].as_str().unwrap();
            assert!(long.starts_with(reason) && reason.len() >= 42, "{reason:?}");
            shared.set_state(PluginState::Running);
            shared.forgive();
            shared.quarantine(5, &long);
            assert!(reported(&reports).is_some(), "{text:?}");
        }
    }

    #[test]
    fn a_failure_on_a_report_of_a_failure_is_not_reported_again() {
        let (reports, shared) = plugin();
        shared.report_failure(None, &death("it does not start"));
        let report = reported(&reports).expect("the first is reported");
        shared.report_failure(Some(report.packed()), &death("it failed on that"));
        assert!(reported(&reports).is_none());
        let error = shared.status().last_error;
        assert_eq!(error.as_deref(), Some("it failed on that"));
        shared.announce(HostEventType::PluginStarted);
        let started = reported(&reports).expect("no failure");
        shared.report_failure(Some(started.packed()), &death("it failed on that"));
        assert!(
            reported(&reports).is_some(),
            "a failure on anything else is"
        );
    }

    #[test]
    fn a_quarantine_outlasts_what_other_workers_say() {
        let (_reports, shared) = plugin();
        shared.set_state(PluginState::Running);
        shared.set_working_state(PluginState::BackingOff);
        assert_eq!(shared.state(), PluginState::BackingOff);
        shared.quarantine(5, "a reason");
        shared.set_working_state(PluginState::BackingOff);
        shared.set_working_state(PluginState::Running);
        assert_eq!(shared.state(), PluginState::Quarantined);
        shared.set_state(PluginState::Running);
        assert_eq!(shared.state(), PluginState::Running);
    }
}
