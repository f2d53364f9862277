//! Opens the node's database.

use std::path::Path;
use std::sync::Arc;

use super::error::NodeError;
use crate::bus::Bus;
use crate::clock::Clock;
use crate::store::Store;

/// Its file in the data folder.
const FILE: &str = "records.redb";

/// Opens the database in the data folder; makes both if missing.
pub(super) fn open(
    data: &Path,
    bus: &Bus,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<Store>, NodeError> {
    std::fs::create_dir_all(data).map_err(|source| NodeError::DataFolder {
        path: data.to_owned(),
        source,
    })?;
    let path = data.join(FILE);
    Store::open(&path, bus.clone(), Arc::clone(clock))
        .map_err(|source| NodeError::Store { path, source })
}
