//! How a plugin is doing: its state, the deaths of its instances, its quarantine, and the
//! last that went wrong. Workers and the supervisor say so; operators see it.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hearken_wire::EventRef;
use tokio::time::Instant;

use super::reports::Reports;
use crate::admin::PluginState;
use crate::clock::Clock;
use crate::config::QuarantinePauses;
use crate::event::cloudevent::rfc3339;
use crate::plugin::guest::context::PluginContext;
use crate::plugin::guest::death::Death;

/// How one plugin is doing, whatever version of it runs.
pub(crate) struct Health {
    plugin: Arc<str>,
    pub(crate) reports: Reports,
    restarts: AtomicU64,
    /// Instances that died of each since that was last done, in the order of [`Doing`].
    deaths_in_a_row: [AtomicU32; 3],
    clock: Arc<dyn Clock>,
    pauses: QuarantinePauses,
    current: Mutex<Current>,
}

/// What an instance does, and may die of. That it can do the one says nothing of the other: a
/// plugin that answers sessions may die of every event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    Starting,
    Handling,
    Answering,
}

struct Current {
    state: PluginState,
    /// What went wrong last, and when.
    last_error: Option<(String, u64)>,
    /// From the first death too many until what it died of is done.
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

/// How a plugin was doing at one moment.
pub(crate) struct Diagnosis {
    pub(crate) state: PluginState,
    /// Instances that took the place of dead ones.
    pub(crate) restarts: u64,
    /// What went wrong last, and when, in milliseconds since 1970.
    pub(crate) last_error: Option<(String, u64)>,
    /// The end of the quarantine that it is in, likewise.
    pub(crate) quarantined_until: Option<u64>,
}

impl Health {
    /// Of a plugin that is being loaded.
    pub(crate) fn new(
        context: Arc<PluginContext>,
        clock: Arc<dyn Clock>,
        pauses: QuarantinePauses,
    ) -> Self {
        Self {
            plugin: Arc::clone(&context.name),
            reports: Reports::new(context),
            restarts: AtomicU64::new(0),
            deaths_in_a_row: [const { AtomicU32::new(0) }; 3],
            clock,
            pauses,
            current: Mutex::new(Current {
                state: PluginState::Loading,
                last_error: None,
                quarantine: None,
            }),
        }
    }

    /// The plugin's name.
    pub(crate) fn plugin(&self) -> &str {
        &self.plugin
    }

    pub(crate) fn state(&self) -> PluginState {
        self.current().state
    }

    pub(crate) fn set_state(&self, state: PluginState) {
        self.current().state = state;
    }

    /// Changes the state on behalf of a worker, while the plugin works at all: a
    /// quarantine outlasts what the plugin's other workers still have to say.
    pub(crate) fn set_working_state(&self, state: PluginState) {
        let mut current = self.current();
        if matches!(
            current.state,
            PluginState::Running | PluginState::BackingOff
        ) {
            current.state = state;
        }
    }

    /// Another version starts to run: what was wrong with the last one is forgotten.
    pub(crate) fn begin_anew(&self) {
        self.current().last_error = None;
        self.forgive();
    }

    /// Forgets the deaths so far, and ends a quarantine.
    pub(crate) fn forgive(&self) {
        for deaths in &self.deaths_in_a_row {
            deaths.store(0, Ordering::Relaxed);
        }
        self.current().quarantine = None;
    }

    /// An instance died of that; returns how many have since it was last done, those that did
    /// not even start among them.
    pub(crate) fn died(&self, of: Doing) -> u32 {
        self.deaths(of).fetch_add(1, Ordering::Relaxed);
        let [starting, handling, answering] = &self.deaths_in_a_row;
        let most = handling.load(Ordering::Relaxed);
        let most = most.max(answering.load(Ordering::Relaxed));
        starting.load(Ordering::Relaxed).saturating_add(most)
    }

    /// Whether an instance has died of something that was not done since.
    pub(crate) fn is_failing(&self) -> bool {
        let mut deaths = self.deaths_in_a_row.iter();
        deaths.any(|deaths| deaths.load(Ordering::Relaxed) > 0)
    }

    fn deaths(&self, of: Doing) -> &AtomicU32 {
        let [starting, handling, answering] = &self.deaths_in_a_row;
        match of {
            Doing::Starting => starting,
            Doing::Handling => handling,
            Doing::Answering => answering,
        }
    }

    /// A fresh instance works in the place of a dead one.
    pub(crate) fn restarted(&self) {
        self.restarts.fetch_add(1, Ordering::Relaxed);
        self.set_working_state(PluginState::Running);
    }

    /// That was done, by an instance that has started, after deaths: whatever was wrong with it
    /// is over. Returns whether nothing else is wrong.
    pub(crate) fn recovered(&self, of: Doing) -> bool {
        self.deaths(Doing::Starting).store(0, Ordering::Relaxed);
        self.deaths(of).store(0, Ordering::Relaxed);
        if self.is_failing() {
            return false;
        }
        let mut current = self.current();
        current.quarantine = None;
        if current.state == PluginState::Quarantined {
            current.state = PluginState::Running;
            drop(current);
            let plugin = self.plugin();
            tracing::info!(plugin, "it works again: the quarantine is over");
        }
        true
    }

    /// When a quarantine lets one event be tried.
    pub(crate) fn quarantined_until(&self) -> Option<Instant> {
        let current = self.current();
        current.quarantine.map(|quarantine| quarantine.until)
    }

    /// The same without the plugin's secrets.
    pub(crate) fn redacted(&self, death: &Death) -> Death {
        death.redacted(self.reports.redaction())
    }

    /// Notes and reports that an event failed, or, without an event, that the plugin could
    /// not be loaded or started.
    pub(crate) fn report_failure(&self, event: Option<EventRef<'_>>, death: &Death) {
        let now = self.clock.now_millis();
        let death = self.redacted(death);
        self.current().last_error = Some((death.in_full(), now));
        self.reports.failed(event, &death);
    }

    /// Lets the plugin have no more events for a while, which is longer each time that
    /// the event that was tried has failed too; reports it.
    pub(crate) fn quarantine(&self, failures: u32, reason: &str) {
        let now = self.clock.now_millis();
        let mut current = self.current();
        if matches!(current.state, PluginState::Paused | PluginState::Failed) {
            return;
        }
        let begins = Instant::now();
        let failed_tries = match current.quarantine {
            // Another instance has just died, too.
            Some(before) if before.until > begins => return,
            Some(before) => before.failed_tries.saturating_add(1),
            None => 0,
        };
        let pause = self.pauses.after(failed_tries);
        let pause_millis = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        let until_millis = now.saturating_add(pause_millis);
        current.state = PluginState::Quarantined;
        current.quarantine = Some(Quarantine {
            failed_tries,
            until: begins + pause,
            until_millis,
        });
        let plugin = self.plugin();
        let until = rfc3339(until_millis);
        let way_out = format!("replace the file, or run `hearken plugin resume {plugin}`");
        let explained = format!(
            "quarantined after {failures} deaths in a row; one event is tried after {until}; \
             to end it now, {way_out}: {reason}"
        );
        current.last_error = Some((explained, now));
        drop(current);
        tracing::error!(
            plugin,
            failures,
            until,
            "quarantined; to end it now, {way_out}"
        );
        self.reports.quarantined(failures, reason, until);
    }

    /// How it is doing now.
    pub(crate) fn diagnosis(&self) -> Diagnosis {
        let current = self.current();
        let quarantine = current.quarantine;
        Diagnosis {
            state: current.state,
            restarts: self.restarts.load(Ordering::Relaxed),
            last_error: current.last_error.clone(),
            quarantined_until: quarantine
                .filter(|_| current.state == PluginState::Quarantined)
                .map(|quarantine| quarantine.until_millis),
        }
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        // Plain assignments in here; nothing panics half-way.
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::{
        Bus, BusConfig, Filter, MailboxLimits, Overflow, Receiver, ReceiverKind, Subscription,
    };
    use crate::channel::Channels;
    use crate::clock::SystemClock;
    use crate::config::PluginLimits;
    use crate::event::host_event::HostEventType;
    use crate::event::{Event, Pattern};
    use crate::plugin::guest::outgoing::connector::Connector;
    use crate::plugin::guest::outgoing::traffic::Traffic;
    use crate::store::Store;

    /// A plugin on a bus that takes small events, and what the host reports of it.
    fn plugin() -> (Receiver, Health) {
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
        let channels = Channels::new(&bus);
        let connector = Arc::new(Connector::system());
        let traffic = Traffic::new(connector, &PluginLimits::default());
        let context = PluginContext::new("p".into(), bus, &channels, &store, traffic);
        let (clock, pauses) = (Arc::new(SystemClock), QuarantinePauses::default());
        (reports, Health::new(Arc::new(context), clock, pauses))
    }

    fn death(text: &str) -> Death {
        Death {
            backtrace: Some(text.to_owned()),
            ..Death::told(text.to_owned())
        }
    }

    fn reported(reports: &Receiver) -> Option<Event> {
        reports.mailbox().try_recv(0).expect("it is open")
    }

    #[test]
    fn however_long_the_reason_the_failure_is_reported() {
        let (reports, health) = plugin();
        for text in ["x", "\u{1}", "\"", "\n", "é", "\u{1f600}"] {
            let long = text.repeat(4096 / text.len());
            health.report_failure(None, &death(&long));
            let event = reported(&reports).expect(text);
            let data: serde_json::Value =
                serde_json::from_slice(event.data().unwrap_or_default()).unwrap();
            let reason = data["reason"].as_str().unwrap();
            assert!(long.starts_with(reason) && reason.len() >= 42, "{reason:?}");
            health.set_state(PluginState::Running);
            health.forgive();
            health.quarantine(5, &long);
            assert!(reported(&reports).is_some(), "{text:?}");
        }
    }

    #[test]
    fn a_failure_on_a_report_of_a_failure_is_not_reported_again() {
        let (reports, health) = plugin();
        health.report_failure(None, &death("it does not start"));
        let report = reported(&reports).expect("the first is reported");
        health.report_failure(Some(report.packed()), &death("it failed on that"));
        assert!(reported(&reports).is_none());
        let error = health.diagnosis().last_error;
        assert_eq!(error.unwrap().0, "it failed on that");
        health
            .reports
            .changed(HostEventType::PluginStarted, None, None);
        let started = reported(&reports).expect("no failure");
        health.report_failure(Some(started.packed()), &death("it failed on that"));
        assert!(
            reported(&reports).is_some(),
            "a failure on anything else is"
        );
    }

    #[test]
    fn what_it_can_do_does_not_make_up_for_what_it_dies_of() {
        let (_reports, health) = plugin();
        health.set_state(PluginState::Running);
        assert_eq!(health.died(Doing::Starting), 1);
        assert_eq!(health.died(Doing::Handling), 2);
        assert!(!health.recovered(Doing::Answering));
        assert_eq!(health.died(Doing::Handling), 2, "it has started since");
        health.quarantine(2, "a reason");
        assert!(!health.recovered(Doing::Answering));
        assert_eq!(health.state(), PluginState::Quarantined);
        assert!(health.recovered(Doing::Handling));
        assert_eq!(health.state(), PluginState::Running);
        assert!(!health.is_failing() && health.quarantined_until().is_none());
    }

    #[test]
    fn a_quarantine_outlasts_what_other_workers_say() {
        let (_reports, health) = plugin();
        health.set_state(PluginState::Running);
        health.set_working_state(PluginState::BackingOff);
        assert_eq!(health.state(), PluginState::BackingOff);
        health.quarantine(5, "a reason");
        health.set_working_state(PluginState::BackingOff);
        health.set_working_state(PluginState::Running);
        assert_eq!(health.state(), PluginState::Quarantined);
        health.set_state(PluginState::Running);
        assert_eq!(health.state(), PluginState::Running);
    }
}
