//! Constants of the code by their names, private ones too: read from the source, so that
//! nothing needs to be public for the documentation's sake.

use std::fs;
use std::path::Path;

use crate::support::guests::checkout;

/// The source of the host, of its logs, and of what it shares with guests.
pub struct Source {
    /// Path from the top of the repository, and text.
    files: Vec<(String, String)>,
}

impl Source {
    pub fn read() -> Self {
        let mut files = Vec::new();
        for folder in ["host/src", "host/channel-log/src", "sdk"] {
            collect(&checkout().join(folder), &mut files);
        }
        Self { files }
    }

    /// The value of the one constant `NAME`, of `ROOM/NAME` in the folder or file ROOM
    /// where several have the name, or of `NAME.field` where it is a struct. Durations are
    /// in milliseconds.
    pub fn value(&self, name: &str) -> u64 {
        let (name, field) = match name.split_once('.') {
            Some((name, field)) => (name, Some(field)),
            None => (name, None),
        };
        let (room, constant) = match name.split_once('/') {
            Some((room, constant)) => (Some(room), constant),
            None => (None, name),
        };
        let mut text = self.definition(room, constant);
        if let Some(field) = field {
            let start = format!("{field}: ");
            let (_, rest) = text.split_once(&start).expect("the field is there");
            text = rest
                .split([',', '}'])
                .next()
                .expect("there is a first part");
        }
        let mut reader = Reader {
            source: self,
            room,
            rest: text.trim(),
        };
        let value = reader.shifts();
        assert_eq!(reader.rest, "", "{name} is more than is understood: {text}");
        value
    }

    /// What stands between `=` and `;`.
    fn definition(&self, room: Option<&str>, constant: &str) -> &str {
        let found = self.definitions(room, constant);
        let paths: Vec<_> = found.iter().map(|(path, _)| path).collect();
        assert_eq!(found.len(), 1, "{room:?} {constant} is in {paths:?}");
        let (_, value) = found[0].1.split_once('=').expect("a constant has a value");
        value.split(';').next().expect("there is a first part")
    }

    /// Where constants of that name begin in the files of a room, or of all.
    fn definitions(&self, room: Option<&str>, constant: &str) -> Vec<(&str, &str)> {
        let start = format!("const {constant}: ");
        let mut found = Vec::new();
        for (path, text) in &self.files {
            let stem = Path::new(path).with_extension("");
            let mut parts = stem.iter();
            if room.is_none_or(|room| parts.any(|part| part == room)) {
                let starts = text.match_indices(&start);
                found.extend(starts.map(|(at, _)| (path.as_str(), &text[at..])));
            }
        }
        found
    }
}

fn collect(folder: &Path, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("source is UTF-8");
            let path = path.strip_prefix(checkout()).expect("it is below");
            files.push((path.display().to_string(), text));
        }
    }
}

/// Reads a constant expression of numbers, operators, other constants and durations.
struct Reader<'a> {
    source: &'a Source,
    room: Option<&'a str>,
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn shifts(&mut self) -> u64 {
        let mut value = self.sums();
        while self.takes("<<") {
            value <<= self.sums();
        }
        value
    }

    fn sums(&mut self) -> u64 {
        let mut value = self.products();
        loop {
            if self.takes("+") {
                value += self.products();
            } else if self.takes("-") {
                value -= self.products();
            } else {
                return value;
            }
        }
    }

    fn products(&mut self) -> u64 {
        let mut value = self.atom();
        while self.takes("*") {
            value *= self.atom();
        }
        value
    }

    fn atom(&mut self) -> u64 {
        let value = if self.takes("(") {
            let value = self.shifts();
            assert!(self.takes(")"), "no `)`: {}", self.rest);
            value
        } else if self.rest.starts_with(|char: char| char.is_ascii_digit()) {
            let digits = self.word().replace('_', "");
            digits.parse().expect("a number")
        } else {
            self.path()
        };
        if self.takes(".expect(\"") {
            let (_, rest) = self.rest.split_once("\")").expect("the text ends");
            self.rest = rest.trim_start();
        }
        if self.takes("as ") {
            self.word();
        }
        value
    }

    fn path(&mut self) -> u64 {
        let mut last = self.word();
        while self.takes("::") {
            last = self.word();
        }
        if !self.takes("(") {
            // Another of the same room, if there is one there, as the language has it.
            let near = self.room.map(|room| format!("{room}/{last}"));
            let near = near.filter(|_| !self.source.definitions(self.room, last).is_empty());
            let name = near.unwrap_or_else(|| last.to_owned());
            return self.source.value(&name);
        }
        let value = self.shifts();
        assert!(self.takes(")"), "no `)`: {}", self.rest);
        match last {
            "from_millis" | "new" => value,
            "from_secs" => value * 1000,
            _ => panic!("`{last}` is not understood"),
        }
    }

    fn word(&mut self) -> &'a str {
        let inside = |char: char| char.is_ascii_alphanumeric() || char == '_';
        let end = self.rest.find(|char| !inside(char));
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        assert!(!word.is_empty(), "not understood: {}", self.rest);
        self.rest = rest.trim_start();
        word
    }

    fn takes(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }
}

#[test]
fn constants_are_read() {
    let text = "pub const A: usize = 2 * B + (1 << 3);\nconst B: u64 = 1_0 as u64;\n\
                const C: Duration = Duration::from_secs(60 * 60);\n\
                const D: NonZeroU32 = NonZeroU32::new(500).expect(\"not zero\");\n\
                const E: Limits = Limits {\n    events: 64 << 10,\n    bytes: 7 };";
    let other = "const B: u8 = 1;";
    let source = Source {
        files: vec![
            ("host/src/room/file.rs".to_owned(), text.to_owned()),
            ("host/src/other.rs".to_owned(), other.to_owned()),
        ],
    };
    let value = |name| source.value(name);
    assert_eq!(
        (value("room/A"), value("file/B"), value("other/B")),
        (28, 10, 1)
    );
    assert_eq!((value("C"), value("D")), (3_600_000, 500));
    assert_eq!((value("E.events"), value("E.bytes")), (65_536, 7));
}
