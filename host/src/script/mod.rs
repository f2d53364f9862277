//! Plugins that are texts: in which language, in which files, what they import, and where
//! in them something went wrong.
//!
//! Nothing of a text is run or understood here: the engine of its language, a component like
//! any other, evaluates it.

mod excerpt;
mod imports;
mod language;
mod names;
mod section;
mod source_map;
mod texts;

pub use excerpt::{Place, Trace, excerpt, written_place};
pub use imports::{imported, resolve};
pub use language::{Language, TEXT_EXTENSIONS};
pub use names::{LIBRARIES, PACKAGES, PACKAGES_MARK, PROJECT, TextFile, straight, text_file};
pub use section::{MAX_SECTION_BYTES, SECTION, ScriptSectionError, append, split};
pub use source_map::{MAX_MAPS_BYTES, SourcePlace, TextMap};
pub use texts::{MAX_TEXT_BYTES, MAX_TEXTS, MAX_TEXTS_BYTES, Script, Text};
