//! The name by which every node is known to be one.

use rustls::pki_types::ServerName;

/// The name that the certificates of all nodes carry. `.internal` is a domain that
/// nobody can own.
pub const ANY_NODE: &str = "node.hearken.internal";

/// [`ANY_NODE`], as rustls asks for it.
pub(super) fn any_node() -> ServerName<'static> {
    ServerName::try_from(ANY_NODE).expect("ANY_NODE is a DNS name")
}
