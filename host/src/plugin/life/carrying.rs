//! Making of a text a component that carries it: the engine of its language and the text,
//! for nodes and hosts that want one file.

use std::path::Path;

use super::artifact::Artifact;
use super::files::Files;
use crate::plugin::code::engines::Engines;
use crate::script::{Language, ScriptSectionError, append};

/// Why a text is no component.
#[derive(Debug, thiserror::Error)]
pub enum CarryError {
    /// It cannot be read, its engine is not there, or it does not start.
    #[error("{0}")]
    Unread(String),
    /// It is a component already.
    #[error("it is a component already")]
    NoText,
    /// What evaluates its language cannot be kept as it is then.
    #[error("{} cannot be evaluated ahead: build it without `--snapshot`", .0.title())]
    NotAhead(Language),
    /// It is too large.
    #[error(transparent)]
    Section(#[from] ScriptSectionError),
}

/// The component that carries the text in `file`, and what it imports. Engines that are no
/// part of the program are those of the data folder `data`. Blocks on the disk.
///
/// # Errors
/// [`CarryError`] says what is in the way.
pub fn carry(file: &Path, data: &Path) -> Result<Vec<u8>, CarryError> {
    let artifact = Artifact::read(&Files::of_file(file), &Engines::of(data));
    let artifact = artifact.map_err(|error| CarryError::Unread(error.to_string()))?;
    let script = artifact.script.ok_or(CarryError::NoText)?;
    Ok(append(&artifact.component.bytes, &script)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::split;

    #[test]
    fn a_text_is_carried_with_what_it_imports() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("a.js");
        std::fs::write(&file, "import './_b.js'").unwrap();
        std::fs::write(root.path().join("_b.js"), "1").unwrap();
        let component = carry(&file, root.path()).unwrap();
        let (_, script) = split(&component).unwrap().expect("it carries texts");
        assert_eq!(script.text("_b.js"), Some("1"));
        let built = root.path().join("built.wasm");
        std::fs::write(&built, b"\0asm\x0d\0\x01\0").unwrap();
        assert!(matches!(
            carry(&built, root.path()),
            Err(CarryError::NoText)
        ));
    }
}
