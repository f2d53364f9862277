//! Which names a plugin crate can have.

/// Longer names do not fit into file names and logs.
const MAX_LENGTH: usize = 64;

/// Names that a crate must not have: Rust's keywords, and what would be confused
/// with Rust's own crates, with cargo's folders, or with the SDK.
const TAKEN: &[&str] = &[
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "build",
    "const",
    "continue",
    "core",
    "crate",
    "deps",
    "do",
    "dyn",
    "else",
    "enum",
    "examples",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "hearken-sdk",
    "hearken_sdk",
    "if",
    "impl",
    "in",
    "incremental",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "proc_macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
];

/// What is wrong with a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It has characters that crates or files cannot have.
    #[error(
        "a plugin's name begins with a lower-case letter and continues with lower-case letters, \
         digits, `-` and `_`"
    )]
    Characters,
    /// It has more than 64 characters.
    #[error("a plugin's name has at most {MAX_LENGTH} characters")]
    TooLong,
    /// It means something else to Rust or cargo.
    #[error("that name means something else to Rust; choose another")]
    Taken,
    /// A file that is called so is there for people and their tools.
    #[error("a file with that name is a test, which no node loads; choose another")]
    Ignored,
}

/// Whether a crate, its component and its plugin can be called `name`.
pub(super) fn check(name: &str) -> Result<(), NameError> {
    let inner = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_')
    };
    if !name.starts_with(|first: char| first.is_ascii_lowercase()) || !name.bytes().all(inner) {
        Err(NameError::Characters)
    } else if name.len() > MAX_LENGTH {
        Err(NameError::TooLong)
    } else if TAKEN.contains(&name) {
        Err(NameError::Taken)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cargo_or_a_file_system_would_refuse_are_refused() {
        for name in ["cart", "cart-2", "a_b"] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
        for name in [
            "", "2cart", "-cart", "Cart", "a b", "a.b", "a/b", "..", "käse",
        ] {
            assert_eq!(check(name), Err(NameError::Characters), "{name}");
        }
        assert_eq!(check("async"), Err(NameError::Taken));
        assert_eq!(check(&"a".repeat(65)), Err(NameError::TooLong));
    }
}
