//! The engines of the languages: the components that evaluate plugins' texts, and the one
//! that takes the types out of TypeScript. Those of JavaScript are part of the program; others
//! are in the data folder, where `hearken engine add` puts them.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bytes::Bytes;

use super::compile::{CompileError, ComponentFile};
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
    folder: PathBuf,
}

/// An engine as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct EngineStatus {
    /// What it is for.
    pub name: &'static str,
    /// Whether it is part of the program; otherwise it lies in the data folder.
    pub built_in: bool,
    /// BLAKE3 of the component, in hexadecimal; null if it is not there.
    pub hash: Option<String>,
    /// Size of the component; null if it is not there.
    pub bytes: Option<u64>,
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

impl Engines {
    /// Those of the node with this data folder.
    pub(crate) fn of(data: &Path) -> Self {
        Self {
            folder: data.join(FOLDER),
        }
    }

    /// The engine that evaluates texts in a language. Blocks on the disk if it is not part of
    /// the program.
    ///
    /// # Errors
    /// [`EngineError`] when it is not there, or no component.
    pub(crate) fn evaluating(&self, language: Language) -> Result<ComponentFile, EngineError> {
        match language {
            Language::JavaScript | Language::TypeScript => Ok(JAVASCRIPT.file()),
            Language::Component | Language::Python => {
                let path = self.path(language);
                ComponentFile::read(&path).map_err(|source| {
                    if source.is_missing() {
                        EngineError::Missing { language }
                    } else {
                        EngineError::Unusable {
                            language,
                            path,
                            source,
                        }
                    }
                })
            }
        }
    }

    /// What takes the types out of TypeScript.
    pub(crate) fn blanking() -> ComponentFile {
        TYPESCRIPT.file()
    }

    /// Where the engine of a language is kept that is not part of the program.
    pub(crate) fn path(&self, language: Language) -> PathBuf {
        self.folder.join(format!("{language}.wasm"))
    }

    /// All engines, there or not. Blocks on the disk.
    pub(crate) fn list(&self) -> Vec<EngineStatus> {
        let built = [&JAVASCRIPT, &TYPESCRIPT].map(|built| EngineStatus {
            name: built.name,
            built_in: true,
            hash: Some(built.file().hash.to_hex().to_string()),
            bytes: Some(built.bytes.len() as u64),
        });
        let added = [Language::Python].map(|language| {
            let file = self.evaluating(language).ok();
            EngineStatus {
                name: language.as_str(),
                built_in: false,
                hash: file.as_ref().map(|file| file.hash.to_hex().to_string()),
                bytes: file.map(|file| file.bytes.len() as u64),
            }
        });
        built.into_iter().chain(added).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_is_not_part_of_the_program_is_found_in_the_data_folder() {
        let data = tempfile::tempdir().unwrap();
        let engines = Engines::of(data.path());
        let missing = engines.evaluating(Language::Python).map(|_| ());
        let told = missing.unwrap_err().to_string();
        assert!(told.contains("`hearken engine add python`"), "{told}");
        let path = engines.path(Language::Python);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, b"#!/bin/sh").unwrap();
        let unusable = engines.evaluating(Language::Python).map(|_| ());
        let told = unusable.unwrap_err().to_string();
        assert!(told.contains("python.wasm"), "{told}");
        let component = b"\0asm\x0d\0\x01\0";
        std::fs::write(&path, component).unwrap();
        let there = engines.evaluating(Language::Python).unwrap();
        assert_eq!(there.hash, blake3::hash(component));
        let listed = engines.list();
        let python = listed.iter().find(|engine| engine.name == "python");
        assert_eq!(python.and_then(|engine| engine.bytes), Some(8));
    }

    #[test]
    fn javascript_and_typescript_need_no_file() {
        let engines = Engines::of(Path::new("/nowhere"));
        for language in [Language::JavaScript, Language::TypeScript] {
            assert!(engines.evaluating(language).is_ok(), "{language}");
        }
    }
}
