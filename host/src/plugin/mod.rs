//! Plugins: folder watching, component loading, instances, workers, and what
//! guests may import.

mod account;
mod batch;
mod bindings;
mod code_cache;
mod compile;
mod complete;
mod contain;
mod contention;
mod death;
mod engine;
mod executor;
mod folder;
mod function_cache;
mod guest;
mod handler;
mod imports;
mod inspect;
mod instance;
mod load;
mod loading;
mod memory;
mod meter;
mod output;
mod pace;
mod plugins;
mod priority;
mod retry;
mod runtime;
mod seat;
mod shared;
mod supervisor;
mod trial;
mod worker;

pub use code_cache::CodeCacheError;
pub use compile::{CompileError, CompileWorkers, WorkerError, WorkerLimits, serve_compile_tasks};
pub use folder::FolderError;
pub use inspect::inspect;
pub use plugins::{PluginRunner, Plugins, PluginsConfig, PluginsError};
pub use runtime::RuntimeError;
