//! What the logs must hold.

mod cells;
mod log;

pub(crate) use cells::ModelCells;
pub(crate) use log::{LARGE, ModelLog, Started, Submitted};
