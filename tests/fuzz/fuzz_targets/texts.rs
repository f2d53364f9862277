//! An arbitrary text of a plugin, its name, a name that it imports and what its engine says of
//! it: whatever they are, no import leads out of the plugins folder or to another plugin, what is
//! shown of an error is of the text, and a component that carries the text gives it back. Run it
//! with `cargo fuzz run --fuzz-dir tests/fuzz -s none texts`.
//!
//! An input is the name in its first line, the imported name in the second, and the text in the
//! others, which are what the engine says, and a source map, too.

#![no_main]

use hearken::script::{
    Language, MAX_TEXTS, Script, Text, TextFile, TextMap, Trace, append, imported, resolve, split,
    text_file,
};
use libfuzzer_sys::fuzz_target;

/// The least that is a component to who looks for its last section.
const PREAMBLE: &[u8] = b"\0asm\x0d\0\x01\0";

fuzz_target!(|input: &str| {
    let mut parts = input.splitn(3, '\n');
    let [name, import, text] = [(); 3].map(|()| parts.next().unwrap_or_default());
    file(name);
    for language in [Language::JavaScript, Language::TypeScript, Language::Python] {
        names_are_within(language, name, import, text);
        let script = Script {
            language,
            texts: vec![Text {
                name: name.to_owned(),
                text: text.to_owned(),
            }],
            maps: Vec::new(),
            is_evaluated: false,
        };
        error(text, &script);
        section(&script);
    }
    source_map(name, text);
    // Whatever it is, it is no component that carries texts, or one that carries some.
    if let Ok(Some((engine, script))) = split(input.as_bytes()) {
        assert!(engine <= input.len() && (1..=MAX_TEXTS).contains(&script.texts.len()));
    }
});

fn file(name: &str) {
    if let Some(TextFile::Plugin(stem)) = text_file(name) {
        assert!(name.starts_with(stem) && !stem.is_empty());
        assert!(!stem.starts_with(['.', '_']), "{stem}");
    }
}

fn names_are_within(language: Language, importer: &str, import: &str, text: &str) {
    let found = imported(language, text);
    for (at, name) in found.iter().enumerate() {
        assert!(text.contains(name) && !found[..at].contains(name), "{name}");
    }
    // Such a name the node gives no text.
    if importer.starts_with('/') || importer.split('/').any(|part| part == "..") {
        return;
    }
    let folder = importer.rsplit_once('/').map(|(folder, _)| folder);
    for name in found.into_iter().chain([import]) {
        for path in resolve(importer, name, language) {
            let (inside, file) = match path.rsplit_once('/') {
                Some((inside, file)) => (Some(inside), file),
                None => (None, path.as_str()),
            };
            assert!(inside == folder || inside.is_none(), "{name} is {path}");
            assert!(
                inside.is_some() || file.starts_with('_'),
                "{name} is {path}"
            );
            assert!(
                !file.is_empty() && !file.starts_with('.'),
                "{name} is {path}"
            );
        }
    }
}

fn error(said: &str, script: &Script) {
    let Some(trace) = Trace::read(said, script) else {
        return;
    };
    assert!(trace.frames.lines().count() <= 24, "{trace:?}");
    if let Some(place) = &trace.place {
        assert!(place.starts_with(&script.texts[0].name), "{trace:?}");
    }
    if let Some(excerpt) = &trace.excerpt {
        let lines: Vec<&str> = excerpt.split('\n').collect();
        assert_eq!(lines.len(), 2, "{excerpt}");
        assert!(lines[1].ends_with('^'), "{excerpt}");
        assert!(
            lines.iter().all(|line| line.chars().count() < 160),
            "{excerpt}"
        );
    }
}

/// The text as the source map of a text: of a place in it there is one in a source, or none.
fn source_map(name: &str, map: &str) {
    let map = TextMap::new(name.to_owned(), map.to_owned());
    for place in [1, 2, 80, u32::MAX] {
        if let Some(found) = map.find(1, place) {
            assert!(found.line > 0 && found.column > 0, "{found:?}");
        }
        let _ = map.find(place, 1);
    }
}

fn section(script: &Script) {
    let component = append(PREAMBLE, script).expect("one short text");
    let carried = split(&component).expect("it was written");
    assert_eq!(carried, Some((PREAMBLE.len(), script.clone())));
}
