//! Finds the plugin crates and the projects of a folder.

use std::io;
use std::path::{Path, PathBuf};

use super::project::{is_crate, is_project, is_python_project};
use crate::script::LIBRARIES;

/// The direct sub-folders of `plugins_dir` that have a `Cargo.toml`, by name.
///
/// # Errors
/// When the folder is missing or cannot be read.
pub fn discover(plugins_dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = subfolders(plugins_dir)?;
    folders.retain(|folder| is_crate(folder));
    Ok(folders)
}

/// The direct sub-folders of `plugins_dir` that have a `package.json`, or are plugins in Python that
/// name packages, by name; those that are crates are not among them.
///
/// # Errors
/// When the folder is missing or cannot be read.
pub fn discover_projects(plugins_dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = subfolders(plugins_dir)?;
    folders.retain(|folder| {
        !folder.ends_with(LIBRARIES) && (is_project(folder) || is_python_project(folder))
    });
    Ok(folders)
}

/// The direct sub-folders of `dir` by name, hidden ones left out.
pub(super) fn subfolders(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !hidden && entry.path().is_dir() {
            folders.push(entry.path());
        }
    }
    folders.sort();
    Ok(folders)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_direct_subfolders_with_a_cargo_manifest_are_crates() {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["b", "a", "a/nested", ".hidden"] {
            std::fs::create_dir_all(dir.path().join(folder)).unwrap();
            std::fs::write(dir.path().join(folder).join("Cargo.toml"), "").unwrap();
        }
        std::fs::create_dir(dir.path().join("no-crate")).unwrap();
        std::fs::write(dir.path().join("a.toml"), "").unwrap();

        let found = discover(dir.path()).unwrap();
        assert_eq!(found, [dir.path().join("a"), dir.path().join("b")]);
        assert!(discover(&dir.path().join("none")).is_err());

        std::fs::create_dir_all(dir.path().join("node_modules")).unwrap();
        for folder in ["a", "a/nested", "node_modules"] {
            std::fs::write(dir.path().join(folder).join("package.json"), "").unwrap();
        }
        assert!(discover_projects(dir.path()).unwrap().is_empty());
        std::fs::create_dir(dir.path().join("shop")).unwrap();
        std::fs::write(dir.path().join("shop/package.json"), "").unwrap();
        let projects = discover_projects(dir.path()).unwrap();
        assert_eq!(projects, [dir.path().join("shop")]);
    }
}
