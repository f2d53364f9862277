//! Where a node's configuration comes from, to read it again.

use std::path::{Path, PathBuf};

use super::error::ConfigError;
use super::file::{CONFIG, DEFAULT_FILE};
use super::flags::NodeFlags;
use super::node::NodeConfig;

/// Where the configuration of this process comes from.
#[derive(Clone, Debug)]
pub struct ConfigSource {
    flags: NodeFlags,
    file: PathBuf,
}

impl ConfigSource {
    /// What [`NodeConfig::load`] reads with these flags.
    #[must_use]
    pub fn of(flags: &NodeFlags) -> Self {
        let mut flags = flags.clone();
        let named = flags.config.clone();
        let named = named.or_else(|| std::env::var_os(CONFIG.variable()).map(PathBuf::from));
        let file = named.unwrap_or_else(|| DEFAULT_FILE.into());
        if file.exists() {
            // From now on it has to be there: a node whose file is gone for a moment must not
            // take that for a file that says nothing, and serve everybody.
            flags.config = Some(file.clone());
        }
        Self { flags, file }
    }

    /// The configuration as it is now.
    ///
    /// # Errors
    /// [`ConfigError`] says which value is wrong, where, and what is right.
    pub fn read(&self) -> Result<NodeConfig, ConfigError> {
        NodeConfig::load(&self.flags)
    }

    /// The file, which need not be there.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }
}
