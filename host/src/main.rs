//! The `hearken` command.

use std::process::ExitCode;

/// Events are allocated where they are published and freed where they are handled,
/// which the system's allocator does at several times the price.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    hearken::pages::keep_small();
    hearken::cli::main()
}
