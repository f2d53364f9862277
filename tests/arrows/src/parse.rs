//! One file taken apart into its items: what it defines, what it uses, and the tokens
//! in which paths may stand.

use std::str::FromStr;

use proc_macro2::{Delimiter, Group, LexError, TokenStream, TokenTree};

use crate::uses::{self, Use, is_punct, plain};

/// What stands in a module.
#[derive(Debug, Default)]
pub struct Items {
    /// The names of types, functions, constants, traits and macros.
    pub defined: Vec<String>,
    /// What `use` lines bring in, and whether they pass it on.
    pub uses: Vec<(Use, Visibility)>,
    /// Modules with a file of their own.
    pub files: Vec<String>,
    /// Modules that stand here.
    pub inline: Vec<(String, Items)>,
    /// The code, without `use` lines and tests.
    pub code: Vec<TokenTree>,
    /// Whether a macro stands among the items, which may define more.
    pub macros: bool,
}

/// Whether a name is for others too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Only the module itself, and those in it.
    Private,
    /// Any `pub`.
    Passed,
}

/// Takes a file apart.
///
/// # Errors
///
/// When the text is not made of Rust's tokens.
pub fn file(text: &str) -> Result<Items, LexError> {
    Ok(items(TokenStream::from_str(text)?))
}

fn items(stream: TokenStream) -> Items {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    let mut items = Items::default();
    let mut rest = tokens.as_slice();
    while !rest.is_empty() {
        match skip_test(rest) {
            Some(after) => rest = after,
            None => rest = item(rest, &mut items),
        }
    }
    items
}

/// Reads one item, or one token of none, and says what follows.
fn item<'t>(tokens: &'t [TokenTree], items: &mut Items) -> &'t [TokenTree] {
    let mut rest = tokens;
    if let Some((attribute, after)) = attribute(rest) {
        items.code.push(TokenTree::Group(attribute.clone()));
        return after;
    }
    let mut visibility = Visibility::Private;
    if is_ident(rest, "pub") {
        visibility = Visibility::Passed;
        rest = &rest[1..];
        if let Some(TokenTree::Group(group)) = rest.first()
            && group.delimiter() == Delimiter::Parenthesis
        {
            rest = &rest[1..];
        }
    }
    while let [TokenTree::Ident(word), next, ..] = rest {
        let word = word.to_string();
        let before_more = matches!(word.as_str(), "unsafe" | "async" | "default" | "auto")
            || word == "const"
                && matches!(next, TokenTree::Ident(next) if matches!(next.to_string().as_str(), "fn" | "unsafe" | "async" | "extern"))
            || word == "extern"
                && (matches!(next, TokenTree::Literal(_))
                    || matches!(next, TokenTree::Ident(next) if *next == "fn"));
        if !before_more {
            break;
        }
        rest = &rest[1..];
        if let [TokenTree::Literal(_), after @ ..] = rest {
            rest = after;
        }
    }
    let Some(TokenTree::Ident(word)) = rest.first() else {
        return more(
            &rest[..rest.len().min(1)],
            &rest[rest.len().min(1)..],
            items,
        );
    };
    let second = rest.get(1);
    match word.to_string().as_str() {
        "use" => {
            let (line, after) = until_semicolon(&rest[1..]);
            let names = uses::names(line);
            items
                .uses
                .extend(names.into_iter().map(|name| (name, visibility)));
            after
        }
        "mod" => {
            let name = second.map(|name| plain(&name.to_string()));
            match (name, rest.get(2)) {
                (Some(name), Some(TokenTree::Group(body))) => {
                    items.inline.push((name, self::items(body.stream())));
                }
                (Some(name), _) => items.files.push(name),
                (None, _) => {}
            }
            &rest[rest.len().min(3)..]
        }
        "extern" => until_semicolon(rest).1,
        "fn" | "struct" | "enum" | "union" | "trait" => {
            define(second, items);
            let (body, after) = until_body(rest);
            more(body, after, items)
        }
        "type" | "const" | "static" => {
            let mutable = matches!(second, Some(TokenTree::Ident(second)) if *second == "mut");
            define(rest.get(if mutable { 2 } else { 1 }), items);
            let (body, after) = until_semicolon(rest);
            more(body, after, items)
        }
        "impl" => {
            let (body, after) = until_body(rest);
            more(body, after, items)
        }
        "macro_rules" => {
            define(rest.get(2), items);
            let (body, after) = until_body(rest);
            more(body, after, items)
        }
        _ => {
            // A macro among the items: `path! { … }` or `path!(…);`.
            items.macros = true;
            let end = rest
                .iter()
                .position(|token| matches!(token, TokenTree::Group(_)) || is_punct(token, ';'))
                .map_or(rest.len(), |end| end + 1);
            more(&rest[..end], &rest[end..], items)
        }
    }
}

fn define(name: Option<&TokenTree>, items: &mut Items) {
    if let Some(TokenTree::Ident(name)) = name {
        items.defined.push(plain(&name.to_string()));
    }
}

fn more<'t>(code: &[TokenTree], after: &'t [TokenTree], items: &mut Items) -> &'t [TokenTree] {
    items.code.extend_from_slice(code);
    after
}

/// Up to the semicolon, and what follows it.
pub(crate) fn until_semicolon(tokens: &[TokenTree]) -> (&[TokenTree], &[TokenTree]) {
    let end = tokens
        .iter()
        .position(|token| is_punct(token, ';'))
        .unwrap_or(tokens.len());
    (&tokens[..end], &tokens[tokens.len().min(end + 1)..])
}

/// Up to and with the braces or the semicolon that end an item, and what follows.
fn until_body(tokens: &[TokenTree]) -> (&[TokenTree], &[TokenTree]) {
    let end = tokens
        .iter()
        .position(|token| is_braces(token) || is_punct(token, ';'))
        .map_or(tokens.len(), |end| end + 1);
    tokens.split_at(end)
}

/// What follows a thing that is there for tests only, if the tokens begin with one:
/// an item, a statement, a field, an arm.
pub(crate) fn skip_test(tokens: &[TokenTree]) -> Option<&[TokenTree]> {
    let mut rest = tokens;
    let mut test = false;
    while let Some((group, after)) = attribute(rest) {
        // `#![cfg(test)]` is for all that follows.
        if is_punct(&rest[1], '!') && of_tests(group) {
            return Some(&[]);
        }
        test |= of_tests(group);
        rest = after;
    }
    if !test {
        return None;
    }
    let line = rest
        .iter()
        .find_map(|token| match token {
            TokenTree::Ident(word) => match word.to_string().as_str() {
                "use" | "let" | "const" | "static" | "type" => Some(true),
                "fn" | "mod" | "struct" | "impl" | "enum" | "trait" => Some(false),
                _ => None,
            },
            _ => None,
        })
        .unwrap_or(false);
    if line {
        return Some(until_semicolon(rest).1);
    }
    let end = rest
        .iter()
        .position(|token| is_braces(token) || is_punct(token, ';') || is_punct(token, ','))
        .map_or(rest.len(), |end| end + 1);
    Some(&rest[end..])
}

/// Whether an attribute leaves its item to tests: `cfg(test)`, or `cfg(all(…))` of it.
fn of_tests(attribute: &Group) -> bool {
    let tokens: Vec<_> = attribute.stream().into_iter().collect();
    let [TokenTree::Ident(cfg), TokenTree::Group(condition)] = tokens.as_slice() else {
        return false;
    };
    *cfg == "cfg" && asks_for_test(&condition.stream().into_iter().collect::<Vec<_>>())
}

fn asks_for_test(condition: &[TokenTree]) -> bool {
    match condition {
        [TokenTree::Ident(word)] => *word == "test",
        [TokenTree::Ident(word), TokenTree::Group(all)] if *word == "all" => {
            let all: Vec<_> = all.stream().into_iter().collect();
            all.split(|token| is_punct(token, ',')).any(asks_for_test)
        }
        _ => false,
    }
}

/// The attribute that the tokens begin with, and what follows.
pub(crate) fn attribute(tokens: &[TokenTree]) -> Option<(&Group, &[TokenTree])> {
    match tokens {
        [hash, TokenTree::Group(group), rest @ ..]
            if is_punct(hash, '#') && group.delimiter() == Delimiter::Bracket =>
        {
            Some((group, rest))
        }
        [hash, bang, TokenTree::Group(group), rest @ ..]
            if is_punct(hash, '#')
                && is_punct(bang, '!')
                && group.delimiter() == Delimiter::Bracket =>
        {
            Some((group, rest))
        }
        _ => None,
    }
}

fn is_braces(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

fn is_ident(tokens: &[TokenTree], word: &str) -> bool {
    matches!(tokens.first(), Some(TokenTree::Ident(ident)) if *ident == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_of_all_kinds_are_found() {
        let items = file(
            r#"
            //! Docs.
            #![allow(dead_code)]
            pub(crate) use a::B;
            use c::{D, E};
            mod f;
            pub mod g { struct H; }
            const I: [u8; 2] = { [1, 2] };
            pub static mut J: u8 = 1;
            pub const fn k<const N: usize>() -> [u8; N] { todo() }
            pub unsafe extern "C" fn l() {}
            struct M<T>(T) where T: Copy;
            pub enum N { O }
            impl N { fn p(&self) {} }
            unsafe impl Send for N {}
            trait Q: Send { fn r(); }
            type S<'a> = &'a str;
            macro_rules! t { () => {} }
            t!();
            thread_local! { static U: u8 = 1; }
            pub async fn v() {}
            extern crate w;
            union X { y: u8 }
            "#,
        )
        .unwrap();
        assert_eq!(
            items.defined,
            ["I", "J", "k", "l", "M", "N", "Q", "S", "t", "v", "X"]
        );
        assert_eq!(items.files, ["f"]);
        assert_eq!(items.inline[0].0, "g");
        assert_eq!(items.inline[0].1.defined, ["H"]);
        let passed: Vec<_> = items
            .uses
            .iter()
            .map(|(_, visibility)| *visibility)
            .collect();
        assert_eq!(
            passed,
            [Visibility::Passed, Visibility::Private, Visibility::Private]
        );
        assert!(items.macros);
    }

    #[test]
    fn what_is_for_tests_is_left_out() {
        let items = file(
            r#"
            #[cfg(test)]
            use a::{b, c};
            #[cfg(test)]
            mod tests;
            #[cfg(all(test, unix))]
            mod more { use d::E; }
            #[cfg(test)]
            #[derive(Clone)]
            struct F { g: u8 }
            #[cfg(test)]
            struct G(u8);
            #[cfg(test)]
            const H: [u8; 1] = { [1] };
            #[cfg(not(test))]
            fn i() {}
            #[cfg(feature = "test")]
            fn j() {}
            "#,
        )
        .unwrap();
        assert_eq!(items.defined, ["i", "j"]);
        assert!(items.uses.is_empty() && items.files.is_empty() && items.inline.is_empty());
        assert!(file("#![cfg(test)] fn a() {}").unwrap().defined.is_empty());
    }
}
