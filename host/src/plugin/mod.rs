//! Plugins: from a file in the plugins folder to instances that handle events.
//!
//! # The rooms
//!
//! | room | what it is for | knows |
//! | --- | --- | --- |
//! | `code` | from a component's bytes to compiled code: the engine, compiling in worker processes, caches | nothing else |
//! | `threads` | the plugin threads, foreground and background, and what the tasks on them cost | nothing else |
//! | `guest` | what an instance is made of and may do: store data, memory, output, batches, imports, secrets, and how it dies | `code`, `threads` |
//! | `hooks` | what sessions of clients ask plugins, on its way to an instance and back | `guest` |
//! | `run` | instances at work: making them, calling their handlers, the workers that hand events over | `code`, `threads`, `guest`, `hooks` |
//! | `life` | a plugin from its file's appearance to its removal: folder, loading, supervising, status | `code`, `guest`, `hooks`, `run` |
//!
//! Arrows point up the table: no room knows one below it.
//!
//! # An event's way
//!
//! `run/worker.rs` takes it out of its inbox (`run/inbox.rs`), which is its part of the
//! plugin's mailbox (`run/mailbox.rs`) and of the channels that the plugin consumes, in turn
//! (`run/sources.rs`); `run/instance.rs` hands it over, and `run/handler.rs` makes the
//! call, in the course of which the guest calls `guest/imports/`. What became of it is
//! settled with the inbox, and counted there.
//!
//! # A question's way
//!
//! A session asks at `hooks/plugin_hooks.rs`, from where the question comes to the plugin's
//! `hooks/desk.rs`; a worker takes it between two calls with events, `run/instance.rs` asks,
//! and `hooks/exported.rs` makes the call and tells the session what `hooks/answer.rs` makes of
//! the answer.
//!
//! # A plugin's way
//!
//! `life/folder/` sees its file, `life/runner.rs` starts a supervisor for it,
//! `life/supervisor.rs` carries out what files and operators ask for, `life/loading.rs`
//! and `life/load.rs` make a version of the file, whose component `code/compile/` has
//! compiled in another process. Of a text (`life/artifact.rs`, `life/texts.rs`) the component
//! is the engine of its language (`code/engines.rs`), which gets it by
//! `guest/imports/script.rs`; `run/blanking.rs` takes the types out of TypeScript before, and `run/snapshot.rs` evaluates
//! texts ahead. `life/consumption.rs` says what its listeners are handed by
//! the mailbox and what by channels; `life/replaying.rs` and `life/copying.rs` have it handed
//! events of channels again. `life/status.rs` is what operators see of it.

mod code;
mod guest;
mod hooks;
mod life;
mod run;
mod threads;

pub use code::code_cache::CodeCacheError;
pub use code::compile::{
    CompileError, CompileWorkers, WorkerError, WorkerLimits, serve_compile_tasks,
};
pub use code::engines::EngineStatus;
pub use hooks::PluginHooks;
pub use life::attempt::{Attempt, attempt};
pub use life::carrying::{CarryError, carry};
pub use life::engines::{AddEngineError, add_engine, engines};
pub use life::folder::FolderError;
pub use life::inspect::{Inspection, inspect};
pub use life::plugins::Plugins;
pub use life::runner::{PluginRunner, PluginsConfig, PluginsError};
pub use life::snapshotting::snapshot;
pub use life::workbench::BenchFolders;
pub use run::runtime::RuntimeError;
