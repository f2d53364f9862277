//! All that happened in a run, as text: two runs of one seed must not differ in a
//! byte of it.

use std::fmt::{self, Write as _};
use std::hash::{DefaultHasher, Hasher};
use std::time::Duration;

/// A hash over all that happened, and on request the text itself.
#[derive(Debug, Default)]
pub struct Trace {
    hasher: DefaultHasher,
    line: String,
    /// Lines so far.
    pub lines: u64,
    text: Option<String>,
}

impl Trace {
    /// A trace that keeps its text if `kept`.
    #[must_use]
    pub fn new(kept: bool) -> Self {
        Self {
            text: kept.then(String::new),
            ..Self::default()
        }
    }

    /// Adds what happened at a time.
    pub fn note(&mut self, at: Duration, what: fmt::Arguments<'_>) {
        self.line.clear();
        // A string takes all that is written.
        let _ = writeln!(self.line, "{:.6} {what}", at.as_secs_f64());
        self.hasher.write(self.line.as_bytes());
        self.lines += 1;
        if let Some(text) = &mut self.text {
            text.push_str(&self.line);
        }
    }

    /// The hash so far.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hasher.finish()
    }

    /// The text so far, if it is kept.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }
}
