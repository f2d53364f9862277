//! The modules of a crate, read from its root on.

use std::collections::BTreeMap;

use proc_macro2::TokenTree;

use crate::parse::{self, Items, Visibility};
use crate::uses::Use;

/// A module, by its place in [`Tree::modules`].
pub type ModuleId = usize;

/// All modules of a crate but those for tests; the first is the root.
#[derive(Debug, Default)]
pub struct Tree {
    /// The modules, each after the one that it stands in.
    pub modules: Vec<Module>,
}

/// A module.
#[derive(Debug)]
pub struct Module {
    /// Its file, from the root's folder on.
    pub file: String,
    /// The module that it stands in.
    pub parent: Option<ModuleId>,
    /// What can be named in it.
    pub names: BTreeMap<String, Vec<Name>>,
    /// Whose names are all brought in.
    pub globs: Vec<Vec<String>>,
    /// What its private `use` lines bring in, and those within its code.
    pub uses: Vec<Use>,
    /// Its code.
    pub code: Vec<TokenTree>,
    /// Whether a macro may define names in it.
    pub macros: bool,
}

/// What a name in a module means.
#[derive(Clone, Debug)]
pub enum Name {
    /// A module in it.
    Module(ModuleId),
    /// Something that it defines.
    Item,
    /// Something from elsewhere.
    From(Vec<String>, Visibility),
}

impl Tree {
    /// Reads the modules from `lib.rs` on; `read` gives a file's text, by its path from
    /// the folder of `lib.rs`.
    ///
    /// # Errors
    ///
    /// When a file is missing, or is not made of Rust's tokens.
    pub fn read(read: &dyn Fn(&str) -> Option<String>) -> Result<Self, String> {
        let mut tree = Self::default();
        tree.file("lib.rs", "", None, read)?;
        Ok(tree)
    }

    /// Reads a file, whose modules have their files in `folder`.
    fn file(
        &mut self,
        path: &str,
        folder: &str,
        parent: Option<ModuleId>,
        read: &dyn Fn(&str) -> Option<String>,
    ) -> Result<ModuleId, String> {
        let text = read(path).ok_or_else(|| format!("{path} is missing"))?;
        let items = parse::file(&text).map_err(|error| format!("{path}: {error}"))?;
        self.module(items, path, folder, parent, read)
    }

    fn module(
        &mut self,
        items: Items,
        path: &str,
        folder: &str,
        parent: Option<ModuleId>,
        read: &dyn Fn(&str) -> Option<String>,
    ) -> Result<ModuleId, String> {
        let id = self.modules.len();
        let mut module = Module {
            file: path.to_owned(),
            parent,
            names: BTreeMap::new(),
            globs: Vec::new(),
            uses: Vec::new(),
            code: items.code,
            macros: items.macros,
        };
        for name in items.defined {
            module.names.entry(name).or_default().push(Name::Item);
        }
        for (used, visibility) in items.uses {
            match &used {
                Use::Name { path, name } => module
                    .names
                    .entry(name.clone())
                    .or_default()
                    .push(Name::From(path.clone(), visibility)),
                Use::Glob(path) => module.globs.push(path.clone()),
            }
            if visibility == Visibility::Private {
                module.uses.push(used);
            }
        }
        self.modules.push(module);
        for (name, items) in items.inline {
            let inner = self.module(items, path, &format!("{folder}{name}/"), Some(id), read)?;
            self.put(id, name, inner);
        }
        for name in items.files {
            let beside = format!("{folder}{name}.rs");
            let within = format!("{folder}{name}/mod.rs");
            let path = if read(&beside).is_some() {
                beside
            } else {
                within
            };
            if of_tests(&path) {
                continue;
            }
            let inner = self.file(&path, &format!("{folder}{name}/"), Some(id), read)?;
            self.put(id, name, inner);
        }
        Ok(id)
    }

    fn put(&mut self, parent: ModuleId, name: String, module: ModuleId) {
        let names = &mut self.modules[parent].names;
        names.entry(name).or_default().push(Name::Module(module));
    }
}

/// Whether a file is for tests by its place.
pub fn of_tests(path: &str) -> bool {
    path.split('/')
        .any(|part| part == "tests" || part == "tests.rs")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The text of one of some files that are written in a test.
    pub(crate) fn text(files: &[(&str, &str)], path: &str) -> Option<String> {
        let found = files.iter().find(|(name, _)| *name == path);
        found.map(|(_, text)| (*text).to_owned())
    }

    /// A tree of files that are written in a test.
    pub(crate) fn tree(files: &[(&str, &str)]) -> Tree {
        Tree::read(&|path| text(files, path)).unwrap()
    }

    #[test]
    fn files_are_found_where_rust_finds_them() {
        let tree = tree(&[
            (
                "lib.rs",
                "mod a; mod b; mod c { mod d; } #[cfg(test)] mod gone; mod tests;",
            ),
            ("a.rs", "mod e;"),
            ("a/e.rs", ""),
            ("b/mod.rs", "mod f;"),
            ("b/f.rs", ""),
            ("c/d.rs", ""),
            ("tests.rs", "mod gone;"),
        ]);
        let files: Vec<_> = tree.modules.iter().map(|module| &module.file).collect();
        assert_eq!(
            files,
            [
                "lib.rs", "lib.rs", "c/d.rs", "a.rs", "a/e.rs", "b/mod.rs", "b/f.rs"
            ]
        );
    }

    #[test]
    fn a_missing_file_is_told() {
        let error = Tree::read(&|path| (path == "lib.rs").then(|| "mod a;".to_owned()));
        assert_eq!(error.unwrap_err(), "a/mod.rs is missing");
    }
}
