//! The languages in which guests of one behaviour are written: a test runs over all of them, and
//! says with which it fails.
//!
//! A guest in Rust is one of `tests/guests/examples`; the text of the same name in
//! `tests/guests/texts` is the one in JavaScript, with its types in comments (`/*: T */`, and
//! `/*:: … */` for what is nothing but types), and without these comments' marks the one in
//! TypeScript.

use std::fs;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use futures_util::future::join_all;

use super::guests;
use super::plugin::{Plugin, plugin, text};

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Rust,
    JavaScript,
    TypeScript,
}

impl Language {
    pub const ALL: [Self; 3] = [Self::Rust, Self::JavaScript, Self::TypeScript];

    /// The guest of this name in this language.
    pub fn guest(self, name: &str) -> Plugin {
        match self {
            Self::Rust => plugin(name),
            Self::JavaScript => text(name, "js", &written(name)),
            Self::TypeScript => text(name, "ts", &typed(&written(name))),
        }
    }

    /// A name for what there is one of for each language on a node.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::JavaScript => "javascript",
            Self::TypeScript => "typescript",
        }
    }

    /// Whether the guest is a component of its own.
    pub fn is_compiled(self) -> bool {
        self == Self::Rust
    }
}

/// The guest of this name in each language, each called by its language.
pub fn one_of_each(guest: &str, manifest: &str) -> [Plugin; 3] {
    Language::ALL.map(|language| {
        let guest = language.guest(guest).named(language.name());
        guest.manifest(manifest)
    })
}

/// Runs a test with each language, side by side.
pub async fn in_each_language(test: impl AsyncFn(Language)) {
    all_hold(Language::ALL.map(|language| (language, test(language)))).await;
}

/// Waits for what is tested with each language; says with which it fails.
pub async fn all_hold(rows: impl IntoIterator<Item = (Language, impl Future<Output = ()>)>) {
    let rows = rows.into_iter().map(|(language, row)| async move {
        let row = AssertUnwindSafe(row).catch_unwind().await;
        row.is_err().then_some(language)
    });
    let failed: Vec<Language> = join_all(rows).await.into_iter().flatten().collect();
    assert!(failed.is_empty(), "it fails with guests in {failed:?}");
}

fn written(name: &str) -> String {
    let path = guests::checkout()
        .join("tests/guests/texts")
        .join(format!("{name}.js"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The text with its types where there were comments.
fn typed(text: &str) -> String {
    let mut typed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, marked)) = rest.split_once("/*:") {
        let (inside, after) = marked.split_once("*/").expect("a comment ends");
        typed.push_str(before);
        match inside.strip_prefix(':') {
            Some(types) => typed.push_str(types),
            None => {
                typed.push(':');
                typed.push_str(inside);
            }
        }
        rest = after;
    }
    typed + rest
}

#[test]
fn comments_become_types() {
    let text = "/*:: type A = 1; */let a /*: A */ = 1; /* else */";
    assert_eq!(typed(text), " type A = 1; let a : A  = 1; /* else */");
}
