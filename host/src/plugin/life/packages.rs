//! The packages of a project in Python, which were got into a folder of its own.

use std::io;
use std::path::{Path, PathBuf};

use crate::script::PACKAGES;

/// Most files and folders that are looked at, whatever they are.
const MAX_ENTRIES: usize = 32_768;

/// Deepest folder that is looked into.
const MAX_PACKAGE_DEPTH: usize = 32;

/// The texts of the packages that lie in the plugin's own folder, by their names; none if it has
/// no packages. Blocks on the disk.
///
/// # Errors
/// When they cannot be read, or are too many to look at.
pub(super) fn texts(own: &Path) -> io::Result<Vec<PathBuf>> {
    let packages = own.join(PACKAGES);
    let mut found = Vec::new();
    if packages.is_dir() {
        let mut left = MAX_ENTRIES;
        look_into(&packages, 0, &mut left, &mut found)?;
        found.sort();
    }
    Ok(found)
}

fn look_into(
    folder: &Path,
    depth: usize,
    left: &mut usize,
    found: &mut Vec<PathBuf>,
) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let too_many = || io::Error::other("its packages have too many files");
        *left = left.checked_sub(1).ok_or_else(too_many)?;
        let path = entry.path();
        // Of a link it is not known where it ends.
        let kind = entry.file_type()?;
        if kind.is_file() && path.extension().is_some_and(|extension| extension == "py") {
            found.push(path);
        } else if kind.is_dir() && depth < MAX_PACKAGE_DEPTH {
            look_into(&path, depth + 1, left, found)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_found_with_all_their_modules() {
        let root = tempfile::tempdir().unwrap();
        let own = root.path();
        assert!(texts(own).unwrap().is_empty());
        for file in [
            "six.py",
            "a/__init__.py",
            "a/b/c.py",
            "a/py.typed",
            "a-1.dist-info/RECORD",
        ] {
            let path = own.join(PACKAGES).join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let found = texts(own).unwrap();
        let within = found
            .iter()
            .map(|path| path.strip_prefix(own.join(PACKAGES)).unwrap());
        let within: Vec<_> = within.collect();
        assert_eq!(
            within,
            ["a/__init__.py", "a/b/c.py", "six.py"].map(Path::new)
        );
    }
}
