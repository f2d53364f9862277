//! By what a channel knows an event again that is sent a second time.

use crate::event::Event;

/// Bytes of a key: enough that two of a million events do not have the same by chance.
const KEY_BYTES: usize = 16;

/// What an engine remembers of an event.
pub(super) type DedupeKey = [u8; KEY_BYTES];

/// The key of an event that `principal` has sent with an id of its own.
pub(super) fn key(principal: &str, event: &Event) -> DedupeKey {
    let mut hasher = blake3::Hasher::new();
    for part in [principal, of_all_nodes(event.source()), event.id()] {
        // With its length, so that nothing moves from one part into the next.
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let mut key = [0; KEY_BYTES];
    hasher.finalize_xof().fill(&mut key);
    key
}

/// What a source is on whichever node a client publishes: that of a client without one of its own
/// names the node. Whoever sends again over a balancer does so to another one.
fn of_all_nodes(source: &str) -> &str {
    let client = source
        .strip_prefix("/nodes/")
        .and_then(|rest| rest.split_once('/'))
        .map(|(_, client)| client);
    client
        .filter(|client| client.starts_with("clients/"))
        .unwrap_or(source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Draft, EventType, Stamp};

    fn event(source: &'static str, id: &'static str, data: &'static str) -> Event {
        let draft = Draft {
            id: Some(id.into()),
            source: Some(source.into()),
            data: Some(data.as_bytes().into()),
            ..Draft::new(EventType::custom("a").expect("valid"))
        };
        draft.stamp(&Stamp {
            id: ["", ""],
            source: "",
            time: 0,
            origin: "a",
            sequence: None,
        })
    }

    #[test]
    fn principal_source_and_id_tell_events_apart_and_nothing_else() {
        let one = key("key:a", &event("/s", "1", "x"));
        assert_eq!(one, key("key:a", &event("/s", "1", "y")));
        for (principal, source, id) in [
            ("key:b", "/s", "1"),
            ("key:a", "/s1", "1"),
            ("key:a", "/s", "2"),
            ("key:a/s", "1", "1"),
        ] {
            assert_ne!(one, key(principal, &event(source, id, "x")));
        }
    }

    #[test]
    fn on_which_node_a_client_publishes_does_not_matter() {
        let on = |source| key("key:a", &event(source, "1", "x"));
        let here = on("/nodes/a/clients/key:a");
        assert_eq!(here, on("/nodes/b/clients/key:a"));
        for other in ["/nodes/b/clients/key:b", "/nodes/a/plugins/key:a", "/key:a"] {
            assert_ne!(here, on(other));
        }
        assert_ne!(on("/nodes/a/plugins/p"), on("/nodes/b/plugins/p"));
    }
}
