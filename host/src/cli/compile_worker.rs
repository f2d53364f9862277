//! `hearken compile-worker`, which a node runs for what it compiles.

use std::convert::Infallible;
use std::time::Duration;

use clap::Args;

use super::error::CliError;
use crate::authoring::examine;
use crate::plugin::{WorkerLimits, serve_compile_tasks};

/// Compile what a node sends over standard input
#[derive(Args, Debug)]
pub(super) struct CompileWorker {
    /// CPU time for a component
    #[arg(long)]
    timeout_ms: u64,

    /// Bytes of memory of the process
    #[arg(long)]
    memory: u64,

    /// Threads that compile
    #[arg(long)]
    threads: usize,
}

impl CompileWorker {
    /// Ends the process when there is nothing more to read.
    pub(super) fn run(self) -> Result<Infallible, CliError> {
        let limits = WorkerLimits {
            timeout: Duration::from_millis(self.timeout_ms),
            memory: self.memory,
            threads: self.threads,
        };
        Ok(serve_compile_tasks(limits, |component: &[u8]| {
            examine(component).to_bytes()
        })?)
    }
}
