//! Source maps, by which a place in a bundle is one in the file that its author wrote:
//! revision 3, without sections.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use super::names::straight;

/// Most bytes of all source maps of one plugin together: with the sources of libraries one is a few
/// times as large as the text.
pub const MAX_MAPS_BYTES: u64 = 16 << 20;

/// Most places of a source map: more than the largest text has words.
const MAX_PLACES: usize = 4_000_000;

/// The source map of a text. It is read when it is first asked for a place.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TextMap {
    /// Name of the text.
    pub name: String,
    /// The map, in JSON.
    pub map: String,
    #[serde(skip)]
    read: OnceLock<Option<Arc<Places>>>,
}

/// A place in a source, both numbers from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourcePlace<'m> {
    /// Name of the source, seen from the plugins folder.
    pub source: &'m str,
    /// The line.
    pub line: u32,
    /// The character of the line.
    pub column: u32,
    /// What the source says, if the map has it.
    pub text: Option<&'m str>,
}

/// A map that was read.
#[derive(Debug)]
struct Places {
    sources: Vec<(String, Option<String>)>,
    /// Ascending by where they are in the text.
    segments: Vec<Segment>,
}

/// Where a piece of the text begins, and where it comes from, all from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Segment {
    line: u32,
    column: u32,
    source: u32,
    source_line: u32,
    source_column: u32,
}

/// The map as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    #[serde(default)]
    source_root: Option<String>,
    sources: Vec<Option<String>>,
    #[serde(default)]
    sources_content: Vec<Option<String>>,
    mappings: String,
}

impl PartialEq for TextMap {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, &self.map) == (&other.name, &other.map)
    }
}

impl Eq for TextMap {}

impl TextMap {
    /// The map of the text of this name, which is as long as that of a [`Text`](super::Text).
    #[must_use]
    pub fn new(name: String, map: String) -> Self {
        Self {
            name,
            map,
            read: OnceLock::new(),
        }
    }

    /// Where a place of the text, with numbers from 1, comes from; none if that is nowhere, or
    /// the map cannot be read.
    #[must_use]
    pub fn find(&self, line: u32, column: u32) -> Option<SourcePlace<'_>> {
        let (line, column) = (line.checked_sub(1)?, column.saturating_sub(1));
        let places = self.places()?;
        let behind = (places.segments)
            .partition_point(|segment| (segment.line, segment.column) <= (line, column));
        // What is on a line before its first segment comes from nowhere.
        places.source_on(line, behind.checked_sub(1)?)
    }

    /// Where the beginning of a line of the text, with numbers from 1, comes from; none if that
    /// is nowhere, or the map cannot be read.
    #[must_use]
    pub fn find_line(&self, line: u32) -> Option<SourcePlace<'_>> {
        let line = line.checked_sub(1)?;
        let places = self.places()?;
        let first = (places.segments).partition_point(|segment| segment.line < line);
        places.source_on(line, first)
    }

    fn places(&self) -> Option<&Places> {
        let read = self.read.get_or_init(|| self.read().map(Arc::new));
        read.as_deref()
    }

    fn read(&self) -> Option<Places> {
        let written: Written = serde_json::from_str(&self.map).ok()?;
        let folder = self.name.rsplit_once('/').map_or("", |(folder, _)| folder);
        let root = written.source_root.unwrap_or_default();
        let mut contents = written.sources_content.into_iter();
        let sources = written.sources.into_iter().map(|source| {
            let source = source.unwrap_or_default();
            let path = Path::new(folder).join(&root).join(source);
            let source = straight(&path).to_string_lossy().replace('\\', "/");
            (source, contents.next().flatten())
        });
        Some(Places {
            sources: sources.collect(),
            segments: segments(&written.mappings)?,
        })
    }
}

impl Places {
    /// Where the segment at `index` comes from, if it is on that line, with numbers from 0.
    fn source_on(&self, line: u32, index: usize) -> Option<SourcePlace<'_>> {
        let segment = self.segments.get(index)?;
        if segment.line != line {
            return None;
        }
        let (source, text) = self.sources.get(usize::try_from(segment.source).ok()?)?;
        Some(SourcePlace {
            source,
            line: segment.source_line.checked_add(1)?,
            column: segment.source_column.checked_add(1)?,
            text: text.as_deref(),
        })
    }
}

/// The places of a map, none if that is not how they are written.
fn segments(mappings: &str) -> Option<Vec<Segment>> {
    let mut found = Vec::new();
    // All but the columns of the text go on over its lines.
    let (mut source, mut source_line, mut source_column) = (0_i64, 0_i64, 0_i64);
    for (line, mapped) in mappings.split(';').enumerate() {
        let line = u32::try_from(line).ok()?;
        let mut column = 0_i64;
        for written in mapped.split(',').filter(|written| !written.is_empty()) {
            let mut numbers = Numbers(written.bytes());
            column = column.checked_add(numbers.next()??)?;
            let Some(step) = numbers.next() else {
                // It comes from nowhere.
                continue;
            };
            source = source.checked_add(step?)?;
            source_line = source_line.checked_add(numbers.next()??)?;
            source_column = source_column.checked_add(numbers.next()??)?;
            if found.len() == MAX_PLACES {
                return None;
            }
            found.push(Segment {
                line,
                column: u32::try_from(column).ok()?,
                source: u32::try_from(source).ok()?,
                source_line: u32::try_from(source_line).ok()?,
                source_column: u32::try_from(source_column).ok()?,
            });
        }
    }
    // Writers order them within a line, but need not.
    found.sort_unstable();
    Some(found)
}

/// Numbers as base64 has them, five bits a digit and the sign in the first: each, or none for
/// what is no number.
struct Numbers<I>(I);

impl<I: Iterator<Item = u8>> Iterator for Numbers<I> {
    type Item = Option<i64>;

    fn next(&mut self) -> Option<Self::Item> {
        let first = self.0.next()?;
        Some(self.number(first))
    }
}

impl<I: Iterator<Item = u8>> Numbers<I> {
    fn number(&mut self, first: u8) -> Option<i64> {
        let (mut number, mut shift, mut digit) = (0_i64, 0_u32, first);
        loop {
            let bits = i64::from(digit_of(digit)?);
            // Beyond 32 bits nothing is meant.
            if shift > 30 {
                return None;
            }
            number |= (bits & 0x1f) << shift;
            if bits & 0x20 == 0 {
                break;
            }
            shift += 5;
            digit = self.0.next()?;
        }
        let magnitude = number >> 1;
        Some(if number & 1 == 0 {
            magnitude
        } else {
            -magnitude
        })
    }
}

fn digit_of(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(name: &str, json: &serde_json::Value) -> TextMap {
        TextMap::new(name.into(), json.to_string())
    }

    #[test]
    fn a_place_of_a_bundle_is_one_of_its_sources() {
        // Line 1: nothing; line 2: column 0 is a.ts:1:1, column 4 is b.ts:3:5.
        let json = serde_json::json!({
            "version": 3,
            "sources": ["shop/src/a.ts", "./shop/x/../src/b.ts"],
            "sourcesContent": ["first\n", null],
            "mappings": ";AAAA,ICEI;;A",
        });
        let map = map("shop.js", &json);
        let found = map.find(2, 3).expect("it is mapped");
        assert_eq!(
            (found.source, found.line, found.column),
            ("shop/src/a.ts", 1, 1)
        );
        assert_eq!(found.text, Some("first\n"));
        let found = map.find(2, 5).expect("it is mapped");
        assert_eq!(
            (found.source, found.line, found.column),
            ("shop/src/b.ts", 3, 5)
        );
        assert_eq!(found.text, None);
        assert_eq!(map.find(2, 500).map(|found| found.line), Some(3));
        assert_eq!(map.find_line(2), map.find(2, 1));
        assert_eq!(map.find_line(1), None);
        for nowhere in [(1, 1), (3, 1), (4, 1), (0, 0), (9, 9), (u32::MAX, u32::MAX)] {
            assert_eq!(map.find(nowhere.0, nowhere.1), None, "{nowhere:?}");
        }
    }

    #[test]
    fn sources_are_named_from_the_plugins_folder() {
        let json = serde_json::json!({
            "version": 3, "sourceRoot": "../lib", "sources": ["a.ts"], "mappings": "AAAA",
        });
        let found = map("shop/main.js", &json);
        assert_eq!(found.find(1, 1).unwrap().source, "lib/a.ts");
    }

    #[test]
    fn what_is_no_map_maps_nothing() {
        for text in [
            "",
            "{}",
            "[]",
            r#"{"sources":["a"],"mappings":"A!"}"#,
            r#"{"sources":["a"],"mappings":"gggggggggggggggA"}"#,
            r#"{"sources":["a"],"mappings":"g"}"#,
            r#"{"sources":["a"],"mappings":"AAA"}"#,
            r#"{"sources":["a"],"mappings":"AADA"}"#,
            r#"{"sources":[],"mappings":"AAAA"}"#,
        ] {
            assert_eq!(
                TextMap::new("a.js".into(), text.into()).find(1, 1),
                None,
                "{text}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_much(mappings in "[A-Za-z0-9+/,;]{0,200}", line: u32, column: u32) {
            let json = serde_json::json!({ "sources": ["a"], "mappings": mappings });
            let _ = map("a.js", &json).find(line, column);
        }
    }
}
