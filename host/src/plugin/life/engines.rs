//! The engines of a data folder, for who looks after them.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::plugin::code::compile::{CompileError, ComponentFile};
use crate::plugin::code::engines::{EngineStatus, Engines};
use crate::script::Language;

/// Why there is no other engine of a language.
#[derive(Debug, thiserror::Error)]
pub enum AddEngineError {
    /// It is part of the program.
    #[error("the engine of {} is part of this program", .0.title())]
    BuiltIn(Language),
    /// What was given is no component.
    #[error("{}: {source}", path.display())]
    NoComponent {
        /// The file.
        path: PathBuf,
        /// What it is.
        source: CompileError,
    },
    /// It cannot be put into the data folder.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Where to.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The engines of a node with the data folder `data`, there or not. Blocks on the disk.
#[must_use]
pub fn engines(data: &Path) -> Vec<EngineStatus> {
    Engines::of(data).list()
}

/// Puts the component in `file` into the data folder `data` as the engine of a language;
/// returns where. Plugins that are loaded from then on use it. Blocks on the disk.
///
/// # Errors
/// [`AddEngineError`] says why it is not there.
pub fn add_engine(language: Language, file: &Path, data: &Path) -> Result<PathBuf, AddEngineError> {
    if language != Language::Python {
        return Err(AddEngineError::BuiltIn(language));
    }
    let component = ComponentFile::read(file).map_err(|source| AddEngineError::NoComponent {
        path: file.to_owned(),
        source,
    })?;
    let path = Engines::of(data).path(language);
    let written = write(&path, &component.bytes);
    written.map_err(|source| AddEngineError::Write {
        path: path.clone(),
        source,
    })?;
    Ok(path)
}

/// A node that reads it meanwhile gets the old one or the new one.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_was_added_is_listed() {
        let data = tempfile::tempdir().unwrap();
        let file = data.path().join("engine");
        std::fs::write(&file, b"\0asm\x0d\0\x01\0").unwrap();
        let hash = |data: &Path| {
            let engines = engines(data);
            let python = engines.into_iter().find(|engine| engine.name == "python");
            python.and_then(|engine| engine.hash)
        };
        assert_eq!(hash(data.path()), None);
        let path = add_engine(Language::Python, &file, data.path()).unwrap();
        assert!(path.starts_with(data.path()));
        assert!(hash(data.path()).is_some());
        std::fs::write(&file, b"#!").unwrap();
        let refused = add_engine(Language::Python, &file, data.path());
        assert!(matches!(refused, Err(AddEngineError::NoComponent { .. })));
        let built_in = add_engine(Language::JavaScript, &file, data.path());
        assert!(matches!(built_in, Err(AddEngineError::BuiltIn(_))));
    }
}
