//! Names of nodes, clusters and plugins.

use super::form::{Form, Kind};
use crate::event::check_node_name;

/// Longest name of a plugin in bytes.
pub const MAX_PLUGIN_NAME_BYTES: usize = 64;

pub(super) const NODE_NAME: Form<String> = Form::new(
    Kind::String,
    "1 to 63 characters of A-Z a-z 0-9 . _ - that begin with a letter or a digit, e.g. \"node-1\"",
    |text| match check_node_name(text) {
        Ok(()) => Ok(text.to_owned()),
        Err(error) => Err(error.to_string()),
    },
);

/// The name of the machine as far as it is a valid name, else `node`.
pub(super) fn default_node_name() -> String {
    hostname::get()
        .ok()
        .and_then(|name| name.into_string().ok())
        .filter(|name| check_node_name(name).is_ok())
        .unwrap_or_else(|| "node".to_owned())
}

/// Whether a file's stem can be the name of a plugin: it becomes part of URIs.
#[must_use]
pub fn is_plugin_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !name.is_empty()
        && name.len() <= MAX_PLUGIN_NAME_BYTES
        && !name.starts_with('.')
        && name.bytes().all(allowed)
}
