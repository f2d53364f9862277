//! The texts that an engine evaluates, and how.

use crate::script::{Language, Script, Text, Trace, written_place};

/// A plugin's texts, as its instances get them.
#[derive(Debug)]
pub(crate) struct GuestScript {
    /// As they were written.
    written: Script,
    /// As they are evaluated, if that is another way: types are blanks.
    blanked: Option<Vec<Text>>,
    /// Whose scripts they are written for: the empty string, or `enonic`.
    pub(crate) compat: String,
    /// Bytes of stack for the language.
    pub(crate) stack: u32,
    /// Whether they are evaluated for other instances to begin with.
    pub(crate) prepares: bool,
}

impl GuestScript {
    /// The texts as they were written and, if that is another way, as they are evaluated.
    pub(crate) fn new(
        written: Script,
        blanked: Option<Vec<Text>>,
        compat: String,
        stack: u32,
    ) -> Self {
        Self {
            written,
            blanked,
            compat,
            stack,
            prepares: false,
        }
    }

    /// What they are written in.
    pub(crate) fn language(&self) -> Language {
        self.written.language
    }

    /// As they are evaluated, the first of them first.
    pub(crate) fn texts(&self) -> &[Text] {
        self.blanked.as_ref().unwrap_or(&self.written.texts)
    }

    /// What a listener is called for the plugin's author, by what the engine calls it.
    pub(crate) fn listener(&self, name: String) -> String {
        written_place(&name, &self.written).unwrap_or(name)
    }

    /// What the engine said, taken apart, if it names a place in one of the texts.
    pub(crate) fn trace(&self, said: &str) -> Option<Trace> {
        Trace::read(said, &self.written)
    }
}
