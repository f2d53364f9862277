//! A plugin as operators see it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::listener::{Listener, withheld_status};
use crate::admin::{
    AnswersStatus, ConsumedStatus, Counters, LimitsStatus, ListenerStatus, PluginState,
    PluginStatus, RightsStatus, StalledStatus, WithheldStatus,
};
use crate::bus::{Bus, Filter, MailboxLimits, Overflow, ReceiverKind, Subscription};
use crate::clock::Clock;
use crate::config::{PluginLimits, PluginNamespaces, QuarantinePauses, Rights};
use crate::consumer::{ConsumerStatus, Consumers};
use crate::event::cloudevent::rfc3339;
use crate::event::host_event::HostEventType;
use crate::plugin::guest::context::PluginContext;
use crate::plugin::hooks::exported::Answering;
use crate::plugin::run::health::Health;
use crate::plugin::run::instance::Version;
use crate::plugin::run::mailbox::PluginMailbox;
use crate::plugin::run::replay::Replay;
use crate::script::Language;

/// All that is known of one plugin, from its installation to its removal.
pub(crate) struct Status {
    pub(crate) context: Arc<PluginContext>,
    pub(crate) health: Arc<Health>,
    /// From the first successful start on.
    pub(crate) mailbox: OnceLock<Arc<PluginMailbox>>,
    consumers: Consumers,
    /// The last one that was asked for.
    replay: Mutex<Option<Arc<Replay>>>,
    is_stopped: AtomicBool,
    shown: Mutex<Shown>,
}

/// The version in force.
struct Shown {
    version: Option<String>,
    language: Option<Language>,
    interface: Option<&'static str>,
    listeners: Vec<ListenerStatus>,
    answers: Option<AnswersStatus>,
    rights: RightsStatus,
    namespaces: PluginNamespaces,
    limits: PluginLimits,
    concurrency: usize,
    content_hash: Option<blake3::Hash>,
}

impl Status {
    /// Of a plugin that is being loaded.
    pub(crate) fn new(
        context: Arc<PluginContext>,
        consumers: Consumers,
        clock: Arc<dyn Clock>,
        limits: PluginLimits,
        pauses: QuarantinePauses,
    ) -> Self {
        Self {
            health: Arc::new(Health::new(Arc::clone(&context), clock, pauses)),
            context,
            mailbox: OnceLock::new(),
            consumers,
            replay: Mutex::default(),
            is_stopped: AtomicBool::new(false),
            shown: Mutex::new(Shown {
                version: None,
                language: None,
                interface: None,
                listeners: Vec::new(),
                answers: None,
                rights: RightsStatus::default(),
                namespaces: PluginNamespaces::default(),
                limits,
                concurrency: 1,
                content_hash: None,
            }),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.context.name
    }

    pub(crate) fn state(&self) -> PluginState {
        self.health.state()
    }

    pub(crate) fn set_state(&self, state: PluginState) {
        self.health.set_state(state);
    }

    /// The mailbox, which outlives all versions, as the next one has it.
    pub(crate) fn mailbox_for(
        &self,
        bus: &Bus,
        filters: Vec<Filter>,
        limits: MailboxLimits,
        overflow: Overflow,
        partitions: usize,
    ) -> Arc<PluginMailbox> {
        let Some(mailbox) = self.mailbox.get() else {
            let mailbox = self.mailbox.get_or_init(|| {
                Arc::new(PluginMailbox::new(bus.subscribe(Subscription {
                    name: Arc::clone(&self.context.name),
                    kind: ReceiverKind::Plugin,
                    filters,
                    limits,
                    overflow,
                    partitions,
                })))
            });
            return Arc::clone(mailbox);
        };
        // First, so that unwanted events leave their room to wanted ones.
        let discarded = mailbox.set_filters(filters);
        if discarded > 0 {
            let plugin = self.name();
            tracing::info!(
                plugin,
                discarded,
                "waiting events were discarded: the new version does not listen to them"
            );
        }
        mailbox.reconfigure(limits, overflow, partitions);
        Arc::clone(mailbox)
    }

    /// Shows a version that starts to run.
    pub(crate) fn show_version(
        &self,
        version: &Version,
        language: Language,
        label: Option<String>,
        listeners: &[Listener],
        answering: Option<&Answering>,
        unheard: Vec<WithheldStatus>,
    ) {
        let mut shown = self.shown();
        shown.version = label;
        shown.language = Some(language);
        shown.interface = Some(version.called().interface());
        shown.listeners = listeners.iter().map(Listener::status).collect();
        shown.answers = answering.map(Answering::status);
        shown.rights = rights_status(&version.rights, unheard);
        shown.namespaces = version.rights.namespaces.clone();
        shown.limits = version.limits.clone();
        shown.concurrency = version.concurrency();
        shown.content_hash = Some(version.content_hash);
        drop(shown);
        self.health.begin_anew();
    }

    /// Publishes that the plugin was installed, started, reloaded, …
    pub(crate) fn announce(&self, event_type: HostEventType) {
        self.announce_with(event_type, None);
    }

    /// Gives up whatever events have not been handled, those in hand too, and publishes
    /// that the plugin was stopped and how many they were. Does nothing for a plugin
    /// that never ran, nor a second time.
    pub(crate) fn stopped(&self) {
        let Some(mailbox) = self.mailbox.get() else {
            return;
        };
        if self.is_stopped.swap(true, Ordering::Relaxed) {
            return;
        }
        let unhandled = mailbox.give_up();
        if unhandled > 0 {
            let plugin = self.name();
            tracing::warn!(plugin, unhandled, "stopped before its events were handled");
        }
        self.announce_with(HostEventType::PluginStopped, Some(unhandled));
    }

    fn announce_with(&self, event_type: HostEventType, unhandled: Option<u64>) {
        let version = self.shown().version.clone();
        self.health.reports.changed(event_type, version, unhandled);
    }

    /// As it is now.
    pub(crate) fn view(&self) -> PluginStatus {
        let events = self.mailbox.get().map(|mailbox| mailbox.counts());
        let events = events.unwrap_or_default();
        let health = self.health.diagnosis();
        let counters = Counters {
            delivered: events.delivered,
            failed: events.failed,
            dropped: events.dropped,
            queued: events.queued,
            sent: self.context.sent.load(Ordering::Relaxed),
            refused: self.context.refused.load(Ordering::Relaxed),
            restarts: health.restarts,
        };
        let mut consumers = self.consumers.of_plugin(self.name());
        let replay = self.replay().as_ref().map(|replay| replay.status());
        let shown = self.shown();
        // Not those of versions of before.
        consumers.retain(|consumer| {
            let mut consumed = shown.listeners.iter().filter(|it| !it.delivery.is_live());
            consumed.any(|it| it.channel.as_deref() == Some(consumer.channel.as_str()))
        });
        PluginStatus {
            name: self.name().to_owned(),
            version: shown.version.clone(),
            language: shown.language,
            state: health.state,
            interface: shown.interface.map(str::to_owned),
            listeners: shown.listeners.clone(),
            answers: shown.answers.clone(),
            consumers: consumers.into_iter().map(consumed_status).collect(),
            replay,
            rights: shown.rights.clone(),
            limits: limits_status(&shown.limits, shown.concurrency),
            counters,
            http: self.context.traffic.requests.view(),
            content_hash: shown.content_hash.map(|hash| hash.to_hex().to_string()),
            memory_bytes: self.context.memory.load(Ordering::Relaxed),
            last_error: health.last_error.as_ref().map(|(text, _)| text.clone()),
            last_error_time: health.last_error.as_ref().map(|(_, time)| rfc3339(*time)),
            quarantined_until: health.quarantined_until.map(rfc3339),
        }
    }

    /// The namespaces that the version in force brings; none of a plugin that cannot run.
    pub(crate) fn namespaces(&self) -> PluginNamespaces {
        match self.state() {
            PluginState::Failed => PluginNamespaces::default(),
            _ => self.shown().namespaces.clone(),
        }
    }

    /// From now on this is the replay that is shown.
    pub(crate) fn show_replay(&self, replay: Arc<Replay>) {
        *self.replay() = Some(replay);
    }

    fn replay(&self) -> MutexGuard<'_, Option<Arc<Replay>>> {
        // Only replaced as a whole.
        self.replay.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        // Plain assignments in here; nothing panics half-way.
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As operators see rights, with what of the listeners may not be heard.
pub(crate) fn rights_status(rights: &Rights, unheard: Vec<WithheldStatus>) -> RightsStatus {
    fn texts<T: ToString>(list: &[T]) -> Vec<String> {
        list.iter().map(T::to_string).collect()
    }
    let of_manifest = rights.withheld.iter();
    let mut withheld: Vec<_> = of_manifest
        .map(|missing| withheld_status(missing, None))
        .collect();
    withheld.extend(unheard);
    RightsStatus {
        publish: rights.publish.as_deref().map(texts),
        listen: rights.listen.as_deref().map(texts),
        http: texts(&rights.http),
        keyvalue: rights.keyvalue.clone(),
        append: texts(&rights.append),
        read: texts(&rights.read),
        sessions: texts(&rights.sessions),
        namespaces: rights.namespaces.names().map(str::to_owned).collect(),
        secrets: (rights.secrets.iter())
            .map(|(key, granted)| format!("{key} ({})", granted.source))
            .collect(),
        withheld,
    }
}

/// As operators see a plugin's place in a channel.
fn consumed_status(status: ConsumerStatus) -> ConsumedStatus {
    ConsumedStatus {
        channel: status.channel.as_str().to_owned(),
        epoch: status.epoch.map(|epoch| epoch.to_string()),
        after: status.after,
        lag: status.lag,
        in_flight: status.in_flight,
        waiting: status.waiting,
        stalled: status.stalled.map(|stalled| StalledStatus {
            sequence: stalled.sequence,
            attempts: stalled.attempt,
            reason: stalled.reason,
            next_attempt: stalled.next_attempt.map(rfc3339),
        }),
        dead: status.dead,
        retried: status.retried,
        missed: status.missed,
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
