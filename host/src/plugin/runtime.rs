//! What all plugins of a node share.

use std::path::Path;
use std::sync::Arc;

use wasmtime::component::Linker;

use super::compile::Compiler;
use super::engine::{Ticker, new_engine};
use super::executor::Executor;
use super::guest::Guest;
use super::imports;
use super::records::{RecordError, Records};
use crate::bus::Bus;

/// Engine, threads, compiler, imports and store.
pub(super) struct Runtime {
    pub(super) bus: Bus,
    pub(super) records: Arc<Records>,
    pub(super) compiler: Compiler,
    pub(super) linker: Linker<Guest>,
    pub(super) executor: Executor,
}

/// Why plugins cannot run on this machine.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The data folder cannot be used.
    #[error("cannot use the data folder {path}: {source}")]
    DataFolder {
        /// The folder.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The key-value store cannot be opened.
    #[error(
        "cannot open the key-value store {path}: {source}; does another node use this data folder?"
    )]
    Records {
        /// The store's file.
        path: String,
        /// What the store said.
        source: RecordError,
    },
    /// A thread cannot be started.
    #[error("cannot start a thread for plugins: {0}")]
    Thread(std::io::Error),
    /// The engine refuses its settings.
    #[error("the WebAssembly engine does not run here: {0}")]
    Engine(wasmtime::Error),
}

impl Runtime {
    pub(super) fn new(
        bus: Bus,
        data: &Path,
        threads: usize,
        io: &tokio::runtime::Handle,
    ) -> Result<Self, RuntimeError> {
        crate::tls::choose_provider();
        let folder = |source| RuntimeError::DataFolder {
            path: data.display().to_string(),
            source,
        };
        std::fs::create_dir_all(data).map_err(folder)?;
        let store = data.join("records.redb");
        let records = Records::open(&store, bus.host_publisher()).map_err(|source| {
            RuntimeError::Records {
                path: store.display().to_string(),
                source,
            }
        })?;
        let engine = new_engine().map_err(RuntimeError::Engine)?;
        let ticker = Arc::new(Ticker::start(engine.clone()).map_err(RuntimeError::Thread)?);
        Ok(Self {
            bus,
            records: Arc::new(records),
            linker: imports::linker(&engine).map_err(RuntimeError::Engine)?,
            compiler: Compiler::new(engine, data.join("code"), threads).map_err(folder)?,
            executor: Executor::new(threads, io, &ticker).map_err(RuntimeError::Thread)?,
        })
    }
}
