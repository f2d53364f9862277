//! The arrows of a tree: who uses what, and where that is defined.

use std::collections::BTreeMap;

use proc_macro2::{Delimiter, TokenTree};

use crate::parse::{Visibility, attribute, skip_test, until_semicolon};
use crate::resolve::Meaning;
use crate::tree::{ModuleId, Name, Tree};
use crate::uses::{self, Use, is_punct, plain};

/// From a file to the file that defines what it uses, and the names of that as the
/// first file writes them.
pub type Arrows = BTreeMap<(String, String), Vec<String>>;

/// A name that leads to a module of the crate which does not have it, as far as can
/// be seen: the file that writes it, and the path.
pub type Unknown = (String, String);

/// All arrows, and all names that could not be followed.
pub fn of(tree: &Tree) -> (Arrows, Vec<Unknown>) {
    let mut walk = Walk {
        tree,
        module: 0,
        local: Vec::new(),
        arrows: Arrows::new(),
        unknown: Vec::new(),
    };
    for (id, module) in tree.modules.iter().enumerate() {
        walk.module = id;
        walk.local.clear();
        for used in &module.uses {
            walk.used(used);
        }
        walk.code(&module.code);
    }
    (walk.arrows, walk.unknown)
}

struct Walk<'t> {
    tree: &'t Tree,
    module: ModuleId,
    /// What `use` lines within the code brought in, of the blocks around.
    local: Vec<(String, Vec<String>)>,
    arrows: Arrows,
    unknown: Vec<Unknown>,
}

impl Walk<'_> {
    fn used(&mut self, used: &Use) {
        // What a glob brings in of a module is seen where it is used.
        let (Use::Name { path, .. } | Use::Glob(path)) = used;
        self.path(path);
    }

    fn path(&mut self, path: &[String]) {
        let from = &self.tree.modules[self.module].file;
        let name = path.join("::");
        let module = match self.tree.resolve(self.module, path) {
            Meaning::Item(module) => module,
            // What a macro made stands where the macro stands.
            Meaning::Unknown(module) if self.tree.modules[module].macros => module,
            Meaning::Unknown(_) => {
                self.unknown.push((from.clone(), name));
                return;
            }
            Meaning::Module(_) | Meaning::Elsewhere => return,
        };
        let to = &self.tree.modules[module].file;
        if to == from {
            return;
        }
        let names = self.arrows.entry((from.clone(), to.clone())).or_default();
        if !names.contains(&name) {
            names.push(name);
        }
    }

    fn code(&mut self, tokens: &[TokenTree]) {
        let mut before: [Option<&TokenTree>; 2] = [None, None];
        let mut rest = tokens;
        while let Some(token) = rest.first() {
            if let Some(after) = skip_test(rest) {
                rest = after;
                before = [None, None];
                continue;
            }
            if let Some((group, after)) = attribute(rest) {
                self.code(&group.stream().into_iter().collect::<Vec<_>>());
                rest = after;
                before = [None, None];
                continue;
            }
            match token {
                TokenTree::Group(group) => {
                    let outside = self.local.len();
                    self.code(&group.stream().into_iter().collect::<Vec<_>>());
                    self.local.truncate(outside);
                    rest = &rest[1..];
                }
                TokenTree::Ident(word) if *word == "use" && !starts(rest.get(1), '<') => {
                    let (line, after) = until_semicolon(&rest[1..]);
                    for used in uses::names(line) {
                        self.used(&used);
                        if let Use::Name { path, name } = used {
                            self.local.push((name, path));
                        }
                    }
                    rest = after;
                }
                TokenTree::Ident(_) => {
                    let (path, after) = longest_path(rest);
                    if !continues(before) {
                        self.written(path, after);
                    }
                    before = [None, rest.get(rest.len() - after.len() - 1)];
                    rest = after;
                    continue;
                }
                _ => rest = &rest[1..],
            }
            before = [before[1], Some(token)];
        }
    }

    /// A path in code, or a single name.
    fn written(&mut self, mut path: Vec<String>, after: &[TokenTree]) {
        let local = self.local.iter().rev().find(|(name, _)| *name == path[0]);
        if let Some((_, whole)) = local {
            // Its `use` line was counted.
            if path.len() == 1 {
                return;
            }
            path.splice(..1, whole.iter().cloned());
        }
        if path.len() > 1 || self.brought_in(&path[0]) && seems_used(&path[0], after) {
            self.path(&path);
        }
    }

    /// Whether a single name comes from elsewhere by no private `use` line: those
    /// are counted where they stand.
    fn brought_in(&self, name: &str) -> bool {
        let module = &self.tree.modules[self.module];
        let Some(names) = module.names.get(name) else {
            return !module.globs.is_empty();
        };
        // A module can have the name of a function, and is none of what is used alone.
        let mut names = names
            .iter()
            .filter(|name| !matches!(name, Name::Module(_)))
            .peekable();
        names.peek().is_some()
            && names.all(|name| matches!(name, Name::From(_, Visibility::Passed)))
    }
}

/// Whether a single name in code is that of a type, a constant, a function or a macro,
/// and not of a field or a variable.
fn seems_used(name: &str, after: &[TokenTree]) -> bool {
    name.starts_with(char::is_uppercase)
        || matches!(after.first(), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis)
        || starts(after.first(), '!')
}

/// The path that the tokens begin with, and what follows.
fn longest_path(tokens: &[TokenTree]) -> (Vec<String>, &[TokenTree]) {
    let mut path = Vec::new();
    let mut rest = tokens;
    while let Some(TokenTree::Ident(ident)) = rest.first() {
        path.push(plain(&ident.to_string()));
        rest = &rest[1..];
        match rest {
            [first, second, TokenTree::Ident(_), ..]
                if is_punct(first, ':') && is_punct(second, ':') =>
            {
                rest = &rest[2..];
            }
            _ => break,
        }
    }
    (path, rest)
}

/// Whether what stands before a name makes it part of something else: a field, a
/// method, a name after generics, a macro's variable, a lifetime's.
fn continues(before: [Option<&TokenTree>; 2]) -> bool {
    let signs = before.map(|token| match token {
        Some(TokenTree::Punct(punct)) => punct.as_char(),
        Some(TokenTree::Ident(word)) if *word == "fn" => 'f',
        _ => ' ',
    });
    match signs {
        // A range, not a field.
        ['.', '.'] => false,
        [_, '.'] | [':', ':'] | [_, '\''] | [_, 'f'] => true,
        _ => false,
    }
}

fn starts(token: Option<&TokenTree>, sign: char) -> bool {
    token.is_some_and(|token| is_punct(token, sign))
}

#[cfg(test)]
mod tests {
    use crate::tree::tests::tree;

    use super::*;

    fn arrows(files: &[(&str, &str)]) -> Vec<String> {
        let (arrows, unknown) = of(&tree(files));
        assert_eq!(unknown, []);
        let line = |((from, to), names): (&(String, String), &Vec<String>)| {
            format!("{from} -> {to}: {}", names.join(", "))
        };
        arrows.iter().map(line).collect()
    }

    #[test]
    fn uses_and_paths_make_arrows_to_what_defines() {
        assert_eq!(
            arrows(&[
                ("lib.rs", "mod a; mod b; mod c;"),
                (
                    "a.rs",
                    "use crate::b::{self, Passed}; use crate::c; fn f() -> c::C { b::g() }"
                ),
                ("b.rs", "pub use crate::c::D as Passed; pub fn g() {}"),
                ("c.rs", "pub struct C; pub struct D;"),
            ]),
            ["a.rs -> b.rs: b::g", "a.rs -> c.rs: crate::b::Passed, c::C"]
        );
    }

    #[test]
    fn what_is_passed_on_makes_an_arrow_only_where_it_is_used() {
        let files = [
            ("lib.rs", "mod a;"),
            ("a/mod.rs", "mod b; pub use b::{B, b};"),
            ("a/b.rs", "pub struct B; pub fn b() {}"),
        ];
        assert_eq!(arrows(&files), [] as [&str; 0]);
        for (more, name) in [("fn f() -> B { loop {} }", "B"), ("fn f() { b() }", "b")] {
            let text = format!("{} {more}", files[1].1);
            assert_eq!(
                arrows(&[files[0], ("a/mod.rs", &text), files[2]]),
                [format!("a/mod.rs -> a/b.rs: {name}")]
            );
        }
        let text = format!("{} fn f(x: u8) {{ x.b(); let b = x.b; b }}", files[1].1);
        assert_eq!(
            arrows(&[files[0], ("a/mod.rs", &text), files[2]]),
            [] as [&str; 0]
        );
    }

    #[test]
    fn globs_make_arrows_to_what_is_used_of_them() {
        assert_eq!(
            arrows(&[
                ("lib.rs", "mod a; mod b; mod c;"),
                ("a.rs", "use crate::b::*; fn f() { B; x(); }"),
                ("b.rs", "pub use crate::c::C; pub struct B; pub fn y() {}"),
                ("c.rs", "pub struct C;"),
            ]),
            ["a.rs -> b.rs: B"]
        );
    }

    #[test]
    fn code_of_all_kinds_is_walked() {
        for code in [
            "fn f() { let x = crate::b::B; }",
            "fn f() { use crate::b; x(b::B) }",
            "fn f() { vec![format!(\"{}\", crate::b::B)] }",
            "macro_rules! m { () => { $crate::b::B }; }",
            "impl crate::b::B for X {}",
            "#[derive(crate::b::B)] struct X;",
            "struct X { y: Vec<Option<crate::b::B>> }",
            "const X: u8 = crate::b::B;",
            "type X = [crate::b::B; 2];",
            "m! { crate::b::B }",
            "fn f(x: impl Fn() -> super::b::B) where X: Y {}",
            "fn f() { 0..crate::b::B }",
            "fn f() { x.y::<crate::b::B>() }",
            "mod inner { use super::super::b::B; }",
            "mod inner { fn f() { crate::b::B::new() } }",
            "#[cfg(not(test))] fn f() { crate::b::B }",
        ] {
            let found = arrows(&[
                ("lib.rs", "mod a; mod b;"),
                ("a.rs", code),
                ("b.rs", "pub struct B;"),
            ]);
            assert_eq!(found.len(), 1, "{code}: {found:?}");
            assert!(found[0].starts_with("a.rs -> b.rs"), "{code}");
        }
    }

    #[test]
    fn tests_comments_and_texts_make_no_arrows() {
        for code in [
            "#[cfg(test)] mod tests { use crate::b::B; }",
            "#[cfg(test)] use crate::b::B;",
            "#[cfg(test)] fn f() { crate::b::B }",
            "impl X { #[cfg(test)] fn f() { crate::b::B } fn g() {} }",
            "fn f() { #[cfg(test)] crate::b::B; }",
            "struct X { #[cfg(test)] y: crate::b::B, z: u8 }",
            "/// [`crate::b::B`]\nfn f() { \"crate::b::B\" } // crate::b::B",
            "mod tests; mod inner { mod tests; }",
            "fn f() { X::crate_b(); <X as Y>::b(); x.b.B }",
            "use x::b; fn f() { { use y::b; } b::B }",
        ] {
            let found = arrows(&[
                ("lib.rs", "mod a; mod b;"),
                ("a.rs", code),
                ("a/tests.rs", "use crate::b::B;"),
                ("b.rs", "pub struct B;"),
            ]);
            assert_eq!(found, [] as [&str; 0], "{code}");
        }
    }

    #[test]
    fn what_a_macro_defines_is_its_files_and_a_name_of_nothing_is_told() {
        let generated = "mod wire { tonic::include_proto!(\"x\"); } ";
        assert_eq!(
            arrows(&[
                ("lib.rs", "mod a; mod b;"),
                ("a.rs", generated),
                ("b.rs", "use super::a::wire::Frame;"),
            ]),
            ["b.rs -> a.rs: super::a::wire::Frame"]
        );
        let (_, unknown) = of(&tree(&[("lib.rs", "mod a; use a::Gone;"), ("a.rs", "")]));
        assert_eq!(unknown, [("lib.rs".to_owned(), "a::Gone".to_owned())]);
    }
}
