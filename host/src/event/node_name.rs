//! Names of nodes. They stand in the source of every event
//! (`/nodes/{node}/…`), so they are of characters that a URI takes unescaped.

/// Longest name of a node in bytes; that of a label in the DNS.
pub const MAX_NODE_NAME_BYTES: usize = 63;

/// Why a text is not the name of a node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodeNameError {
    /// It is empty.
    #[error("it is empty")]
    Empty,
    /// It has a character that is not allowed.
    #[error("it has {0:?}")]
    BadCharacter(char),
    /// It has more than [`MAX_NODE_NAME_BYTES`].
    #[error("it has {0} characters")]
    TooLong(usize),
    /// It begins with `.`, `_` or `-`.
    #[error("it does not begin with a letter or a digit")]
    Begin,
}

/// Checks the name of a node: 1 to [`MAX_NODE_NAME_BYTES`] characters of `A-Z a-z
/// 0-9 . _ -` that begin with a letter or a digit.
///
/// # Errors
/// [`NodeNameError`] says which rule the name breaks.
pub fn check_node_name(name: &str) -> Result<(), NodeNameError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match name.chars().find(|c| !allowed(*c)) {
        _ if name.is_empty() => Err(NodeNameError::Empty),
        Some(character) => Err(NodeNameError::BadCharacter(character)),
        None if name.len() > MAX_NODE_NAME_BYTES => Err(NodeNameError::TooLong(name.len())),
        None if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) => Err(NodeNameError::Begin),
        None => Ok(()),
    }
}
