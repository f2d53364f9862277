//! Making the certificates of a cluster: its certificate authority (CA), and what
//! the CA says of each node.
//!
//! A cluster's certificates can as well come from elsewhere. What a node asks of
//! them is told in [`tls`](super::tls).

mod files;

use rustls::pki_types::DnsName;

pub use files::{CertificatesError, make_ca, make_node};

use super::tls::ANY_NODE;
use crate::tls::authority::{Authority, Pair, Validity};

/// Longest name of a node in bytes.
const MAX_NODE_BYTES: usize = 63;

/// Makes a key for `node`, which must be a node's name as [`is_node_name`] says, and a
/// certificate that its owner is that node of the cluster.
///
/// # Errors
/// When the system has no randomness to give, or the name is not ASCII.
pub(super) fn certify(
    authority: &Authority,
    node: &str,
    validity: Validity,
) -> Result<Pair, rcgen::Error> {
    authority.sign(&[node, ANY_NODE], validity)
}

/// Whether a certificate can carry the name of a node: as a host's name, which it is
/// written as, and unlike the name that all certificates carry.
fn is_node_name(name: &str) -> bool {
    name.len() <= MAX_NODE_BYTES
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !name.eq_ignore_ascii_case(ANY_NODE)
        && DnsName::try_from(name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_no_certificate_carries_are_known() {
        for name in ["a", "node-1", "A_b", "1a", "node.example", "1.b"] {
            assert!(is_node_name(name), "{name}");
        }
        let long = "a".repeat(64);
        for name in [
            "", "1", "node.1", "10.0.0.1", "a-", "-a", "a..b", ".a", "_a", "*", "*.a", "a b", "ä",
            "../a", ANY_NODE, &long,
        ] {
            assert!(!is_node_name(name), "{name}");
        }
        assert!(!is_node_name(&ANY_NODE.to_uppercase()));
    }
}
