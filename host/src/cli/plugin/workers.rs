//! Who compiles where there is no node.

use crate::config::CompileSettings;
use crate::plugin::CompileWorkers;

/// Who compiles where there is no node.
pub(in crate::cli) fn compile_workers() -> CompileWorkers {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    CompileWorkers::new(CompileSettings::default(), threads)
}
