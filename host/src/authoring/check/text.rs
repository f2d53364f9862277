//! The report on a plugin that is a text.

use super::{CheckReport, EngineReport, FileKind};
use crate::interfaces::Handler;
use crate::script::Language;

impl CheckReport {
    /// The report on the text `file` of so many bytes, which this engine evaluates; none if it
    /// is not there. What the text says is found out by evaluating it.
    #[must_use]
    pub fn of_text(
        file: String,
        bytes: u64,
        language: Language,
        engine: Option<EngineReport>,
    ) -> Self {
        let mut report = Self::without_contents(file, bytes, FileKind::Text);
        report.language = language;
        report.engine = engine;
        // All that engines offer, as far as a text makes use of it.
        report.handler = Some(Handler::Framed);
        report
    }
}
