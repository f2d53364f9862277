//! Configuration: of the node from defaults, `hearken.toml`, `HEARKEN_*`
//! variables and flags, and of each plugin from its manifest. A value that is
//! not understood is an error that says where it stands and what is right.

mod access;
mod address;
mod allow;
mod arguments;
mod bounds;
mod channels;
mod cluster;
mod compile;
mod consume;
mod document;
mod engine;
mod environment;
mod error;
#[cfg(test)]
mod field;
mod file;
mod flags;
mod form;
mod ganomede;
mod guest_text;
mod http;
mod http_grant;
mod limits;
mod log;
mod manifest;
mod name;
mod node;
mod pattern;
mod place;
mod policy;
mod quarantine;
mod rights;
mod secret;
mod sessions;
mod setting;
mod source;
mod sources;
mod table;

pub use allow::Allow;
pub use bounds::Bounds;
pub use channels::{ChannelsSettings, DeclaredChannel};
pub use cluster::{CLUSTER_PORT, ClusterSettings, TlsFiles};
pub use compile::CompileSettings;
pub use consume::{MAX_CONSUMED, ManifestConsume};
pub use engine::{Compat, ManifestEngine};
pub use error::{ConfigError, WrongValue};
pub use flags::NodeFlags;
pub use ganomede::{GanomedeSecret, GanomedeSettings, HiddenText, MAX_GANOMEDE_SECRET};
pub use http::{HttpSettings, HttpTlsFiles};
pub use http_grant::{HttpGrant, HttpHost};
pub use limits::{ManifestLimits, PluginLimits};
pub use log::{LogConfig, LogFormat};
pub use manifest::Manifest;
pub use name::{MAX_PLUGIN_NAME_BYTES, is_plugin_name};
pub use node::{LARGEST_EVENT, NodeConfig};
pub use pattern::MAX_GLOBS;
#[cfg(feature = "node")]
pub(crate) use pattern::within_max_globs;
pub use place::Place;
pub use policy::Policy;
pub use quarantine::QuarantinePauses;
pub use rights::{Rights, Withheld};
pub use secret::{GrantedSecret, SecretBound, SecretSource};
pub use sessions::PluginNamespaces;
pub use source::ConfigSource;

#[cfg(test)]
mod page;
#[cfg(test)]
mod tests;
