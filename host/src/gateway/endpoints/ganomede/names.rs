//! How names of the API become those of the node, and back.

use std::borrow::Cow;

use hearken_channel_log::ChannelName;
use hearken_pattern::is_type_char;
use hearken_wire::EventRef;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::refusal::Refusal;
use crate::channel::{ClientName, FieldPath, IndexName};
use crate::event::{CUSTOM_PREFIX, EventType, MAX_TYPE_BYTES};

/// The extension in which the sender of an event stands.
pub(super) const FROM: &str = "from";

/// The extension in which the type of an event stands, where the node has none like it.
pub(super) const TYPE: &str = "ganomedetype";

/// What the names of cursors begin with, so that they are nobody else's.
const CLIENT_PREFIX: &str = "ganomede:";

/// Longest name of a cursor in bytes; of a longer one there is a hash.
const LONGEST_CLIENT: usize = 255;

/// What the names of indexes begin with, so that an index with such a name has that id.
const INDEX_PREFIX: &str = "ganomede.";

/// What the names of indexes begin with whose ids are no such names: a hash follows.
const INDEX_HASH_PREFIX: &str = "ganomede-";

/// Digits of hashes: enough that two are not the same by chance.
const HASH_DIGITS: usize = 32;

/// What is percent-encoded in the name of a cursor, besides all that is not ASCII.
const NOT_IN_CLIENT: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

/// What the fields of indexes begin with that lie in the data.
const IN_DATA: &str = "data.";

/// The other fields of an event.
const MEMBERS: [&str; 5] = ["id", "timestamp", "type", "from", "data"];

/// The channel of this name.
pub(super) fn channel(name: Option<&str>) -> Result<ChannelName, Refusal> {
    let name = name.ok_or(Refusal::Invalid("Invalid Channel"))?;
    ChannelName::new(name).map_err(|error| Refusal::Content(format!("Invalid Channel: {error}")))
}

/// Under which name a client keeps its position.
pub(super) fn client(id: &str) -> ClientName {
    let plain = format!("{CLIENT_PREFIX}{}", utf8_percent_encode(id, NOT_IN_CLIENT));
    let name = match plain.len() <= LONGEST_CLIENT {
        true => plain,
        // No two digits follow, so that it is nobody's encoded name.
        false => format!("{CLIENT_PREFIX}%hash-{}", hash(id)),
    };
    ClientName::new(&name).expect("printable ASCII that is not too long")
}

/// The index of this id.
pub(super) fn index(id: &str) -> IndexName {
    IndexName::new(&format!("{INDEX_PREFIX}{id}")).unwrap_or_else(|_| {
        let name = format!("{INDEX_HASH_PREFIX}{}", hash(id));
        IndexName::new(&name).expect("letters, digits and a dash")
    })
}

fn hash(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..HASH_DIGITS].to_owned()
}

/// Where a field of an event lies; behind a dot what does not lie in its data.
pub(super) fn field(field: &str) -> Option<FieldPath> {
    if MEMBERS.contains(&field) {
        return FieldPath::new(&format!(".{field}")).ok();
    }
    let path = field.strip_prefix(IN_DATA)?;
    // Brackets are for the elements of lists elsewhere, and would find nothing here.
    let is_plain = !path.starts_with('.') && !path.contains(['[', ']']);
    FieldPath::new(path).ok().filter(|_| is_plain)
}

/// The field as the API has it.
pub(super) fn shown_field(path: &FieldPath) -> String {
    match path.as_str().strip_prefix('.') {
        Some(member) => member.to_owned(),
        None => format!("{IN_DATA}{path}"),
    }
}

/// The type under which an event is kept, and whether that does not say all of its own.
pub(super) fn stored_type(shown: &str) -> (EventType<'static>, bool) {
    if !shown.starts_with(CUSTOM_PREFIX)
        && let Ok(plain) = EventType::custom(shown)
    {
        return (plain.into_owned(), false);
    }
    let clean = |c: char| if is_type_char(c) { c } else { '_' };
    let longest = MAX_TYPE_BYTES - CUSTOM_PREFIX.len();
    let cleaned: String = shown.chars().map(clean).take(longest).collect();
    let cleaned = EventType::custom(&cleaned).expect("characters of types, and not too many");
    (cleaned.into_owned(), true)
}

/// The type as the API has it.
pub(super) fn shown_type(event: EventRef<'_>) -> &str {
    let own = extension(event, TYPE);
    own.unwrap_or_else(|| {
        let stored = event.event_type();
        stored.strip_prefix(CUSTOM_PREFIX).unwrap_or(stored)
    })
}

/// The sender as the API has it; for what came another way, its source.
pub(super) fn shown_from(event: EventRef<'_>) -> &str {
    extension(event, FROM).unwrap_or_else(|| event.source())
}

/// What is looked for in an index, to find at least all events that have `value` in `field`.
pub(super) fn looked_for<'v>(field: &FieldPath, value: &'v str) -> Cow<'v, str> {
    match field.as_str() {
        ".type" => Cow::Owned(stored_type(value).0.as_str().to_owned()),
        _ => Cow::Borrowed(value),
    }
}

fn extension<'e>(event: EventRef<'e>, name: &str) -> Option<&'e str> {
    let mut extensions = event.extensions();
    let found = extensions.find(|(known, ..)| *known == name);
    found.map(|(_, _, value)| value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_client_has_a_name(id in any::<String>()) {
            prop_assert!(client(&id).as_str().starts_with(CLIENT_PREFIX));
        }

        #[test]
        fn every_type_is_kept(shown in ".+") {
            let (stored, cleaned) = stored_type(&shown);
            prop_assert!(stored.as_str().starts_with(CUSTOM_PREFIX));
            let whole = format!("{CUSTOM_PREFIX}{shown}");
            prop_assert!(cleaned || stored.as_str() == whole);
        }

        #[test]
        fn every_index_has_a_name(id in any::<String>()) {
            prop_assert!(index(&id).as_str().starts_with("ganomede"));
        }

        #[test]
        fn a_field_is_shown_as_it_was_given(given in "(data\\.[a-z0-9]{1,5}(\\.[a-z0-9]{1,5}){0,3}|type|from|id|timestamp|data)") {
            let path = field(&given).expect("a field");
            prop_assert_eq!(shown_field(&path), given);
        }
    }

    #[test]
    fn names_of_clients_do_not_meet() {
        assert_eq!(client("turn:01/a").as_str(), "ganomede:turn:01/a");
        assert_eq!(client("ä %").as_str(), "ganomede:%C3%A4%20%25");
        let long = "x".repeat(247);
        let hashed = client(&long);
        assert!(hashed.as_str().starts_with("ganomede:%hash-"));
        assert_ne!(hashed, client(&format!("{long}x")));
        assert_ne!(client(&hashed.as_str()["ganomede:".len()..]), hashed);
    }

    #[test]
    fn names_of_indexes_do_not_meet() {
        assert_eq!(index("by-user").as_str(), "ganomede.by-user");
        for id in ["by user", "ä", &"x".repeat(64)] {
            let name = index(id);
            assert!(name.as_str().starts_with("ganomede-"), "{id}");
            assert_ne!(name, index(&name.as_str()["ganomede-".len()..]));
        }
    }

    #[test]
    fn types_are_cleaned_where_they_must_be() {
        for (shown, stored, cleaned) in [
            ("MOVE", "custom.MOVE", false),
            ("users/v1:add", "custom.users/v1:add", false),
            ("custom.a", "custom.a", true),
            ("a b", "custom.a_b", true),
            ("ä*", "custom.__", true),
        ] {
            let (kept, was_cleaned) = stored_type(shown);
            assert_eq!((kept.as_str(), was_cleaned), (stored, cleaned), "{shown}");
        }
        let long = "x".repeat(300);
        assert_eq!(stored_type(&long).0.as_str().len(), MAX_TYPE_BYTES);
    }

    #[test]
    fn what_is_no_field_of_an_event_is_refused() {
        for given in [
            "",
            "user",
            "data.",
            "data..a",
            "data.a.",
            "data.a[0]",
            "type.a",
            ".type",
            "data..type",
        ] {
            assert_eq!(field(given), None, "{given:?}");
        }
    }
}
