//! From a file to machine code: reads a component and compiles it on threads of
//! its own.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rayon::ThreadPool;
use thread_priority::{ThreadPriority, ThreadPriorityValue, set_current_thread_priority};
use tokio::sync::oneshot;
use wasmtime::Engine;
use wasmtime::component::Component;

use super::code_cache::CodeCache;
use super::complete::is_cut_off;
use super::contain::panic_text;

/// Largest component in bytes; the largest real ones, which carry a whole
/// Python interpreter, have about 40 MiB.
const MAX_COMPONENT_BYTES: u64 = 128 << 20;

/// First eight bytes of a component: magic and the component layer's version.
const COMPONENT_PREAMBLE: [u8; 8] = *b"\0asm\x0d\0\x01\0";

/// First eight bytes of a core module.
const MODULE_PREAMBLE: [u8; 8] = *b"\0asm\x01\0\0\0";

/// Priority of compiling, out of 99 where 50 is normal: running plugins go
/// first, and a busy machine still compiles.
const POLITE: u8 = 25;

/// Compiles components and remembers the result.
#[derive(Debug)]
pub(super) struct Compiler {
    engine: Engine,
    cache: Arc<CodeCache>,
    in_use: Arc<InUse>,
    /// Threads below normal priority, since compiling takes all that it can get.
    threads: Arc<ThreadPool>,
}

/// Components that some plugin runs, by the hash of their files: plugins with the
/// same file share its code.
#[derive(Default)]
struct InUse(Mutex<HashMap<blake3::Hash, Weak<Component>>>);

impl std::fmt::Debug for InUse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InUse").finish_non_exhaustive()
    }
}

impl InUse {
    fn get(&self, hash: &blake3::Hash) -> Option<Arc<Component>> {
        self.lock().get(hash)?.upgrade()
    }

    /// Shares a component; returns that which is shared already, if two plugins came
    /// at the same time.
    fn share(&self, hash: blake3::Hash, component: Component) -> Arc<Component> {
        let mut components = self.lock();
        components.retain(|_, component| component.strong_count() > 0);
        if let Some(shared) = components.get(&hash).and_then(Weak::upgrade) {
            return shared;
        }
        let component = Arc::new(component);
        components.insert(hash, Arc::downgrade(&component));
        component
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<blake3::Hash, Weak<Component>>> {
        // Nothing in here panics half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A component file as it was read.
#[derive(Clone)]
pub(super) struct ComponentFile {
    pub(super) bytes: Arc<[u8]>,
    /// BLAKE3 of the bytes.
    pub(super) hash: blake3::Hash,
}

/// Why a file cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub(super) enum CompileError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is empty, e.g. because somebody is about to write it.
    #[error("the file is empty")]
    Empty,
    /// The file ends in the middle, e.g. because somebody is writing it.
    #[error("the file ends in the middle of a section; it was not written to its end")]
    CutOff,
    /// The file is larger than [`MAX_COMPONENT_BYTES`].
    #[error("the file has {0} bytes; a component may have {MAX_COMPONENT_BYTES}")]
    TooLarge(u64),
    /// The file is not WebAssembly.
    #[error(
        "not a WebAssembly file: it does not begin with `\\0asm`; build a component with `hearken plugin build`"
    )]
    NotWasm,
    /// The file is a core module.
    #[error(
        "a core WebAssembly module, not a component; build for the target wasm32-wasip2, e.g. with `hearken plugin build`"
    )]
    CoreModule,
    /// The component is not valid, or uses what this host does not support.
    #[error("not a valid component: {0}")]
    Invalid(String),
    /// The compiler does not cope with the component.
    #[error("the compiler failed, which is a mistake in it: {0}")]
    Compiler(String),
    /// The compiler's threads are gone because the node stops.
    #[error("the node is stopping")]
    Stopping,
}

impl CompileError {
    /// Whether the file is simply not there.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
    }
}

impl ComponentFile {
    /// Reads a component file; checks its size and kind before its content.
    /// Blocks on the disk.
    ///
    /// # Errors
    /// [`CompileError`] when it cannot be read or is no component.
    pub(super) fn read(path: &Path) -> Result<Self, CompileError> {
        let failed = |source| CompileError::Read {
            path: path.to_owned(),
            source,
        };
        let mut file = open_regular(path).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        let mut bytes = Vec::new();
        (&mut file)
            .take(8)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        check_preamble(&bytes)?;
        if size > MAX_COMPONENT_BYTES {
            return Err(CompileError::TooLarge(size));
        }
        file.take(MAX_COMPONENT_BYTES)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        if is_cut_off(&bytes) {
            return Err(CompileError::CutOff);
        }
        let hash = blake3::hash(&bytes);
        Ok(Self {
            bytes: bytes.into(),
            hash,
        })
    }
}

/// Opens a file that has an end: a pipe or a device could be read for ever.
pub(super) fn open_regular(path: &Path) -> std::io::Result<File> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("not a regular file"));
    }
    File::open(path)
}

fn check_preamble(bytes: &[u8]) -> Result<(), CompileError> {
    if bytes.is_empty() {
        Err(CompileError::Empty)
    } else if bytes == COMPONENT_PREAMBLE {
        Ok(())
    } else if bytes == MODULE_PREAMBLE {
        Err(CompileError::CoreModule)
    } else if COMPONENT_PREAMBLE.starts_with(bytes) {
        Err(CompileError::CutOff)
    } else if bytes.starts_with(b"\0asm") {
        Err(CompileError::Invalid(
            "an unknown version of the binary format".to_owned(),
        ))
    } else {
        Err(CompileError::NotWasm)
    }
}

impl Compiler {
    /// A compiler that keeps its results in the folder `cache`.
    ///
    /// # Errors
    /// When the folder cannot be made or the system refuses a thread.
    pub(super) fn new(engine: Engine, cache: PathBuf, threads: usize) -> std::io::Result<Self> {
        let cache = Arc::new(CodeCache::open(cache)?);
        let threads = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("compile-{index}"))
            .start_handler(|_| {
                // At normal priority compiling is merely less polite.
                let _ = ThreadPriorityValue::try_from(POLITE).map(|polite| {
                    set_current_thread_priority(ThreadPriority::Crossplatform(polite))
                });
            })
            .build()
            .map_err(std::io::Error::other)?;
        Ok(Self {
            engine,
            cache,
            in_use: Arc::default(),
            threads: Arc::new(threads),
        })
    }

    /// The compiled component, from another plugin that uses it or from the cache if
    /// it is there.
    ///
    /// # Errors
    /// [`CompileError`] when it is not valid.
    pub(super) async fn compile(
        &self,
        file: ComponentFile,
    ) -> Result<Arc<Component>, CompileError> {
        let (done, result) = oneshot::channel();
        let engine = self.engine.clone();
        let cache = Arc::clone(&self.cache);
        let in_use = Arc::clone(&self.in_use);
        self.threads.spawn(move || {
            let compile = || match in_use.get(&file.hash) {
                Some(component) => Ok(component),
                None => load_or_compile(&engine, &cache, &file)
                    .map(|component| in_use.share(file.hash, component)),
            };
            // A panic here would end the whole process.
            let compiled =
                std::panic::catch_unwind(AssertUnwindSafe(compile)).unwrap_or_else(|panic| {
                    Err(CompileError::Compiler(panic_text(&*panic).to_owned()))
                });
            // Nobody waits any more when the plugin was removed meanwhile.
            let _ = done.send(compiled);
        });
        result.await.map_err(|_| CompileError::Stopping)?
    }
}

fn load_or_compile(
    engine: &Engine,
    cache: &CodeCache,
    file: &ComponentFile,
) -> Result<Component, CompileError> {
    if let Some(component) = cache.load(engine, &file.hash) {
        return Ok(component);
    }
    let invalid = |error: wasmtime::Error| CompileError::Invalid(format!("{error:#}"));
    let component = Component::from_binary(engine, &file.bytes).map_err(invalid)?;
    let code = component.serialize().map_err(invalid)?;
    if let Err(error) = cache.store(engine, &file.hash, &code) {
        tracing::warn!(%error, "could not cache compiled code");
        return Ok(component);
    }
    // The mapped file shares its pages with the page cache; what was just
    // compiled sits on the heap.
    Ok(cache.load(engine, &file.hash).unwrap_or(component))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::engine::new_engine;

    fn component() -> ComponentFile {
        let bytes = wat::parse_str("(component (core module (func (export \"f\"))))").unwrap();
        ComponentFile {
            hash: blake3::hash(&bytes),
            bytes: bytes.into(),
        }
    }

    fn read(bytes: &[u8]) -> Result<ComponentFile, CompileError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        ComponentFile::read(file.path())
    }

    #[test]
    fn the_kind_of_file_is_told() {
        assert!(matches!(read(b""), Err(CompileError::Empty)));
        assert!(matches!(read(b"#!/bin/sh"), Err(CompileError::NotWasm)));
        assert!(matches!(
            read(&MODULE_PREAMBLE),
            Err(CompileError::CoreModule)
        ));
        assert!(matches!(
            read(b"\0asm\x0d\0\x02\0"),
            Err(CompileError::Invalid(_))
        ));
        assert!(read(&component().bytes).is_ok());
    }

    #[test]
    fn a_huge_file_is_refused_by_its_size() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), COMPONENT_PREAMBLE).unwrap();
        file.as_file().set_len(200 << 20).unwrap();
        let refused = ComponentFile::read(file.path());
        assert!(matches!(refused, Err(CompileError::TooLarge(size)) if size == 200 << 20));
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe.wasm");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.expect("`mkfifo` is on every Unix").success());
        let refused = ComponentFile::read(&pipe).map(|_| ()).unwrap_err();
        assert!(refused.to_string().contains("not a regular file"));
    }

    #[tokio::test]
    async fn compiled_code_is_cached_and_a_damaged_cache_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let compiler = Compiler::new(new_engine().unwrap(), folder.path().join("code"), 1).unwrap();
        let cached = compiler.cache.file(&compiler.engine, &component().hash);
        compiler.compile(component()).await.unwrap();
        let code = std::fs::read(&cached).unwrap();
        std::fs::write(&cached, b"nonsense").unwrap();
        compiler.compile(component()).await.unwrap();
        assert_eq!(std::fs::read(&cached).unwrap(), code);
    }

    #[tokio::test]
    async fn a_component_in_use_is_shared_and_one_out_of_use_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let compiler = Compiler::new(new_engine().unwrap(), folder.path().into(), 1).unwrap();
        let first = compiler.compile(component()).await.unwrap();
        let second = compiler.compile(component()).await.unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        let forgotten = Arc::downgrade(&first);
        drop((first, second));
        assert!(forgotten.upgrade().is_none());
        compiler.compile(component()).await.unwrap();
    }

    #[tokio::test]
    async fn nonsense_behind_a_good_preamble_is_invalid() {
        let folder = tempfile::tempdir().unwrap();
        let compiler = Compiler::new(new_engine().unwrap(), folder.path().into(), 1).unwrap();
        let bytes = [&COMPONENT_PREAMBLE[..], &[0xff; 64]].concat();
        let file = ComponentFile {
            hash: blake3::hash(&bytes),
            bytes: bytes.into(),
        };
        let error = compiler.compile(file).await.expect_err("nonsense");
        assert!(matches!(error, CompileError::Invalid(_)), "{error}");
    }
}
