//! The node's log: on stderr, readable on a terminal and JSON otherwise, since
//! stdout belongs to what commands answer.

use std::io::{self, IsTerminal};

use tracing::Subscriber;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::config::{LogConfig, LogFormat};

/// Why nothing can be logged.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The filter is not valid.
    #[error("the log filter is not valid: {0}")]
    Filter(#[from] ParseError),
    /// The process logs already.
    #[error("the log was set up before: {0}")]
    Twice(#[from] TryInitError),
}

/// Sets up the log of the process. Once; a node itself only uses `tracing`.
///
/// # Errors
/// [`LoggingError`] if the filter is not valid or there is a log already.
pub fn init(config: &LogConfig) -> Result<(), LoggingError> {
    let terminal = io::stderr().is_terminal();
    subscriber(config, terminal, io::stderr)?.try_init()?;
    Ok(())
}

/// The log as a subscriber that writes to `writer`; `terminal` says whether a
/// person reads it there.
///
/// # Errors
/// [`LoggingError::Filter`] if the filter is not valid.
pub fn subscriber<W>(
    config: &LogConfig,
    terminal: bool,
    writer: W,
) -> Result<impl Subscriber + Send + Sync + use<W>, LoggingError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(&config.filter)?;
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let json = match config.format {
        LogFormat::Auto => !terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let colours = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let lines = if json {
        lines.json().flatten_event(true).boxed()
    } else {
        lines.with_ansi(colours).boxed()
    };
    Ok(Registry::default().with(filter).with(lines))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is written of one warning and one note by a plugin called `demo`.
    fn log(format: LogFormat, filter: &str, terminal: bool) -> String {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let config = LogConfig {
            format,
            filter: filter.to_owned(),
        };
        let subscriber = subscriber(&config, terminal, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(target: "hearken::plugin", plugin = "demo", "careful");
            tracing::info!(target: "hearken::plugin", plugin = "demo", "by the way");
        });
        let bytes = buffer.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn off_a_terminal_each_line_is_a_json_object() {
        let text = log(LogFormat::Auto, "info", false);
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["level"], "WARN");
        assert_eq!(lines[0]["target"], "hearken::plugin");
        assert_eq!(lines[0]["plugin"], "demo");
        assert_eq!(lines[0]["message"], "careful");
    }

    #[test]
    fn a_terminal_gets_text_and_formats_can_be_forced() {
        let text = log(LogFormat::Auto, "info", true);
        assert!(text.contains("careful") && !text.starts_with('{'), "{text}");
        let text = log(LogFormat::Json, "info", true);
        assert!(text.starts_with('{'), "{text}");
        let text = log(LogFormat::Text, "info", false);
        assert!(!text.starts_with('{') && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn the_filter_decides_what_is_written() {
        let text = log(LogFormat::Text, "warn", false);
        assert!(
            text.contains("careful") && !text.contains("by the way"),
            "{text}"
        );
        assert_eq!(log(LogFormat::Text, "hearken::plugin=off", false), "");
    }
}
