//! What a path means.

use crate::tree::{ModuleId, Name, Tree};

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A module of this crate, and nothing in it.
    Module(ModuleId),
    /// Something that a module of this crate defines, or something in that.
    Item(ModuleId),
    /// Another crate, the standard library, a local name.
    Elsewhere,
    /// A name that the module does not have, as far as can be seen.
    Unknown(ModuleId),
}

/// How many names may stand for each other in a row.
const MOST_STEPS: usize = 32;

impl Tree {
    /// What a path means that stands in a module.
    pub fn resolve(&self, at: ModuleId, path: &[String]) -> Meaning {
        self.follow(at, path, MOST_STEPS)
    }

    fn follow(&self, at: ModuleId, path: &[String], steps: usize) -> Meaning {
        let Some((first, rest)) = path.split_first() else {
            return Meaning::Module(at);
        };
        if steps == 0 {
            return Meaning::Unknown(at);
        }
        match first.as_str() {
            "crate" => self.within(0, rest, steps),
            "self" => self.within(at, rest, steps),
            "super" => match self.modules[at].parent {
                // `super::super` goes on from there.
                Some(parent) if rest.first().is_some_and(|next| next == "super") => {
                    self.follow(parent, rest, steps - 1)
                }
                Some(parent) => self.within(parent, rest, steps),
                None => Meaning::Unknown(at),
            },
            _ => match self.within(at, path, steps) {
                Meaning::Unknown(module) if module == at => Meaning::Elsewhere,
                meaning => meaning,
            },
        }
    }

    /// What a path means whose first name is one of a module's.
    fn within(&self, module: ModuleId, path: &[String], steps: usize) -> Meaning {
        let Some((first, rest)) = path.split_first() else {
            return Meaning::Module(module);
        };
        let Some(steps) = steps.checked_sub(1) else {
            return Meaning::Unknown(module);
        };
        // A name can mean a module and a function at once: whichever the rest fits,
        // and of two that fit, the one that is defined.
        let names = self.modules[module].names.get(first);
        let mut best = None;
        for name in names.into_iter().flatten() {
            let meaning = match name {
                Name::Module(inner) => self.within(*inner, rest, steps),
                Name::Item => Meaning::Item(module),
                Name::From(path, _) => {
                    let whole: Vec<String> = path.iter().chain(rest).cloned().collect();
                    // `use tracing;` names the crate, not itself.
                    if path.len() == 1 && path[0] == *first {
                        Meaning::Elsewhere
                    } else {
                        self.follow(module, &whole, steps)
                    }
                }
            };
            if best.is_none_or(|best| rank(meaning) < rank(best)) {
                best = Some(meaning);
            }
        }
        if let Some(best) = best {
            return best;
        }
        let mut meaning = Meaning::Unknown(module);
        for glob in &self.modules[module].globs {
            let found = match self.follow(module, glob, steps) {
                Meaning::Module(inner) if inner != module => self.within(inner, path, steps),
                // The variants of an enum: which names those are is not seen.
                _ => continue,
            };
            if rank(found) < rank(meaning) {
                meaning = found;
            }
        }
        meaning
    }
}

fn rank(meaning: Meaning) -> u8 {
    match meaning {
        Meaning::Item(_) => 0,
        Meaning::Module(_) => 1,
        Meaning::Elsewhere => 2,
        Meaning::Unknown(_) => 3,
    }
}

#[cfg(test)]
mod tests {
    use crate::tree::tests::tree;

    use super::*;

    fn file(tree: &Tree, at: &str, path: &str) -> String {
        let at = tree.modules.iter().rposition(|module| module.file == at);
        let path: Vec<_> = path.split("::").map(str::to_owned).collect();
        match tree.resolve(at.unwrap(), &path) {
            Meaning::Item(module) => tree.modules[module].file.clone(),
            Meaning::Module(module) => format!("module {}", tree.modules[module].file),
            Meaning::Elsewhere => "elsewhere".to_owned(),
            Meaning::Unknown(module) => format!("unknown {}", tree.modules[module].file),
        }
    }

    #[test]
    fn a_path_leads_to_where_it_is_defined() {
        let tree = tree(&[
            (
                "lib.rs",
                "pub mod a; mod b; mod e { pub use crate::a::*; } mod g { pub fn x() {} pub mod x { pub fn y() {} } }",
            ),
            (
                "a/mod.rs",
                "mod c; pub mod d; pub use c::{C, Long as Short}; use std::sync::Arc; pub struct A;",
            ),
            ("a/c.rs", "pub struct C; pub struct Long; fn f() {}"),
            ("a/d.rs", "use super::C; pub use super::super::b;"),
            ("b.rs", "use crate::a; use tracing; pub struct B;"),
        ]);
        for (at, path, to) in [
            ("b.rs", "crate::a::C", "a/c.rs"),
            ("b.rs", "crate::a::Short::new", "a/c.rs"),
            ("b.rs", "a::A", "a/mod.rs"),
            ("b.rs", "a::d::C", "a/c.rs"),
            ("b.rs", "a::d::b::B", "b.rs"),
            ("b.rs", "a::d", "module a/d.rs"),
            ("b.rs", "a", "module a/mod.rs"),
            ("b.rs", "self::B::new", "b.rs"),
            ("b.rs", "std::sync::Arc", "elsewhere"),
            ("b.rs", "a::Arc", "elsewhere"),
            ("b.rs", "tracing::info", "elsewhere"),
            ("b.rs", "a::Gone", "unknown a/mod.rs"),
            ("a/d.rs", "super::super::b::B", "b.rs"),
            ("a/d.rs", "C", "a/c.rs"),
            ("a/c.rs", "super::A", "a/mod.rs"),
            ("lib.rs", "crate::e::Short", "a/c.rs"),
            ("lib.rs", "crate::g::x", "lib.rs"),
            ("lib.rs", "crate::g::x::y", "lib.rs"),
        ] {
            assert_eq!(file(&tree, at, path), to, "{path} in {at}");
        }
    }

    #[test]
    fn names_that_lead_in_a_ring_end() {
        let tree = tree(&[(
            "lib.rs",
            "mod a { pub use crate::b::X; } mod b { pub use crate::a::X; } mod c { pub use super::d::*; } mod d { pub use super::c::*; }",
        )]);
        assert_eq!(file(&tree, "lib.rs", "crate::a::X"), "unknown lib.rs");
        assert_eq!(file(&tree, "lib.rs", "crate::c::X"), "unknown lib.rs");
    }
}
