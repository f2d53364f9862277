//! Where what a node keeps is found without the node.

use std::path::PathBuf;

use clap::Args;

use crate::plugin::BenchFolders;

/// Where engines are that were added.
#[derive(Args, Debug)]
pub(in crate::cli) struct Data {
    /// Data folder of the node, for engines that were added and what was compiled
    #[arg(long, value_name = "DIR", default_value = "data", env = "HEARKEN_DATA")]
    pub(super) data: PathBuf,

    /// The folder in which programs keep for a user what they can make again
    #[arg(skip = user_cache())]
    cache: Option<PathBuf>,
}

impl Data {
    pub(super) fn folders(&self) -> BenchFolders<'_> {
        BenchFolders {
            data: &self.data,
            cache: self.cache.as_deref(),
        }
    }
}

/// Where the user's programs keep what they can make again, as the system has it; none if that
/// is nowhere.
fn user_cache() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cache = match cfg!(windows) {
        true => folder("LOCALAPPDATA"),
        // What is relative is to be ignored, says whoever has made this variable up.
        false => folder("XDG_CACHE_HOME")
            .filter(|folder| folder.is_absolute())
            .or_else(|| folder("HOME").map(|home| home.join(".cache"))),
    };
    let cache = cache.filter(|cache| cache.is_absolute())?;
    Some(cache.join("hearken"))
}
