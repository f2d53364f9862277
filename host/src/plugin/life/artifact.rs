//! What a plugin's file is: a component, a text, or both in one file.

use std::path::{Path, PathBuf};

use super::files::{Files, language_of};
use super::load_error::LoadError;
use super::texts;
use crate::plugin::code::compile::{CompileError, ComponentFile};
use crate::plugin::code::engines::{EngineError, EngineFile, Engines};
use crate::script::{Language, Script, split};

/// What was read of a plugin's file.
pub(crate) struct Artifact {
    /// The file.
    pub(crate) path: PathBuf,
    pub(crate) language: Language,
    pub(crate) code: Code,
    /// What an engine evaluates.
    pub(crate) script: Option<Script>,
    /// Of all that is the plugin's own.
    pub(crate) hash: blake3::Hash,
}

/// Where the code of a plugin comes from.
pub(crate) enum Code {
    /// From its own file.
    Own(ComponentFile),
    /// It is that of the engine which this host has for its language.
    Engine(EngineFile),
}

impl Artifact {
    /// Reads the plugin's file, and what it imports. Blocks on the disk.
    ///
    /// # Errors
    /// [`LoadError`] when it cannot be read, or is nothing that can be a plugin.
    pub(crate) fn read(files: &Files, engines: &Engines) -> Result<Self, LoadError> {
        let path = files.artifact().map_err(LoadError::Ambiguous)?;
        match language_of(path) {
            Language::Component => Self::component(path),
            _ => Self::text(files, path, engines),
        }
    }

    fn component(path: &Path) -> Result<Self, LoadError> {
        let failed = |source| LoadError::Component {
            path: path.to_owned(),
            source,
        };
        let file = ComponentFile::read(path).map_err(failed)?;
        let found = split(&file.bytes);
        let found = found.map_err(|error| failed(CompileError::Invalid(error.to_string())))?;
        let Some((engine, script)) = found else {
            return Ok(Self {
                path: path.to_owned(),
                language: Language::Component,
                hash: file.hash,
                code: Code::Own(file),
                script: None,
            });
        };
        let bytes = file.bytes.slice(..engine);
        Ok(Self {
            path: path.to_owned(),
            language: script.language,
            // Plugins with the same engine share its code.
            code: Code::Own(ComponentFile {
                hash: blake3::hash(&bytes),
                bytes,
            }),
            script: Some(script),
            hash: file.hash,
        })
    }

    fn text(files: &Files, path: &Path, engines: &Engines) -> Result<Self, LoadError> {
        let script = texts::read(&files.folder, path);
        let script = script.map_err(|(path, source)| LoadError::Text { path, source })?;
        let engine = engines.evaluating(script.language);
        let engine = engine.map_err(|source| LoadError::Engine {
            path: path.to_owned(),
            source,
        })?;
        let mut hasher = blake3::Hasher::new();
        // Another engine makes another plugin of it.
        hasher.update(engine.hash.as_bytes());
        hasher.update(script.hash().as_bytes());
        Ok(Self {
            path: path.to_owned(),
            language: script.language,
            code: Code::Engine(engine),
            script: Some(script),
            hash: hasher.finalize(),
        })
    }
}

impl Code {
    /// The component. Blocks on the disk if it is an engine that is no part of the program.
    ///
    /// # Errors
    /// [`EngineError`] when the engine is not there any more, or no component.
    pub(crate) fn read(&self) -> Result<ComponentFile, EngineError> {
        match self {
            Self::Own(component) => Ok(component.clone()),
            Self::Engine(engine) => engine.read(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::append;

    fn read(folder: &Path, plugin: &str) -> Result<Artifact, LoadError> {
        Artifact::read(&Files::of(folder, plugin), &Engines::of(folder))
    }

    #[test]
    fn a_text_and_a_component_that_carries_it_are_the_same_plugin() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("text.ts"), "listen('a')").unwrap();
        let text = read(root.path(), "text").unwrap();
        let script = text.script.clone().expect("it is a text");
        let engine = text.code.read().unwrap();
        let carrying = append(&engine.bytes, &script).unwrap();
        std::fs::write(root.path().join("built.wasm"), carrying).unwrap();
        let built = read(root.path(), "built").unwrap();
        assert_eq!(built.language, Language::TypeScript);
        assert_eq!(built.code.read().unwrap().hash, engine.hash);
        assert_eq!(built.script, text.script);
    }

    #[test]
    fn what_cannot_be_a_plugin_is_told_by_its_files() {
        let root = tempfile::tempdir().unwrap();
        let told = |plugin: &str| match read(root.path(), plugin) {
            Ok(_) => panic!("{plugin} can be read"),
            Err(error) => error.to_string(),
        };
        assert!(told("gone").contains("gone.wasm"));
        for name in ["two.js", "two.ts", "late.py"] {
            std::fs::write(root.path().join(name), "text").unwrap();
        }
        let two = told("two");
        assert!(two.contains("two.js") && two.contains("two.ts"), "{two}");
        assert!(told("late").contains("`hearken engine add python`"));
    }
}
