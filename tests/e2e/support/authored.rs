//! A plugin crate as `hearken plugin new` makes it.

use std::path::{Path, PathBuf};

use super::guests;
use super::process::{compiling, run};

/// A crate that a test writes on.
pub struct Authored {
    /// The crate's folder.
    pub folder: PathBuf,
}

impl Authored {
    /// Makes the crate `name` in `plugins` within `folder`.
    pub async fn new(folder: &Path, name: &str) -> Self {
        let arguments = ["plugin", "new", name, "--dir", "plugins"];
        let made = run(compiling(folder, &arguments)).await;
        assert_eq!(made.code, 0, "{made:?}");
        let authored = Self {
            folder: folder.join("plugins").join(name),
        };
        // The versions that the checkout uses, which are there already.
        let lock = guests::checkout().join("Cargo.lock");
        std::fs::copy(lock, authored.folder.join("Cargo.lock")).expect("it is writable");
        authored
    }

    /// Replaces some text of the source, which must be there.
    pub fn edit(&self, text: &str, replacement: &str) {
        let path = self.folder.join("src/lib.rs");
        let source = std::fs::read_to_string(&path).expect("it is readable");
        assert!(source.contains(text), "`{text}` is not in: {source}");
        std::fs::write(path, source.replace(text, replacement)).expect("it is writable");
    }
}
