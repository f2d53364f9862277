//! A look at a plugin's files before it is said that they have changed.

use tokio_util::task::AbortOnDropHandle;

use super::survey::Stamps;
use crate::plugin::code::disk::{Disk, DiskError};
use crate::plugin::life::files::Files;

/// A look under way.
pub(super) struct Looking {
    plugin: String,
    stamps: AbortOnDropHandle<Result<Stamps, DiskError>>,
}

impl Looking {
    /// Begins to look at the files of a plugin.
    pub(super) fn begin(plugin: String, files: Files, disk: Disk) -> Self {
        let looking = async move {
            let path = files.named().to_owned();
            disk.run(&path, move || Stamps::of(&files)).await
        };
        Self {
            plugin,
            stamps: AbortOnDropHandle::new(tokio::spawn(looking)),
        }
    }
}

/// A plugin whose files were looked at, and what was seen; never, while none is.
pub(super) async fn looked(looking: &mut Option<Looking>) -> (String, Option<Stamps>) {
    let Some(Looking { plugin, stamps }) = looking else {
        return std::future::pending().await;
    };
    let seen = match stamps.await {
        Ok(Ok(stamps)) => Some(stamps),
        Ok(Err(error)) => {
            tracing::debug!(%error, "cannot look at a plugin's files");
            None
        }
        Err(error) => {
            tracing::error!(%error, "looking at a plugin's files failed");
            None
        }
    };
    (plugin.clone(), seen)
}
