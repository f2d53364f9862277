//! The measured listener in other languages, built with their own toolchains where
//! these are installed: into a folder beside cargo's output, and again only when
//! the sources have changed.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::guests::{checkout, run};
use crate::peers::target_directory;

/// What was built from which sources.
const STAMP: &str = "built-from";

/// The component in JavaScript, by componentize-js.
///
/// # Errors
/// Says which tool is missing or has failed.
pub(crate) fn javascript() -> Result<PathBuf, String> {
    cached("javascript", |folder, component| {
        run(Command::new("npm")
            .args(["install", "--no-audit", "--no-fund"])
            .current_dir(folder))?;
        run(Command::new("node")
            .arg("build.mjs")
            .arg(checkout().join("wit"))
            .arg(component)
            .current_dir(folder))
    })
}

/// The component in Python, by componentize-py.
///
/// # Errors
/// Says which tool is missing or has failed.
pub(crate) fn python() -> Result<PathBuf, String> {
    cached("python", |folder, component| {
        let tools = folder.join("tools").join("bin");
        run(Command::new("python3")
            .args(["-m", "venv", "tools"])
            .current_dir(folder))?;
        run(Command::new(tools.join("pip"))
            .args(["install", "--quiet", "--requirement", "requirements.txt"])
            .current_dir(folder))?;
        run(Command::new(tools.join("componentize-py"))
            .arg("--wit-path")
            .arg(checkout().join("wit"))
            .args(["--world", "hearken:plugin/plugin"])
            .args(["componentize", "listener", "--output"])
            .arg(component)
            .current_dir(folder))
    })
}

/// Builds a component from the sources of a language in a folder of their own,
/// unless it was built from the same ones before.
fn cached(
    language: &str,
    build: impl FnOnce(&Path, &Path) -> Result<(), String>,
) -> Result<PathBuf, String> {
    let failed = |error: std::io::Error| error.to_string();
    let sources = checkout().join("tests/bench/guests").join(language);
    let folder = target_directory()?.join("bench-guests").join(language);
    std::fs::create_dir_all(&folder).map_err(failed)?;
    let interfaces = std::fs::read(checkout().join("wit/plugin.wit")).map_err(failed)?;
    let mut files = vec![interfaces];
    let mut names: Vec<_> = std::fs::read_dir(sources)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .map_err(failed)?;
    names.sort();
    for source in names.iter().filter(|source| source.is_file()) {
        let content = std::fs::read(source).map_err(failed)?;
        std::fs::write(
            folder.join(source.file_name().unwrap_or_default()),
            &content,
        )
        .map_err(failed)?;
        files.push(content);
    }
    let (component, stamp) = (folder.join("component.wasm"), folder.join(STAMP));
    let built_from = files.concat();
    if !component.exists() || std::fs::read(&stamp).ok().as_ref() != Some(&built_from) {
        eprintln!("building the {language} guest");
        build(&folder, &component)?;
        std::fs::write(stamp, built_from).map_err(failed)?;
    }
    Ok(component)
}
