//! Makes a new plugin that is a text: one file that listens at once.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::error::ScaffoldError;
use super::name::check;
use crate::script::Language;

/// A text that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScaffoldedText {
    /// Name of the plugin.
    pub name: String,
    /// Its file.
    pub file: PathBuf,
}

/// Makes the plugin `name` in `folder`, which is made if it is missing, as a text in a
/// language.
///
/// # Errors
/// When there is a plugin of that name, or it cannot be written.
pub fn scaffold_text(
    folder: &Path,
    name: &str,
    language: Language,
) -> Result<ScaffoldedText, ScaffoldError> {
    let (extension, template) = match language {
        Language::JavaScript => ("js", include_str!("template/plugin.js.txt")),
        Language::Python => ("py", include_str!("template/plugin.py.txt")),
        Language::TypeScript | Language::Component => {
            ("ts", include_str!("template/plugin.ts.txt"))
        }
    };
    check(name).map_err(|source| ScaffoldError::Name {
        name: name.to_owned(),
        source,
    })?;
    let file = folder.join(format!("{name}.{extension}"));
    let text = template.replace("{name}", name);
    match write(folder, &file, &text) {
        Ok(()) => Ok(ScaffoldedText {
            name: name.to_owned(),
            file,
        }),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(ScaffoldError::Exists(file))
        }
        Err(source) => Err(ScaffoldError::Write { path: file, source }),
    }
}

fn write(folder: &Path, file: &Path, text: &str) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    // Under another name first: a node that watches the folder sees the whole text.
    let mut written = tempfile::Builder::new()
        .prefix(".new-")
        .tempfile_in(folder)?;
    written.write_all(text.as_bytes())?;
    let written = written.into_temp_path();
    readable(&written)?;
    written.persist_noclobber(file).map_err(|error| error.error)
}

/// For whoever may read other files: temporary ones are their owner's alone.
fn readable(file: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o644))?;
    }
    #[cfg(not(unix))]
    let _ = file;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_made_once() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("plugins");
        for (language, file) in [
            (Language::JavaScript, "hello.js"),
            (Language::TypeScript, "hello.ts"),
            (Language::Python, "hello.py"),
        ] {
            let made = scaffold_text(&folder, "hello", language).unwrap();
            assert_eq!(made.file, folder.join(file));
            let text = std::fs::read_to_string(&made.file).unwrap();
            assert!(text.contains("custom.hello.*"), "{text}");
            let again = scaffold_text(&folder, "hello", language);
            assert!(matches!(again, Err(ScaffoldError::Exists(_))));
        }
        let files = std::fs::read_dir(&folder).unwrap();
        assert_eq!(files.count(), 3, "nothing else is left");
        let named = scaffold_text(&folder, "a b", Language::JavaScript);
        assert!(matches!(named, Err(ScaffoldError::Name { .. })));
    }
}
