//! The forms of the values of channels.

use std::time::Duration;

use hearken_channel_log::Discard;

use crate::channel::{EngineKind, FieldPath, LEAST_MAX_BYTES, LONGEST_DEDUPE, Reader, discard_of};
use crate::config::form::{Form, Kind, count, duration, size};

/// Most bytes of all channels, and so of one: 1 PiB.
const MOST_BYTES: u64 = 1 << 50;

pub(super) const MAX_EVENTS: Form<u64> = Form::new(
    Kind::Integer,
    "a whole number of events from 1 to 1000000000000, e.g. 1000000",
    |text| count(text, 1, 1_000_000_000_000).map(|events| events as u64),
);

pub(super) const MAX_BYTES: Form<u64> = Form::new(
    Kind::String,
    "a size from 64KiB to 1PiB, e.g. \"1GiB\"",
    |text| size(text, LEAST_MAX_BYTES, MOST_BYTES),
);

pub(super) const MAX_AGE: Form<Duration> = Form::new(
    Kind::String,
    "a duration from 1s to 100 years, e.g. \"30d\"",
    |text| {
        duration(
            text,
            Duration::from_secs(1),
            Duration::from_secs(100 * 366 * 86_400),
        )
    },
);

pub(super) const DEDUPE: Form<Duration> = Form::new(
    Kind::String,
    "a duration from 0s to 1day, e.g. \"2m\"",
    |text| duration(text, Duration::ZERO, LONGEST_DEDUPE),
);

pub(super) const DISCARD: Form<Discard> =
    Form::new(Kind::String, "\"oldest\" or \"refuse\"", |text| {
        discard_of(text).ok_or_else(|| "there is no such rule".to_owned())
    });

pub(super) const ENGINE: Form<EngineKind> =
    Form::new(Kind::String, "\"disk\" or \"memory\"", |text| {
        EngineKind::of(text).ok_or_else(|| "there is no such engine".to_owned())
    });

pub(super) const READER: Form<Reader> = Form::new(
    Kind::String,
    "`plugin:` or `client:` and a name, e.g. \"client:billing\"",
    |text| Reader::parse(text).map_err(|error| error.to_string()),
);

pub(super) const FIELD: Form<FieldPath> = Form::new(
    Kind::String,
    "a field of the data, e.g. \"user.id\"",
    |text| FieldPath::new(text).map_err(|error| error.to_string()),
);

pub(super) const MAX_CHANNELS: Form<usize> = Form::new(
    Kind::Integer,
    "a whole number of channels from 1 to 1000000, e.g. 10000",
    |text| count(text, 1, 1_000_000),
);
