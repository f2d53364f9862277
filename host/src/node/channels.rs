//! What keeps the node's channels.

use std::path::PathBuf;
use std::sync::Arc;

use hearken_channel_log::disk::device::FileSystem;
use hearken_channel_log::disk::{self, DiskEngine, DiskSettings};
use hearken_channel_log::memory::{Memory, MemorySettings};

use super::error::NodeError;
use crate::channel::{CHANNELS_FOLDER, Channels, Engines, NodeEnvironment};
use crate::clock::Clock;
use crate::config::ChannelsSettings;

/// What is needed to open the channels of a node.
pub(super) struct Closed {
    pub(super) channels: Channels,
    pub(super) settings: ChannelsSettings,
    /// The node's data folder, which is there.
    pub(super) data: PathBuf,
    pub(super) clock: Arc<dyn Clock>,
}

impl Closed {
    /// Opens them, which reads what the last end of the node has left.
    pub(super) async fn open(self) -> Result<(), NodeError> {
        let declared = self.settings.declared.iter();
        let declared = declared.map(|(name, channel)| (name.clone(), channel.settings.clone()));
        let declared = declared.collect();
        let channels = self.channels.clone();
        let engines = tokio::task::spawn_blocking(move || self.engines()).await??;
        channels.open(engines, declared).await?;
        Ok(())
    }

    /// Blocks while the disk is read.
    fn engines(self) -> Result<Engines, disk::OpenError> {
        let environment = Arc::new(NodeEnvironment::new(self.clock));
        let ChannelsSettings {
            max_bytes,
            max_channels,
            ..
        } = self.settings;
        let settings = DiskSettings {
            folder: self.data.join(CHANNELS_FOLDER),
            max_bytes,
            max_channels,
        };
        let disk = DiskEngine::open(environment.clone(), Arc::new(FileSystem), settings)?;
        let settings = MemorySettings {
            max_channels,
            ..MemorySettings::default()
        };
        Ok(Engines {
            disk: Arc::new(disk),
            memory: Arc::new(Memory::new(environment, settings)),
        })
    }
}
