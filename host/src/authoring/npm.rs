//! The package `hearken` of npm, kept beside the plugins for projects that use its types and its
//! host for tests: so they need no registry that has it.

use std::io;
use std::path::Path;

/// Where it is within the plugins folder. Projects name it `file:../.hearken/npm`.
const FOLDER: &str = ".hearken/npm";

/// Its files.
const FILES: [(&str, &str); 9] = [
    (
        "package.json",
        include_str!("../../engines/npm/package.json"),
    ),
    ("README.md", include_str!("../../engines/npm/README.md")),
    ("index.d.ts", include_str!("../../engines/npm/index.d.ts")),
    (
        "testing/index.js",
        include_str!("../../engines/npm/testing/index.js"),
    ),
    (
        "testing/index.d.ts",
        include_str!("../../engines/npm/testing/index.d.ts"),
    ),
    (
        "testing/event.js",
        include_str!("../../engines/npm/testing/event.js"),
    ),
    (
        "testing/module.js",
        include_str!("../../engines/npm/testing/module.js"),
    ),
    (
        "testing/pattern.js",
        include_str!("../../engines/npm/testing/pattern.js"),
    ),
    (
        "testing/state.js",
        include_str!("../../engines/npm/testing/state.js"),
    ),
];

/// Puts the package into the plugins folder, as this program has it.
///
/// # Errors
/// When it cannot be written.
pub fn keep_package(plugins_dir: &Path) -> io::Result<()> {
    let folder = plugins_dir.join(FOLDER);
    std::fs::create_dir_all(folder.join("testing"))?;
    // Made anew by whoever works there.
    let ignored = plugins_dir.join(".hearken/.gitignore");
    let files = FILES.map(|(name, content)| (folder.join(name), content));
    for (path, content) in files.into_iter().chain([(ignored, "*\n")]) {
        let is_same = std::fs::read(&path).is_ok_and(|old| old == content.as_bytes());
        if !is_same {
            std::fs::write(path, content)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_has_all_that_it_says() {
        let dir = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            keep_package(dir.path()).unwrap();
        }
        let package = dir.path().join(FOLDER);
        let described = std::fs::read_to_string(package.join("package.json")).unwrap();
        let described: serde_json::Value = serde_json::from_str(&described).unwrap();
        for export in [".", "./testing"] {
            let files = described["exports"][export].as_object().unwrap();
            for file in files.values() {
                assert!(package.join(file.as_str().unwrap()).is_file(), "{file}");
            }
        }
    }
}
