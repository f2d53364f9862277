//! The forms of the values of sessions.

use std::time::Duration;

use hearken_pattern::Glob;
use http::HeaderName;

use crate::access::{Rate, check_name};
use crate::config::form::{Form, Kind, bytes, count, duration};
use crate::config::name::is_plugin_name;
use crate::event::EventType;
use crate::session::{ChannelRegex, DataFormat, DeltaType, RecoveryMode};

/// A year, as far as it matters here.
const YEAR: Duration = Duration::from_secs(366 * 86_400);

/// Longest pattern on names of methods, in bytes.
const LONGEST_METHODS: usize = 255;

/// Longest name of an attribute that becomes a tag, in bytes.
const MAX_TAG_BYTES: usize = 64;

pub(super) const NAMESPACE: Form<String> = Form::new(
    Kind::String,
    "the name of a namespace, of 1 to 63 characters of A-Z a-z 0-9 . _ -, e.g. \"chat\"",
    |text| check_name(text).map(|()| text.to_owned()),
);

pub(super) const TOKENS: Form<String> = Form::new(
    Kind::String,
    "the NAME of an `[access.tokens.NAME]`, e.g. \"main\"",
    |text| check_name(text).map(|()| text.to_owned()),
);

pub(super) const PING_INTERVAL: Form<Duration> = Form::new(
    Kind::String,
    "a duration from 1s to 1h, e.g. \"25s\"",
    |text| duration(text, Duration::from_secs(1), Duration::from_secs(3600)),
);

pub(super) const PONG_TIMEOUT: Form<Duration> = Form::new(
    Kind::String,
    "a duration from 100ms to 1h, e.g. \"8s\"",
    |text| duration(text, Duration::from_millis(100), Duration::from_secs(3600)),
);

pub(super) const QUEUE: Form<usize> = Form::new(
    Kind::String,
    "a size from 4KiB to 1GiB, e.g. \"1MiB\"",
    |text| bytes(text, 4 << 10, 1 << 30),
);

pub(super) const MESSAGE: Form<usize> = Form::new(
    Kind::String,
    "a size from 1KiB to 64MiB, e.g. \"64KiB\"",
    |text| bytes(text, 1 << 10, 64 << 20),
);

pub(super) const CHANNELS: Form<usize> = Form::new(
    Kind::Integer,
    "a whole number of channels from 1 to 1000000, e.g. 128",
    |text| count(text, 1, 1_000_000),
);

pub(super) const SESSIONS: Form<usize> = Form::new(
    Kind::Integer,
    "a whole number of sessions from 1 to 10000000, e.g. 1000",
    |text| count(text, 1, 10_000_000),
);

pub(super) const RATE: Form<Rate> = Form::new(
    Kind::String,
    "a number and `/s`, `/m` or `/h`, e.g. \"100/s\"",
    str::parse,
);

pub(super) const PLUGIN: Form<String> = Form::new(
    Kind::String,
    "the name of a plugin's file without `.wasm`, e.g. \"chat\"",
    |text| {
        if is_plugin_name(text) && !text.ends_with(".wasm") {
            Ok(text.to_owned())
        } else {
            Err("that is no plugin's name".to_owned())
        }
    },
);

pub(super) const METHODS: Form<Glob> = Form::new(
    Kind::String,
    "the name of a method, or with `*` the names of several, e.g. \"shop.*\"",
    |text| match text.len() {
        0 => Err("it is empty".to_owned()),
        length if length > LONGEST_METHODS => Err(format!("it has {length} bytes")),
        _ => Ok(Glob::new(text.to_owned())),
    },
);

pub(super) const HEADER: Form<String> = Form::new(
    Kind::String,
    "the name of a header, e.g. \"cookie\"",
    |text| match HeaderName::try_from(text) {
        Ok(name) => Ok(name.as_str().to_owned()),
        Err(error) => Err(error.to_string()),
    },
);

pub(super) const HISTORY_SIZE: Form<usize> = Form::new(
    Kind::Integer,
    "a whole number of publications from 0 to 1000000, e.g. 100",
    |text| count(text, 0, 1_000_000),
);

pub(super) const HISTORY_TTL: Form<Duration> = Form::new(
    Kind::String,
    "a duration from 0s to 10 years, e.g. \"300s\"",
    |text| duration(text, Duration::ZERO, 10 * YEAR),
);

pub(super) const META_TTL: Form<Duration> = Form::new(
    Kind::String,
    "a duration from 1s to 10 years, e.g. \"30d\"",
    |text| duration(text, Duration::from_secs(1), 10 * YEAR),
);

pub(super) const RECOVERY_MODE: Form<RecoveryMode> =
    Form::new(Kind::String, "\"stream\" or \"cache\"", |text| {
        RecoveryMode::of(text).ok_or_else(|| "there is no such mode".to_owned())
    });

pub(super) const DELTA: Form<DeltaType> = Form::new(Kind::String, "\"fossil\"", |text| {
    DeltaType::of(text).ok_or_else(|| "there are no such deltas".to_owned())
});

pub(super) const DATA_FORMAT: Form<DataFormat> = Form::new(
    Kind::String,
    "\"json\", \"json_object\" or \"binary\"",
    |text| DataFormat::of(text).ok_or_else(|| "there is no such format".to_owned()),
);

pub(super) const REGEX: Form<ChannelRegex> = Form::new(
    Kind::String,
    "a regular expression for what follows the namespace, e.g. \"^[0-9]+$\"",
    |text| ChannelRegex::new(text).map_err(|error| error.to_string()),
);

pub(super) const EVENT_TYPE: Form<String> = Form::new(
    Kind::String,
    "an event type; `custom.` is put before it unless it is there, e.g. \"chat.message\"",
    |text| match EventType::custom(text) {
        Ok(event_type) => Ok(event_type.as_str().to_owned()),
        Err(error) => Err(error.to_string()),
    },
);

pub(super) const TAG: Form<String> = Form::new(
    Kind::String,
    "the name of an attribute of events, e.g. \"subject\"",
    |text| {
        let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        match text.chars().find(|c| !is_allowed(*c)) {
            _ if text.is_empty() => Err("it is empty".to_owned()),
            Some(character) => Err(format!("it has {character:?}")),
            None if text.len() > MAX_TAG_BYTES => Err(format!("it has {} bytes", text.len())),
            None => Ok(text.to_owned()),
        }
    },
);
