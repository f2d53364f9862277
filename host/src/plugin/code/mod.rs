//! From a component's bytes to compiled code: the engine and its settings, compiling in
//! worker processes with limits, and the caches of what was compiled.

pub(super) mod code_cache;
pub(super) mod compile;
pub(super) mod complete;
pub(super) mod disk;
pub(super) mod disks;
pub(super) mod engine;
pub(super) mod function_cache;
