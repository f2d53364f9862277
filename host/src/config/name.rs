//! Names of nodes. They stand in the source of every event
//! (`/nodes/{node}/…`), so they are of characters that a URI takes unescaped.

use super::form::{Form, Kind};

/// Longest name in bytes; that of a label in the DNS.
const MAX_NAME_BYTES: usize = 63;

pub(super) const NODE_NAME: Form<String> = Form {
    kind: Kind::String,
    expected: "1 to 63 characters of A-Z a-z 0-9 . _ - that begin with a letter or a digit, e.g. \"node-1\"",
    parse: |text| match text.chars().find(|c| !is_name_character(*c)) {
        _ if text.is_empty() => Err("it is empty".to_owned()),
        Some(character) => Err(format!("it has {character:?}")),
        None if text.len() > MAX_NAME_BYTES => Err(format!("it has {} characters", text.len())),
        None if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) => {
            Err("it does not begin with a letter or a digit".to_owned())
        }
        None => Ok(text.to_owned()),
    },
};

/// The name of the machine as far as it is a valid name, else `node`.
pub(super) fn default_node_name() -> String {
    hostname::get()
        .ok()
        .and_then(|name| name.into_string().ok())
        .and_then(|name| (NODE_NAME.parse)(&name).ok())
        .unwrap_or_else(|| "node".to_owned())
}

/// Whether `text` can be the name of a node.
pub(crate) fn is_node_name(text: &str) -> bool {
    (NODE_NAME.parse)(text).is_ok()
}

fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}
