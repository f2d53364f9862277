//! Configuration: of the node from defaults, `hearken.toml`, `HEARKEN_*`
//! variables and flags, and of each plugin from its manifest. A value that is
//! not understood is an error that says where it stands and what is right.

mod document;
mod error;
mod form;
mod limits;
mod manifest;

pub use error::{ConfigError, Place};
pub use limits::{ManifestLimits, PluginLimits};
pub use manifest::{Allow, Manifest};
