//! The glob patterns with which event types are selected: `*` matches any run
//! of characters, `{a,b}` is an alternative, everything else is literal.
//!
//! A crate of its own, because the attribute macros check patterns while they
//! expand and the SDK matches them while a plugin runs.

/// Longest pattern in bytes: a type and some room for alternatives.
pub const MAX_PATTERN_BYTES: usize = 1024;

/// Most globs that the alternatives of one pattern may multiply to; bounds
/// `{a,b}{a,b}{a,b}…`.
pub const MAX_ALTERNATIVES: usize = 64;

/// A pattern that is known to be valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The alternatives, multiplied out: literals with `*` between them.
    globs: Vec<String>,
}

/// Why a pattern is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// The pattern, or one of its alternatives taken whole, is empty.
    #[error("the pattern is empty; use `*` to match every type")]
    Empty,
    /// The pattern is longer than [`MAX_PATTERN_BYTES`].
    #[error("the pattern has {0} bytes; at most {MAX_PATTERN_BYTES} are allowed")]
    TooLong(usize),
    /// A character that no type can contain, so the pattern could never match.
    #[error(
        "the pattern has {0:?} at byte {1}, which no event type contains; allowed are A-Z a-z 0-9 . _ - / : * and {{a,b}}"
    )]
    BadCharacter(char, usize),
    /// A brace without its partner, or one inside another pair.
    #[error("the brace at byte {0} of the pattern has no partner, or stands inside another pair")]
    Brace(usize),
    /// The alternatives multiply to more than [`MAX_ALTERNATIVES`] globs.
    #[error("the alternatives of the pattern multiply to more than {MAX_ALTERNATIVES} globs")]
    TooManyAlternatives,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`PatternError`] says which rule the pattern breaks, and where.
    pub fn new(source: &str) -> Result<Self, PatternError> {
        if source.is_empty() {
            return Err(PatternError::Empty);
        }
        if source.len() > MAX_PATTERN_BYTES {
            return Err(PatternError::TooLong(source.len()));
        }
        let globs = multiply_out(source)?;
        if globs.iter().any(String::is_empty) {
            return Err(PatternError::Empty);
        }
        Ok(Self { globs })
    }

    /// Whether `event_type` matches.
    #[must_use]
    pub fn matches(&self, event_type: &str) -> bool {
        self.globs.iter().any(|glob| glob_matches(glob, event_type))
    }
}

/// Whether a character may stand in an event type.
#[must_use]
pub fn is_type_char(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-' | '/' | ':')
}

/// Takes each literal where it is first found, which is complete when `*` is the
/// only wildcard; the first literal is anchored in front and the last at the end.
fn glob_matches(glob: &str, text: &str) -> bool {
    let Some((first, others)) = glob.split_once('*') else {
        return glob == text;
    };
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let (middle, last) = others.rsplit_once('*').unwrap_or(("", others));
    for literal in middle.split('*') {
        match rest.find(literal) {
            Some(at) => rest = &rest[at + literal.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

fn multiply_out(source: &str) -> Result<Vec<String>, PatternError> {
    if let Some((at, character)) = source
        .char_indices()
        .find(|(_, c)| !is_type_char(*c) && !matches!(c, '*' | '{' | ',' | '}'))
    {
        return Err(PatternError::BadCharacter(character, at));
    }
    let mut globs = vec![String::new()];
    let mut at = 0;
    while let Some(open) = source[at..].find(['{', '}', ',']).map(|found| at + found) {
        match source.as_bytes()[open] {
            b',' => return Err(PatternError::BadCharacter(',', open)),
            b'}' => return Err(PatternError::Brace(open)),
            _ => {}
        }
        let inner = &source[open + 1..];
        let close = match inner.find(['{', '}']) {
            Some(found) if inner.as_bytes()[found] == b'}' => found,
            Some(nested) => return Err(PatternError::Brace(open + 1 + nested)),
            None => return Err(PatternError::Brace(open)),
        };
        let literal = &source[at..open];
        let options: Vec<&str> = inner[..close].split(',').collect();
        if globs.len() * options.len() > MAX_ALTERNATIVES {
            return Err(PatternError::TooManyAlternatives);
        }
        globs = globs
            .iter()
            .flat_map(|glob| {
                options
                    .iter()
                    .map(move |option| format!("{glob}{literal}{option}"))
            })
            .collect();
        at = open + 1 + close + 1;
    }
    for glob in &mut globs {
        glob.push_str(&source[at..]);
    }
    Ok(globs)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition written down: tries every way to match.
    fn naive(pattern: &[u8], text: &[u8]) -> bool {
        match pattern.first() {
            None => text.is_empty(),
            Some(b'*') => (0..=text.len()).any(|at| naive(&pattern[1..], &text[at..])),
            Some(b'{') => {
                let close = pattern
                    .iter()
                    .position(|byte| *byte == b'}')
                    .expect("generated in pairs");
                pattern[1..close]
                    .split(|byte| *byte == b',')
                    .any(|option| naive(&[option, &pattern[close + 1..]].concat(), text))
            }
            Some(byte) => text.first() == Some(byte) && naive(&pattern[1..], &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_naive_matcher(
            pattern in "[ab.*]{0,3}(\\{[ab.*]{0,2}(,[ab.*]{0,2}){0,2}\\}){0,2}[ab.*]{1,4}",
            text in "[ab.]{0,8}",
        ) {
            let compiled = Pattern::new(&pattern).expect("a valid pattern");
            prop_assert_eq!(compiled.matches(&text), naive(pattern.as_bytes(), text.as_bytes()));
        }
    }

    #[test]
    fn dots_are_literal_and_stars_cross_them() {
        let pattern = Pattern::new("custom.cart.*").unwrap();
        assert!(pattern.matches("custom.cart.a.b"));
        assert!(!pattern.matches("custom.cart"));
        assert!(!pattern.matches("customXcart.added"));
        assert!(!Pattern::new("ab*ba").unwrap().matches("aba"));
    }

    #[test]
    fn bad_patterns_say_what_is_wrong_and_where() {
        let error = |source: &str| Pattern::new(source).expect_err(source);
        assert_eq!(error(""), PatternError::Empty);
        assert_eq!(error("{,a}"), PatternError::Empty);
        assert_eq!(error("a{b"), PatternError::Brace(1));
        assert_eq!(error("a}b"), PatternError::Brace(1));
        assert_eq!(error("{a{b}}"), PatternError::Brace(2));
        assert_eq!(error("a b"), PatternError::BadCharacter(' ', 1));
        assert_eq!(error("a,b"), PatternError::BadCharacter(',', 1));
        assert_eq!(error("a{b,c},d"), PatternError::BadCharacter(',', 6));
        assert_eq!(error("a?"), PatternError::BadCharacter('?', 1));
        assert_eq!(error(&"{a,b}".repeat(7)), PatternError::TooManyAlternatives);
        assert_eq!(error(&"a".repeat(1025)), PatternError::TooLong(1025));
    }
}
