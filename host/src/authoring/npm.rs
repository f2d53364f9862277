//! The package `hearken` of npm, kept beside the plugins: editors find the types of what texts
//! import there, and projects need no registry that has it.

use std::io;
use std::path::Path;

/// The hidden folder of the plugins folder in which tools find what they need.
pub(super) const HIDDEN: &str = ".hearken";

/// Where the package is within it. Projects name it `file:../.hearken/npm`.
const FOLDER: &str = "npm";

/// A file of the package, from where it is in the checkout.
macro_rules! file {
    ($name:literal) => {
        ($name, include_str!(concat!("../../engines/npm/", $name)))
    };
}

/// Its files.
const FILES: [(&str, &str); 28] = [
    file!("package.json"),
    file!("README.md"),
    file!("index.d.ts"),
    file!("event.d.ts"),
    file!("testing/index.js"),
    file!("testing/index.d.ts"),
    file!("testing/event.js"),
    file!("testing/module.js"),
    file!("testing/pattern.js"),
    file!("testing/state.js"),
    file!("client/index.d.ts"),
    file!("client/backoff.js"),
    file!("client/channel.js"),
    file!("client/client.js"),
    file!("client/emitter.js"),
    file!("client/errors.js"),
    file!("client/event.js"),
    file!("client/http.js"),
    file!("client/index.js"),
    file!("client/live.js"),
    file!("client/patterns.js"),
    file!("client/position.js"),
    file!("client/publish.js"),
    file!("client/queue.js"),
    file!("client/reader.js"),
    file!("client/sse.js"),
    file!("client/subscription.js"),
    file!("client/time.js"),
];

/// Puts the package into the plugins folder, as this program has it.
///
/// # Errors
/// When it cannot be written.
pub fn keep_package(plugins_dir: &Path) -> io::Result<()> {
    let hidden = plugins_dir.join(HIDDEN);
    keep(&hidden.join(FOLDER), &FILES)?;
    // Made anew by whoever works there.
    keep(&hidden, &[(".gitignore", "*\n")])
}

/// Has these files in a folder: their names within it, and what they say. What is there already
/// is left alone, since editors and bundlers follow it.
///
/// # Errors
/// When one cannot be written.
pub(super) fn keep(folder: &Path, files: &[(&str, &str)]) -> io::Result<()> {
    for (name, content) in files {
        let path = folder.join(name);
        if std::fs::read(&path).is_ok_and(|old| old == content.as_bytes()) {
            continue;
        }
        std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
        std::fs::write(path, content)?;
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
        let package = dir.path().join(HIDDEN).join(FOLDER);
        let described = std::fs::read_to_string(package.join("package.json")).unwrap();
        let described: serde_json::Value = serde_json::from_str(&described).unwrap();
        let exports = described["exports"].as_object().unwrap();
        assert!(exports.len() > 2);
        for files in exports.values() {
            for file in files.as_object().unwrap().values() {
                assert!(package.join(file.as_str().unwrap()).is_file(), "{file}");
            }
        }
        // What one of them imports is there as well.
        for (name, text) in FILES {
            let folder = package.join(name).parent().unwrap().to_owned();
            for rest in text
                .match_indices(" from \".")
                .map(|(at, _)| &text[at + 7..])
            {
                let import = rest.split('"').next().unwrap();
                let types = folder.join(import.replace(".js", ".d.ts"));
                assert!(
                    folder.join(import).is_file() || types.is_file(),
                    "{name}: {import}"
                );
            }
        }
    }
}
