//! The whole of Hearken through its public surface: real nodes, real compiled
//! plugins, real connections and processes.

mod delivery;
mod hostile;
mod reload;
mod support;
