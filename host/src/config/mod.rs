//! Configuration: of the node from defaults, `hearken.toml`, `HEARKEN_*`
//! variables and flags, and of each plugin from its manifest. A value that is
//! not understood is an error that says where it stands and what is right.

mod access;
mod address;
mod arguments;
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
mod limits;
mod log;
mod manifest;
mod name;
mod node;
mod place;
mod quarantine;
mod setting;
mod source;
mod sources;
mod table;

pub use cluster::{CLUSTER_PORT, ClusterSettings, TlsFiles};
pub use compile::CompileSettings;
pub use error::{ConfigError, WrongValue};
pub use flags::NodeFlags;
pub use http::HttpSettings;
pub use limits::{ManifestLimits, PluginLimits};
pub use log::{LogConfig, LogFormat};
#[cfg(feature = "node")]
pub(crate) use manifest::within_max_globs;
pub use manifest::{Allow, MAX_GLOBS, Manifest};
pub use node::{LARGEST_EVENT, NodeConfig};
pub use place::Place;
pub use quarantine::QuarantinePauses;
pub use source::ConfigSource;

#[cfg(test)]
mod page;
#[cfg(test)]
mod tests;
