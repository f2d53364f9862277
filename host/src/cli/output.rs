//! What a command answers, line by line on stdout.

use std::io::{self, Write};

use serde::Serialize;

use super::error::CliError;

/// Where answers go, and whether a program reads them.
#[derive(Debug)]
pub(super) struct Output {
    json: bool,
    stdout: io::Stdout,
}

impl Output {
    pub(super) fn new(json: bool) -> Self {
        Self {
            json,
            stdout: io::stdout(),
        }
    }

    /// Whether every line must be a JSON value.
    pub(super) fn json(&self) -> bool {
        self.json
    }

    /// Answers with `value` for a program, with `text` for a person.
    pub(super) fn answer(
        &mut self,
        value: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> Result<(), CliError> {
        if self.json {
            let line = serde_json::to_string(value).map_err(io::Error::other);
            self.line(&line.map_err(CliError::Output)?)
        } else {
            self.line(&text())
        }
    }

    /// Writes a line; `text` may itself have several.
    pub(super) fn line(&mut self, text: &str) -> Result<(), CliError> {
        writeln!(self.stdout, "{text}")
            .and_then(|()| self.stdout.flush())
            .map_err(|error| match error.kind() {
                io::ErrorKind::BrokenPipe => CliError::OutputClosed,
                _ => CliError::Output(error),
            })
    }
}

/// Says something to the person at the terminal. There is nobody left to tell
/// when stderr is closed, so that is no error.
pub(in crate::cli) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
