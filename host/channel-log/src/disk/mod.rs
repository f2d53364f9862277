//! Logs on disk.
//!
//! What is appended is written to one **journal**, group by group, and synced; then it is
//! durable, and shown. Behind that the batches are written to **segments**, the files of
//! each channel, which are synced at **checkpoints**; the journal's files are removed then.
//! So an append costs one sync, whatever the number of channels, and a channel is read and
//! dropped as the contiguous files that it is.
//!
//! ```text
//! appends -> committer -> journal/          one write and one sync a group
//!               |  \---> bounds, answers    visible when durable
//!             filer ---> 7/00….log          segments of channel 7, checkpoints, dropping
//! others  -> keeper ---> channels.redb      settings, cells, what is synced, what is damaged
//! reads   -> reader <--- memory, segments   checked whenever read
//! ```
//!
//! # What holds whatever happens
//! - The first error on a write or sync ends the use of that file: after it a disk may
//!   report success for what it has lost. A full disk is no such error.
//! - A group is written only when the one before it is synced. So what is not whole at the
//!   journal's end was told to nobody, and is cut; what is not whole before that was
//!   acknowledged, and is **damage**: its numbers are told, never skipped, never given
//!   again.
//! - Nothing leaves the journal before it is synced in a segment, and no segment is removed
//!   before it is durable that it may be.
//!
//! # The folder
//! `journal/NUMBER.log`, `CHANNEL/FIRST.log`, `channels.redb`. Channels have numbers here,
//! never used twice; each segment's head has the channel's name and epoch, so that the
//! logs are found again without the catalogue.

mod buffers;
mod catalogue;
mod channel;
mod committer;
mod core;
pub mod device;
mod engine;
mod filer;
mod filing;
mod format;
mod journal;
mod keys;
mod losses;
mod orders;
mod paths;
mod queue;
mod reader;
mod recovery;
mod segment;
mod steps;
#[cfg(test)]
mod tests;
mod threads;
mod times;
mod walk;
mod writer;

use std::path::PathBuf;

pub use engine::DiskEngine;
pub use recovery::OpenError;
pub use steps::Steps;

/// Where the logs are, and how much they take together.
#[derive(Clone, Debug)]
pub struct DiskSettings {
    /// Where; the folder is made, the one that it is in must be there.
    pub folder: PathBuf,
    /// Most bytes of all channels' events; the journal takes up to 640 MiB more.
    pub max_bytes: u64,
    /// Most channels.
    pub max_channels: usize,
}
