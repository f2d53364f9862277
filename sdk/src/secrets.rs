//! The secrets that the plugin's manifest names in `[secrets]`.

use std::fmt;
use std::hint::black_box;
use std::str::Utf8Error;

use crate::host;

/// A secret: it is not shown by `{:?}`, and is overwritten when it is dropped. Ask for it
/// anew each time that you need it: the node reads it again when it is replaced.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

/// Why there is no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The manifest does not name it.
    #[error("there is no secret `{0}`; name it in `[secrets]` of the manifest")]
    NotFound(String),
    /// The host could not read it.
    #[error("the secret `{key}` cannot be read: {reason}")]
    Unavailable {
        /// Its key.
        key: String,
        /// What the host said.
        reason: String,
    },
}

/// The secret `key`.
///
/// ```
/// # fn handler() -> Result<(), Box<dyn std::error::Error>> {
/// let token = hearken_sdk::secrets::get("token")?;
/// let header = format!("Bearer {}", token.as_str()?);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`SecretError`] says why there is none.
pub fn get(key: &str) -> Result<Secret, SecretError> {
    host::secret_get(key).map(Secret)
}

impl Secret {
    /// The secret as text.
    ///
    /// # Errors
    /// When it is not UTF-8.
    pub fn as_str(&self) -> Result<&str, Utf8Error> {
        std::str::from_utf8(&self.0)
    }

    /// The secret as it is.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.fill(0);
        // Lest the compiler sees that nobody reads it again.
        black_box(&self.0);
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
