//! A manifest's `[engine]`: how a plugin that is a text is evaluated.

use super::document::Section;
use super::error::ConfigError;
use super::form::{Form, Kind, size};

/// Stack of a language in bytes, of a plugin whose manifest says nothing: enough for a
/// recursion of some 2,400 calls, and within what a guest has.
const STACK_BYTES: u32 = 640 << 10;

/// How the engine of its language evaluates a plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManifestEngine {
    stack: Option<u32>,
    /// Whose scripts the text is written for, if not for this host's.
    pub compat: Option<Compat>,
}

/// Whose scripts a text is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compat {
    /// Enonic XP's: `require('/lib/xp/event')`.
    Enonic,
}

impl ManifestEngine {
    /// Takes all keys of the table, which has no others.
    pub(super) fn read(mut section: Section<'_>) -> Result<Self, ConfigError> {
        let engine = Self {
            stack: section.value("stack", &STACK)?,
            compat: section.value("compat", &COMPAT)?,
        };
        section.finish()?;
        Ok(engine)
    }

    /// One of its keys that is set, if any is.
    #[must_use]
    pub fn key(&self) -> Option<&'static str> {
        let stack = self.stack.map(|_| "stack");
        self.compat.map(|_| "compat").or(stack)
    }

    /// Bytes of stack for the language.
    #[must_use]
    pub fn stack(&self) -> u32 {
        self.stack.unwrap_or(STACK_BYTES)
    }
}

impl Compat {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enonic => "enonic",
        }
    }
}

const STACK: Form<u32> = Form::new(
    Kind::String,
    "a size from 64KiB to 704KiB, e.g. \"640KiB\"",
    |text| {
        let bytes = size(text, 64 << 10, 704 << 10)?;
        u32::try_from(bytes).map_err(|_| "it is too large".to_owned())
    },
);

const COMPAT: Form<Compat> = Form::new(Kind::String, "\"enonic\"", |text| match text {
    "enonic" => Ok(Compat::Enonic),
    _ => Err("there is none of that name".to_owned()),
});

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::manifest::Manifest;
    use super::*;

    fn parse(text: &str) -> Result<Manifest, ConfigError> {
        Manifest::parse(Path::new("plugins/demo.toml"), text)
    }

    #[test]
    fn both_keys_are_read() {
        let manifest = parse("[engine]\nstack = \"128KiB\"\ncompat = \"enonic\"").unwrap();
        assert_eq!(manifest.engine.stack(), 128 << 10);
        assert_eq!(manifest.engine.compat.map(Compat::as_str), Some("enonic"));
        let nothing = parse("").unwrap().engine;
        assert_eq!((nothing.stack(), nothing.compat), (640 << 10, None));
        let set = |text| parse(text).unwrap().engine.key();
        assert_eq!(set("[engine]\nstack = \"128KiB\""), Some("stack"));
        assert_eq!(set("[engine]\ncompat = \"enonic\""), Some("compat"));
        assert_eq!(set("[engine]"), None);
    }

    #[test]
    fn wrong_values_are_placed() {
        for (text, place) in [
            ("[engine]\nstack = \"1GiB\"", "2:9"),
            ("[engine]\nstack = 5", "2:9"),
            ("[engine]\ncompat = \"node\"", "2:10"),
            ("[engine]\nspeed = 5", "2:1"),
        ] {
            let error = parse(text).expect_err(text).to_string();
            let begins = format!("plugins/demo.toml:{place}: ");
            assert!(error.starts_with(&begins), "{error}");
        }
    }
}
