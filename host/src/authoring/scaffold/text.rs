//! Makes a new plugin that is a text: one file that listens at once.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::error::ScaffoldError;
use super::name::{NameError, check};
use crate::script::{Language, TEXT_EXTENSIONS, TextFile, text_file};

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
    let file = format!("{name}.{extension}");
    if !matches!(text_file(&file), Some(TextFile::Plugin(_))) {
        return Err(ScaffoldError::Name {
            name: name.to_owned(),
            source: NameError::Ignored,
        });
    }
    if let Some(other) = of_this_name(folder, name) {
        return Err(ScaffoldError::Exists(other));
    }
    let file = folder.join(file);
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

/// What is a plugin of this name already: two of one name are none.
pub(super) fn of_this_name(folder: &Path, name: &str) -> Option<PathBuf> {
    let extensions = TEXT_EXTENSIONS.into_iter().chain(["wasm"]);
    let files = extensions.map(|extension| folder.join(format!("{name}.{extension}")));
    let mut all = files.chain([folder.join(name)]);
    all.find(|other| other.exists())
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
            let folder = folder.join(language.as_str());
            let made = scaffold_text(&folder, "hello", language).unwrap();
            assert_eq!(made.file, folder.join(file));
            let text = std::fs::read_to_string(&made.file).unwrap();
            assert!(text.contains("custom.hello.*"), "{text}");
            for other in [Language::JavaScript, Language::TypeScript, Language::Python] {
                let again = scaffold_text(&folder, "hello", other);
                let exists =
                    matches!(again, Err(ScaffoldError::Exists(there)) if there == made.file);
                assert!(exists, "{language} {other}");
            }
            let files = std::fs::read_dir(&folder).unwrap();
            assert_eq!(files.count(), 1, "nothing else is left");
        }
        let test = scaffold_text(&folder, "test_hello", Language::Python);
        assert!(
            matches!(test, Err(ScaffoldError::Name { .. })),
            "no node loads it"
        );
        let named = scaffold_text(&folder, "a b", Language::JavaScript);
        assert!(matches!(named, Err(ScaffoldError::Name { .. })));
    }
}
