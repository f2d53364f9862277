//! The limits of plugins: the node's defaults and what a manifest changes.

use std::time::Duration;

use super::document::Section;
use super::error::ConfigError;
use super::form::{Form, Kind, bytes, count, duration, size};
use super::table::settings;
use crate::bus::Overflow;

settings! {
    /// The limits that hold for a plugin, all decided.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct PluginLimits in "limits." {
        /// What an instance holds: linear memory, tables, and what the host keeps for it
        ///
        /// In bytes; 64 KiB (one wasm page) to 4 GiB.
        memory: u64 = value(MEMORY, "64MiB");

        /// Time per event: CPU used and host waits
        ///
        /// 1 ms to 1 h.
        deadline: Duration = value(DEADLINE, "5s");

        /// CPU before a plugin yields to others
        ///
        /// 100 µs to 1 s.
        time_slice: Duration = value(TIME_SLICE, "1ms");

        /// Events that a plugin's mailbox holds
        ///
        /// 1 to 1,000,000.
        mailbox: usize = value(MAILBOX, "1024");

        /// Bytes of events that a plugin's mailbox holds; not in manifests
        ///
        /// 64 KiB to 4 GiB.
        mailbox_bytes: usize = value(MAILBOX_BYTES, "8MiB");

        /// HTTP requests of a plugin under way at a time; not in manifests
        ///
        /// 1 to 10,000.
        http_requests: usize = value(HTTP_REQUESTS, "64");

        /// Bytes of HTTP bodies that a plugin sends and receives in a minute; not in manifests
        ///
        /// 64 KiB to 1 TiB.
        http_bytes: u64 = value(HTTP_BYTES, "256MiB");

        /// What is dropped when the mailbox is full
        ///
        /// Never [`Overflow::Disconnect`].
        overflow: Overflow = value(OVERFLOW, "drop-oldest");
    }
}

/// The limits that a manifest sets; `None` leaves the node's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManifestLimits {
    /// Bytes of memory of an instance.
    pub memory: Option<u64>,
    /// Time that one event may take.
    pub deadline: Option<Duration>,
    /// CPU time before others have their turn.
    pub time_slice: Option<Duration>,
    /// Events that may wait; at least 1.
    pub mailbox: Option<usize>,
    /// What happens when the mailbox is full.
    pub overflow: Option<Overflow>,
}

impl ManifestLimits {
    /// Takes all keys of the table, which has no others.
    pub(super) fn read(mut section: Section<'_>) -> Result<Self, ConfigError> {
        let limits = Self {
            memory: section.value("memory", &MEMORY)?,
            deadline: section.value("deadline", &DEADLINE)?,
            time_slice: section.value("time_slice", &TIME_SLICE)?,
            mailbox: section.value("mailbox", &MAILBOX)?,
            overflow: section.value("overflow", &OVERFLOW)?,
        };
        section.finish()?;
        Ok(limits)
    }

    /// These limits where they are set, `defaults` elsewhere.
    #[must_use]
    pub fn over(&self, defaults: &PluginLimits) -> PluginLimits {
        PluginLimits {
            memory: self.memory.unwrap_or(defaults.memory),
            deadline: self.deadline.unwrap_or(defaults.deadline),
            time_slice: self.time_slice.unwrap_or(defaults.time_slice),
            mailbox: self.mailbox.unwrap_or(defaults.mailbox),
            mailbox_bytes: defaults.mailbox_bytes,
            http_requests: defaults.http_requests,
            http_bytes: defaults.http_bytes,
            overflow: self.overflow.unwrap_or(defaults.overflow),
        }
    }
}

pub(super) const MEMORY: Form<u64> = Form::new(
    Kind::String,
    "a size from 64KiB (one wasm page) to 4GiB, e.g. \"64MiB\"",
    |text| size(text, 64 << 10, 4 << 30),
);

pub(super) const DEADLINE: Form<Duration> = Form::new(
    Kind::String,
    "a duration from 1ms to 1h, e.g. \"5s\"",
    |text| duration(text, Duration::from_millis(1), Duration::from_secs(3600)),
);

pub(super) const TIME_SLICE: Form<Duration> = Form::new(
    Kind::String,
    "a duration from 100us to 1s, e.g. \"1ms\"",
    |text| duration(text, Duration::from_micros(100), Duration::from_secs(1)),
);

pub(super) const MAILBOX: Form<usize> = Form::new(
    Kind::Integer,
    "a whole number of events from 1 to 1000000, e.g. 1024",
    |text| count(text, 1, 1_000_000),
);

pub(super) const MAILBOX_BYTES: Form<usize> = Form::new(
    Kind::String,
    "a size from 64KiB to 4GiB, e.g. \"8MiB\"",
    |text| bytes(text, 64 << 10, 4 << 30),
);

const HTTP_REQUESTS: Form<usize> = Form::new(
    Kind::Integer,
    "a whole number of requests from 1 to 10000, e.g. 64",
    |text| count(text, 1, 10_000),
);

const HTTP_BYTES: Form<u64> = Form::new(
    Kind::String,
    "a size from 64KiB to 1TiB, e.g. \"256MiB\"",
    |text| size(text, 64 << 10, 1 << 40),
);

pub(super) const OVERFLOW: Form<Overflow> = Form::new(
    Kind::String,
    "\"drop-oldest\" or \"drop-newest\"",
    |text| match text {
        "drop-oldest" => Ok(Overflow::DropOldest),
        "drop-newest" => Ok(Overflow::DropNewest),
        "disconnect" => Err("a plugin cannot be disconnected".to_owned()),
        _ => Err("there is no such rule".to_owned()),
    },
);
