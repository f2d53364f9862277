//! What editors need to know of plugins that are texts: the types of `hearken`, and how
//! TypeScript is to be understood. Kept in a hidden folder of the plugins folder.

use std::io::{self, Write};
use std::path::Path;

use crate::authoring::npm::{HIDDEN, keep, keep_package};
use crate::authoring::project::is_project;
use crate::script::{TEXT_EXTENSIONS, TextFile, text_file};

/// What editors are told, within the hidden folder.
const SETTINGS: (&str, &str) = ("tsconfig.json", include_str!("types/tsconfig.json"));

/// What leads editors there, unless the author has one.
const TSCONFIG: (&str, &str) = ("tsconfig.json", include_str!("types/outer.json"));

/// Puts the types beside the texts in a plugins folder, if there are any.
///
/// # Errors
/// When they cannot be written.
pub(super) fn keep_types(plugins_dir: &Path) -> io::Result<()> {
    if !has_scripts(plugins_dir)? {
        return Ok(());
    }
    keep_package(plugins_dir)?;
    keep(&plugins_dir.join(HIDDEN), &[SETTINGS])?;
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
        keep_types(plugins).unwrap();
        assert!(!plugins.join(HIDDEN).exists(), "nothing needs them");
        std::fs::create_dir(plugins.join("shop")).unwrap();
        std::fs::write(plugins.join("shop/main.ts"), "").unwrap();
        keep_types(plugins).unwrap();
        let kept = |name: &str| {
            let path = plugins.join(HIDDEN).join(name);
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
        };
        assert_eq!(kept("tsconfig.json"), SETTINGS.1);
        // Where the settings say that the modules are.
        let settings: serde_json::Value = serde_json::from_str(SETTINGS.1).unwrap();
        let modules = settings["compilerOptions"]["paths"].as_object().unwrap();
        for module in ["hearken", "hearken/testing", "hearken/client"] {
            assert!(kept(modules[module][0].as_str().unwrap()).contains("export"));
        }
        let own = plugins.join("tsconfig.json");
        assert!(own.is_file());
        std::fs::write(&own, "{}").unwrap();
        std::fs::write(plugins.join(HIDDEN).join("npm/index.d.ts"), "old").unwrap();
        keep_types(plugins).unwrap();
        assert_eq!(std::fs::read_to_string(&own).unwrap(), "{}");
        assert_ne!(kept("npm/index.d.ts"), "old");
    }
}
