//! How often a server has its files synced, as the kernel sees it.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

/// # Errors
/// When it cannot be found out here, and what to do about it.
pub(super) fn available() -> Result<(), String> {
    let strace = Command::new("strace")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match strace {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err("`strace` is not installed: `apt-get install strace`".to_owned())
        }
        Err(error) => Err(format!("`strace` cannot be run: {error}")),
    }
}

/// A command that runs `program`, with its syncs written to a file if there is one to.
pub(super) fn watched(program: impl AsRef<OsStr>, trace: Option<&Path>) -> Command {
    let Some(trace) = trace else {
        return Command::new(program);
    };
    let mut strace = Command::new("strace");
    strace
        .args([
            "--follow-forks",
            "--seccomp-bpf",
            "--quiet=all",
            // What is started is the program itself, so that ending it ends that.
            "--daemonize",
        ])
        .args(["--trace=fsync,fdatasync,sync_file_range,syncfs", "-o"])
        .arg(trace)
        .arg(program);
    strace
}

/// Syncs in the file so far.
///
/// # Errors
/// When it cannot be read.
pub(super) fn count(trace: &Path) -> Result<u64, String> {
    let text = std::fs::read_to_string(trace).map_err(|error| error.to_string())?;
    // A call that another thread's interrupts is written in two lines.
    let calls = text.lines().filter(|line| !line.contains(" resumed>"));
    let calls = calls.filter(|line| line.contains("sync"));
    u64::try_from(calls.count()).map_err(|error| error.to_string())
}
