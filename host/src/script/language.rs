//! What a plugin is written in, as far as the host can tell.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a plugin is written in: the language of its text, or none that the host can see in
/// a component.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// A WebAssembly component, whatever it was compiled from.
    Component,
    /// A text that an engine evaluates: `.js` or `.mjs`.
    JavaScript,
    /// The same with types, which are taken out before: `.ts` or `.mts`.
    TypeScript,
    /// A text that an engine evaluates: `.py`.
    Python,
}

/// The extensions of texts, the preferred one of each language first.
pub const TEXT_EXTENSIONS: [&str; 5] = ["js", "mjs", "ts", "mts", "py"];

impl Language {
    /// The language of files with this extension, which is without its dot; none if they are
    /// no plugins.
    #[must_use]
    pub fn of_extension(extension: &str) -> Option<Self> {
        match extension {
            "wasm" => Some(Self::Component),
            "js" | "mjs" => Some(Self::JavaScript),
            "ts" | "mts" => Some(Self::TypeScript),
            "py" => Some(Self::Python),
            _ => None,
        }
    }

    /// The language of a file's name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::of_extension(name.rsplit_once('.')?.1)
    }

    /// As it is written in answers and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Component => "component",
            Self::JavaScript => "javascript",
            Self::TypeScript => "typescript",
            Self::Python => "python",
        }
    }

    /// As people write it.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Component => "WebAssembly",
            Self::JavaScript => "JavaScript",
            Self::TypeScript => "TypeScript",
            Self::Python => "Python",
        }
    }

    /// Bytes of memory without which its engine does not start, or none that matters.
    #[must_use]
    pub const fn least_memory(self) -> u64 {
        match self {
            // CPython and what it has imported take 29 MiB before a plugin's first line.
            Self::Python => 32 << 20,
            Self::Component | Self::JavaScript | Self::TypeScript => 0,
        }
    }

    /// Whether a plugin in it is a text.
    #[must_use]
    pub const fn is_text(self) -> bool {
        !matches!(self, Self::Component)
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_extension_is_of_one_language() {
        for extension in TEXT_EXTENSIONS {
            let language = Language::of_extension(extension).expect(extension);
            assert!(language.is_text(), "{extension}");
            let json = serde_json::to_value(language).unwrap();
            assert_eq!(json, language.as_str());
        }
        assert_eq!(Language::of_name("a.b.wasm"), Some(Language::Component));
        assert_eq!(Language::of_name("a.tsx"), None);
        assert_eq!(Language::of_name("ts"), None);
    }
}
