//! What guests print: taken line by line into the host's log under the plugin's
//! name, at a bounded rate, so that a shouting plugin cannot drown the rest.

use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::io::AsyncWrite;
use tracing::Level;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

/// Longest line in bytes; what is longer is broken.
const MAX_LINE_BYTES: usize = 8 << 10;

/// Lines that a plugin may print at once.
const BURST_LINES: NonZeroU32 = NonZeroU32::new(500).expect("not zero");

/// Lines a second that a plugin may print for long.
const LINES_A_SECOND: NonZeroU32 = NonZeroU32::new(100).expect("not zero");

/// The log of one plugin.
#[derive(Debug)]
pub(super) struct PluginLog {
    plugin: Arc<str>,
    budget: DefaultDirectRateLimiter,
    lines: Mutex<Lines>,
}

#[derive(Debug, Default)]
struct Lines {
    suppressed: u64,
    /// The last that the guest said on stderr, e.g. why it panicked.
    last_words: Vec<String>,
}

/// Lines of stderr kept to explain a trap.
const LAST_WORDS: usize = 4;

impl PluginLog {
    pub(super) fn new(plugin: Arc<str>) -> Self {
        let quota = Quota::per_second(LINES_A_SECOND).allow_burst(BURST_LINES);
        Self {
            plugin,
            budget: RateLimiter::direct(quota),
            lines: Mutex::default(),
        }
    }

    /// Logs one line of a guest.
    pub(super) fn line(&self, level: Level, context: &str, line: &str) {
        let suppressed = {
            let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
            if self.budget.check().is_err() {
                lines.suppressed += 1;
                return;
            }
            std::mem::take(&mut lines.suppressed)
        };
        let plugin = &*self.plugin;
        let context = (!context.is_empty()).then_some(context);
        if suppressed > 0 {
            tracing::warn!(target: "hearken::guest", plugin, suppressed, "the plugin prints too much; lines were left out");
        }
        match level {
            Level::ERROR => tracing::error!(target: "hearken::guest", plugin, context, "{line}"),
            Level::WARN => tracing::warn!(target: "hearken::guest", plugin, context, "{line}"),
            Level::INFO => tracing::info!(target: "hearken::guest", plugin, context, "{line}"),
            Level::DEBUG => tracing::debug!(target: "hearken::guest", plugin, context, "{line}"),
            Level::TRACE => tracing::trace!(target: "hearken::guest", plugin, context, "{line}"),
        }
    }

    fn stderr_line(&self, line: &str) {
        // Advice for whoever runs the program natively.
        if !line.starts_with("note: run with `RUST_BACKTRACE") {
            let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.last_words.len() == LAST_WORDS {
                lines.last_words.remove(0);
            }
            lines.last_words.push(line.to_owned());
        }
        self.line(Level::WARN, "stderr", line);
    }

    /// What the guest said last on stderr; asking forgets it.
    pub(super) fn take_last_words(&self) -> String {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut lines.last_words).join("\n")
    }
}

/// A guest's stdout or stderr.
#[derive(Clone)]
pub(super) struct Output {
    log: Arc<PluginLog>,
    stderr: bool,
    /// The line that is not complete yet; shared by all handles of the stream.
    partial: Arc<Mutex<Vec<u8>>>,
}

impl Output {
    pub(super) fn stdout(log: Arc<PluginLog>) -> Self {
        Self {
            log,
            stderr: false,
            partial: Arc::default(),
        }
    }

    pub(super) fn stderr(log: Arc<PluginLog>) -> Self {
        Self {
            log,
            stderr: true,
            partial: Arc::default(),
        }
    }

    fn write(&self, mut bytes: &[u8]) {
        let mut partial = self.partial.lock().unwrap_or_else(PoisonError::into_inner);
        while !bytes.is_empty() {
            let room = MAX_LINE_BYTES - partial.len();
            let end = bytes.iter().position(|byte| *byte == b'\n');
            match end {
                Some(end) if end <= room => {
                    partial.extend_from_slice(&bytes[..end]);
                    bytes = &bytes[end + 1..];
                }
                _ => {
                    let taken = room.min(bytes.len());
                    partial.extend_from_slice(&bytes[..taken]);
                    bytes = &bytes[taken..];
                    if partial.len() < MAX_LINE_BYTES {
                        continue;
                    }
                }
            }
            self.emit(&partial);
            partial.clear();
        }
    }

    fn emit(&self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        if self.stderr {
            self.log.stderr_line(&line);
        } else {
            self.log.line(Level::INFO, "stdout", &line);
        }
    }

    /// Logs what was printed without a line break at the end.
    pub(super) fn flush(&self) {
        let rest =
            std::mem::take(&mut *self.partial.lock().unwrap_or_else(PoisonError::into_inner));
        if !rest.is_empty() {
            self.emit(&rest);
        }
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn wasmtime_wasi::p2::OutputStream> {
        Box::new(self.clone())
    }
}

/// Writing goes to memory and the log's own queue, and so is always ready.
impl AsyncWrite for Output {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.write(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[wasmtime_wasi::async_trait]
impl wasmtime_wasi::p2::Pollable for Output {
    async fn ready(&mut self) {}
}

impl wasmtime_wasi::p2::OutputStream for Output {
    fn write(&mut self, bytes: bytes::Bytes) -> wasmtime_wasi::p2::StreamResult<()> {
        Output::write(self, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> wasmtime_wasi::p2::StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> wasmtime_wasi::p2::StreamResult<usize> {
        Ok(64 << 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stderr() -> (Arc<PluginLog>, Output) {
        let log = Arc::new(PluginLog::new("p".into()));
        (Arc::clone(&log), Output::stderr(log))
    }

    #[test]
    fn output_is_cut_into_lines() {
        let (log, output) = stderr();
        output.write(b"one\ntw");
        output.write(b"o\nthree");
        assert_eq!(log.take_last_words(), "one\ntwo");
        output.flush();
        assert_eq!(log.take_last_words(), "three");
    }

    #[test]
    fn endless_lines_are_broken() {
        let (log, output) = stderr();
        output.write(&vec![b'x'; 2 * MAX_LINE_BYTES + 1]);
        assert_eq!(log.take_last_words().len(), 2 * MAX_LINE_BYTES + 1);
        assert_eq!(output.partial.lock().unwrap().len(), 1);
    }

    #[test]
    fn a_shouting_plugin_is_cut_short_and_the_rest_counted() {
        let log = PluginLog::new("p".into());
        for _ in 0..10_000 {
            log.line(Level::INFO, "stdout", "x");
        }
        assert!(log.lines.lock().unwrap().suppressed > 5_000);
    }
}
