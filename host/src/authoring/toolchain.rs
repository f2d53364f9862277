//! Makes sure that the Rust toolchain can compile to components.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

/// The target that plugins are compiled for: cargo gives a component directly.
pub const WASM_TARGET: &str = "wasm32-wasip2";

/// Why the toolchain cannot build plugins.
#[derive(Debug, thiserror::Error)]
pub enum ToolchainError {
    /// No `rustc` is on the path.
    #[error(
        "`rustc` was not found: plugins are compiled with Rust, install it from https://rustup.rs"
    )]
    RustMissing,
    /// The target is missing, and so is `rustup`, which would install it.
    #[error(
        "the Rust toolchain in {sysroot} has no target `{WASM_TARGET}`, and `rustup`, which would \
         add it, was not found: install Rust from https://rustup.rs, or your distribution's \
         package of the standard library for `{WASM_TARGET}`"
    )]
    RustupMissing {
        /// The toolchain's folder.
        sysroot: PathBuf,
    },
    /// `rustup target add` ended with an error, which it has printed.
    #[error(
        "`rustup target add {WASM_TARGET}` failed ({status}): see its message above, repair that \
         and run the command yourself"
    )]
    InstallFailed {
        /// How rustup ended.
        status: std::process::ExitStatus,
    },
    /// `rustc` ended with an error.
    #[error("`rustc --print sysroot` failed: {output}")]
    RustcFailed {
        /// What it said.
        output: String,
    },
    /// A program could not be started.
    #[error("cannot run `{program}`: {source}")]
    Spawn {
        /// The program.
        program: &'static str,
        /// Why not.
        source: io::Error,
    },
}

/// What [`ensure_target`] found or did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetState {
    /// The target was there.
    Present,
    /// The target was missing and has been installed.
    Installed,
}

/// Installs [`WASM_TARGET`] for the toolchain that is used in folder `dir` unless
/// it is there; calls `announce` before it starts to download.
///
/// rustup reports its progress on this process's standard error. Dropping the
/// future ends rustup.
///
/// # Errors
/// When Rust or rustup is missing, or rustup fails, e.g. for want of a network.
pub async fn ensure_target(
    dir: &Path,
    announce: impl FnOnce(&str),
) -> Result<TargetState, ToolchainError> {
    let sysroot = sysroot(dir).await?;
    if has_target(&sysroot) {
        return Ok(TargetState::Present);
    }
    announce(&format!(
        "installing the Rust target {WASM_TARGET} (rustup target add {WASM_TARGET})"
    ));
    let status = Command::new("rustup")
        .args(["target", "add", WASM_TARGET])
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .status()
        .await
        .map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => ToolchainError::RustupMissing { sysroot },
            _ => ToolchainError::Spawn {
                program: "rustup",
                source,
            },
        })?;
    if !status.success() {
        return Err(ToolchainError::InstallFailed { status });
    }
    Ok(TargetState::Installed)
}

/// The folder of the toolchain that rustup's proxies choose in `dir`.
async fn sysroot(dir: &Path) -> Result<PathBuf, ToolchainError> {
    let output = Command::new("rustc")
        .args(["--print", "sysroot"])
        .current_dir(dir)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => ToolchainError::RustMissing,
            _ => ToolchainError::Spawn {
                program: "rustc",
                source,
            },
        })?;
    if !output.status.success() {
        return Err(ToolchainError::RustcFailed {
            output: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        });
    }
    Ok(PathBuf::from(
        String::from_utf8_lossy(&output.stdout).trim(),
    ))
}

/// Whether the toolchain has the target's standard library.
fn has_target(sysroot: &Path) -> bool {
    sysroot
        .join("lib/rustlib")
        .join(WASM_TARGET)
        .join("lib")
        .is_dir()
}

/// Installs the target once for all tests of this program, which may be the
/// first to need it.
#[cfg(test)]
pub(super) async fn target_for_tests() {
    static READY: tokio::sync::OnceCell<()> = tokio::sync::OnceCell::const_new();
    let install = async || {
        ensure_target(Path::new("."), |_| {})
            .await
            .expect("the target is there, or rustup installs it");
    };
    READY.get_or_init(install).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_target_counts_as_present_when_its_library_is_in_the_sysroot() {
        let sysroot = tempfile::tempdir().unwrap();
        assert!(!has_target(sysroot.path()));
        let rustlib = sysroot.path().join("lib/rustlib");
        std::fs::create_dir_all(rustlib.join("x86_64-unknown-linux-gnu/lib")).unwrap();
        assert!(!has_target(sysroot.path()));
        std::fs::create_dir_all(rustlib.join(WASM_TARGET).join("lib")).unwrap();
        assert!(has_target(sysroot.path()));
    }

    #[tokio::test]
    async fn the_sysroot_is_that_of_the_toolchain_in_use() {
        let dir = tempfile::tempdir().unwrap();
        let sysroot = sysroot(dir.path()).await.unwrap();
        assert!(sysroot.join("lib/rustlib").is_dir(), "{sysroot:?}");
    }
}
