//! How components are compiled: by which program, and within which bounds.

use std::path::PathBuf;
use std::time::Duration;

use super::form::{Form, Kind, duration, size};
use super::table::settings;

settings! {
    /// What compiling one component may take, and the program that does it.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct CompileSettings in "compile." {
        /// CPU time for one component, over all threads
        ///
        /// 1 s to 1 h.
        timeout: Duration = value(TIMEOUT, "120s");

        /// Memory of a process that compiles: of what it writes to on Linux, of address space on
        /// other Unixes; not held on Windows
        ///
        /// In bytes; 256 MiB to 64 GiB.
        memory: u64 = value(MEMORY, "4GiB");
    }
    besides {
        /// The program that compiles when it is called as `PROGRAM compile-worker`:
        /// `hearken` itself. Not a setting of users; for nodes that run within another
        /// program.
        program: PathBuf = this_program();
    }
}

/// This program, of this version, also after its file was replaced by a newer one.
fn this_program() -> PathBuf {
    if cfg!(target_os = "linux") {
        return "/proc/self/exe".into();
    }
    std::env::current_exe().unwrap_or_else(|_| "hearken".into())
}

const TIMEOUT: Form<Duration> = Form::new(
    Kind::String,
    "a duration from 1s to 1h, e.g. \"120s\"",
    |text| duration(text, Duration::from_secs(1), Duration::from_secs(3600)),
);

const MEMORY: Form<u64> = Form::new(
    Kind::String,
    "a size from 256MiB to 64GiB, e.g. \"4GiB\"",
    |text| size(text, 256 << 20, 64 << 30),
);
