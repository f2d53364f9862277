//! Making of a text a component that carries it: the engine of its language and the text,
//! for nodes and hosts that want one file.

use std::path::Path;

use super::files::Files;
use super::load::{check_engine, read_source};
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
    #[error(
        "a plugin in {} cannot be evaluated ahead: its engine is a snapshot already, in which \
         several modules share one memory, and no other can be made of such a snapshot; build it \
         without `--snapshot`: an instance starts within milliseconds all the same",
        .0.title()
    )]
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
    let files = Files::of_file(file);
    let read = read_source(&files, &Engines::of(data)).and_then(|(artifact, manifest)| {
        check_engine(&manifest, artifact.language, &files.manifest).map(|()| artifact)
    });
    let artifact = read.map_err(|error| CarryError::Unread(error.to_string()))?;
    let script = artifact.script.ok_or(CarryError::NoText)?;
    let component = artifact.code.read();
    let component = component.map_err(|error| CarryError::Unread(error.to_string()))?;
    Ok(append(&component.bytes, &script)?)
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

    #[test]
    fn what_a_manifest_says_to_no_engine_is_refused_by_its_name() {
        let root = tempfile::tempdir().unwrap();
        let engine = Engines::of(root.path()).path(Language::Python);
        std::fs::create_dir_all(engine.parent().unwrap()).unwrap();
        std::fs::write(engine, b"\0asm\x0d\0\x01\0").unwrap();
        let file = root.path().join("a.py");
        std::fs::write(&file, "1").unwrap();
        carry(&file, root.path()).unwrap();
        for key in ["compat = \"enonic\"", "stack = \"128KiB\""] {
            let manifest = format!("[engine]\n{key}");
            std::fs::write(root.path().join("a.toml"), manifest).unwrap();
            let refused = carry(&file, root.path()).unwrap_err().to_string();
            assert!(refused.contains(&key[..5]), "{refused}");
            assert!(refused.contains("a.toml"), "{refused}");
        }
    }
}
