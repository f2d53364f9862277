//! Configuration: of the node from defaults, `hearken.toml`, `HEARKEN_*`
//! variables and flags, and of each plugin from its manifest. A value that is
//! not understood is an error that says where it stands and what is right.

mod cluster;
mod compile;
mod document;
mod environment;
mod error;
mod file;
mod flags;
mod form;
mod guest_text;
mod http;
mod layer;
mod limits;
mod manifest;
mod name;
mod node;
mod quarantine;

pub use cluster::{CLUSTER_PORT, ClusterFlags, ClusterSettings, TlsFiles};
pub use compile::CompileSettings;
pub use error::{ConfigError, Place, WrongValue};
pub use flags::NodeFlags;
pub use http::HttpSettings;
pub use layer::LARGEST_EVENT;
pub use limits::{ManifestLimits, PluginLimits};
pub(crate) use manifest::within_max_globs;
pub use manifest::{Allow, MAX_GLOBS, Manifest};
pub use node::{LogConfig, LogFormat, NodeConfig};
pub use quarantine::QuarantinePauses;

#[cfg(test)]
mod tests;
