//! Where what a node keeps is found without the node.

use std::path::PathBuf;

use clap::Args;

/// Where engines are that were added.
#[derive(Args, Debug)]
pub(in crate::cli) struct Data {
    /// Data folder of the node, for engines that were added and what was compiled
    #[arg(long, value_name = "DIR", default_value = "data", env = "HEARKEN_DATA")]
    pub(super) data: PathBuf,
}
