//! A plugin's life: its files in the folder, loading them, supervising the version in
//! force, and the status that operators see.

pub(super) mod artifact;
pub(super) mod attempt;
pub(super) mod carrying;
pub(super) mod consumption;
pub(super) mod copying;
pub(super) mod current;
pub(super) mod declared;
pub(super) mod engines;
pub(super) mod entry;
pub(super) mod files;
pub(super) mod folder;
pub(super) mod inspect;
pub(super) mod listener;
pub(super) mod load;
pub(super) mod load_error;
pub(super) mod loading;
mod maps;
mod packages;
pub(super) mod plugins;
pub(super) mod replaying;
pub(super) mod requests;
pub(super) mod retry;
pub(super) mod runner;
pub(super) mod snapshotting;
pub(super) mod status;
pub(super) mod supervisor;
pub(super) mod texts;
pub(super) mod workbench;
