//! What all plugins of a node share.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use wasmtime::component::Linker;

use crate::bus::Bus;
use crate::channel::Channels;
use crate::config::Policy;
use crate::consumer::Consumers;
use crate::plugin::code::code_cache::{CodeCache, CodeCacheError};
use crate::plugin::code::compile::{CompileWorkers, Compiler};
use crate::plugin::code::disks::Disks;
use crate::plugin::code::engine::new_engine;
use crate::plugin::code::engines::Engines;
use crate::plugin::guest::imports;
use crate::plugin::guest::outgoing::connector::Connector;
use crate::plugin::guest::rights::PolicyInForce;
use crate::plugin::guest::state::Guest;
use crate::plugin::hooks::PluginHooks;
use crate::plugin::threads::executor::Executor;
use crate::plugin::threads::ticker::Ticker;
use crate::session::Sessions;
use crate::store::Store;

/// Component files that are read for each thread that compiles: enough to keep it busy,
/// few enough for a node with a thousand plugins to start without them all in memory.
const FILES_A_COMPILE_THREAD: usize = 4;

/// What of the node plugins use.
pub(crate) struct NodeParts {
    pub(crate) bus: Bus,
    pub(crate) store: Arc<Store>,
    pub(crate) channels: Channels,
    pub(crate) consumers: Consumers,
    pub(crate) hooks: PluginHooks,
    /// The sessions that plugins may address; `None` where there never are any.
    pub(crate) addressed: Option<Sessions>,
}

/// Engine, threads, compiler, imports, and what of the node is used.
pub(crate) struct Runtime {
    pub(crate) bus: Bus,
    pub(crate) store: Arc<Store>,
    pub(crate) channels: Channels,
    pub(crate) consumers: Consumers,
    pub(crate) hooks: PluginHooks,
    pub(crate) addressed: Option<Sessions>,
    pub(crate) disks: Disks,
    pub(crate) compiler: Compiler,
    /// What evaluates texts.
    pub(crate) engines: Engines,
    /// A permit for each component file that may be in memory at once.
    loading: Arc<Semaphore>,
    pub(crate) linker: Linker<Guest>,
    pub(crate) executor: Executor,
    pub(crate) connector: Arc<Connector>,
    /// What plugins may do at most.
    pub(crate) policy: Arc<PolicyInForce>,
    /// Told when plugins may bring other namespaces of session channels.
    pub(crate) namespaces_may_differ: Notify,
    /// Cancelled when the node begins to drain.
    pub(crate) draining: CancellationToken,
}

/// Why plugins cannot run on this machine.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The folder of compiled code cannot be used.
    #[error(transparent)]
    CodeCache(#[from] CodeCacheError),
    /// A thread cannot be started.
    #[error("cannot start a thread for plugins: {0}")]
    Thread(std::io::Error),
    /// The engine refuses its settings.
    #[error("the WebAssembly engine does not run here: {0}")]
    Engine(wasmtime::Error),
}

impl Runtime {
    pub(crate) fn new(
        parts: NodeParts,
        data: &Path,
        threads: usize,
        workers: CompileWorkers,
        io: &tokio::runtime::Handle,
        policy: Policy,
    ) -> Result<Self, RuntimeError> {
        let NodeParts {
            bus,
            store,
            channels,
            consumers,
            hooks,
            addressed,
        } = parts;
        let cache = CodeCache::open(data.join("code"))?;
        let disks =
            Disks::start().map_err(|error| RuntimeError::Thread(std::io::Error::other(error)))?;
        let engine = new_engine().map_err(RuntimeError::Engine)?;
        let ticker = Arc::new(Ticker::start(engine.clone()).map_err(RuntimeError::Thread)?);
        Ok(Self {
            bus,
            store,
            channels,
            consumers,
            hooks,
            addressed,
            loading: Arc::new(Semaphore::new(FILES_A_COMPILE_THREAD * threads.max(1))),
            linker: imports::linker(&engine).map_err(RuntimeError::Engine)?,
            compiler: Compiler::new(engine, cache, disks.code.clone(), workers),
            engines: Engines::of(data),
            disks,
            executor: Executor::new(threads, io, &ticker).map_err(RuntimeError::Thread)?,
            connector: Arc::new(Connector::system()),
            policy: Arc::new(PolicyInForce::new(policy)),
            namespaces_may_differ: Notify::new(),
            draining: CancellationToken::new(),
        })
    }

    /// Room in memory for one component file, from reading to compiling.
    pub(crate) async fn room_to_load(&self) -> OwnedSemaphorePermit {
        let room = Arc::clone(&self.loading).acquire_owned().await;
        room.expect("the semaphore is never closed")
    }
}
