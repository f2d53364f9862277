//! Plugins: from a file in the plugins folder to instances that handle events.
//!
//! # The rooms
//!
//! | room | what it is for |
//! | --- | --- |
//! | `code` | from a component's bytes to compiled code: the engine, compiling in worker processes, caches |
//! | `threads` | the plugin threads, foreground and background, and what the tasks on them cost |
//! | `guest` | what an instance is made of and may do: store data, memory, output, batches, imports, and how it dies |
//! | `run` | instances at work: making them, calling their handlers, the workers that hand events over |
//! | `life` | a plugin from its file's appearance to its removal: folder, loading, supervising, status |
//!
//! Each knows only those above it in the table; `threads` knows of `code` no more than
//! the ticks of the engine.
//!
//! # An event's way
//!
//! `run/worker.rs` takes it out of the plugin's mailbox, `run/instance.rs` hands it
//! over, and `run/handler.rs` makes the call, in the course of which the guest calls
//! `guest/imports/`.
//!
//! # A plugin's way
//!
//! `life/folder/` sees its file, `life/supervisor.rs` carries out what files and
//! operators ask for, `life/loading.rs` and `life/load.rs` make a version of the file,
//! whose component `code/compile/` has compiled in another process.

mod code;
mod guest;
mod life;
mod run;
mod threads;

pub use code::code_cache::CodeCacheError;
pub use code::compile::{
    CompileError, CompileWorkers, WorkerError, WorkerLimits, serve_compile_tasks,
};
pub use life::folder::FolderError;
pub use life::inspect::inspect;
pub use life::plugins::{PluginRunner, Plugins, PluginsConfig, PluginsError};
pub use run::runtime::RuntimeError;
