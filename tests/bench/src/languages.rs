//! The listener that is compared, in other languages: texts as a node takes them, and what
//! other tools make of a script, where these are installed. All is built in a folder beside
//! cargo's output, and again only when its sources have changed.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::guests::{checkout, run};
use crate::peers::target_directory;

/// What makes a component of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    Js,
    Qjs,
    Py,
}

impl Tool {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Js => "componentize-js",
            Self::Qjs => "componentize-qjs",
            Self::Py => "componentize-py",
        }
    }

    fn language(self) -> &'static str {
        match self {
            Self::Js | Self::Qjs => "javascript",
            Self::Py => "python",
        }
    }

    /// The script, in its folder.
    fn listener(self) -> &'static str {
        match self {
            Self::Js | Self::Qjs => "listener.js",
            Self::Py => "listener.py",
        }
    }

    /// The component.
    ///
    /// # Errors
    /// Says which tool is missing or has failed.
    pub(crate) fn component(self) -> Result<PathBuf, String> {
        let folder = folder(self.language())?;
        let component = folder.join(self.name()).with_extension("wasm");
        let interfaces = [checkout().join("wit/plugin.wit")];
        cached(&component, &sources(self.language())?, &interfaces, || {
            copy_sources(self.language(), &folder)?;
            self.install(&folder)?;
            self.make(&folder, &component)
        })?;
        Ok(component)
    }

    /// Makes the component anew of a script that differs from the others in a number, as its
    /// author does who has changed a line.
    ///
    /// # Errors
    /// Says why it cannot be built.
    pub(crate) fn make_another(self, number: usize, component: &Path) -> Result<(), String> {
        let folder = folder(self.language())?;
        let original = source(self.language()).join(self.listener());
        let original = std::fs::read_to_string(original).map_err(|error| error.to_string())?;
        let line = match self.language() {
            "javascript" => format!("export const round = {number};"),
            _ => format!("ROUND = {number}"),
        };
        std::fs::write(
            folder.join(self.listener()),
            format!("{original}\n{line}\n"),
        )
        .map_err(|error| error.to_string())?;
        self.make(&folder, component)
    }

    fn install(self, folder: &Path) -> Result<(), String> {
        match self.language() {
            "javascript" => run(Command::new("npm")
                .args(["install", "--no-audit", "--no-fund"])
                .current_dir(folder)),
            _ => {
                run(Command::new("python3")
                    .args(["-m", "venv", "tools"])
                    .current_dir(folder))?;
                run(Command::new(programs(folder).join("pip"))
                    .args(["install", "--quiet", "--requirement", "requirements.txt"])
                    .current_dir(folder))
            }
        }
    }

    fn make(self, folder: &Path, component: &Path) -> Result<(), String> {
        let wit = checkout().join("wit");
        match self.language() {
            "javascript" => run(Command::new("node")
                .args(["build.mjs", self.name()])
                .args([&wit, component])
                .current_dir(folder)),
            _ => run(Command::new(programs(folder).join("componentize-py"))
                .arg("--wit-path")
                .arg(wit)
                .args(["--world", "hearken:plugin/plugin"])
                .args(["componentize", "listener", "--output"])
                .arg(component)
                .current_dir(folder)),
        }
    }
}

/// The text in the language with this extension.
pub(crate) fn text(extension: &str) -> PathBuf {
    source("texts").join("compared").with_extension(extension)
}

/// The data folder of a node that has been given the engine of Python.
///
/// # Errors
/// Says what it cannot be made of.
pub(crate) fn python_data() -> Result<PathBuf, String> {
    let data = folder("python-engine")?.join("data");
    let python = checkout().join("sdk/python");
    let mut of = vec![checkout().join("wit/plugin.wit")];
    of.extend(files(&python.join("hearken"))?);
    of.extend(files(&python.join("engine/src/hearken_engine"))?);
    let engine = data.join("engines").join("python.wasm");
    cached(&engine, &of, &[], || {
        let add = ["engine", "add", "python", "--data"];
        run(Command::new(this_program()?).args(add).arg(&data))
    })?;
    Ok(data)
}

/// Makes a component of a text by evaluating it now.
///
/// # Errors
/// Says why it cannot be.
pub(crate) fn snapshot(text: &Path, component: &Path) -> Result<(), String> {
    let mut build = Command::new(this_program()?);
    build.args(["plugin", "build", "--snapshot", "--out"]);
    run(build.arg(component).arg(text))
}

/// A file of that name among those that are built.
///
/// # Errors
/// When there can be none.
pub(crate) fn built(name: &str) -> Result<PathBuf, String> {
    Ok(folder("texts")?.join(name))
}

/// This program, which has the commands of a node too.
fn this_program() -> Result<PathBuf, String> {
    std::env::current_exe().map_err(|error| error.to_string())
}

fn programs(folder: &Path) -> PathBuf {
    folder.join("tools").join("bin")
}

/// Where the sources of a kind lie.
fn source(kind: &str) -> PathBuf {
    checkout().join("tests/bench/guests").join(kind)
}

/// Where things of a kind are built.
fn folder(kind: &str) -> Result<PathBuf, String> {
    let folder = target_directory()?.join("bench-guests").join(kind);
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    Ok(folder)
}

fn sources(kind: &str) -> Result<Vec<PathBuf>, String> {
    files(&source(kind))
}

/// The files of a folder, by their names.
fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut names: Vec<PathBuf> = std::fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .map_err(|error| format!("{}: {error}", folder.display()))?;
    names.retain(|name| name.is_file());
    names.sort();
    Ok(names)
}

fn copy_sources(kind: &str, to: &Path) -> Result<(), String> {
    for source in sources(kind)? {
        let copy = to.join(source.file_name().unwrap_or_default());
        std::fs::copy(source, copy).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Makes a file, unless it was made of the same before.
fn cached(
    file: &Path,
    sources: &[PathBuf],
    more: &[PathBuf],
    make: impl FnOnce() -> Result<(), String>,
) -> Result<(), String> {
    let mut made_from = Vec::new();
    for source in sources.iter().chain(more) {
        made_from.extend(std::fs::read(source).map_err(|error| error.to_string())?);
    }
    // What it was made of.
    let stamp = file.with_extension("made-from");
    if file.exists() && std::fs::read(&stamp).ok().as_ref() == Some(&made_from) {
        return Ok(());
    }
    eprintln!("building {}", file.display());
    make()?;
    std::fs::write(stamp, made_from).map_err(|error| error.to_string())
}
