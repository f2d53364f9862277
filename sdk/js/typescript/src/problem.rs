//! Why a text is not taken.

use oxc_diagnostics::OxcDiagnostic;

/// Where something is wrong with a text, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// What it is, and what to write instead.
    pub message: String,
}

impl Problem {
    /// At this byte of the text.
    pub(crate) fn at(text: &str, byte: u32, message: impl Into<String>) -> Self {
        let before = text.get(..byte as usize).unwrap_or(text);
        let line = before.bytes().filter(|byte| *byte == b'\n').count();
        let last = before.rsplit('\n').next().unwrap_or_default();
        let number = |from_0: usize| {
            u32::try_from(from_0).map_or(u32::MAX, |from_0| from_0.saturating_add(1))
        };
        Self {
            line: number(line),
            column: number(last.chars().count()),
            message: message.into(),
        }
    }

    /// What the parser has found.
    pub(crate) fn of_syntax(text: &str, error: &OxcDiagnostic) -> Self {
        let at = error.labels.first().map_or(0, |label| label.offset());
        let help = error
            .help
            .as_ref()
            .map(|help| format!(" ({help})"))
            .unwrap_or_default();
        Self::at(text, at, format!("{}{help}", error.message))
    }
}
