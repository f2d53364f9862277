//! The source maps of texts that were made of others: beside the text, or at its end.

use std::io::Read;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::plugin::code::compile::open_regular;
use crate::script::{Text, TextMap};

/// What a text says before where its map is.
const MENTION: &str = "//# sourceMappingURL=";

/// What a map begins with that is at the end of the text itself.
const INLINE: [&str; 2] = [
    "data:application/json;base64,",
    "data:application/json;charset=utf-8;base64,",
];

/// The source map of a text in the plugins folder `folder`; a map at its end is taken out of
/// it. Without one, or with one that cannot be read, places are those of the text itself; so they
/// are with one of more than so many bytes as are `left` to the plugin's. Blocks on the disk.
pub(super) fn take(folder: &Path, text: &mut Text, left: &mut u64) -> Option<TextMap> {
    let at = text.text.rfind(MENTION)?;
    let mentioned = &text.text[at + MENTION.len()..];
    let (mentioned, rest) = mentioned.split_once('\n').unwrap_or((mentioned, ""));
    // What is not at the end is about something else.
    if !rest.trim().is_empty() {
        return None;
    }
    let mentioned = mentioned.trim();
    let inline = INLINE.iter().find_map(|it| mentioned.strip_prefix(it));
    let map = match inline {
        Some(inline) => {
            let decoded = STANDARD.decode(inline).ok();
            let map = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
            text.text.truncate(at);
            map
        }
        None => beside(folder, &text.name, mentioned, *left),
    };
    let rest = map
        .as_ref()
        .and_then(|map| left.checked_sub(map.len() as u64));
    let (Some(map), Some(rest)) = (map, rest) else {
        tracing::debug!(text = %text.name, "its source map cannot be read, or is too large");
        return None;
    };
    *left = rest;
    Some(TextMap::new(text.name.clone(), map))
}

/// The map that lies beside the text of this name.
fn beside(folder: &Path, name: &str, mentioned: &str, most: u64) -> Option<String> {
    let file = name.rsplit('/').next()?;
    // The one that the plugins folder is watched for.
    if mentioned.strip_suffix(".map") != Some(file) {
        return None;
    }
    let mut map = String::new();
    let file = open_regular(&folder.join(format!("{name}.map"))).ok()?;
    let bounded = most.saturating_add(1);
    file.take(bounded).read_to_string(&mut map).ok()?;
    Some(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = r#"{"sources":["src/a.ts"],"mappings":"AAAA"}"#;

    fn taken(folder: &Path, text: &str) -> (Text, Option<TextMap>) {
        let mut text = Text {
            name: "a.js".into(),
            text: text.into(),
        };
        let map = take(folder, &mut text, &mut (1 << 20));
        (text, map)
    }

    #[test]
    fn a_map_beside_the_text_or_at_its_end_is_its_own() {
        let root = tempfile::tempdir().unwrap();
        let text = format!("1;\n{MENTION}a.js.map\n");
        assert_eq!(taken(root.path(), &text).1, None, "there is none");
        std::fs::write(root.path().join("a.js.map"), MAP).unwrap();
        let (kept, map) = taken(root.path(), &text);
        assert_eq!(kept.text, text);
        assert_eq!(map.unwrap().find(1, 1).unwrap().source, "src/a.ts");

        let inline = format!("1;\n{MENTION}{}{}", INLINE[0], STANDARD.encode(MAP));
        let (kept, map) = taken(root.path(), &inline);
        assert_eq!(kept.text, "1;\n");
        assert_eq!(map.unwrap().map, MAP);
    }

    #[test]
    fn maps_have_a_bound_together() {
        let root = tempfile::tempdir().unwrap();
        let mut left = MAP.len() as u64 * 2 - 1;
        for (name, is_taken) in [("a.js", true), ("b.js", false)] {
            std::fs::write(root.path().join(format!("{name}.map")), MAP).unwrap();
            let mut text = Text {
                name: name.into(),
                text: format!("1;\n{MENTION}{name}.map"),
            };
            let map = take(root.path(), &mut text, &mut left);
            assert_eq!(map.is_some(), is_taken, "{name}");
        }
        // One at the end of the text is taken out all the same.
        let mut text = Text {
            name: "c.js".into(),
            text: format!("1;\n{MENTION}{}{}", INLINE[0], STANDARD.encode(MAP)),
        };
        assert_eq!(take(root.path(), &mut text, &mut left), None);
        assert_eq!(text.text, "1;\n");
    }

    #[test]
    fn other_mentions_are_no_maps() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("b.js.map"), MAP).unwrap();
        for text in [
            "1;".to_owned(),
            format!("{MENTION}a.js.map\n1;"),
            format!("{MENTION}b.js.map"),
            format!("{MENTION}../a.js.map"),
            format!("{MENTION}{}!", INLINE[0]),
            MENTION.to_owned(),
        ] {
            assert_eq!(taken(root.path(), &text).1, None, "{text}");
        }
    }
}
