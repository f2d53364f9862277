//! The engines of the languages: the components that evaluate plugins' texts, and the one
//! that takes the types out of TypeScript. Those of JavaScript are part of the program; others
//! are in the data folder, where `hearken engine add` puts them, or beside the program, where
//! an image or a package does.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;

use super::compile::{CompileError, ComponentFile};
use super::stamp::Stamp;
use crate::script::Language;

/// Evaluates JavaScript.
static JAVASCRIPT: Built = Built::new(
    "javascript",
    include_bytes!("../../../engines/javascript.wasm"),
);

/// Takes the types out of TypeScript, each replaced by as many blanks.
static TYPESCRIPT: Built = Built::new(
    "typescript",
    include_bytes!("../../../engines/typescript.wasm"),
);

/// The folder of engines within the data folder.
const FOLDER: &str = "engines";

/// That of engines which come with the program, from the folder that its folder is in:
/// `/usr/share/hearken/engines` for `/usr/bin/hearken`. The node only reads there.
const INSTALLED: &str = "share/hearken/engines";

/// An engine that is part of the program.
struct Built {
    name: &'static str,
    bytes: &'static [u8],
    file: OnceLock<ComponentFile>,
}

impl Built {
    const fn new(name: &'static str, bytes: &'static [u8]) -> Self {
        Self {
            name,
            bytes,
            file: OnceLock::new(),
        }
    }

    fn file(&self) -> ComponentFile {
        let hashed = || ComponentFile {
            bytes: Bytes::from_static(self.bytes),
            hash: blake3::hash(self.bytes),
        };
        self.file.get_or_init(hashed).clone()
    }
}

/// The engines of a node.
#[derive(Clone, Debug)]
pub(crate) struct Engines {
    added: PathBuf,
    installed: Option<PathBuf>,
    /// What was read before, by its path: an engine has tens of megabytes, and each text that
    /// is loaded asks for its hash.
    known: Arc<Mutex<HashMap<PathBuf, Known>>>,
}

/// A component that was read.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// Of the file that it was read from.
    stamp: Stamp,
    hash: blake3::Hash,
}

/// An engine, known by what is in it, which is read when it is needed.
#[derive(Clone, Debug)]
pub(crate) struct EngineFile {
    /// BLAKE3 of the component.
    pub(crate) hash: blake3::Hash,
    language: Language,
    /// Where it lies; nowhere if it is part of the program.
    path: Option<PathBuf>,
}

/// An engine as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct EngineStatus {
    /// What it is for.
    pub name: &'static str,
    /// Whether it is part of the program.
    pub built_in: bool,
    /// BLAKE3 of the component, in hexadecimal; null if it is not there.
    pub hash: Option<String>,
    /// Size of the component; null if it is not there.
    pub bytes: Option<u64>,
    /// Where it lies: in the data folder, or beside the program; null if it is part of that,
    /// or not there.
    pub file: Option<PathBuf>,
}

/// Why a text cannot be evaluated.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EngineError {
    #[error(
        "the engine of {} is not there: `hearken engine add {language}` gets it",
        language.title()
    )]
    Missing { language: Language },
    #[error("the engine of {} in {}: {source}", language.title(), path.display())]
    Unusable {
        language: Language,
        path: PathBuf,
        source: CompileError,
    },
}

impl EngineError {
    /// Why the component at this place is none.
    fn of(language: Language, path: PathBuf, source: CompileError) -> Self {
        match source.is_missing() {
            true => Self::Missing { language },
            false => Self::Unusable {
                language,
                path,
                source,
            },
        }
    }
}

impl Engines {
    /// Those of the node with this data folder.
    pub(crate) fn of(data: &Path) -> Self {
        Self::within(data, installed())
    }

    fn within(data: &Path, installed: Option<PathBuf>) -> Self {
        Self {
            added: data.join(FOLDER),
            installed,
            known: Arc::default(),
        }
    }

    /// The engine that evaluates texts in a language: that of the data folder, if there is one.
    /// Blocks on the disk if it is not part of the program.
    ///
    /// # Errors
    /// [`EngineError`] when it is not there, or no component.
    pub(crate) fn evaluating(&self, language: Language) -> Result<EngineFile, EngineError> {
        match language {
            Language::JavaScript | Language::TypeScript => Ok(EngineFile {
                hash: JAVASCRIPT.file().hash,
                language,
                path: None,
            }),
            Language::Component | Language::Python => self.found(language),
        }
    }

    fn found(&self, language: Language) -> Result<EngineFile, EngineError> {
        for path in self.places(language) {
            match self.hash(&path) {
                Ok(hash) => {
                    let path = Some(path);
                    return Ok(EngineFile {
                        hash,
                        language,
                        path,
                    });
                }
                Err(source) if source.is_missing() => {}
                Err(source) => return Err(EngineError::of(language, path, source)),
            }
        }
        Err(EngineError::Missing { language })
    }

    /// Of the component in a file, which is read if it is another than before.
    fn hash(&self, path: &Path) -> Result<blake3::Hash, CompileError> {
        let stamp = Stamp::of(path);
        let known = self.known().get(path).copied();
        if let Some(known) = known.filter(|known| Some(known.stamp) == stamp) {
            return Ok(known.hash);
        }
        let hash = ComponentFile::read(path)?.hash;
        // What has changed meanwhile may be anything.
        if let Some(stamp) = stamp.filter(|stamp| Stamp::of(path) == Some(*stamp)) {
            self.known().insert(path.to_owned(), Known { stamp, hash });
        }
        Ok(hash)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<PathBuf, Known>> {
        // Nothing in here panics half-way through a change.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What takes the types out of TypeScript.
    pub(crate) fn blanking() -> ComponentFile {
        TYPESCRIPT.file()
    }

    /// Where `hearken engine add` puts the engine of a language.
    pub(crate) fn path(&self, language: Language) -> PathBuf {
        file(&self.added, language)
    }

    /// Where the engine of a language may be, the first first.
    fn places(&self, language: Language) -> impl Iterator<Item = PathBuf> {
        let folders = std::iter::once(&self.added).chain(&self.installed);
        folders.map(move |folder| file(folder, language))
    }

    /// All engines, there or not. Blocks on the disk.
    pub(crate) fn list(&self) -> Vec<EngineStatus> {
        let built = [&JAVASCRIPT, &TYPESCRIPT].map(|built| EngineStatus {
            name: built.name,
            built_in: true,
            hash: Some(built.file().hash.to_hex().to_string()),
            bytes: Some(built.bytes.len() as u64),
            file: None,
        });
        let others = [Language::Python].map(|language| {
            let found = self.found(language).ok();
            let hash = found
                .as_ref()
                .map(|engine| engine.hash.to_hex().to_string());
            let file = found.and_then(|engine| engine.path);
            let metadata = file.as_ref().and_then(|file| std::fs::metadata(file).ok());
            EngineStatus {
                name: language.as_str(),
                built_in: false,
                hash,
                bytes: metadata.map(|metadata| metadata.len()),
                file,
            }
        });
        built.into_iter().chain(others).collect()
    }
}

impl EngineFile {
    /// The component; of a file that was replaced since, what is in it now. Blocks on the disk
    /// if it is not part of the program.
    ///
    /// # Errors
    /// [`EngineError`] when it is not there any more, or no component.
    pub(crate) fn read(&self) -> Result<ComponentFile, EngineError> {
        let Some(path) = &self.path else {
            return Ok(JAVASCRIPT.file());
        };
        let language = self.language;
        ComponentFile::read(path).map_err(|source| EngineError::of(language, path.clone(), source))
    }
}

/// The folder of engines that come with the program; none if nobody knows where that is.
fn installed() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    Some(program.parent()?.parent()?.join(INSTALLED))
}

fn file(folder: &Path, language: Language) -> PathBuf {
    folder.join(format!("{language}.wasm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest component, and as many bytes with something else in them.
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0\x00\x02\x01a";
    const ANOTHER: &[u8] = b"\0asm\x0d\0\x01\0\x00\x02\x01b";

    fn write(file: &Path, content: &[u8]) {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, content).unwrap();
    }

    fn hash(engines: &Engines) -> blake3::Hash {
        engines.evaluating(Language::Python).unwrap().hash
    }

    #[test]
    fn an_engine_that_is_not_part_of_the_program_is_found_in_the_data_folder() {
        let data = tempfile::tempdir().unwrap();
        let engines = Engines::of(data.path());
        let missing = engines.evaluating(Language::Python).map(|_| ());
        let told = missing.unwrap_err().to_string();
        assert!(told.contains("`hearken engine add python`"), "{told}");
        let path = engines.path(Language::Python);
        write(&path, b"#!/bin/sh");
        let unusable = engines.evaluating(Language::Python).map(|_| ());
        let told = unusable.unwrap_err().to_string();
        assert!(told.contains("python.wasm"), "{told}");
        write(&path, COMPONENT);
        let there = engines.evaluating(Language::Python).unwrap();
        assert_eq!(there.hash, blake3::hash(COMPONENT));
        assert_eq!(there.read().unwrap().bytes, COMPONENT);
        let listed = engines.list();
        let python = listed.iter().find(|engine| engine.name == "python");
        let python = python.expect("it is listed");
        assert_eq!(python.bytes, Some(COMPONENT.len() as u64));
        assert_eq!(python.file.as_deref(), Some(path.as_path()));
    }

    #[test]
    fn one_beside_the_program_stands_in_for_that_of_the_data_folder() {
        let (data, beside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let engines = Engines::within(data.path(), Some(beside.path().to_owned()));
        let installed = beside.path().join("python.wasm");
        write(&installed, COMPONENT);
        assert_eq!(hash(&engines), blake3::hash(COMPONENT));
        let listed = engines.list();
        assert!(listed.iter().any(|it| it.file.as_ref() == Some(&installed)));
        let added = engines.path(Language::Python);
        assert!(added.starts_with(data.path()), "nothing is put beside it");
        write(&added, ANOTHER);
        assert_eq!(hash(&engines), blake3::hash(ANOTHER));
        write(&added, b"#!/bin/sh");
        let unusable = engines.evaluating(Language::Python).map(|_| ());
        let told = unusable.unwrap_err().to_string();
        assert!(told.contains(&added.display().to_string()), "{told}");
        std::fs::remove_file(&added).unwrap();
        assert_eq!(hash(&engines), blake3::hash(COMPONENT));
    }

    #[cfg(unix)]
    #[test]
    fn what_was_read_is_known_until_the_file_is_another() {
        let data = tempfile::tempdir().unwrap();
        let engines = Engines::within(data.path(), None);
        let path = engines.path(Language::Python);
        write(&path, COMPONENT);
        let read = hash(&engines);
        let known = engines.known().get(&path).copied().expect("it is known");
        // As if it had been read so: it is not read again.
        let remembered = Known {
            hash: blake3::hash(b"remembered"),
            ..known
        };
        engines.known().insert(path.clone(), remembered);
        assert_eq!(hash(&engines.clone()), remembered.hash);
        // As `hearken engine add` does, and of the same size.
        let beside = data.path().join("new");
        write(&beside, ANOTHER);
        std::fs::rename(&beside, &path).unwrap();
        assert_ne!(hash(&engines), read);
        assert_eq!(hash(&engines), blake3::hash(ANOTHER));
    }

    #[test]
    fn javascript_and_typescript_need_no_file() {
        let engines = Engines::of(Path::new("/nowhere"));
        for language in [Language::JavaScript, Language::TypeScript] {
            let engine = engines.evaluating(language).unwrap();
            assert_eq!(engine.read().unwrap().hash, engine.hash, "{language}");
        }
    }
}
