//! The texts of one plugin.

use serde::{Deserialize, Serialize};

use super::language::Language;
use super::source_map::TextMap;

/// Longest text, in bytes: libraries that are bundled into one have less than 1 MiB.
pub const MAX_TEXT_BYTES: u64 = 4 << 20;

/// Most texts of one plugin, those that it imports included: of a large library of Python a few
/// hundred.
pub const MAX_TEXTS: usize = 2048;

/// Most bytes of all texts of one plugin together.
pub const MAX_TEXTS_BYTES: u64 = 16 << 20;

/// One text of a plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// Name relative to the plugins folder, with `/` between its parts.
    pub name: String,
    /// What it says.
    pub text: String,
}

/// All texts of a plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// The language of the first of them.
    pub language: Language,
    /// The one that is evaluated first, and those that it imports.
    pub texts: Vec<Text>,
    /// Of those that were made of others: where their places come from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub maps: Vec<TextMap>,
    /// Whether the component that carries them is the engine as it was behind their
    /// evaluation: then they are there to be shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_evaluated: bool,
}

impl Script {
    /// Texts that nothing was made of yet.
    #[must_use]
    pub fn of(language: Language, texts: Vec<Text>) -> Self {
        Self {
            language,
            texts,
            maps: Vec::new(),
            is_evaluated: false,
        }
    }

    /// A hash of all that is in it, so that two are the same only if all of it is.
    #[must_use]
    pub fn hash(&self) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.language.as_str().as_bytes());
        let texts = self.texts.iter().map(|text| [&text.name, &text.text]);
        let maps = self.maps.iter().map(|map| [&map.name, &map.map]);
        for parts in texts.chain(maps) {
            for part in parts {
                // With its length, so that no text can look like the next one's name.
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part.as_bytes());
            }
        }
        hasher.finalize()
    }

    /// The text of this name.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        let found = self.texts.iter().find(|text| text.name == name);
        found.map(|text| text.text.as_str())
    }

    /// The source map of the text of this name, if it has one.
    #[must_use]
    pub fn map(&self, name: &str) -> Option<&TextMap> {
        self.maps.iter().find(|map| map.name == name)
    }
}
