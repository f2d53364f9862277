//! Makes the engine of Python on the author's own machine, with Python and pip: what the program
//! carries of it is its sources.

mod sources;

use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;

use sources::SOURCES;

/// How long it may take: what is installed has 20 MB, and making it takes a minute on a machine
/// that is busy otherwise.
const WITHIN: Duration = Duration::from_secs(900);

/// The program that makes it.
const PYTHON: &str = "python3";

/// Among the sources.
const BUILD: &str = "sdk/python/engine/build";

/// Why the engine could not be made.
#[derive(Debug, thiserror::Error)]
pub enum MakeEngineError {
    /// There is no Python.
    #[error(
        "`python3` was not found: the engine of Python is made with Python 3.10 or newer, its \
         `venv` and pip; install them (on Debian and Ubuntu the packages `python3` and \
         `python3-venv`), or name an engine that was made elsewhere with `--from FILE|URL`"
    )]
    PythonMissing,
    /// It cannot be run.
    #[error("cannot run `python3`: {0}")]
    Spawn(#[source] io::Error),
    /// The sources cannot be laid out.
    #[error("cannot write the sources of the engine of Python to {}: {source}", path.display())]
    Write {
        /// Where to.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It has said why.
    #[error(
        "the engine of Python was not made ({0}): see the messages above; it can be made elsewhere \
         too, and added with `--from FILE|URL`"
    )]
    Failed(ExitStatus),
    /// It hangs.
    #[error("making the engine of Python took more than {} s", WITHIN.as_secs())]
    TooLong,
}

/// An engine that was made, until it is dropped.
#[derive(Debug)]
pub struct MadeEngine {
    folder: TempDir,
    file: PathBuf,
}

impl MadeEngine {
    /// The component.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }
}

/// Makes the engine of Python. What pip and the tool say goes to this process's standard error.
/// Dropping the future ends them.
///
/// # Errors
/// [`MakeEngineError`] when something that it needs is missing, or fails.
pub async fn make_python_engine() -> Result<MadeEngine, MakeEngineError> {
    let folder = tempfile::tempdir().map_err(|source| MakeEngineError::Write {
        path: std::env::temp_dir(),
        source,
    })?;
    lay_out(folder.path())?;
    let file = folder.path().join("python.wasm");
    let made = MadeEngine { folder, file };
    let mut making = Command::new(PYTHON)
        .arg(made.folder.path().join(BUILD))
        .arg(made.file())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => MakeEngineError::PythonMissing,
            _ => MakeEngineError::Spawn(source),
        })?;
    let ended = tokio::time::timeout(WITHIN, making.wait()).await;
    let status = ended
        .map_err(|_| MakeEngineError::TooLong)?
        .map_err(MakeEngineError::Spawn)?;
    if status.success() {
        Ok(made)
    } else {
        Err(MakeEngineError::Failed(status))
    }
}

/// Writes the sources as they lie in the repository, relative to each other.
fn lay_out(folder: &Path) -> Result<(), MakeEngineError> {
    for (name, text) in SOURCES {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        let written = std::fs::create_dir_all(parent).and_then(|()| std::fs::write(&path, text));
        written.map_err(|source| MakeEngineError::Write { path, source })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The files that the engine is made of, as they lie in the repository.
    fn found(root: &Path, folder: &str, extension: &str, into: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.file_type().unwrap().is_dir() {
                found(root, &name, extension, into);
            } else if name.ends_with(extension) {
                into.insert(name);
            }
        }
    }

    #[test]
    fn the_program_carries_all_sources_of_the_engine() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut there = BTreeSet::from([
            BUILD.to_owned(),
            "sdk/python/engine/requirements.txt".to_owned(),
        ]);
        found(root, "sdk/python/engine/src", ".py", &mut there);
        found(root, "sdk/python/engine/wit", ".wit", &mut there);
        found(root, "wit/deps", ".wit", &mut there);
        there.insert("wit/plugin.wit".to_owned());
        // Those of the module itself; tests and clients in folders of their own are no part.
        for entry in std::fs::read_dir(root.join("sdk/python/hearken")).unwrap() {
            let name = entry.unwrap().file_name().to_string_lossy().into_owned();
            if name.ends_with(".py") {
                there.insert(format!("sdk/python/hearken/{name}"));
            }
        }
        let carried: BTreeSet<String> =
            SOURCES.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(carried, there);
    }

    #[test]
    fn sources_are_laid_out_as_the_build_expects_them() {
        let folder = tempfile::tempdir().unwrap();
        lay_out(folder.path()).unwrap();
        assert!(folder.path().join(BUILD).is_file());
        assert!(folder.path().join("wit/plugin.wit").is_file());
    }
}
