//! The settings of the API of ganomede-events.

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::error::ConfigError;
use super::form::{Form, Kind, PATH, SWITCH, duration};
use super::setting::Setting;
use super::sources::Sources;
use super::table::{Settings, settings};

/// Longest secret in bytes.
pub const MAX_GANOMEDE_SECRET: usize = 4096;

/// A text that nothing shows.
#[derive(Clone, PartialEq, Eq)]
pub struct HiddenText(String);

/// Where the secret of the API stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GanomedeSecret {
    /// In the configuration itself.
    Text(HiddenText),
    /// In a file.
    File(PathBuf),
}

/// What the API of ganomede-events does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GanomedeSettings {
    /// What its clients show; without it there is no such API.
    pub secret: Option<GanomedeSecret>,
    /// Whether what is sent to a channel that is not there makes it.
    pub create: bool,
    /// How long a poll waits for an event.
    pub poll_timeout: Duration,
}

settings! {
    /// The settings as they stand.
    #[derive(Debug, PartialEq, Eq)]
    struct Plain in "ganomede." {
        /// Secret of clients of ganomede-events; with it the node has their API
        secret: Option<HiddenText> = optional(SECRET, "none");

        /// File of that secret, instead of it
        secret_file: Option<PathBuf> = optional(PATH, "none");

        /// Whether an event or an index for a missing channel makes the channel
        create: bool = value(SWITCH, "true");

        /// How long a poll of that API waits for an event
        poll_timeout: Duration = value(POLL_TIMEOUT, "5s");
    }
}

impl HiddenText {
    /// The text.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for HiddenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl Default for GanomedeSettings {
    /// What holds where nothing is set.
    fn default() -> Self {
        let Plain {
            create,
            poll_timeout,
            ..
        } = Plain::default();
        Self {
            secret: None,
            create,
            poll_timeout,
        }
    }
}

impl Settings for GanomedeSettings {
    fn settings() -> Vec<&'static Setting> {
        Plain::settings()
    }

    fn read(sources: &mut Sources<'_>) -> Result<Self, ConfigError> {
        let Plain {
            secret,
            secret_file,
            create,
            poll_timeout,
        } = Plain::read(sources)?;
        let secret = match (secret, secret_file) {
            (Some(_), Some(_)) => {
                if let Some(place) = sources.places().of(&Plain::secret_file) {
                    let place = place.clone();
                    sources.wrong_between_values(ConfigError::GanomedeSecrets { place });
                }
                None
            }
            (Some(text), None) => Some(GanomedeSecret::Text(text)),
            (None, Some(file)) => Some(GanomedeSecret::File(file)),
            (None, None) => None,
        };
        Ok(Self {
            secret,
            create,
            poll_timeout,
        })
    }

    fn changed(&self, other: &Self) -> Vec<&'static Setting> {
        let differ = [
            (self.secret != other.secret, &Plain::secret),
            (self.create != other.create, &Plain::create),
            (
                self.poll_timeout != other.poll_timeout,
                &Plain::poll_timeout,
            ),
        ];
        let changed = differ.into_iter().filter(|(differs, _)| *differs);
        changed.map(|(_, setting)| setting).collect()
    }
}

const SECRET: Form<HiddenText> = Form::new(
    Kind::String,
    "a text of 1 to 4096 bytes, as clients send it",
    |text| match text.len() {
        0 => Err("it is empty".to_owned()),
        1..=MAX_GANOMEDE_SECRET => Ok(HiddenText(text.to_owned())),
        bytes => Err(format!("it has {bytes} bytes")),
    },
)
.hidden();

const POLL_TIMEOUT: Form<Duration> = Form::new(
    Kind::String,
    "a duration from 0s to 1m, e.g. \"5s\"",
    |text| duration(text, Duration::ZERO, Duration::from_secs(60)),
);
