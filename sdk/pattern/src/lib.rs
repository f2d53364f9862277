//! The glob patterns with which event types are selected: `*` matches any run
//! of characters, `{a,b}` is an alternative, everything else is literal.
//!
//! A crate of its own, because the host routes by patterns, the attribute macros
//! check them while they expand, and the SDK matches them while a plugin runs.

mod intersection;

use std::fmt;
use std::sync::Arc;

pub use intersection::Within;

/// Longest pattern in bytes: a type and some room for alternatives.
pub const MAX_PATTERN_BYTES: usize = 1024;

/// Most globs that the alternatives of one pattern may multiply to; bounds
/// `{a,b}{a,b}{a,b}…`.
pub const MAX_ALTERNATIVES: usize = 64;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    source: Arc<str>,
    globs: Arc<[Glob]>,
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

/// One alternative of a pattern: literals with `*` between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    text: String,
    /// Where the first and the last `*` are, which may be the same.
    stars: Option<(usize, usize)>,
}

impl Pattern {
    /// Compiles `source`.
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
        let mut globs = expand(source)?;
        globs.sort_by(|a, b| a.text.cmp(&b.text));
        globs.dedup();
        if globs.iter().any(|glob| glob.text.is_empty()) {
            return Err(PatternError::Empty);
        }
        Ok(Self {
            source: source.into(),
            globs: globs.into(),
        })
    }

    /// The pattern that matches every type.
    #[must_use]
    pub fn any() -> Self {
        Self {
            source: "*".into(),
            globs: Arc::new([Glob::new("*".to_owned())]),
        }
    }

    /// Whether `event_type` matches.
    #[must_use]
    pub fn matches(&self, event_type: &str) -> bool {
        self.globs.iter().any(|glob| glob.matches(event_type))
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Whether everything that `other` matches is matched by this pattern too.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let covered = |glob: &Glob| self.globs.iter().any(|own| own.covers(glob));
        other.globs.iter().all(covered)
    }

    /// The alternatives, multiplied out, sorted and each there once; at least one
    /// and at most [`MAX_ALTERNATIVES`].
    #[must_use]
    pub fn globs(&self) -> &[Glob] {
        &self.globs
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Pattern {}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Glob {
    /// The glob of `text`, in which everything but `*` is literal.
    #[must_use]
    pub fn new(text: String) -> Self {
        let stars = text.find('*').zip(text.rfind('*'));
        Self { text, stars }
    }

    /// The glob as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether everything that `other` matches is matched by this glob too.
    ///
    /// What a `*` of the other stands for may be anything, and so only a `*` can match it:
    /// the other is matched as a text in which its `*` is a character that no literal has.
    /// For the same reason a glob that lies within several globs together lies within one
    /// of them.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.matches(&other.text)
    }

    /// What the glob begins and ends with, if it is not all literal.
    #[must_use]
    pub fn ends(&self) -> Option<(&str, &str)> {
        let (first, last) = self.stars?;
        Some((&self.text[..first], &self.text[last + 1..]))
    }

    /// Whether `text` matches. Greedily: the first literal is anchored in front, the last at the
    /// end, and each one between is taken where it is first found, which is
    /// complete for a glob whose only wildcard is `*`.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        match self.stars {
            Some(stars) => matches_around(&self.text, stars, text),
            None => self.text == text,
        }
    }
}

/// Whether a filter that names a channel as `wanted` wants what is of the channel `channel`:
/// each `*` stands for any run of characters, so that `chat:*` is every channel of a namespace
/// of sessions.
#[must_use]
pub fn wants_channel(wanted: &str, channel: &str) -> bool {
    let stars = || wanted.find('*').zip(wanted.rfind('*'));
    wanted == channel || stars().is_some_and(|stars| matches_around(wanted, stars, channel))
}

/// Whether `text` matches the glob, whose first and last `*` are at `first` and `last`.
fn matches_around(glob: &str, (first, last): (usize, usize), text: &str) -> bool {
    let Some(rest) = text.strip_prefix(&glob[..first]) else {
        return false;
    };
    let Some(mut rest) = rest.strip_suffix(&glob[last + 1..]) else {
        return false;
    };
    if first == last {
        return true;
    }
    for literal in glob[first + 1..last].split('*') {
        match rest.find(literal) {
            Some(at) => rest = &rest[at + literal.len()..],
            None => return false,
        }
    }
    true
}

/// Multiplies the alternatives of `source` out.
fn expand(source: &str) -> Result<Vec<Glob>, PatternError> {
    let mut globs = vec![String::new()];
    let mut open: Option<(usize, Vec<String>)> = None;
    for (at, character) in source.char_indices() {
        match (character, &mut open) {
            ('{', None) => open = Some((at, vec![String::new()])),
            ('{', Some(_)) | ('}', None) => return Err(PatternError::Brace(at)),
            ('}', Some(_)) => {
                let (_, options) = open.take().unwrap_or_default();
                if globs.len() * options.len() > MAX_ALTERNATIVES {
                    return Err(PatternError::TooManyAlternatives);
                }
                globs = globs
                    .iter()
                    .flat_map(|glob| options.iter().map(move |option| format!("{glob}{option}")))
                    .collect();
            }
            (',', Some((_, options))) => options.push(String::new()),
            (c, _) if c == '*' || is_type_char(c) => match &mut open {
                Some((_, options)) => options
                    .last_mut()
                    .expect("an open brace has at least one option")
                    .push(c),
                None => globs.iter_mut().for_each(|glob| glob.push(c)),
            },
            (c, _) => return Err(PatternError::BadCharacter(c, at)),
        }
    }
    match open {
        Some((at, _)) => Err(PatternError::Brace(at)),
        None => Ok(globs.into_iter().map(Glob::new).collect()),
    }
}

/// Whether a character may stand in an event type.
#[must_use]
pub fn is_type_char(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-' | '/' | ':')
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

    /// All texts of up to `longest` letters. No pattern below has an `x`.
    fn texts(longest: usize) -> Vec<String> {
        let mut texts = vec![String::new()];
        let mut last = texts.clone();
        for _ in 0..longest {
            let longer = |text: &String| ['a', 'b', 'x'].map(|letter| format!("{text}{letter}"));
            last = last.iter().flat_map(longer).collect();
            texts.extend_from_slice(&last);
        }
        texts
    }

    proptest! {
        #[test]
        fn covers_what_covers_every_match(
            wide in "[ab*]{0,2}(\\{[ab*]{0,2},[ab*]{0,2}\\})?[ab*]{1,2}",
            narrow in "[ab*]{0,2}(\\{[ab*]{0,1},[ab*]{0,2}\\})?[ab*]{1,2}",
        ) {
            // Long enough for a match of `narrow` in which each `*` is an `x` or nothing.
            let texts = texts(7);
            let [wide, narrow] = [wide, narrow].map(|text| Pattern::new(&text).expect("valid"));
            let every = texts
                .iter()
                .filter(|text| narrow.matches(text))
                .all(|text| wide.matches(text));
            prop_assert_eq!(wide.covers(&narrow), every, "{} and {}", wide, narrow);
        }
    }

    #[test]
    fn what_lies_within_a_pattern_is_covered() {
        let covers = |wide: &str, narrow: &str| {
            Pattern::new(wide)
                .unwrap()
                .covers(&Pattern::new(narrow).unwrap())
        };
        assert!(covers("custom.{shop,order}.*", "custom.shop.paid"));
        assert!(covers("custom.{shop,order}.*", "custom.{order,shop}.p*"));
        assert!(covers("*", "{plugin,custom}.*"));
        assert!(covers("a*a", "a*b*a"));
        assert!(!covers("custom.shop.*", "custom.{shop,order}.*"));
        assert!(!covers("custom.shop.*", "custom.sho*"));
        assert!(!covers("custom.shop.*", "*"));
        assert!(!covers("a*a", "a"));
    }

    #[test]
    fn dots_are_literal_and_stars_cross_them() {
        let pattern = Pattern::new("custom.cart.*").unwrap();
        assert!(pattern.matches("custom.cart.a.b"));
        assert!(!pattern.matches("custom.cart"));
        assert!(!pattern.matches("customXcart.added"));
        assert!(pattern.matches("custom.cart.added"));
        assert!(!Pattern::new("ab*ba").unwrap().matches("aba"));
        assert!(Pattern::new("ab*ba").unwrap().matches("abba"));
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

    #[test]
    fn a_filter_on_a_channel_names_one_or_several() {
        for (wanted, channel, wants) in [
            ("orders", "orders", true),
            ("orders", "orders2", false),
            ("chat:*", "chat:1", true),
            ("chat:*", "other:1", false),
            ("*:42", "chat:42", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "acb", false),
            // Names may have it too, and braces are nothing else.
            ("chat:*", "chat:*", true),
            ("{a,b}", "a", false),
        ] {
            assert_eq!(wants_channel(wanted, channel), wants, "{wanted} {channel}");
        }
    }
}
