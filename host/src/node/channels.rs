//! What keeps the node's channels.

use std::path::PathBuf;
use std::sync::Arc;

use hearken_channel_log::disk::device::FileSystem;
use hearken_channel_log::disk::{self, DiskEngine, DiskSettings};
use hearken_channel_log::memory::{Memory, MemorySettings};
use tokio::sync::oneshot;

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
        let engines = self.engines_on_a_thread().await?;
        channels.open(engines, declared).await?;
        Ok(())
    }

    /// On a thread of its own: a disk that hangs keeps no node from ending, as a thread of the
    /// runtime would.
    async fn engines_on_a_thread(self) -> Result<Engines, disk::OpenError> {
        let (done, is_done) = oneshot::channel();
        // Nobody may wait any more.
        let open = move || drop(done.send(self.engines()));
        let thread = std::thread::Builder::new().name("channels-open".to_owned());
        let failed = disk::OpenError::Thread;
        let spawned = thread.spawn(open);
        spawned.map_err(|error| failed(error.to_string()))?;
        let engines = is_done.await;
        engines.unwrap_or_else(|_| Err(failed("it has panicked".to_owned())))
    }

    /// Blocks while the disk is read.
    fn engines(self) -> Result<Engines, disk::OpenError> {
        allow_open_files();
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

/// Has the process have as many files open as the system lets it: where services get few
/// unless they ask, channels that are written and connections would soon need more. Who is
/// refused lives with what there is.
fn allow_open_files() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        if current != maximum {
            let wanted = Rlimit {
                current: maximum,
                maximum,
            };
            let _ = setrlimit(Resource::Nofile, wanted);
        }
    }
}
