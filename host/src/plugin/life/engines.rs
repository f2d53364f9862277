//! The engines of a data folder, for who looks after them.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wasmtime::component::Component;

use crate::plugin::code::code_cache::CodeCache;
use crate::plugin::code::compile::{CompileError, CompileWorkers, Compiler, ComponentFile};
use crate::plugin::code::disks::Disks;
use crate::plugin::code::engine::new_engine;
use crate::plugin::code::engines::{EngineStatus, Engines};
use crate::plugin::guest::imports::script::INTERFACE;
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
    /// What was given is a component that evaluates nothing.
    #[error(
        "{}: it is no engine, since it does not import `{INTERFACE}`; without `--from` the engine is built",
        .0.display()
    )]
    NoEngine(PathBuf),
    /// It cannot be compiled, or its code cannot be kept.
    #[error("the engine of {} cannot be compiled: {reason}", language.title())]
    Compile {
        /// Of which language.
        language: Language,
        /// Why not.
        reason: String,
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
/// returns where. Before that it is compiled by `workers`, so that no plugin has to wait for it.
/// Plugins that are loaded from then on use it. Blocks on the disk.
///
/// # Errors
/// [`AddEngineError`] says why it is not there.
pub async fn add_engine(
    language: Language,
    file: &Path,
    data: &Path,
    workers: CompileWorkers,
) -> Result<PathBuf, AddEngineError> {
    if language != Language::Python {
        return Err(AddEngineError::BuiltIn(language));
    }
    let component = ComponentFile::read(file).map_err(|source| AddEngineError::NoComponent {
        path: file.to_owned(),
        source,
    })?;
    let compiled = compile(&component, file, data, workers).await;
    let compiled = compiled.map_err(|reason| AddEngineError::Compile { language, reason })?;
    let component_type = compiled.component_type();
    let mut imports = component_type.imports(compiled.engine());
    if !imports.any(|(name, _)| name == INTERFACE) {
        return Err(AddEngineError::NoEngine(file.to_owned()));
    }
    let path = Engines::of(data).path(language);
    let written = write(&path, &component.bytes);
    written.map_err(|source| AddEngineError::Write {
        path: path.clone(),
        source,
    })?;
    Ok(path)
}

/// Compiles it as a node with this data folder would, which finds the code then.
async fn compile(
    component: &ComponentFile,
    file: &Path,
    data: &Path,
    workers: CompileWorkers,
) -> Result<Arc<Component>, String> {
    let cache = CodeCache::open(data.join("code")).map_err(|error| error.to_string())?;
    let disks = Disks::start().map_err(|error| error.to_string())?;
    let engine = new_engine().map_err(|error| error.to_string())?;
    let compiler = Compiler::new(engine, cache, disks.code, workers);
    let compiled = compiler.compile_engine(component, file).await;
    compiled.map_err(|error| error.to_string())
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
    use crate::config::CompileSettings;
    use crate::plugin::code::engine::compiling_engine;

    fn keep_compiled(data: &Path, component: &[u8]) {
        let code = compiling_engine().unwrap().precompile_component(component);
        let cache = CodeCache::open(data.join("code")).unwrap();
        let hash = blake3::hash(component);
        let kept = cache.store(&new_engine().unwrap(), &hash, &code.unwrap());
        kept.unwrap();
    }

    #[tokio::test]
    async fn an_engine_that_was_added_is_listed() {
        let data = tempfile::tempdir().unwrap();
        let file = data.path().join("engine");
        let engine = format!(r#"(component (import "{INTERFACE}" (instance)))"#);
        std::fs::write(&file, wat::parse_str(engine).unwrap()).unwrap();
        let hash = |data: &Path| {
            let engines = engines(data);
            let python = engines.into_iter().find(|engine| engine.name == "python");
            python.and_then(|engine| engine.hash)
        };
        assert_eq!(hash(data.path()), None);
        let add = async |language| {
            let nobody = CompileSettings {
                program: "/nowhere/hearken".into(),
                ..CompileSettings::default()
            };
            let workers = CompileWorkers::new(nobody, 1);
            add_engine(language, &file, data.path(), workers).await
        };
        let nobody_compiles = add(Language::Python).await;
        let error = nobody_compiles.unwrap_err();
        assert!(matches!(error, AddEngineError::Compile { .. }), "{error}");
        assert_eq!(hash(data.path()), None);
        keep_compiled(data.path(), &std::fs::read(&file).unwrap());
        let path = add(Language::Python).await.unwrap();
        assert!(path.starts_with(data.path()));
        assert!(hash(data.path()).is_some());
        std::fs::write(&file, b"\0asm\x0d\0\x01\0").unwrap();
        keep_compiled(data.path(), &std::fs::read(&file).unwrap());
        let no_engine = add(Language::Python).await;
        assert!(matches!(no_engine, Err(AddEngineError::NoEngine(_))));
        std::fs::write(&file, b"#!").unwrap();
        let refused = add(Language::Python).await;
        assert!(matches!(refused, Err(AddEngineError::NoComponent { .. })));
        let built_in = add(Language::JavaScript).await;
        assert!(matches!(built_in, Err(AddEngineError::BuiltIn(_))));
    }
}
