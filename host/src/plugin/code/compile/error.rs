//! Why a file cannot be loaded.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;

/// Largest component in bytes; the largest real ones, which carry a whole
/// Python interpreter, have about 40 MiB.
pub(super) const MAX_COMPONENT_BYTES: u64 = 128 << 20;

/// Why a file cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
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
    #[error("the file ends in the middle of a section; it is incomplete")]
    CutOff,
    /// The file is larger than a component may be.
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
    #[error("the compiler failed, which is a bug in it: {0}")]
    Compiler(String),
    /// Compiling takes too long.
    #[error(
        "compiling it takes more than {} of CPU time; build it in release mode, or raise `compile.timeout`",
        humantime::format_duration(*.0)
    )]
    TooLong(Duration),
    /// Compiling has not ended although it has had ten times its CPU time.
    #[error(
        "compiling it was given up after {}: the machine is too busy; reload it later",
        humantime::format_duration(*.0)
    )]
    Starved(Duration),
    /// Compiling needs too much memory.
    #[error(
        "compiling it takes more than {} of memory; build it in release mode, or raise `compile.memory`",
        ByteSize(*.0).display().iec()
    )]
    TooMuchMemory(u64),
    /// Something in the component is nested deeper than the compiler can follow.
    #[error("compiling it overflows the compiler's stack: its types or code are nested too deeply")]
    TooDeep,
    /// The process that compiles ended amid it.
    #[error("the process that compiled it {0}; reload it to try again")]
    WorkerDied(String),
    /// The cache of compiled code cannot be asked.
    #[error(
        "the compiled code {} did not answer within {}; is the disk of the data folder still working?",
        path.display(),
        humantime::format_duration(*within)
    )]
    Silent {
        /// The file in the cache.
        path: PathBuf,
        /// How long it was waited for.
        within: Duration,
    },
    /// The process that compiles cannot be started.
    #[error("cannot start `{} compile-worker`: {reason}", program.display())]
    WorkerStart {
        /// The program.
        program: PathBuf,
        /// Why not.
        reason: String,
    },
}

impl CompileError {
    /// Whether the file is simply not there.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
    }
}
