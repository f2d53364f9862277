//! From a component's bytes to compiled code: the engine and its settings, compiling in
//! worker processes with limits, the caches of what was compiled, and the engines of
//! languages.

pub(super) mod code_cache;
pub(super) mod compile;
pub(super) mod complete;
pub(super) mod disk;
pub(super) mod disks;
pub(super) mod engine;
pub(super) mod engines;
pub(super) mod function_cache;
pub(super) mod stamp;
