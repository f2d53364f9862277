//! How components are compiled: by which program, and within which bounds.

use std::path::PathBuf;
use std::time::Duration;

use super::form::{Form, Kind, duration, size};

/// What compiling one component may take, and the program that does it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileSettings {
    /// The program that compiles when it is called as `PROGRAM compile-worker`:
    /// `hearken` itself. Not a setting of users; for nodes that run within another
    /// program.
    pub program: PathBuf,
    /// CPU time for one component, over all threads; 1 s to 1 h.
    pub timeout: Duration,
    /// Bytes of memory of the process that compiles; 256 MiB to 64 GiB.
    pub memory: u64,
}

impl Default for CompileSettings {
    /// This program, 120 s and 4 GiB.
    fn default() -> Self {
        Self {
            program: this_program(),
            timeout: Duration::from_secs(120),
            memory: 4 << 30,
        }
    }
}

/// This program, of this version, also after its file was replaced by a newer one.
fn this_program() -> PathBuf {
    if cfg!(target_os = "linux") {
        return "/proc/self/exe".into();
    }
    std::env::current_exe().unwrap_or_else(|_| "hearken".into())
}

/// The settings of compiling that one source has.
#[derive(Clone, Debug, Default)]
pub(super) struct CompileLayer {
    pub(super) timeout: Option<Duration>,
    pub(super) memory: Option<u64>,
}

impl CompileLayer {
    /// This layer where it has a setting, `under` elsewhere.
    pub(super) fn over(self, under: Self) -> Self {
        Self {
            timeout: self.timeout.or(under.timeout),
            memory: self.memory.or(under.memory),
        }
    }

    /// The settings: this layer where it has one, `defaults` elsewhere.
    pub(super) fn onto(self, defaults: CompileSettings) -> CompileSettings {
        CompileSettings {
            program: defaults.program,
            timeout: self.timeout.unwrap_or(defaults.timeout),
            memory: self.memory.unwrap_or(defaults.memory),
        }
    }
}

pub(super) const TIMEOUT: Form<Duration> = Form {
    kind: Kind::String,
    expected: "a duration from 1s to 1h, e.g. \"120s\"",
    parse: |text| duration(text, Duration::from_secs(1), Duration::from_secs(3600)),
};

pub(super) const MEMORY: Form<u64> = Form {
    kind: Kind::String,
    expected: "a size from 256MiB to 64GiB, e.g. \"4GiB\"",
    parse: |text| size(text, 256 << 20, 64 << 30),
};
