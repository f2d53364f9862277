//! The sources of a checkout, read from disk.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use crate::arrows::{self, Arrows};
use crate::rooms::Rooms;
use crate::tree::{Tree, of_tests};

/// What is read of a crate's sources.
#[derive(Debug, Default)]
pub struct Sources {
    /// All arrows.
    pub arrows: Arrows,
    /// The files, tests left out.
    pub files: Vec<String>,
    /// The tables of rooms, by folder: `""`, `"plugin/"`.
    pub tables: BTreeMap<String, Rooms>,
    /// What could not be understood.
    pub faults: Vec<String>,
}

/// Reads a crate, whose `lib.rs` is in `folder`.
///
/// # Errors
///
/// When a file is missing, cannot be read or is not made of Rust's tokens.
pub fn open(folder: &Path) -> Result<Sources, String> {
    read(&|path| fs::read_to_string(folder.join(path)).ok())
}

/// Reads a crate; `read` gives a file's text, by its path from the folder of `lib.rs`.
///
/// # Errors
///
/// When a file is missing, or is not made of Rust's tokens.
pub fn read(read: &dyn Fn(&str) -> Option<String>) -> Result<Sources, String> {
    let tree = Tree::read(read)?;
    let (arrows, unknown) = arrows::of(&tree);
    let mut sources = Sources {
        arrows,
        ..Sources::default()
    };
    for (file, path) in unknown {
        let fault = format!("{file} uses {path}, and nothing is seen that defines it");
        sources.faults.push(fault);
    }
    sources.files = tree.modules.into_iter().map(|module| module.file).collect();
    sources.files.sort_unstable();
    sources.files.dedup();
    for file in &sources.files {
        let folder = file.strip_suffix("lib.rs").or(file.strip_suffix("mod.rs"));
        let (Some(folder), Some(text)) = (folder, read(file)) else {
            continue;
        };
        match Rooms::read(&text) {
            Ok(Some(rooms)) => drop(sources.tables.insert(folder.to_owned(), rooms)),
            Ok(None) => {}
            Err(error) => sources.faults.push(format!("{file}: {error}")),
        }
    }
    Ok(sources)
}

/// The lines of each file of Rust below a folder, tests left out.
///
/// # Errors
///
/// When a folder or a file cannot be read.
pub fn lengths(folder: &Path) -> io::Result<Vec<(String, usize)>> {
    let mut found = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(within) = folders.pop() {
        for entry in fs::read_dir(folder.join(&within))? {
            let entry = entry?;
            let name = format!("{within}{}", entry.file_name().display());
            if of_tests(&name) || name == "target" {
                continue;
            }
            if entry.file_type()?.is_dir() {
                folders.push(format!("{name}/"));
            } else if name.ends_with(".rs") {
                found.push((name, fs::read_to_string(entry.path())?.lines().count()));
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}
