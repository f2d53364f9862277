//! Secrets that a node and those who use one of its APIs share.

use std::fmt;

/// A secret that node and clients share. It is kept as a hash, and never shown.
#[derive(Clone, Copy)]
pub struct SharedSecret(blake3::Hash);

impl SharedSecret {
    /// The secret that is this text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(blake3::hash(text.as_bytes()))
    }

    /// Whether this is the secret, in a time that tells nothing of it.
    pub(in crate::gateway) fn is(&self, shown: &str) -> bool {
        // Hashes are compared in constant time.
        self.0 == blake3::hash(shown.as_bytes())
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_known_and_not_shown() {
        let secret = SharedSecret::new("hunter22");
        assert!(secret.is("hunter22"));
        for wrong in ["", "hunter2", "hunter222", "Hunter22"] {
            assert!(!secret.is(wrong), "{wrong}");
        }
        let hash = blake3::hash(b"hunter22").to_hex();
        let shown = format!("{secret:?}");
        assert!(!shown.contains("hunter") && !shown.contains(&hash[..8]));
    }
}
