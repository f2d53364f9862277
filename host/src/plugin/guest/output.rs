//! What guests print: taken line by line into the host's log under the plugin's
//! name, at a bounded rate, so that a shouting plugin cannot drown the rest.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::io::AsyncWrite;
use tracing::Level;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

use super::secrets::redaction::Redaction;

/// Longest line in bytes; what is printed beyond is another, and of what is logged
/// otherwise it is left out: a refusal names what the guest has asked for, of any length.
const MAX_LINE_BYTES: usize = 8 << 10;

/// Bytes that a guest may print with one call. Not few: the standard libraries look
/// through all that is left to be printed for each of them.
const MAX_WRITE_BYTES: usize = 64 << 10;

/// Lines that are taken of one call; the rest is left out, so that thousands of empty
/// ones do not hold the guest's thread.
const MAX_LINES_A_CALL: usize = 256;

/// Lines that a plugin may print at once.
const BURST_LINES: NonZeroU32 = NonZeroU32::new(500).expect("not zero");

/// Lines a second that a plugin may print for long.
const LINES_A_SECOND: NonZeroU32 = NonZeroU32::new(100).expect("not zero");

/// The log of one plugin.
#[derive(Debug)]
pub(crate) struct PluginLog {
    plugin: Arc<str>,
    /// What is not to be said.
    pub(crate) redaction: Arc<Redaction>,
    budget: DefaultDirectRateLimiter,
    suppressed: AtomicU64,
}

/// Lines of stderr kept to explain a trap.
const LAST_WORDS: usize = 4;

/// How what is said on stderr is logged.
fn level(is_last_words: bool) -> Level {
    match is_last_words {
        true => Level::DEBUG,
        false => Level::WARN,
    }
}

/// As much of a text as one line has.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_LINE_BYTES)]
}

impl PluginLog {
    pub(crate) fn new(plugin: Arc<str>) -> Self {
        let quota = Quota::per_second(LINES_A_SECOND).allow_burst(BURST_LINES);
        Self {
            plugin,
            redaction: Arc::default(),
            budget: RateLimiter::direct(quota),
            suppressed: AtomicU64::new(0),
        }
    }

    /// Counts lines that are not logged.
    fn leave_out(&self, lines: u64) {
        self.suppressed.fetch_add(lines, Ordering::Relaxed);
    }

    /// Logs one line of a guest.
    pub(crate) fn line(&self, level: Level, context: &str, line: &str) {
        if self.budget.check().is_err() {
            self.leave_out(1);
            return;
        }
        let suppressed = self.suppressed.swap(0, Ordering::Relaxed);
        let plugin = &*self.plugin;
        // Before they are cut, lest half a secret is left.
        let (context, line) = (self.redaction.redact(context), self.redaction.redact(line));
        let (context, line) = (cut(&context), cut(&line));
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
}

/// Stdout or stderr of one instance.
#[derive(Clone)]
pub(crate) struct Output {
    log: Arc<PluginLog>,
    stderr: bool,
    /// Shared by all handles of the stream.
    printed: Arc<Mutex<Printed>>,
}

#[derive(Debug, Default)]
struct Printed {
    /// The line that is not complete yet.
    partial: Vec<u8>,
    /// The last that was said on stderr about the event in hand, e.g. why it panicked.
    last_words: VecDeque<String>,
    /// Lines of that which are kept, if more than usual.
    kept: usize,
    /// Whether it says nothing but why it ends, which is reported.
    is_last_words: bool,
}

impl Output {
    pub(crate) fn stdout(log: Arc<PluginLog>) -> Self {
        Self {
            log,
            stderr: false,
            printed: Arc::default(),
        }
    }

    pub(crate) fn stderr(log: Arc<PluginLog>) -> Self {
        Self {
            log,
            stderr: true,
            printed: Arc::default(),
        }
    }

    fn write(&self, mut bytes: &[u8]) {
        let mut printed = self.printed();
        let Printed {
            partial,
            last_words,
            kept,
            is_last_words,
        } = &mut *printed;
        let kept = (*kept).max(LAST_WORDS);
        let level = level(*is_last_words);
        let mut lines = 0;
        while !bytes.is_empty() {
            let room = MAX_LINE_BYTES - partial.len();
            // No further than a line goes, lest what has no end is searched again and again.
            let line = &bytes[..bytes.len().min(room + 1)];
            let end = line.iter().position(|byte| *byte == b'\n');
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
            self.emit(level, partial, last_words, kept);
            partial.clear();
            lines += 1;
            if lines == MAX_LINES_A_CALL
                && let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n')
            {
                let left_out = bytes[..=end].iter().filter(|byte| **byte == b'\n');
                self.log.leave_out(left_out.count() as u64);
                bytes = &bytes[end + 1..];
            }
        }
    }

    fn emit(&self, level: Level, line: &[u8], last_words: &mut VecDeque<String>, kept: usize) {
        let line = String::from_utf8_lossy(line);
        if !self.stderr {
            self.log.line(Level::INFO, "stdout", &line);
            return;
        }
        self.log.line(level, "stderr", &line);
        // Advice for whoever runs the program natively.
        if !line.starts_with("note: run with `RUST_BACKTRACE") {
            if last_words.len() >= kept {
                last_words.pop_front();
            }
            last_words.push_back(self.log.redaction.redact(&line).into_owned());
        }
    }

    /// Logs what was printed without a line break at the end.
    pub(crate) fn flush(&self) {
        let mut printed = self.printed();
        let rest = std::mem::take(&mut printed.partial);
        if !rest.is_empty() {
            let kept = printed.kept.max(LAST_WORDS);
            let level = level(printed.is_last_words);
            self.emit(level, &rest, &mut printed.last_words, kept);
        }
    }

    /// From now on so many lines explain why the guest ends.
    pub(crate) fn keep_last_words(&self, lines: usize) {
        self.printed().kept = lines;
    }

    /// From now on nothing is said but why the guest ends: whoever reads its report need not
    /// read that twice.
    pub(crate) fn say_last_words_alone(&self) {
        self.printed().is_last_words = true;
    }

    /// What was said so far explains nothing that comes.
    pub(crate) fn forget_last_words(&self) {
        self.printed().last_words.clear();
    }

    /// What was said last on stderr, if anything.
    pub(crate) fn last_words(&self) -> Option<String> {
        let printed = self.printed();
        let (first, second) = printed.last_words.as_slices();
        let words = [first, second].concat().join("\n");
        Some(words).filter(|words| !words.is_empty())
    }

    fn printed(&self) -> MutexGuard<'_, Printed> {
        // Text is only appended and taken in here; nothing panics half-way.
        self.printed.lock().unwrap_or_else(PoisonError::into_inner)
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
        if bytes.len() > MAX_WRITE_BYTES {
            return Err(wasmtime_wasi::p2::StreamError::trap(
                "it printed more with one call than `check-write` allows",
            ));
        }
        Output::write(self, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> wasmtime_wasi::p2::StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> wasmtime_wasi::p2::StreamResult<usize> {
        Ok(MAX_WRITE_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use wasmtime_wasi::p2::OutputStream;

    use super::*;

    fn stderr() -> Output {
        Output::stderr(Arc::new(PluginLog::new("p".into())))
    }

    #[test]
    fn output_is_cut_into_lines() {
        let output = stderr();
        assert_eq!(output.last_words(), None);
        output.write(b"one\ntw");
        output.write(b"o\nthree");
        assert_eq!(output.last_words().as_deref(), Some("one\ntwo"));
        output.flush();
        assert_eq!(output.last_words().as_deref(), Some("one\ntwo\nthree"));
        output.forget_last_words();
        assert_eq!(output.last_words(), None);
    }

    #[test]
    fn the_last_words_are_few_and_its_own() {
        let log = Arc::new(PluginLog::new("p".into()));
        let (output, other) = (Output::stderr(Arc::clone(&log)), Output::stderr(log));
        output.write(b"1\n2\n3\n4\n5\nnote: run with `RUST_BACKTRACE=1`\n");
        assert_eq!(output.last_words().as_deref(), Some("2\n3\n4\n5"));
        assert_eq!(other.last_words(), None);
    }

    #[test]
    fn endless_lines_are_broken() {
        let output = stderr();
        output.write(&vec![b'x'; 2 * MAX_LINE_BYTES + 1]);
        let words = output.last_words().expect("two lines");
        assert_eq!(words.len(), 2 * MAX_LINE_BYTES + 1);
        assert_eq!(output.printed().partial.len(), 1);
    }

    #[test]
    fn one_call_prints_no_more_than_it_may() {
        let mut output = stderr();
        let most = output.check_write().expect("it is always ready");
        let lines = |count: usize| bytes::Bytes::from(vec![b'\n'; count]);
        assert!(OutputStream::write(&mut output, lines(most)).is_ok());
        assert!(OutputStream::write(&mut output, lines(most + 1)).is_err());
        assert!(output.write_zeroes(usize::MAX).is_err());
    }

    #[test]
    fn of_very_many_lines_the_first_are_taken_and_the_rest_counted() {
        let output = stderr();
        let lines = MAX_WRITE_BYTES / 2;
        output.write("x\n".repeat(lines).as_bytes());
        // The next line tells of them.
        let left_out = output.log.suppressed.load(Ordering::Relaxed);
        output.write(b"and the end\n");
        assert!(left_out >= (lines - MAX_LINES_A_CALL) as u64, "{left_out}");
        let words = output.last_words().expect("the last are there");
        assert!(words.ends_with("x\nand the end"), "{words}");
    }

    #[test]
    fn a_line_is_cut_whoever_logs_it() {
        let written = tempfile::NamedTempFile::new().expect("a temporary file");
        let subscriber = tracing_subscriber::fmt()
            .with_writer(Arc::new(written.reopen().expect("it is there")))
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let long = "é".repeat(1 << 20);
            PluginLog::new("p".into()).line(Level::WARN, &long, &long);
        });
        let written = written.as_file().metadata().expect("it is there").len();
        let least = MAX_LINE_BYTES as u64;
        assert!(
            (2 * least..2 * least + 1024).contains(&written),
            "{written} bytes"
        );
    }

    #[test]
    fn a_shouting_plugin_is_cut_short_and_the_rest_counted() {
        let log = PluginLog::new("p".into());
        for _ in 0..10_000 {
            log.line(Level::INFO, "stdout", "x");
        }
        assert!(log.suppressed.load(Ordering::Relaxed) > 5_000);
    }
}
