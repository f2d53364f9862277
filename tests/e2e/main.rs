//! The whole of Hearken through its public surface: real nodes, real compiled
//! plugins, real connections and processes.

mod access;
mod authoring;
mod capabilities;
mod channels;
mod cluster;
mod command_line;
mod compiling;
mod consumers;
mod coverage;
mod delivery;
mod fairness;
mod folder;
mod foreign;
mod frames;
#[cfg(target_os = "linux")]
mod full_disk;
mod gallery;
mod handover;
mod hostile;
mod http;
mod kept;
mod languages;
mod logs;
mod reload;
mod rights;
mod secrets;
mod secure;
mod session_hooks;
mod sessions;
mod shutdown;
mod startup;
mod support;
