//! The forms that values have: what they are called in an error, how they are
//! written and within which range. Files, variables and flags share them.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;

/// How one kind of value is written and read.
pub(super) struct Form<T> {
    /// The TOML type that carries it.
    pub(super) kind: Kind,
    /// What is right, with an example, as it stands in an error after "expected".
    pub(super) expected: &'static str,
    /// Reads the text; the error says what is wrong with it.
    pub(super) parse: fn(&str) -> Result<T, String>,
    /// Reads what is not UTF-8, if that is right too.
    not_utf8: Option<fn(&OsStr) -> T>,
    /// Whether no error may repeat the value, which somebody may take for the place of a
    /// secret.
    pub(super) hidden: bool,
}

/// A TOML type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    String,
    Integer,
    /// Either of both.
    StringOrInteger,
    Boolean,
}

impl<T> Form<T> {
    pub(super) const fn new(
        kind: Kind,
        expected: &'static str,
        parse: fn(&str) -> Result<T, String>,
    ) -> Self {
        Self {
            kind,
            expected,
            parse,
            not_utf8: None,
            hidden: false,
        }
    }

    /// The same, for a value that no error repeats.
    pub(super) const fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }

    /// Reads a value from outside of TOML.
    pub(super) fn read(&self, value: &OsStr) -> Result<T, String> {
        match (value.to_str(), self.not_utf8) {
            (Some(text), _) => (self.parse)(text),
            (None, Some(read)) => Ok(read(value)),
            (None, None) => Err("it is not UTF-8".to_owned()),
        }
    }

    /// Checks a flag's value; clap puts the flag and the value before the error.
    pub(super) fn check(&self, value: &OsStr) -> Result<(), String> {
        match self.read(value) {
            Ok(_) => Ok(()),
            Err(problem) => Err(format!("{problem}; expected {}", self.expected)),
        }
    }
}

/// A file or a folder; the empty text is none.
pub(super) const PATH: Form<PathBuf> = Form {
    not_utf8: Some(|path| path.into()),
    ..Form::new(Kind::String, "a path", |text| match text {
        "" => Err("it is empty".to_owned()),
        _ => Ok(text.into()),
    })
};

/// `true` or `false`.
pub(super) const SWITCH: Form<bool> = Form::new(Kind::Boolean, "`true` or `false`", |text| {
    text.parse().map_err(|_| "it is neither".to_owned())
});

/// Reads a size with its unit, from `least` to `most` bytes.
pub(super) fn size(text: &str, least: u64, most: u64) -> Result<u64, String> {
    if !text.ends_with(|c: char| c.is_ascii_alphabetic()) {
        return Err("it has no unit".to_owned());
    }
    let ByteSize(bytes) = text
        .parse()
        .map_err(|_| "it is not a number with a unit of B, KiB, MiB, GiB, kB, MB or GB")?;
    within(bytes, least, most, |bytes| ByteSize(bytes).to_string())
}

/// The same of what is held in memory.
pub(super) fn bytes(text: &str, least: u64, most: u64) -> Result<usize, String> {
    let bytes = size(text, least, most)?;
    usize::try_from(bytes).map_err(|_| "this machine cannot address it".to_owned())
}

/// Reads a duration with its unit, from `least` to `most`.
pub(super) fn duration(text: &str, least: Duration, most: Duration) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| match error {
        humantime::DurationError::UnknownUnit { unit, .. } if unit.is_empty() => {
            "it has no unit".to_owned()
        }
        error => error.to_string(),
    })?;
    within(duration, least, most, |duration| {
        humantime::format_duration(duration).to_string()
    })
}

/// Reads a whole number from `least` to `most`.
pub(super) fn count(text: &str, least: usize, most: usize) -> Result<usize, String> {
    let count = text
        .parse()
        .map_err(|_| "it is not a whole number in that range")?;
    within(count, least, most, |count| count.to_string())
}

fn within<T: PartialOrd + Copy>(
    value: T,
    least: T,
    most: T,
    show: impl Fn(T) -> String,
) -> Result<T, String> {
    if value < least {
        Err(format!("it is less than {}", show(least)))
    } else if value > most {
        Err(format!("it is more than {}", show(most)))
    } else {
        Ok(value)
    }
}
