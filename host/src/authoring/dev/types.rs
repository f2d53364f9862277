//! What editors need to know of plugins that are texts: the types of `hearken`, and how
//! TypeScript is to be understood. Kept in a hidden folder of the plugins folder.

use std::io::{self, Write};
use std::path::Path;

use crate::authoring::discover::discover_projects;
use crate::authoring::npm::keep_package;
use crate::authoring::project::is_project;
use crate::script::{TEXT_EXTENSIONS, TextFile, text_file};

/// The folder.
const FOLDER: &str = ".hearken";

/// Its files.
const FILES: [(&str, &str); 3] = [
    (
        "hearken.d.ts",
        include_str!("../../../engines/hearken.d.ts"),
    ),
    ("tsconfig.json", include_str!("types/tsconfig.json")),
    // Made anew by whoever works there.
    (".gitignore", "*\n"),
];

/// What leads editors there, unless the author has one.
const TSCONFIG: (&str, &str) = ("tsconfig.json", include_str!("types/outer.json"));

/// Puts the types beside the texts in a plugins folder, if there are any.
///
/// # Errors
/// When they cannot be written.
pub(super) fn keep(plugins_dir: &Path) -> io::Result<()> {
    if !has_scripts(plugins_dir)? {
        return Ok(());
    }
    if !discover_projects(plugins_dir)?.is_empty() {
        keep_package(plugins_dir)?;
    }
    let folder = plugins_dir.join(FOLDER);
    std::fs::create_dir_all(&folder)?;
    for (name, content) in FILES {
        let path = folder.join(name);
        let is_same = std::fs::read(&path).is_ok_and(|old| old == content.as_bytes());
        if !is_same {
            std::fs::write(path, content)?;
        }
    }
    let (name, content) = TSCONFIG;
    let made = std::fs::File::create_new(plugins_dir.join(name));
    match made {
        Ok(mut file) => file.write_all(content.as_bytes()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether a plugin of the folder is JavaScript or TypeScript.
fn has_scripts(plugins_dir: &Path) -> io::Result<bool> {
    for entry in std::fs::read_dir(plugins_dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_str().unwrap_or_default();
        let text = text_file(name).is_some_and(|text| text != TextFile::Ignored);
        let mut mains = TEXT_EXTENSIONS.iter().filter(|it| **it != "py");
        let is_main = |extension: &&str| entry.path().join(format!("main.{extension}")).is_file();
        let is_project = || is_project(&entry.path());
        if text && !name.ends_with(".py")
            || !name.starts_with('.') && is_project()
            || !name.starts_with('.') && mains.any(is_main)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_there_for_texts_and_what_the_author_has_stays() {
        let dir = tempfile::tempdir().unwrap();
        let plugins = dir.path();
        std::fs::write(plugins.join("late.py"), "").unwrap();
        keep(plugins).unwrap();
        assert!(!plugins.join(FOLDER).exists(), "nothing needs them");
        std::fs::create_dir(plugins.join("shop")).unwrap();
        std::fs::write(plugins.join("shop/main.ts"), "").unwrap();
        keep(plugins).unwrap();
        for (name, content) in FILES {
            let path = plugins.join(FOLDER).join(name);
            assert_eq!(std::fs::read_to_string(path).unwrap(), content);
        }
        let own = plugins.join("tsconfig.json");
        assert!(own.is_file());
        std::fs::write(&own, "{}").unwrap();
        std::fs::write(plugins.join(FOLDER).join("hearken.d.ts"), "old").unwrap();
        keep(plugins).unwrap();
        assert_eq!(std::fs::read_to_string(&own).unwrap(), "{}");
        let types = std::fs::read_to_string(plugins.join(FOLDER).join("hearken.d.ts"));
        assert_ne!(types.unwrap(), "old");
    }
}
