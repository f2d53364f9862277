//! The namespaces that a plugin brings.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::session::Namespace;

/// The namespaces of session channels that a plugin's manifest brings and that are granted to
/// it, by name; cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PluginNamespaces(Arc<BTreeMap<String, Namespace>>);

impl PluginNamespaces {
    /// All of them, by name.
    #[must_use]
    pub fn by_name(&self) -> &BTreeMap<String, Namespace> {
        &self.0
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(String, Namespace)> for PluginNamespaces {
    fn from_iter<I: IntoIterator<Item = (String, Namespace)>>(namespaces: I) -> Self {
        Self(Arc::new(namespaces.into_iter().collect()))
    }
}
