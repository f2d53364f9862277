//! The node's log: on stderr, readable on a terminal and JSON otherwise, since
//! stdout belongs to what commands answer.
//!
//! Lines are queued and written by a thread of their own, so that a reader of
//! stderr that stalls holds up nobody who logs; lines for which the queue has no
//! room are dropped and counted.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::Subscriber;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::{LevelFilter, ParseError, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, Registry};

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

/// Lines that wait to be written; a line of a guest has at most 8 KiB.
const QUEUED_LINES: usize = 4096;

/// Between two looks at whether lines were dropped.
const DROP_REPORTS: Duration = Duration::from_secs(1);

/// The log of the process, for as long as a clone lives.
#[derive(Clone, Debug)]
pub struct Log {
    writer: Arc<Mutex<Option<WorkerGuard>>>,
    dropped: ErrorCounter,
}

/// Sets up the log of the process. Once; a node itself only uses `tracing`. Keep
/// what is returned until the end: dropping it writes what is still queued.
///
/// # Errors
/// [`LoggingError`] if the filter is not valid or there is a log already.
pub fn init(config: &LogConfig) -> Result<Log, LoggingError> {
    let terminal = io::stderr().is_terminal();
    let (writer, guard) = NonBlockingBuilder::default()
        .buffered_lines_limit(QUEUED_LINES)
        .lossy(true)
        .thread_name("log")
        .finish(io::stderr());
    let log = Log {
        writer: Arc::new(Mutex::new(Some(guard))),
        dropped: writer.error_counter(),
    };
    subscriber(config, terminal, writer)?.try_init()?;
    Ok(log)
}

impl Log {
    /// Logs how many lines were dropped, at most once a second, for as long as
    /// it is polled.
    pub async fn report_dropped(&self) {
        let mut reported = 0;
        loop {
            tokio::time::sleep(DROP_REPORTS).await;
            let total = self.dropped.dropped_lines();
            if total > reported {
                let lines = total - reported;
                tracing::warn!(
                    lines,
                    total,
                    "log lines were dropped: whoever reads stderr is too slow"
                );
                reported = total;
            }
        }
    }

    /// Writes what is queued, for a second at most, and ends the log.
    pub fn finish(&self) {
        drop(
            self.writer
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
    }
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
    let mut filter: Targets = config.filter.parse()?;
    if filter.default_level().is_none() {
        // Whoever asks for one target's lines has not said that errors are to be kept quiet.
        filter = filter.with_default(LevelFilter::ERROR);
    }
    let lines = tracing_subscriber::fmt::layer();
    let json = match config.format {
        LogFormat::Auto => !terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let colours = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let lines = if json {
        lines.json().flatten_event(true).with_writer(writer).boxed()
    } else {
        lines
            .with_ansi(colours)
            .with_writer(MakeHarmless { writer, colours })
            .boxed()
    };
    Ok(Registry::default().with(filter).with(lines))
}

/// Makes writers of text that does nothing to a terminal but colour it, and in which no
/// line but the host's own begins like one: what is logged has texts of guests and of other
/// nodes, of which the subscriber makes only messages harmless, and those not wholly. What
/// is written at once is what is logged of one thing.
struct MakeHarmless<W> {
    writer: W,
    colours: bool,
}

struct Harmless<W> {
    writer: W,
    colours: bool,
}

/// What colours the subscriber's lines.
const COLOURS: [&[u8]; 9] = [
    b"\x1b[0m",
    b"\x1b[1m",
    b"\x1b[2m",
    b"\x1b[3m",
    b"\x1b[31m",
    b"\x1b[32m",
    b"\x1b[33m",
    b"\x1b[34m",
    b"\x1b[35m",
];

impl<'w, W: MakeWriter<'w>> MakeWriter<'w> for MakeHarmless<W> {
    type Writer = Harmless<W::Writer>;

    fn make_writer(&'w self) -> Self::Writer {
        Harmless {
            writer: self.writer.make_writer(),
            colours: self.colours,
        }
    }
}

impl<W: Write> Write for Harmless<W> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.writer.write_all(&harmless(text, self.colours))?;
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// What the lines after the first of one thing begin with.
const INDENT: &[u8] = b"\n    ";

/// Escapes control characters, those of one byte and those of two, but for line breaks,
/// tabs and, where lines are coloured, what colours them. Indents what follows a line break.
fn harmless(text: &[u8], colours: bool) -> Cow<'_, [u8]> {
    let harmful =
        |byte: &u8| (byte.is_ascii_control() && !matches!(byte, b'\n' | b'\t')) || *byte == 0xc2;
    let first = text.strip_suffix(b"\n").unwrap_or(text);
    if !first.iter().any(|byte| harmful(byte) || *byte == b'\n') {
        return Cow::Borrowed(text);
    }
    let mut escaped = Vec::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let colour = COLOURS.iter().find(|colour| rest.starts_with(colour));
        let (kept, next) = match (byte, after) {
            (0x1b, _) if colours && colour.is_some() => {
                rest.split_at(colour.map_or(1, |colour| colour.len()))
            }
            (b'\n', [_, ..]) => (INDENT, after),
            (b'\r', _) => (&b"\\r"[..], after),
            (0xc2, [second @ 0x80..=0x9f, after @ ..]) => {
                escaped.extend_from_slice(format!("\\u{{{second:x}}}").as_bytes());
                (&b""[..], after)
            }
            (0xc2, _) => (&rest[..1], after),
            (byte, _) if harmful(&byte) => {
                escaped.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
                (&b""[..], after)
            }
            _ => (&rest[..1], after),
        };
        escaped.extend_from_slice(kept);
        rest = next;
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
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
    fn no_text_of_a_guest_does_anything_to_a_terminal() {
        let forged = "forged: x\r\x1b[2Jred\x0b\0\x07 and\ta tab\u{9b}8mé";
        for colours in [false, true] {
            let buffer = Buffer::default();
            let writer = buffer.clone();
            let make = MakeHarmless {
                writer: move || writer.clone(),
                colours,
            };
            let lines = tracing_subscriber::fmt::layer()
                .with_ansi(colours)
                .with_writer(make);
            tracing::subscriber::with_default(Registry::default().with(lines), || {
                tracing::warn!(reason = forged, "{forged}");
                tracing::warn!(reason = %forged, "failed");
            });
            let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
            assert_eq!(text.matches('\n').count(), 2, "{text:?}");
            assert_eq!(text.contains("\u{1b}[33m"), colours, "{text:?}");
            let plain = COLOURS.iter().fold(text, |text, colour| {
                text.replace(std::str::from_utf8(colour).unwrap(), "")
            });
            let harmful = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
            assert!(!plain.contains(harmful), "{plain:?}");
            let told = "reason=forged: x\\r\\x1b[2Jred\\x0b\\x00\\x07 and\ta tab\\u{9b}8mé";
            assert!(plain.contains(told), "{plain:?}");
        }
    }

    #[test]
    fn no_text_of_a_guest_looks_like_a_line_of_the_host() {
        let forged = "failed\n2026-11-28T00:00:00Z  INFO hearken::audit: key:ops reload";
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let config = LogConfig {
            format: LogFormat::Text,
            filter: "info".to_owned(),
        };
        let subscriber = subscriber(&config, false, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(target: "hearken::plugin", reason = %forged, "{forged}");
            tracing::warn!(target: "hearken::plugin", "next");
        });
        let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert!(
            lines
                .iter()
                .filter(|line| !line.starts_with("    "))
                .count()
                == 2,
            "{text}"
        );
        assert!(
            lines.last().is_some_and(|line| line.ends_with("next")),
            "{text}"
        );
        assert!(!text.ends_with("    "), "{text:?}");
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
