//! The tables `[consume.NAME]` of a manifest: how the plugin's listeners on the channel NAME
//! consume it.

use std::collections::BTreeMap;
use std::time::Duration;

use hearken_channel_log::ChannelName;

use super::document::{NamedSection, Section};
use super::error::{ConfigError, WrongValue};
use super::form::{Form, Kind, SWITCH, count, duration};
use crate::consumer::{ConsumeSettings, From as StartAt, MAX_WINDOW};

/// Most channels that a plugin consumes: each has a window of events in memory.
pub const MAX_CONSUMED: usize = 64;

/// What a manifest says of how a channel is consumed; `None` where a key is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManifestConsume {
    /// Where a plugin begins that has handled nothing yet.
    pub from: Option<StartAt>,
    /// How often an event is tried.
    pub attempts: Option<u32>,
    /// Time from the first attempt to the second; it doubles from then on.
    pub backoff: Option<Duration>,
    /// Longest time between two attempts.
    pub max_backoff: Option<Duration>,
    /// Events at once between the first that is not done and the last that was begun.
    pub window: Option<usize>,
    /// Whether an event is kept as a dead letter after its last attempt, instead of being
    /// tried for ever.
    pub dead_letters: Option<bool>,
}

impl ManifestConsume {
    /// These settings where they are set. Where it begins the listeners may say too, and
    /// count less.
    #[must_use]
    pub fn settings(&self, from: Option<StartAt>) -> ConsumeSettings {
        let default = ConsumeSettings::default();
        ConsumeSettings {
            from: self.from.or(from).unwrap_or(default.from),
            attempts: self.attempts.unwrap_or(default.attempts),
            backoff: self.backoff.unwrap_or(default.backoff),
            // A longer pause that stands alone is not cut to the default.
            max_backoff: (self.max_backoff).unwrap_or(default.max_backoff.max(self.backoff())),
            window: self.window.unwrap_or(default.window),
            dead_letters: self.dead_letters.unwrap_or(default.dead_letters),
        }
    }

    fn backoff(&self) -> Duration {
        self.backoff.unwrap_or(ConsumeSettings::default().backoff)
    }
}

/// Takes all tables, by the names of their channels.
pub(super) fn read(
    tables: Vec<NamedSection<'_>>,
) -> Result<BTreeMap<ChannelName, ManifestConsume>, ConfigError> {
    let mut consume = BTreeMap::new();
    for NamedSection {
        name,
        place,
        section,
    } in tables
    {
        let wrong = |problem, expected| {
            ConfigError::from(Box::new(WrongValue {
                place: place.clone(),
                key: format!("consume.{name}"),
                found: "a table".to_owned(),
                problem,
                expected,
            }))
        };
        let channel =
            ChannelName::new(&name).map_err(|error| wrong(error.to_string(), NAME_EXPECTED))?;
        if consume.len() == MAX_CONSUMED {
            let problem = format!("there are more than {MAX_CONSUMED} channels");
            return Err(wrong(problem, NAME_EXPECTED));
        }
        let table = of_channel(section)?;
        if table.max_backoff.is_some_and(|most| most < table.backoff()) {
            let problem = "its `max_backoff` is shorter than its `backoff`".to_owned();
            return Err(wrong(
                problem,
                "`max_backoff = \"5m\"`, or a shorter `backoff`",
            ));
        }
        consume.insert(channel, table);
    }
    Ok(consume)
}

fn of_channel(mut section: Section<'_>) -> Result<ManifestConsume, ConfigError> {
    let consume = ManifestConsume {
        from: section.value("from", &FROM)?,
        attempts: section.value("attempts", &ATTEMPTS)?,
        backoff: section.value("backoff", &BACKOFF)?,
        max_backoff: section.value("max_backoff", &BACKOFF)?,
        window: section.value("window", &WINDOW)?,
        dead_letters: section.value("dead_letters", &SWITCH)?,
    };
    section.finish()?;
    Ok(consume)
}

const NAME_EXPECTED: &str = "the names of at most 64 channels, of 1 to 255 characters of A-Z a-z 0-9 . _ - / :, in quotes unless they have only A-Z a-z 0-9 _ -";

const FROM: Form<StartAt> = Form::new(
    Kind::StringOrInteger,
    "\"first\", \"new\" or the number of the event to begin after, e.g. 1200",
    |text| match text {
        "first" => Ok(StartAt::First),
        "new" => Ok(StartAt::New),
        number => match number.parse() {
            Ok(number) => Ok(StartAt::After(number)),
            Err(_) => Err("it is neither of the words nor a number of an event".to_owned()),
        },
    },
);

const ATTEMPTS: Form<u32> = Form::new(
    Kind::Integer,
    "a whole number of attempts from 1 to 1000, e.g. 8",
    |text| {
        let attempts = count(text, 1, 1000)?;
        Ok(u32::try_from(attempts).expect("at most 1000"))
    },
);

const BACKOFF: Form<Duration> = Form::new(
    Kind::String,
    "a duration from 1ms to 1day, e.g. \"1s\"",
    |text| duration(text, Duration::from_millis(1), Duration::from_secs(86_400)),
);

const WINDOW: Form<usize> = Form::new(
    Kind::Integer,
    "a whole number of events from 1 to 1024, e.g. 64",
    |text| count(text, 1, MAX_WINDOW),
);

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Manifest;

    fn parse(text: &str) -> Result<BTreeMap<ChannelName, ManifestConsume>, ConfigError> {
        Ok(Manifest::parse(Path::new("a.toml"), text)?.consume)
    }

    #[test]
    fn every_key_is_read() {
        let consume = parse(
            r#"
            [consume.orders]
            from = "new"
            attempts = 3
            backoff = "10ms"
            max_backoff = "1m"
            window = 16
            dead_letters = false
            [consume."chat/a:b"]
            from = 1_200
            [consume.plain]
            "#,
        )
        .unwrap();
        let settings = |name: &str, from| {
            let name = ChannelName::new(name).unwrap();
            consume[&name].settings(from)
        };
        assert_eq!(
            settings("orders", Some(StartAt::After(7))),
            ConsumeSettings {
                from: StartAt::New,
                attempts: 3,
                backoff: Duration::from_millis(10),
                max_backoff: Duration::from_secs(60),
                window: 16,
                dead_letters: false,
            }
        );
        assert_eq!(settings("chat/a:b", None).from, StartAt::After(1200));
        assert_eq!(settings("plain", None), ConsumeSettings::default());
        let from = settings("plain", Some(StartAt::New)).from;
        assert_eq!(from, StartAt::New, "the listener says so");
    }

    #[test]
    fn a_long_backoff_alone_is_not_cut_to_the_usual_bound() {
        let consume = parse("[consume.a]\nbackoff = \"1h\"").unwrap();
        let settings = consume[&ChannelName::new("a").unwrap()].settings(None);
        assert_eq!(settings.max_backoff, settings.backoff);
    }

    #[test]
    fn wrong_values_are_placed_and_the_right_form_is_shown() {
        for (text, parts) in [
            ("[consume.a]\nfrom = \"last\"", ["a.toml:2:8", "\"first\""]),
            ("[consume.a]\nfrom = -1", ["a.toml:2:8", "neither"]),
            ("[consume.a]\nfrom = true", ["type boolean", "\"new\""]),
            ("[consume.a]\nattempts = 0", ["less than 1", "e.g. 8"]),
            ("[consume.a]\nwindow = 0", ["a.toml:2:10", "e.g. 64"]),
            ("[consume.a]\nbackoff = 1", ["type integer", "\"1s\""]),
            (
                "[consume.a]\nbackof = \"1s\"",
                ["unknown key", "`consume.a.backoff`"],
            ),
            (
                "[consume.a]\nmax_backoff = \"500ms\"",
                ["a.toml:1:", "shorter than its `backoff`"],
            ),
            ("[consume.\"a b\"]\n", ["a.toml:1:", "`consume.a b`"]),
            (
                "[consume]\nfrom = \"new\"",
                ["`consume.from`", "type string"],
            ),
        ] {
            let message = parse(text).expect_err(text).to_string();
            for part in parts {
                assert!(message.contains(part), "{part:?} is not in: {message}");
            }
        }
    }
}
