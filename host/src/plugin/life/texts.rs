//! Reading the texts of a plugin: its own, and those that it imports.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use bytesize::ByteSize;

use super::files::language_of;
use super::{maps, packages};
use crate::plugin::code::compile::open_regular;
use crate::script::{
    Language, MAX_MAPS_BYTES, MAX_TEXT_BYTES, MAX_TEXTS, MAX_TEXTS_BYTES, Script, Text, imported,
    resolve,
};

/// Why the texts of a plugin cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TextError {
    #[error("cannot read it: {0}")]
    Read(#[source] std::io::Error),
    /// Perhaps somebody is about to write it.
    #[error("the file is empty")]
    Empty,
    #[error("it is not text in UTF-8: {what} in line {line}")]
    NotText { what: &'static str, line: usize },
    #[error("it has more than {}", ByteSize(MAX_TEXT_BYTES).display().iec())]
    TooLarge,
    #[error("it and what it imports have more than {}", ByteSize(MAX_TEXTS_BYTES).display().iec())]
    AllTooLarge,
    #[error("it imports more than {MAX_TEXTS} texts")]
    TooMany,
}

/// Reads the text `entry`, which lies in the plugins folder `folder` or in a folder of its
/// own there, and all that it imports of the same folder. What is not there is left to the
/// engine, which knows the line. Blocks on the disk.
///
/// # Errors
/// Which file it is about, and what is wrong with it.
pub(crate) fn read(folder: &Path, entry: &Path) -> Result<Script, (PathBuf, TextError)> {
    let language = language_of(entry);
    let of_entry = |error| (entry.to_owned(), error);
    let text = read_text(entry).map_err(of_entry)?;
    if text.trim().is_empty() {
        return Err(of_entry(TextError::Empty));
    }
    let mut bytes = text.len() as u64;
    let mut texts = vec![Text {
        name: name_of(folder, entry),
        text,
    }];
    let mut next = VecDeque::from([0]);
    while let Some(importer) = next.pop_front() {
        let Text { name, text } = &texts[importer];
        let mut found = Vec::new();
        for mentioned in imported(language, text) {
            for candidate in resolve(name, mentioned, language) {
                let known = texts.iter().any(|text| text.name == candidate)
                    || found.iter().any(|text: &Text| text.name == candidate);
                if known {
                    break;
                }
                let path = folder.join(&candidate);
                match read_text(&path) {
                    Ok(text) => {
                        found.push(Text {
                            name: candidate,
                            text,
                        });
                        break;
                    }
                    Err(TextError::Read(error)) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => return Err((path, error)),
                }
            }
        }
        for text in found {
            next.push_back(texts.len());
            add(&mut texts, &mut bytes, text).map_err(of_entry)?;
        }
    }
    if language == Language::Python
        && let Some(own) = entry.parent().filter(|own| *own != folder)
    {
        let packages = packages::texts(own);
        for path in packages.map_err(|error| of_entry(TextError::Read(error)))? {
            let text = read_text(&path).map_err(|error| (path.clone(), error))?;
            let name = name_of(folder, &path);
            add(&mut texts, &mut bytes, Text { name, text }).map_err(of_entry)?;
        }
    }
    let mut script = Script::of(language, texts);
    if language != Language::Python {
        let mut left = MAX_MAPS_BYTES;
        let texts = script.texts.iter_mut();
        let maps = texts.filter_map(|text| maps::take(folder, text, &mut left));
        script.maps = maps.collect();
    }
    Ok(script)
}

/// Adds a text to those of a plugin, which have so many bytes.
fn add(texts: &mut Vec<Text>, bytes: &mut u64, text: Text) -> Result<(), TextError> {
    *bytes = bytes.saturating_add(text.text.len() as u64);
    if *bytes > MAX_TEXTS_BYTES {
        return Err(TextError::AllTooLarge);
    }
    if texts.len() == MAX_TEXTS {
        return Err(TextError::TooMany);
    }
    texts.push(text);
    Ok(())
}

/// What the engine calls a text: its path within the plugins folder.
fn name_of(folder: &Path, file: &Path) -> String {
    let within = file.strip_prefix(folder).unwrap_or(file);
    let parts = within.iter().map(|part| part.to_string_lossy());
    parts.collect::<Vec<_>>().join("/")
}

fn read_text(path: &Path) -> Result<String, TextError> {
    let file = open_regular(path).map_err(TextError::Read)?;
    let mut bytes = Vec::new();
    let read = file.take(MAX_TEXT_BYTES + 1).read_to_end(&mut bytes);
    if read.map_err(TextError::Read)? as u64 > MAX_TEXT_BYTES {
        return Err(TextError::TooLarge);
    }
    // What some editors begin a file with is no part of it.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let wrong = |what, at: usize| TextError::NotText {
        what,
        line: bytes[..at].iter().filter(|byte| **byte == b'\n').count() + 1,
    };
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(wrong("it begins as UTF-16 does", 0));
    }
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        return Err(wrong("there is a zero byte", at));
    }
    let text = std::str::from_utf8(bytes);
    let text = text.map_err(|error| wrong("there are other bytes", error.valid_up_to()))?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn names(script: &Script) -> Vec<&str> {
        let names = script.texts.iter().map(|text| text.name.as_str());
        names.collect()
    }

    #[test]
    fn a_text_comes_with_all_that_it_imports_once() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path();
        let entry = write(folder, "a.ts", "import './_b.ts'; import './_gone.ts'");
        write(folder, "_b.ts", "import './_c'; import './_b.ts'");
        write(folder, "_c.js", "import './_b.ts'; import './other.ts'");
        write(folder, "other.ts", "no part of it");
        let script = read(folder, &entry).unwrap();
        assert_eq!(names(&script), ["a.ts", "_b.ts", "_c.js"]);
        assert_eq!(script.language, Language::TypeScript);
        let before = script.hash();
        write(folder, "_c.js", "changed");
        assert_ne!(read(folder, &entry).unwrap().hash(), before);
    }

    #[test]
    fn a_folder_s_texts_are_its_own_and_the_shared_ones() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path();
        let main = write(folder, "shop/main.js", "import './cart.js'; '../_util.js'");
        write(folder, "shop/cart.js", "");
        write(folder, "_util.js", "\u{feff}util");
        let script = read(folder, &main).unwrap();
        assert_eq!(names(&script), ["shop/main.js", "shop/cart.js", "_util.js"]);
        assert_eq!(script.texts[2].text, "util");
    }

    #[test]
    fn a_project_in_python_comes_with_its_packages() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path();
        let main = write(folder, "shop/main.py", "import six");
        write(folder, "shop/.packages/six.py", "1");
        write(folder, "shop/.packages/a/__init__.py", "2");
        let script = read(folder, &main).unwrap();
        let all = [
            "shop/main.py",
            "shop/.packages/a/__init__.py",
            "shop/.packages/six.py",
        ];
        assert_eq!(names(&script), all);
    }

    #[test]
    fn what_is_no_text_is_told() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path();
        let error = |name: &str| read(folder, &folder.join(name)).unwrap_err();
        let (path, gone) = error("gone.js");
        assert!(matches!(gone, TextError::Read(_)) && path.ends_with("gone.js"));
        write(folder, "empty.js", " \n");
        assert!(matches!(error("empty.js").1, TextError::Empty));
        for (bytes, line) in [
            (&b"first\n\xe9"[..], 2),
            (&b"a\n\n'\0'"[..], 3),
            (&b"\xff\xfea\0"[..], 1),
            (&b"\0asm\x0d\0\x01\0"[..], 1),
        ] {
            write(folder, "latin.js", bytes);
            let told = error("latin.js").1;
            let is_told = matches!(told, TextError::NotText { line: at, .. } if at == line);
            assert!(is_told, "{told}");
        }
        let large = usize::try_from(MAX_TEXT_BYTES).unwrap() + 1;
        write(folder, "large.js", " ".repeat(large));
        assert!(matches!(error("large.js").1, TextError::TooLarge));
        write(folder, "importer.js", "import './_latin.js'");
        write(folder, "_latin.js", b"\xe9");
        let (path, error) = error("importer.js");
        assert!(path.ends_with("_latin.js") && matches!(error, TextError::NotText { .. }));
    }
}
