//! Whether a terminal shows what a page prints.

use std::collections::BTreeSet;

/// Stands for anything within a line, and alone on a line for any lines.
const ANYTHING: char = '…';

/// Whether `expected` is what is shown when a command has printed `said`, and others in
/// the background, in between, some of `heard`: how many lines of that were used up. These may
/// stand in another order, since there is none between publishers.
pub fn shown(expected: &[&str], said: &[&str], heard: &[&str]) -> Option<usize> {
    let plain = |lines: &[&str]| -> Vec<String> { lines.iter().copied().map(plain).collect() };
    let (expected, said, heard) = (plain(expected), plain(said), plain(heard));
    let place = |line: &String| {
        let place = expected.iter().position(|pattern| alike(pattern, line));
        place.unwrap_or(expected.len())
    };
    (0..=heard.len()).find(|used| {
        let mut heard = heard[..*used].to_vec();
        heard.sort_by_key(place);
        shown_in_order(&expected, &said, &heard)
    })
}

/// Whether it is all of this, of both in its order.
fn shown_in_order(expected: &[String], said: &[String], heard: &[String]) -> bool {
    // Each step uses up a line of what is expected, said or heard.
    let mut reached = BTreeSet::from([(0, 0, 0)]);
    let mut seen = BTreeSet::new();
    while let Some((e, s, h)) = reached.pop_first() {
        if e == expected.len() && s == said.len() && h == heard.len() {
            return true;
        }
        if !seen.insert((e, s, h)) || e == expected.len() {
            continue;
        }
        let any_lines = expected[e].trim() == ANYTHING.to_string();
        let fits = |line: &String| any_lines || alike(&expected[e], line);
        let next = if any_lines { e } else { e + 1 };
        if any_lines {
            reached.insert((e + 1, s, h));
        }
        if said.get(s).is_some_and(fits) {
            reached.insert((next, s + 1, h));
        }
        if heard.get(h).is_some_and(fits) {
            reached.insert((next, s, h + 1));
        }
    }
    false
}

/// Whether a line is like a pattern with [`ANYTHING`] in it.
fn alike(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split(ANYTHING);
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, between)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in between {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// A line with what differs from run to run replaced by what it is, and one space for
/// each run of them.
fn plain(line: &str) -> String {
    let mut plain = String::new();
    let mut rest = line.trim_end();
    while !rest.is_empty() {
        let at_start = !plain.ends_with(|char: char| char.is_ascii_alphanumeric());
        let varying = at_start.then(|| varying(rest)).flatten();
        if let Some((length, name)) = varying {
            plain.push_str(name);
            rest = &rest[length..];
            continue;
        }
        let char = rest.chars().next().expect("it is not empty");
        if char != ' ' || !plain.ends_with(' ') {
            plain.push(char);
        }
        rest = &rest[char.len_utf8()..];
    }
    plain
}

/// A shape that differs from run to run: `h` stands for a hexadecimal digit, `0` for a
/// digit, `+` for more of the last one, anything else for itself.
const SHAPES: [(&str, &str); 10] = [
    (
        "hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh",
        "HASH",
    ),
    ("hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-0+", "ID"),
    ("hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh", "UUID"),
    ("hhhhhhhhhhhhhhhh", "EPOCH"),
    ("0000-00-00T00:00:00.0+Z", "TIME"),
    ("0000-00-00", "DATE"),
    ("hhhhhhhh", "INCARNATION"),
    ("127.0.0.1:00000", "ADDRESS"),
    ("0+.0+ms", "DURATION"),
    ("0+.0+s", "DURATION"),
];

/// What of these `text` begins with, as a whole word: its length and its name.
fn varying(text: &str) -> Option<(usize, &'static str)> {
    SHAPES.into_iter().find_map(|(shape, name)| {
        let length = length_of(shape, text)?;
        let ends = !text[length..].starts_with(|char: char| char.is_ascii_alphanumeric());
        ends.then_some((length, name))
    })
}

fn length_of(shape: &str, text: &str) -> Option<usize> {
    let fits = |shape: u8, byte: u8| match shape {
        b'h' => byte.is_ascii_hexdigit(),
        b'0' => byte.is_ascii_digit(),
        _ => byte == shape,
    };
    let text = text.as_bytes();
    let mut length = 0;
    let mut last = 0;
    for shape in shape.bytes() {
        if shape == b'+' {
            length += text[length..]
                .iter()
                .take_while(|byte| fits(last, **byte))
                .count();
        } else {
            fits(shape, *text.get(length)?).then_some(())?;
            length += 1;
            last = shape;
        }
    }
    Some(length)
}

#[test]
fn what_differs_from_run_to_run_is_alike() {
    for (printed, said) in [
        (
            "6b82c53f519f46f39c1bf10e3860661d-448",
            "00000000000000000000000000000000-7",
        ),
        (
            "{\"time\":\"2026-11-21T16:34:13.599Z\"}",
            "{\"time\":\"2027-01-02T03:04:05.6Z\"}",
        ),
        ("a  0.21ms   b", "a 12.5ms b"),
        ("self  4f1c09d2", "self      00c0ffee"),
        (
            "019d1f0a-6c1e-7b60-9a53-0d3f5a1c9e77 1",
            "019d0000-0000-7000-8000-000000000000 1",
        ),
        ("5d0c7bb14f3e9a26-2", "0000000000000000-2"),
        ("at 127.0.0.1:40213.", "at 127.0.0.1:50000."),
        ("{\"a\":1,…}", "{\"a\":1,\"b\":2}"),
    ] {
        assert_eq!(shown(&[printed], &[said], &[]), Some(0), "{printed}");
    }
    for (printed, said) in [
        ("a", "b"),
        ("a", "ab"),
        ("…a", "ab"),
        ("127.0.0.1:7070", "127.0.0.1:50000"),
        (
            "2026-11-21T16:34:13.599Z",
            "6b82c53f519f46f39c1bf10e3860661d-448",
        ),
    ] {
        assert_eq!(shown(&[printed], &[said], &[]), None, "{printed}");
    }
}

#[test]
fn lines_of_the_background_come_in_between() {
    let heard = ["x", "y", "z"];
    assert_eq!(shown(&["a", "x", "b", "y"], &["a", "b"], &heard), Some(2));
    assert_eq!(
        shown(&["a", "  …", "d"], &["a", "b", "c", "d"], &[]),
        Some(0)
    );
    assert_eq!(shown(&["b", "a"], &["a", "b"], &heard), None);
    assert_eq!(shown(&["a"], &["a", "b"], &heard), None);
    assert_eq!(shown(&["a", "y"], &["a"], &heard), None);
    assert_eq!(shown(&["a", "y", "x"], &["a"], &heard), Some(2));
}
