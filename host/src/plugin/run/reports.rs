//! What the host says of a plugin: in the log, and by events on the bus.

use std::num::NonZeroU32;
use std::sync::Arc;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use hearken_wire::EventRef;

use crate::bus::Publisher;
use crate::event::host_event::{HostEventType, PluginChanged, PluginFailed, PluginQuarantined};
use crate::plugin::guest::context::PluginContext;
use crate::plugin::guest::death::Death;
use crate::plugin::guest::secrets::redaction::Redaction;

/// `plugin.failed` events at once; what a plugin fails beyond is counted only,
/// so that listeners that fail on failures cannot keep each other busy.
const FAILURE_BURST: NonZeroU32 = NonZeroU32::new(1_000).expect("not zero");

/// `plugin.failed` events a second for long.
const FAILURES_A_SECOND: NonZeroU32 = NonZeroU32::new(100).expect("not zero");

/// Reports of one plugin.
pub(crate) struct Reports {
    context: Arc<PluginContext>,
    host: Publisher,
    failure_budget: DefaultDirectRateLimiter,
}

impl Reports {
    pub(crate) fn new(context: Arc<PluginContext>) -> Self {
        let quota = Quota::per_second(FAILURES_A_SECOND).allow_burst(FAILURE_BURST);
        Self {
            host: context.bus.host_publisher(),
            context,
            failure_budget: RateLimiter::direct(quota),
        }
    }

    /// What is not to be said.
    pub(crate) fn redaction(&self) -> &Redaction {
        &self.context.log.redaction
    }

    /// The plugin was installed, started, reloaded, …; some events may be unhandled.
    pub(crate) fn changed(
        &self,
        event_type: HostEventType,
        version: Option<String>,
        unhandled: Option<u64>,
    ) {
        let name = &*self.context.name;
        tracing::info!(plugin = name, version, "{}", event_type.as_str());
        let data = PluginChanged {
            plugin: name.to_owned(),
            version,
            unhandled: unhandled.filter(|unhandled| *unhandled > 0),
        };
        self.host.publish_host(event_type, name, &data);
    }

    /// An event failed, or, without an event, the plugin could not be loaded or started.
    /// That it failed on the report of a failure is logged, but reported no further: it
    /// would fail on that again.
    pub(crate) fn failed(&self, event: Option<EventRef<'_>>, death: &Death) {
        if self.failure_budget.check().is_err() {
            return;
        }
        let name = &*self.context.name;
        let Death {
            reason,
            backtrace,
            trace,
            ..
        } = death;
        let report = HostEventType::PluginFailed;
        let of_a_report = event.is_some_and(|event| event.event_type() == report.as_str());
        let event = event.map(EventRef::id);
        // The guest may have chosen the words: none of its lines begins where a
        // line of the host would.
        let shown = death.in_full().replace('\n', "\n    ");
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
            trace: trace
                .as_ref()
                .map(|trace| self.fitting(&trace.frames).to_owned()),
        };
        self.host.publish_host(report, name, &data);
    }

    /// The plugin gets no events until `until`.
    pub(crate) fn quarantined(&self, failures: u32, reason: &str, until: String) {
        let plugin = self.context.name.as_ref().to_owned();
        let data = PluginQuarantined {
            plugin,
            failures,
            reason: self.fitting(reason).to_owned(),
            until,
        };
        let name = &self.context.name;
        self.host
            .publish_host(HostEventType::PluginQuarantined, name, &data);
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
}

/// Bytes that a character takes in a JSON string.
fn json_bytes(character: char) -> usize {
    match character {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        character => character.len_utf8(),
    }
}
