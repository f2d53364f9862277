//! The trees of `use` lines, taken apart into names.

use proc_macro2::{Delimiter, TokenTree};

/// One name that a `use` line brings in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Use {
    /// `a::b as name`; without `as` the name is the last of the path.
    Name {
        /// The path as written.
        path: Vec<String>,
        /// What it is called here; `_` where it has no name.
        name: String,
    },
    /// `a::*`
    Glob(Vec<String>),
}

/// The names of the tree in the tokens between `use` and `;`.
pub fn names(tokens: &[TokenTree]) -> Vec<Use> {
    let mut found = Vec::new();
    tree(tokens, &[], &mut found);
    found
}

fn tree(tokens: &[TokenTree], before: &[String], found: &mut Vec<Use>) {
    let mut path = before.to_vec();
    let mut tokens = tokens.iter();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(ident) if *ident == "as" => {
                let name = tokens.next().map(ToString::to_string).unwrap_or_default();
                found.push(named(path, Some(name)));
                return;
            }
            TokenTree::Ident(ident) => path.push(plain(&ident.to_string())),
            TokenTree::Punct(punct) if punct.as_char() == '*' => {
                found.push(Use::Glob(path));
                return;
            }
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                let inner: Vec<_> = group.stream().into_iter().collect();
                for branch in inner.split(|token| is_punct(token, ',')) {
                    tree(branch, &path, found);
                }
                return;
            }
            _ => {}
        }
    }
    if path.len() > before.len() {
        found.push(named(path, None));
    }
}

/// `a::{self}` brings in `a`, as a module.
fn named(mut path: Vec<String>, name: Option<String>) -> Use {
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let name = name
        .or_else(|| path.last().cloned())
        .expect("whoever names a use has read a path");
    Use::Name { path, name }
}

/// The name of an identifier, which may be raw.
pub(crate) fn plain(ident: &str) -> String {
    ident.strip_prefix("r#").unwrap_or(ident).to_owned()
}

/// Whether a token is this sign.
pub(crate) fn is_punct(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign)
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use proc_macro2::TokenStream;

    use super::*;

    fn of(text: &str) -> Vec<String> {
        let tokens: Vec<_> = TokenStream::from_str(text).unwrap().into_iter().collect();
        names(&tokens)
            .into_iter()
            .map(|name| match name {
                Use::Name { path, name } => format!("{}={name}", path.join("::")),
                Use::Glob(path) => format!("{}::*", path.join("::")),
            })
            .collect()
    }

    #[test]
    fn a_tree_is_taken_apart() {
        assert_eq!(
            of("crate::a::{self, b::{C, D as E}, f::*, g as _}"),
            [
                "crate::a=a",
                "crate::a::b::C=C",
                "crate::a::b::D=E",
                "crate::a::f::*",
                "crate::a::g=_",
            ]
        );
        assert_eq!(of("std"), ["std=std"]);
        assert_eq!(of("::std::r#type"), ["std::type=type"]);
        assert_eq!(of("{a::B, c}"), ["a::B=B", "c=c"]);
        assert_eq!(of("a::{}"), [] as [&str; 0]);
        assert_eq!(of("super::super::x"), ["super::super::x=x"]);
    }
}
