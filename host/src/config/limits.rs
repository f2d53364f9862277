//! The limits of plugins: the node's defaults and what a manifest changes.

use std::time::Duration;

use super::form::{Form, Kind, count, duration, size};
use crate::bus::Overflow;

/// The limits that hold for a plugin, all decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginLimits {
    /// Bytes that an instance holds: linear memory, tables, and what the host keeps for it; 64 KiB (one wasm page) to 4 GiB.
    pub memory: u64,
    /// Time an event: CPU that it used and host waits; 1 ms to 1 h.
    pub deadline: Duration,
    /// CPU before the plugin yields to others; 100 µs to 1 s.
    pub time_slice: Duration,
    /// Events that the mailbox holds; 1 to 1,000,000.
    pub mailbox: usize,
    /// Bytes of events that the mailbox holds; 64 KiB to 4 GiB.
    pub mailbox_bytes: usize,
    /// What happens when the mailbox is full; never [`Overflow::Disconnect`].
    pub overflow: Overflow,
}

/// The limits that a manifest sets; `None` leaves the node's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManifestLimits {
    /// See [`PluginLimits::memory`].
    pub memory: Option<u64>,
    /// See [`PluginLimits::deadline`].
    pub deadline: Option<Duration>,
    /// See [`PluginLimits::time_slice`].
    pub time_slice: Option<Duration>,
    /// See [`PluginLimits::mailbox`].
    pub mailbox: Option<usize>,
    /// See [`PluginLimits::overflow`].
    pub overflow: Option<Overflow>,
}

impl Default for PluginLimits {
    /// 64 MiB, 5 s, 1 ms, 1,024 events in 8 MiB, the oldest dropped.
    fn default() -> Self {
        Self {
            memory: 64 << 20,
            deadline: Duration::from_secs(5),
            time_slice: Duration::from_millis(1),
            mailbox: 1024,
            mailbox_bytes: 8 << 20,
            overflow: Overflow::DropOldest,
        }
    }
}

impl ManifestLimits {
    /// These limits where they are set, `defaults` elsewhere.
    #[must_use]
    pub fn over(&self, defaults: &PluginLimits) -> PluginLimits {
        PluginLimits {
            memory: self.memory.unwrap_or(defaults.memory),
            deadline: self.deadline.unwrap_or(defaults.deadline),
            time_slice: self.time_slice.unwrap_or(defaults.time_slice),
            mailbox: self.mailbox.unwrap_or(defaults.mailbox),
            mailbox_bytes: defaults.mailbox_bytes,
            overflow: self.overflow.unwrap_or(defaults.overflow),
        }
    }
}

pub(super) const MEMORY: Form<u64> = Form {
    kind: Kind::String,
    expected: "a size from 64KiB (one wasm page) to 4GiB, e.g. \"64MiB\"",
    parse: |text| size(text, 64 << 10, 4 << 30),
};

pub(super) const DEADLINE: Form<Duration> = Form {
    kind: Kind::String,
    expected: "a duration from 1ms to 1h, e.g. \"5s\"",
    parse: |text| duration(text, Duration::from_millis(1), Duration::from_secs(3600)),
};

pub(super) const TIME_SLICE: Form<Duration> = Form {
    kind: Kind::String,
    expected: "a duration from 100us to 1s, e.g. \"1ms\"",
    parse: |text| duration(text, Duration::from_micros(100), Duration::from_secs(1)),
};

pub(super) const MAILBOX: Form<usize> = Form {
    kind: Kind::Integer,
    expected: "a whole number of events from 1 to 1000000, e.g. 1024",
    parse: |text| count(text, 1, 1_000_000),
};

pub(super) const MAILBOX_BYTES: Form<usize> = Form {
    kind: Kind::String,
    expected: "a size from 64KiB to 4GiB, e.g. \"8MiB\"",
    parse: |text| {
        let bytes = size(text, 64 << 10, 4 << 30)?;
        usize::try_from(bytes).map_err(|_| "this machine cannot address it".to_owned())
    },
};

pub(super) const OVERFLOW: Form<Overflow> = Form {
    kind: Kind::String,
    expected: "\"drop-oldest\" or \"drop-newest\"",
    parse: |text| match text {
        "drop-oldest" => Ok(Overflow::DropOldest),
        "drop-newest" => Ok(Overflow::DropNewest),
        "disconnect" => Err("a plugin cannot be disconnected".to_owned()),
        _ => Err("there is no such rule".to_owned()),
    },
};
