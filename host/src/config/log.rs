//! What is logged, and how.

use tracing_subscriber::filter::Targets;

use super::form::{Form, Kind};
use super::table::settings;

settings! {
    /// What is logged, and how.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct LogConfig in "log." {
        /// How log lines look: auto (text on a terminal and of `hearken dev`, JSON otherwise), text or json
        format: LogFormat = value(FORMAT, "auto"), flag "--log-format FORMAT";

        /// Which log lines are written, e.g. warn,hearken=debug
        ///
        /// As `tracing_subscriber`'s [`Targets`] reads it, and errors where it names
        /// no level; by default without what the file
        /// watcher says about itself.
        filter: String = value(FILTER, "info,notify=error"), flag "--log-filter FILTER";
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal and of `hearken dev`, JSON otherwise.
    #[default]
    Auto,
    /// Readable text.
    Text,
    /// One JSON object a line.
    Json,
}

const FORMAT: Form<LogFormat> =
    Form::new(
        Kind::String,
        "\"auto\", \"text\" or \"json\"",
        |text| match text {
            "auto" => Ok(LogFormat::Auto),
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            _ => Err("there is no such format".to_owned()),
        },
    );

const FILTER: Form<String> = Form::new(
    Kind::String,
    "levels, for all or by target, e.g. \"info\" or \"warn,hearken=debug\"",
    |text| match text.parse::<Targets>() {
        Ok(_) if text.trim().is_empty() => Err("it is empty".to_owned()),
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(error.to_string()),
    },
);
