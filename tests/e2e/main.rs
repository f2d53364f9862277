//! The whole of Hearken through its public surface: real nodes, real compiled
//! plugins, real connections and processes.

mod capabilities;
mod delivery;
mod foreign;
mod gallery;
mod hostile;
mod http;
mod reload;
mod support;
