//! From a file to machine code that runs.
//!
//! Components are compiled, and looked at, by processes of their own
//! ([`CompileWorkers`], which run [`serve_compile_tasks`]): whatever a file does to a
//! compiler, the node only maps code that a compiler has finished.

mod error;
mod file;
mod instance_size;
mod nesting;
mod protocol;
mod serve;
mod worker;
mod workers;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{Mutex as Turn, oneshot};
use tokio_util::task::AbortOnDropHandle;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::plugin::code::code_cache::CodeCache;
use crate::plugin::code::disk::{Disk, DiskError};

pub use error::CompileError;
pub(crate) use file::{ComponentFile, open_regular};
pub use serve::{WorkerError, WorkerLimits, serve_compile_tasks};
pub use workers::CompileWorkers;

/// Has components compiled and remembers the result.
#[derive(Debug)]
pub(crate) struct Compiler {
    kept: Kept,
    workers: CompileWorkers,
    /// For engines of languages, which are larger than any plugin should be.
    engines: CompileWorkers,
    /// Engines that are being compiled, by the hash of their files: many plugins ask for the
    /// same when a node starts.
    begun: Mutex<HashMap<blake3::Hash, Arc<Turn<Option<EngineWork>>>>>,
}

/// An engine that is being compiled, for whoever asks for it; dropping it ends the work.
struct EngineWork {
    outcome: oneshot::Receiver<Result<Arc<Component>, CompileError>>,
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "it ends the work when it is dropped")
    )]
    task: AbortOnDropHandle<()>,
}

impl std::fmt::Debug for EngineWork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineWork").finish_non_exhaustive()
    }
}

/// Where code is that was compiled.
#[derive(Clone, Debug)]
struct Kept {
    engine: Engine,
    cache: Arc<CodeCache>,
    disk: Disk,
    in_use: Arc<InUse>,
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

impl Compiler {
    /// A compiler that keeps its results in `cache`, on `disk`.
    pub(crate) fn new(
        engine: Engine,
        cache: CodeCache,
        disk: Disk,
        workers: CompileWorkers,
    ) -> Self {
        Self {
            kept: Kept {
                engine,
                cache: Arc::new(cache),
                disk,
                in_use: Arc::default(),
            },
            engines: workers.for_engines(),
            begun: Mutex::default(),
            workers,
        }
    }

    /// The code of a component, the content of `path`: from another plugin that uses it
    /// or from the cache if it is there, otherwise compiled. Dropping the future ends
    /// the compiling.
    ///
    /// # Errors
    /// [`CompileError`] when it is not valid, or the compiler does not cope with it.
    pub(crate) async fn compile(
        &self,
        file: &ComponentFile,
        path: &Path,
    ) -> Result<Arc<Component>, CompileError> {
        self.kept.compile_by(&self.workers, file, path).await
    }

    /// The same of an engine of a language, within limits of its own. Dropping the future ends
    /// nothing: it takes long, and whoever comes next needs the same.
    ///
    /// # Errors
    /// [`CompileError`] when it is not valid, or the compiler does not cope with it.
    pub(crate) async fn compile_engine(
        &self,
        file: &ComponentFile,
        path: &Path,
    ) -> Result<Arc<Component>, CompileError> {
        if let Some(component) = self.kept.find(file.hash).await? {
            return Ok(component);
        }
        let turn = self.turn(file.hash);
        let mut turn = turn.lock().await;
        // Whoever had the turn before may have waited until it was there.
        if let Some(component) = self.kept.find(file.hash).await? {
            return Ok(component);
        }
        let work = turn.get_or_insert_with(|| self.begin(file, path));
        // Whoever waits no longer leaves the work here for the next.
        let outcome = (&mut work.outcome).await;
        *turn = None;
        let given_up = CompileError::Compiler("it was given up".to_owned());
        outcome.unwrap_or(Err(given_up))
    }

    /// The turn of those who ask for one engine: whoever has it waits for the others too.
    fn turn(&self, hash: blake3::Hash) -> Arc<Turn<Option<EngineWork>>> {
        // Nothing in here panics half-way through a change.
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let is_used =
            |turn: &Turn<Option<EngineWork>>| turn.try_lock().is_ok_and(|it| it.is_some());
        begun.retain(|_, turn| Arc::strong_count(turn) > 1 || is_used(turn));
        Arc::clone(begun.entry(hash).or_default())
    }

    /// The code of a component with this hash, if it need not be compiled.
    ///
    /// # Errors
    /// [`CompileError`] when the cache does not answer.
    pub(crate) async fn find(
        &self,
        hash: blake3::Hash,
    ) -> Result<Option<Arc<Component>>, CompileError> {
        self.kept.find(hash).await
    }

    fn begin(&self, file: &ComponentFile, path: &Path) -> EngineWork {
        let (tell, outcome) = oneshot::channel();
        let (kept, engines) = (self.kept.clone(), self.engines.clone());
        let (file, path) = (file.clone(), path.to_owned());
        let task = tokio::spawn(async move {
            // Nobody waits for it when the node stops.
            let _ = tell.send(kept.compile_by(&engines, &file, &path).await);
        });
        EngineWork {
            outcome,
            task: AbortOnDropHandle::new(task),
        }
    }

    /// Whether the code of a component need not be compiled. Blocks on the disk.
    pub(crate) fn has_code(&self, hash: &blake3::Hash) -> bool {
        let Kept { engine, cache, .. } = &self.kept;
        self.kept.in_use.get(hash).is_some() || cache.file(engine, hash).exists()
    }
}

impl Kept {
    /// The code of a component, compiled if it is not there.
    async fn compile_by(
        &self,
        workers: &CompileWorkers,
        file: &ComponentFile,
        path: &Path,
    ) -> Result<Arc<Component>, CompileError> {
        if let Some(component) = self.find(file.hash).await? {
            return Ok(component);
        }
        let room = workers.room().await;
        // Another plugin with the same file may have come first.
        if let Some(component) = self.find(file.hash).await? {
            return Ok(component);
        }
        let code = room.compile(&file.bytes, path).await?;
        self.keep(file.hash, code).await
    }

    /// The code of a component that runs, or is in the cache.
    async fn find(&self, hash: blake3::Hash) -> Result<Option<Arc<Component>>, CompileError> {
        if let Some(component) = self.in_use.get(&hash) {
            return Ok(Some(component));
        }
        let (cache, engine) = (Arc::clone(&self.cache), self.engine.clone());
        let cached = self.on_disk(&hash, move || cache.load(&engine, &hash));
        let cached = cached.await?;
        Ok(cached.map(|component| self.in_use.share(hash, component)))
    }

    /// Keeps code that was just compiled, and makes it runnable.
    async fn keep(
        &self,
        hash: blake3::Hash,
        code: Vec<u8>,
    ) -> Result<Arc<Component>, CompileError> {
        let (cache, engine) = (Arc::clone(&self.cache), self.engine.clone());
        let component = self.on_disk(&hash, move || {
            if let Err(error) = cache.store(&engine, &hash, &code) {
                tracing::warn!(%error, "could not cache compiled code");
            } else if let Some(component) = cache.load(&engine, &hash) {
                // The mapped file shares its pages with the page cache; what was just
                // compiled sits on the heap.
                return Ok(component);
            }
            cache.run(&engine, &code)
        });
        let component = component.await?;
        let component = component.map_err(|error| CompileError::Compiler(format!("{error:#}")))?;
        Ok(self.in_use.share(hash, component))
    }

    /// Does something with the code of a component.
    async fn on_disk<T: Send + 'static>(
        &self,
        hash: &blake3::Hash,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, CompileError> {
        let path = self.cache.file(&self.engine, hash);
        let done = self.disk.run(&path, work).await;
        done.map_err(|error| match error {
            DiskError::Silent { path, within } => CompileError::Silent { path, within },
            error => CompileError::Compiler(error.to_string()),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;

    use super::*;
    use crate::config::CompileSettings;
    use crate::plugin::code::disk::tests::hang;
    use crate::plugin::code::engine::{compiling_engine, new_engine};

    /// Longer than anything here takes on the slowest machine.
    const LONG: Duration = Duration::from_secs(60);

    /// A compiler without processes, in whose cache is the code of this component.
    fn compiler(folder: &Path, within: Duration) -> (Compiler, ComponentFile) {
        let bytes = wat::parse_str("(component (core module (func (export \"f\"))))").unwrap();
        let file = ComponentFile {
            hash: blake3::hash(&bytes),
            bytes: bytes.into(),
        };
        let code = compiling_engine()
            .unwrap()
            .precompile_component(&file.bytes);
        let engine = new_engine().unwrap();
        let cache = CodeCache::open(folder.join("code")).unwrap();
        cache.store(&engine, &file.hash, &code.unwrap()).unwrap();
        let settings = CompileSettings {
            program: "/nowhere/hearken".into(),
            ..CompileSettings::default()
        };
        let compiler = Compiler::new(
            engine,
            cache,
            Disk::start("code", 1, within).unwrap(),
            CompileWorkers::new(settings, 1),
        );
        (compiler, file)
    }

    #[tokio::test]
    async fn what_is_in_the_cache_needs_no_process() {
        let folder = tempfile::tempdir().unwrap();
        let (compiler, mut file) = compiler(folder.path(), LONG);
        compiler.compile(&file, Path::new("a")).await.unwrap();
        file.hash = blake3::hash(b"another");
        let refused = compiler.compile(&file, Path::new("a")).await;
        let refused = refused.map(|_| ()).unwrap_err();
        assert!(matches!(refused, CompileError::WorkerStart { .. }));
    }

    #[tokio::test]
    async fn a_cache_that_does_not_answer_is_named_and_holds_no_room() {
        let folder = tempfile::tempdir().unwrap();
        let (compiler, file) = compiler(folder.path(), Duration::from_millis(10));
        let hung = hang(&compiler.kept.disk, Path::new("hung")).await;
        let silent = compiler.compile(&file, Path::new("a")).await;
        let silent = silent.map(|_| ()).unwrap_err();
        assert!(matches!(silent, CompileError::Silent { .. }), "{silent}");
        let text = silent.to_string();
        let cached = compiler.kept.cache.file(&compiler.kept.engine, &file.hash);
        assert!(text.contains(&cached.display().to_string()), "{text}");
        assert!(compiler.workers.room().now_or_never().is_some());
        drop(hung);
    }

    #[tokio::test]
    async fn an_engine_is_compiled_on_when_nobody_waits_for_it_any_more() {
        let folder = tempfile::tempdir().unwrap();
        let (compiler, mut file) = compiler(folder.path(), LONG);
        file.hash = blake3::hash(b"another");
        let path = Path::new("a");
        // While somebody else has the room.
        let room = compiler.engines.room().await;
        let begun = compiler.begin(&file, path);
        let task = begun.task.abort_handle().id();
        let turn = compiler.turn(file.hash);
        *turn.lock().await = Some(begun);
        for _ in 0..3 {
            let asking = compiler.compile_engine(&file, path);
            let given_up = tokio::time::timeout(Duration::from_millis(10), asking).await;
            assert!(given_up.is_err(), "it is not done");
            let under_way = turn.lock().await;
            let work = under_way.as_ref().expect("it goes on");
            assert_eq!(work.task.abort_handle().id(), task, "for all of them");
        }
        let mut ready = file.clone();
        ready.hash = blake3::hash(&ready.bytes);
        let other = compiler.compile_engine(&ready, path);
        let other = tokio::time::timeout(LONG, other)
            .await
            .expect("its code is there");
        other.expect("it is valid");
        drop(room);
        // There is no program to do it, which whoever asks next is told.
        let refused = compiler.compile_engine(&file, path).await;
        let refused = refused.map(|_| ()).unwrap_err();
        assert!(matches!(refused, CompileError::WorkerStart { .. }));
        assert!(turn.lock().await.is_none());
    }

    #[tokio::test]
    async fn a_component_in_use_is_shared_and_one_out_of_use_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let (compiler, file) = compiler(folder.path(), LONG);
        let path = Path::new("a");
        let first = compiler.compile(&file, path).await.unwrap();
        let second = compiler.compile(&file, path).await.unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        let forgotten = Arc::downgrade(&first);
        drop((first, second));
        assert!(forgotten.upgrade().is_none());
        compiler.compile(&file, path).await.unwrap();
    }
}
