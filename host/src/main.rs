//! The `hearken` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    hearken::cli::main()
}
