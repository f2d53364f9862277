//! Where in a plugin's texts something went wrong, read from what its engine says of it, and
//! how that place is shown.

use std::fmt::Write;
use std::ops::Range;

use super::names::{LIBRARIES, PACKAGES};
use super::texts::Script;

/// Longest line of a text that is shown around a place, in characters: of a bundle all may
/// be on one.
const MAX_SHOWN: usize = 120;

/// Longest line of a bundle, in bytes, of which one line was written: more are many of them that
/// were made short.
const MAX_LINE: usize = 500;

/// The folders of what others wrote.
const OTHERS: [&str; 2] = [LIBRARIES, PACKAGES];

/// Most lines of a trace that are kept.
const MAX_FRAMES: usize = 24;

/// A place in a text, both numbers from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'t> {
    /// Name of the text.
    pub name: &'t str,
    /// The line.
    pub line: u32,
    /// The character of the line.
    pub column: u32,
}

/// An engine's error, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// What went wrong.
    pub message: String,
    /// Where, innermost call first, one a line: `at inner (restock.ts:3:10)`.
    pub frames: String,
    /// The innermost place of the plugin's own, if there is one: `restock.ts:3:10`.
    pub place: Option<String>,
    /// The line of that place, with a mark below the character.
    pub excerpt: Option<String>,
}

impl Trace {
    /// Takes apart what the engine said; none if it names no place. Places in texts that were
    /// made of others are those that they come from.
    #[must_use]
    pub fn read(said: &str, script: &Script) -> Option<Self> {
        let is_frame = |line: &str| is_frame(line, script);
        let mut message: Vec<&str> = Vec::new();
        let mut frames: Vec<&str> = Vec::new();
        for line in said.lines() {
            if is_frame(line) {
                frames.push(line.trim());
            } else if frames.is_empty() || !line.trim().is_empty() && !line.starts_with(' ') {
                // Python says last what went wrong.
                message.push(line);
            }
        }
        frames.truncate(MAX_FRAMES);
        if frames.is_empty() {
            return None;
        }
        let frames: Vec<Frame<'_>> = frames
            .into_iter()
            .map(|frame| Frame::read(frame, script))
            .collect();
        let mut places = frames.iter().filter_map(|frame| frame.written.as_ref());
        // Rather the author's own than that of a library which was bundled with it.
        let place = places.clone().find(|place| !place.is_of_a_library());
        let place = place.or_else(|| places.next());
        let shown: Vec<&str> = frames.iter().map(|frame| frame.shown.as_str()).collect();
        Some(Self {
            message: message.join("\n").trim().to_owned(),
            excerpt: place.and_then(|place| place.excerpt()),
            place: place.map(ToString::to_string),
            frames: shown.join("\n"),
        })
    }
}

/// What a listener is called for its author whose engine calls it by the place where it was
/// registered, `FILE:LINE` of a text that was made of others; none if it is called otherwise.
#[must_use]
pub fn written_place(name: &str, script: &Script) -> Option<String> {
    let (text, line) = name.rsplit_once(':')?;
    let map = script.map(text)?;
    let number: u32 = line.parse().ok()?;
    let index = usize::try_from(number.checked_sub(1)?).ok()?;
    // Where all is on one line there is no telling which of it is meant.
    let line = script.text(text)?.lines().nth(index)?;
    let found = map.find_line(number).filter(|_| line.len() <= MAX_LINE)?;
    Some(format!("{}:{}", found.source, found.line))
}

/// A line about a call.
struct Frame<'s> {
    /// With the place in what was written.
    shown: String,
    /// That place, if it is in a text of the plugin.
    written: Option<Written<'s>>,
}

/// A place in what an author wrote, whatever was made of it, and what stands there.
struct Written<'s> {
    place: Place<'s>,
    text: Option<&'s str>,
}

impl<'s> Frame<'s> {
    fn read(line: &str, script: &'s Script) -> Self {
        let Some((at, place)) = place_in(line, script) else {
            return Self {
                shown: line.to_owned(),
                written: None,
            };
        };
        let map = script.map(place.name);
        let found = map.and_then(|map| map.find(place.line, place.column));
        let Some(found) = found else {
            return Self {
                shown: line.to_owned(),
                written: Some(Written {
                    place,
                    text: script.text(place.name),
                }),
            };
        };
        let written = Written {
            place: Place {
                name: found.source,
                line: found.line,
                column: found.column,
            },
            text: found.text,
        };
        let (before, after) = (&line[..at.start], &line[at.end..]);
        Self {
            shown: format!("{before}{written}{after}"),
            written: Some(written),
        }
    }
}

impl Written<'_> {
    fn is_of_a_library(&self) -> bool {
        let mut parts = self.place.name.split('/');
        parts.any(|part| OTHERS.contains(&part))
    }

    fn excerpt(&self) -> Option<String> {
        line_of(self.text?, self.place.line, self.place.column)
    }
}

impl std::fmt::Display for Written<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Place { name, line, column } = self.place;
        write!(f, "{name}:{line}:{column}")
    }
}

/// Whether a line of an engine's error is about a call: `    at f (a.js:1:2)`, or Python's
/// `  File "a.py", line 1, in f`.
fn is_frame(line: &str, script: &Script) -> bool {
    let line = line.trim_start();
    let named = line.strip_prefix("at ");
    named.is_some_and(|rest| place_in(rest, script).is_some() || rest.contains("(native"))
        || line.starts_with("File \"") && line.contains(", line ")
}

/// The place in one of the texts that a line names, and where in the line it does.
fn place_in<'s>(line: &str, script: &'s Script) -> Option<(Range<usize>, Place<'s>)> {
    let found = script.texts.iter().filter_map(|text| {
        let name = text.name.as_str();
        let (at, _) = line.match_indices(name).find(|(at, _)| {
            let before = line[..*at].chars().next_back();
            // Not the end of another's name.
            before.is_none_or(|c| !c.is_alphanumeric() && !"_-./".contains(c))
        })?;
        let rest = &line[at + name.len()..];
        let (number, column, rest) = match rest.strip_prefix("\", line ") {
            Some(rest) => {
                let (number, rest) = leading_number(rest)?;
                (number, 1, rest)
            }
            None => {
                let (number, rest) = leading_number(rest.strip_prefix(':')?)?;
                let column = rest.strip_prefix(':').and_then(leading_number);
                let (column, rest) = column.unwrap_or((1, rest));
                (number, column, rest)
            }
        };
        let place = Place {
            name,
            line: number,
            column,
        };
        Some((at..line.len() - rest.len(), place))
    });
    found.min_by_key(|(at, _)| at.start)
}

fn leading_number(text: &str) -> Option<(u32, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit());
    let (digits, rest) = text.split_at(end.unwrap_or(text.len()));
    Some((digits.parse().ok()?, rest))
}

/// The line of a place with its number, and a mark below the character; none if the text has
/// no such line.
#[must_use]
pub fn excerpt(script: &Script, place: Place<'_>) -> Option<String> {
    line_of(script.text(place.name)?, place.line, place.column)
}

fn line_of(text: &str, number: u32, column: u32) -> Option<String> {
    let line = text
        .lines()
        .nth(usize::try_from(number).ok()?.checked_sub(1)?)?;
    let column = usize::try_from(column).ok()?.max(1) - 1;
    // So that the mark stands below its character whatever a terminal makes of a tab.
    let characters: Vec<char> = line
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let column = column.min(characters.len());
    let first = if characters.len() <= MAX_SHOWN {
        0
    } else {
        column.saturating_sub(MAX_SHOWN / 2)
    };
    let shown: String = characters.iter().skip(first).take(MAX_SHOWN).collect();
    let number = number.to_string();
    let mut out = format!("{number} | {}\n", shown.trim_end());
    let _ = write!(
        out,
        "{:width$} | {:indent$}^",
        "",
        "",
        width = number.len(),
        indent = column - first
    );
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::super::language::Language;
    use super::super::source_map::TextMap;
    use super::super::texts::Text;
    use super::*;

    fn script() -> Script {
        let text = |name: &str, text: &str| Text {
            name: name.into(),
            text: text.into(),
        };
        Script::of(
            Language::TypeScript,
            vec![
                text("restock.ts", "first\nsecond\n\treturn a.b.c;\n"),
                text("_restock.ts", "helper"),
            ],
        )
    }

    #[test]
    fn an_error_is_taken_apart_and_its_line_shown() {
        let said = "TypeError: cannot read property 'c' of undefined\n    at inner \
                    (restock.ts:3:13)\n    at <anonymous> (restock.ts:6:9)\n";
        let trace = Trace::read(said, &script()).expect("it names places");
        assert_eq!(
            trace.message,
            "TypeError: cannot read property 'c' of undefined"
        );
        assert_eq!(
            trace.frames,
            "at inner (restock.ts:3:13)\nat <anonymous> (restock.ts:6:9)"
        );
        assert_eq!(trace.place.as_deref(), Some("restock.ts:3:13"));
        let excerpt = trace.excerpt.expect("there is such a line");
        assert_eq!(excerpt, "3 |  return a.b.c;\n  |             ^");
    }

    #[test]
    fn places_in_a_bundle_are_those_that_its_author_wrote() {
        let mut script = script();
        // Of the first line the first four characters, of the second all from the fifth on.
        let map = r#"{"sources":["shop/node_modules/lib/index.js","shop/src/main.ts"],
            "sourcesContent":[null,"one\ntwo"],"mappings":"AAAA;ICCA"}"#;
        script.maps = vec![TextMap::new("restock.ts".into(), map.into())];
        let said = "Error: x\n    at f (restock.ts:1:1)\n    at g (restock.ts:2:6)\n    at h \
                    (restock.ts:3:1)";
        let trace = Trace::read(said, &script).unwrap();
        assert_eq!(
            trace.frames,
            "at f (shop/node_modules/lib/index.js:1:1)\nat g (shop/src/main.ts:2:1)\nat h \
             (restock.ts:3:1)"
        );
        assert_eq!(trace.place.as_deref(), Some("shop/src/main.ts:2:1"));
        assert_eq!(trace.excerpt.as_deref(), Some("2 | two\n  | ^"));
    }

    #[test]
    fn a_listener_without_a_name_has_the_place_that_its_author_wrote() {
        let mut script = script();
        let map = r#"{"sources":["shop/src/main.ts"],"mappings":";;CAEA"}"#;
        script.maps = vec![TextMap::new("restock.ts".into(), map.into())];
        let written = |name: &str| written_place(name, &script);
        assert_eq!(
            written("restock.ts:3").as_deref(),
            Some("shop/src/main.ts:3")
        );
        for other in [
            "restock",
            "restock.ts:2",
            "restock.ts:9",
            "_restock.ts:1",
            "a:b",
        ] {
            assert_eq!(written(other), None, "{other}");
        }
        script.texts[0].text = format!("\n\n{}", " ".repeat(MAX_LINE + 1));
        assert_eq!(written_place("restock.ts:3", &script), None, "one of many");
    }

    #[test]
    fn what_names_no_place_is_no_trace() {
        assert_eq!(Trace::read("out of memory", &script()), None);
        assert_eq!(
            Trace::read("at the end of restock.ts something", &script()),
            None
        );
    }

    #[test]
    fn one_name_that_ends_like_another_is_told_from_it() {
        let trace = Trace::read("Error: x\n    at _restock.ts:1:2", &script()).unwrap();
        assert_eq!(trace.place.as_deref(), Some("_restock.ts:1:2"));
        assert_eq!(trace.excerpt.as_deref(), Some("1 | helper\n  |  ^"));
    }

    #[test]
    fn python_says_last_what_went_wrong() {
        let text = Text {
            name: "a.py".into(),
            text: "def f():\n    return x\n".into(),
        };
        let script = Script::of(Language::Python, vec![text]);
        let said = "Traceback (most recent call last):\n  File \"a.py\", line 2, in f\n    \
                    return x\n           ^\nNameError: name 'x' is not defined";
        let trace = Trace::read(said, &script).unwrap();
        assert!(trace.message.ends_with("name 'x' is not defined"));
        assert_eq!(trace.place.as_deref(), Some("a.py:2:1"));
    }

    #[test]
    fn a_long_line_is_shown_around_the_place() {
        let mut script = script();
        script.texts[0].text = format!("{}X{}", "a".repeat(5000), "b".repeat(5000));
        let place = Place {
            name: "restock.ts",
            line: 1,
            column: 5001,
        };
        let shown = excerpt(&script, place).unwrap();
        let (line, mark) = shown.split_once('\n').unwrap();
        assert_eq!(line.find('X'), mark.find('^'));
        assert!(line.len() < 200);
        for place in [Place { line: 0, ..place }, Place { line: 9, ..place }] {
            assert_eq!(excerpt(&script, place), None);
        }
        let beyond = Place {
            column: u32::MAX,
            ..place
        };
        assert!(excerpt(&script, beyond).is_some());
    }
}
