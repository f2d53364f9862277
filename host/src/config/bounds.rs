//! What the node's policy says of one plugin.

use super::allow::Allow;
use super::document::Section;
use super::error::ConfigError;
use super::secret::{SECRET_BOUND, SecretBound};

/// What a plugin may do at most. The default bounds nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Of what manifests name under `[allow]`.
    pub allow: Allow,
    /// Where the secrets may be that manifests name under `[secrets]`; `None` for anywhere.
    pub secrets: Option<Vec<SecretBound>>,
}

impl Bounds {
    /// Takes all keys of the table, which has no others.
    pub(super) fn read(mut section: Section<'_>) -> Result<Self, ConfigError> {
        let secrets = section.list("secrets", &SECRET_BOUND)?;
        Ok(Self {
            allow: Allow::read(section)?,
            secrets,
        })
    }

    /// These keys where they are there, those of `others` elsewhere.
    pub(super) fn or(self, others: &Self) -> Self {
        Self {
            allow: self.allow.or(&others.allow),
            secrets: self.secrets.or_else(|| others.secrets.clone()),
        }
    }
}
