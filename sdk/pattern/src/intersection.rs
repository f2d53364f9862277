//! What patterns have in common: what is left of one within several others.

use std::collections::HashMap;

use crate::{Glob, MAX_ALTERNATIVES, Pattern};

/// Longest literal text of a glob that is left: no event type is longer.
const MAX_LITERAL_BYTES: usize = 255;

/// Bytes of two globs together, without the literal text with which both begin, of which
/// it is told what they have in common; bounds how deep that goes.
const MAX_BYTES_OF_TWO: usize = 600;

/// Work that one call may cost, in bytes written and pairs of places looked at: about a
/// millisecond. Bounds what a guest's filter with many `*` can ask for.
const MAX_WORK: usize = 1 << 18;

/// What is left of a pattern within others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Within {
    /// All of it: it matches nothing that the others do not match.
    Whole,
    /// These match exactly what both sides match; at least one.
    Part(Vec<Pattern>),
    /// Nothing that it matches is matched by the others.
    Nothing,
    /// Too much to write down; no telling.
    TooMuch,
}

impl Pattern {
    /// What is left of it within `others`.
    #[must_use]
    pub fn within(&self, others: &[Self]) -> Within {
        let allowed: Vec<&Glob> = others.iter().flat_map(|other| other.globs()).collect();
        let covered = |glob: &Glob| allowed.iter().any(|allowed| allowed.covers(glob));
        if self.globs().iter().all(covered) {
            return Within::Whole;
        }
        let mut work = Work(MAX_WORK);
        let mut left = Vec::new();
        for glob in self.globs() {
            if covered(glob) {
                left.push(glob.text.clone());
                continue;
            }
            for allowed in &allowed {
                match common(&glob.text, &allowed.text, &mut work) {
                    Some(common) => left.extend(common),
                    None => return Within::TooMuch,
                }
            }
            if left.len() > MAX_ALTERNATIVES {
                return Within::TooMuch;
            }
        }
        let literal = |text: &str| text.bytes().filter(|byte| *byte != b'*').count();
        left.retain(|text| !text.is_empty() && literal(text) <= MAX_LITERAL_BYTES);
        match reduced(left) {
            left if left.is_empty() => Within::Nothing,
            left => Within::Part(left.into_iter().map(Pattern::of_glob).collect()),
        }
    }

    fn of_glob(text: String) -> Self {
        Self {
            source: text.as_str().into(),
            globs: [Glob::new(text)].into(),
        }
    }
}

/// What may still be done.
struct Work(usize);

impl Work {
    fn take(&mut self, amount: usize) -> Option<()> {
        self.0 = self.0.checked_sub(amount)?;
        Some(())
    }
}

/// Globs that together match what both match; `None` where that is too much work.
fn common(one: &str, other: &str, work: &mut Work) -> Option<Vec<String>> {
    let pairs = one.bytes().zip(other.bytes());
    let shared = pairs.take_while(|(one, other)| one == other && *one != b'*');
    let (prefix, one) = one.split_at(shared.count());
    let (one, other) = (one.as_bytes(), &other.as_bytes()[prefix.len()..]);
    if one.len() + other.len() > MAX_BYTES_OF_TWO {
        return None;
    }
    let common = common_from(one, other, work, &mut HashMap::new())?;
    work.take(common.len() * prefix.len())?;
    let whole = |rest: &String| format!("{prefix}{rest}");
    Some(common.iter().map(whole).collect())
}

/// By the length that is left of both sides.
type Known = HashMap<(usize, usize), Vec<String>>;

fn common_from(
    one: &[u8],
    other: &[u8],
    work: &mut Work,
    known: &mut Known,
) -> Option<Vec<String>> {
    let place = (one.len(), other.len());
    if let Some(common) = known.get(&place) {
        work.take(common.iter().map(String::len).sum())?;
        return Some(common.clone());
    }
    work.take(1)?;
    // What one side is done with can only be nothing for the other.
    let is_empty = |side: &[u8]| side.iter().all(|byte| *byte == b'*');
    let found = match (one.split_first(), other.split_first()) {
        (None, _) if is_empty(other) => vec![String::new()],
        (_, None) if is_empty(one) => vec![String::new()],
        (None, _) | (_, None) => Vec::new(),
        // Whichever takes the shorter text is done with its `*` first.
        (Some((b'*', one_rest)), Some((b'*', other_rest))) => {
            let mut all = common_from(one_rest, other, work, known)?;
            all.extend(common_from(one, other_rest, work, known)?);
            prefixed(b'*', all, work)?
        }
        (Some((b'*', one_rest)), Some((byte, other_rest))) => {
            let mut all = common_from(one_rest, other, work, known)?;
            let taken = common_from(one, other_rest, work, known)?;
            all.extend(prefixed(*byte, taken, work)?);
            all
        }
        (Some((byte, one_rest)), Some((b'*', other_rest))) => {
            let mut all = common_from(one, other_rest, work, known)?;
            let taken = common_from(one_rest, other, work, known)?;
            all.extend(prefixed(*byte, taken, work)?);
            all
        }
        (Some((byte, one_rest)), Some((same, other_rest))) if byte == same => {
            let rest = common_from(one_rest, other_rest, work, known)?;
            prefixed(*byte, rest, work)?
        }
        (Some(_), Some(_)) => Vec::new(),
    };
    work.take(found.len() * found.len())?;
    let found = reduced(found);
    known.insert(place, found.clone());
    Some(found)
}

fn prefixed(byte: u8, globs: Vec<String>, work: &mut Work) -> Option<Vec<String>> {
    let prefix = char::from(byte);
    let prefixed = |glob: String| {
        work.take(glob.len() + 1)?;
        Some(match prefix {
            '*' if glob.starts_with('*') => glob,
            _ => format!("{prefix}{glob}"),
        })
    };
    globs.into_iter().map(prefixed).collect()
}

/// Without those that others cover.
fn reduced(mut globs: Vec<String>) -> Vec<String> {
    globs.sort();
    globs.dedup();
    let globs: Vec<Glob> = globs.into_iter().map(Glob::new).collect();
    let needed = |glob: &&Glob| {
        !globs
            .iter()
            .any(|other| other.text != glob.text && other.covers(glob) && !glob.covers(other))
    };
    let needed = globs.iter().filter(needed);
    needed.map(|glob| glob.text.clone()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(source: &str) -> Pattern {
        Pattern::new(source).expect(source)
    }

    fn within(asked: &str, allowed: &[&str]) -> Within {
        let allowed: Vec<Pattern> = allowed.iter().map(|source| pattern(source)).collect();
        pattern(asked).within(&allowed)
    }

    fn part(asked: &str, allowed: &[&str]) -> Vec<String> {
        match within(asked, allowed) {
            Within::Part(part) => part.iter().map(|glob| glob.as_str().to_owned()).collect(),
            other => panic!("{asked}: {other:?}"),
        }
    }

    /// All texts of up to five of three letters.
    fn texts() -> impl Iterator<Item = String> {
        let digits = |mut number: usize, length: u32| {
            let mut text = String::new();
            for _ in 0..length {
                text.push(['a', 'b', '.'][number % 3]);
                number /= 3;
            }
            text
        };
        (1..=5_u32).flat_map(move |length| (0..3_usize.pow(length)).map(move |n| digits(n, length)))
    }

    proptest! {
        #[test]
        fn what_is_left_matches_what_both_match(
            asked in "[ab.*]{0,2}(\\{[ab.*]{1,3},[ab.*]{1,3}\\})?[ab.*]{1,3}",
            allowed in proptest::collection::vec("[ab.*]{1,5}", 0..3),
        ) {
            let (asked, allowed): (_, Vec<_>) =
                (pattern(&asked), allowed.iter().map(|source| pattern(source)).collect());
            let within = asked.within(&allowed);
            for text in texts() {
                let both = asked.matches(&text) && allowed.iter().any(|a| a.matches(&text));
                let left = match &within {
                    Within::Whole => asked.matches(&text),
                    Within::Part(part) => part.iter().any(|part| part.matches(&text)),
                    Within::Nothing => false,
                    Within::TooMuch => return Err(TestCaseError::fail("so little is too much")),
                };
                prop_assert_eq!(left, both, "{}", text);
            }
        }
    }

    #[test]
    fn what_lies_within_stays_as_it_was_written() {
        assert_eq!(within("custom.{a,b}.*", &["custom.*"]), Within::Whole);
        assert_eq!(within("custom.a", &["custom.a", "x"]), Within::Whole);
        assert_eq!(within("custom.a", &[]), Within::Nothing);
        assert_eq!(within("custom.a.*", &["custom.b.*"]), Within::Nothing);
    }

    #[test]
    fn what_lies_partly_within_is_narrowed() {
        assert_eq!(part("*", &["custom.a.*", "x"]), ["custom.a.*", "x"]);
        assert_eq!(part("custom.{a,b}", &["custom.b*"]), ["custom.b"]);
        assert_eq!(
            part("custom.*.added", &["custom.cart.*"]),
            ["custom.cart.*.added", "custom.cart.added"]
        );
    }

    #[test]
    fn what_would_take_long_is_not_told() {
        let many = "*a".repeat(200);
        assert_eq!(within(&many, &[&"*b*a".repeat(100)]), Within::TooMuch);
    }
}
