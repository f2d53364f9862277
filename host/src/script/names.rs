//! What the files are called of which plugins are made.

use std::path::{Component, Path, PathBuf};

use super::language::Language;

/// What a folder has that is a project of npm: a bundler makes the plugin of it.
pub const PROJECT: &str = "package.json";

/// The folder of the packages of npm that a project has, or a folder around it.
pub const LIBRARIES: &str = "node_modules";

/// The folder in a project in Python with the packages that it names.
pub const PACKAGES: &str = ".packages";

/// What in there says which were got.
pub const PACKAGES_MARK: &str = ".packages/.got";

/// A path without what leads nowhere: `.`, and a folder that `..` leaves again.
#[must_use]
pub fn straight(path: &Path) -> PathBuf {
    let mut straight = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if straight.file_name().is_some() => {
                straight.pop();
            }
            // Above all folders there is none.
            Component::ParentDir if straight.has_root() => {}
            part => straight.push(part),
        }
    }
    straight
}

/// What a text file in a plugins folder is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFile<'n> {
    /// It is a plugin of this name.
    Plugin(&'n str),
    /// Plugins import it.
    Shared,
    /// It is there for people and their tools: types, tests.
    Ignored,
}

/// What the file of this name is for, if it is a text in a language of plugins.
#[must_use]
pub fn text_file(name: &str) -> Option<TextFile<'_>> {
    let (stem, extension) = name.rsplit_once('.')?;
    let language = Language::of_extension(extension).filter(|language| language.is_text())?;
    if stem.is_empty() || stem.starts_with('.') {
        return None;
    }
    let is_test = stem.ends_with(".test")
        || language == Language::Python && (stem.starts_with("test_") || stem == "conftest");
    let is_types = language == Language::TypeScript && stem.ends_with(".d");
    Some(if is_test || is_types {
        TextFile::Ignored
    } else if stem.starts_with('_') {
        TextFile::Shared
    } else {
        TextFile::Plugin(stem)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_straight_to_where_it_leads() {
        for (path, leads) in [
            ("shop/./x/../src/b.ts", "shop/src/b.ts"),
            ("../../a/../b", "../../b"),
            ("/plugins/../../a", "/a"),
            ("./", ""),
        ] {
            assert_eq!(straight(Path::new(path)), Path::new(leads), "{path}");
        }
    }

    #[test]
    fn a_file_s_name_says_what_it_is_for() {
        for (name, expected) in [
            ("restock.ts", Some(TextFile::Plugin("restock"))),
            ("cart.v2.mjs", Some(TextFile::Plugin("cart.v2"))),
            ("late_orders.py", Some(TextFile::Plugin("late_orders"))),
            ("_util.ts", Some(TextFile::Shared)),
            ("_util.d.ts", Some(TextFile::Ignored)),
            ("restock.d.mts", Some(TextFile::Ignored)),
            ("restock.test.ts", Some(TextFile::Ignored)),
            ("test_restock.py", Some(TextFile::Ignored)),
            ("test_restock.js", Some(TextFile::Plugin("test_restock"))),
            ("restock.wasm", None),
            ("restock.tsx", None),
            (".restock.ts", None),
            (".ts", None),
            ("ts", None),
        ] {
            assert_eq!(text_file(name), expected, "{name}");
        }
    }
}
