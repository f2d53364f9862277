//! Channels of a node that is not running.

use std::path::Path;
use std::sync::Arc;

use hearken_channel_log::disk::device::FileSystem;
use hearken_channel_log::disk::{DiskEngine, DiskSettings};
use hearken_channel_log::{ChannelError, ChannelName, Engine, Span};

use super::error::ChannelCommandError;
use crate::channel::{CHANNELS_FOLDER, NodeEnvironment};
use crate::cli::client::{Damage, Numbers};
use crate::clock::SystemClock;

/// Reads all of a channel.
pub(super) async fn verify(data: &Path, name: &str) -> Result<Damage, ChannelCommandError> {
    let (engine, channel) = open(data, name)?;
    let found = engine.verify(&channel).await;
    close(engine, data, name, found).await
}

/// Gives up what is damaged of a channel.
pub(super) async fn repair(data: &Path, name: &str) -> Result<Damage, ChannelCommandError> {
    let (engine, channel) = open(data, name)?;
    // What nobody has read is not known to be damaged.
    let given_up = match engine.verify(&channel).await {
        Ok(_) => engine.repair(&channel).await,
        Err(error) => Err(error),
    };
    close(engine, data, name, given_up).await
}

fn open(data: &Path, name: &str) -> Result<(DiskEngine, ChannelName), ChannelCommandError> {
    let failed = |reason: String| ChannelCommandError::Data {
        data: data.to_owned(),
        reason,
    };
    let channel = ChannelName::new(name).map_err(|error| failed(error.to_string()))?;
    let folder = data.join(CHANNELS_FOLDER);
    // A folder that is not there is not made.
    if !folder.is_dir() {
        return Err(failed("no node has kept channels there".to_owned()));
    }
    let environment = Arc::new(NodeEnvironment::new(Arc::new(SystemClock)));
    let settings = DiskSettings {
        folder,
        // Nothing is added.
        max_bytes: u64::MAX,
        max_channels: usize::MAX,
    };
    let engine = DiskEngine::open_to_inspect(environment, Arc::new(FileSystem), settings);
    let engine = engine.map_err(|error| failed(format!("{error}; does the node still run?")))?;
    Ok((engine, channel))
}

async fn close(
    engine: DiskEngine,
    data: &Path,
    name: &str,
    found: Result<Vec<Span>, ChannelError>,
) -> Result<Damage, ChannelCommandError> {
    engine.close().await;
    let ranges = found.map_err(|error| ChannelCommandError::Data {
        data: data.to_owned(),
        reason: error.to_string(),
    })?;
    let numbers = |span: &Span| Numbers {
        first: span.first,
        last: span.last,
    };
    Ok(Damage {
        channel: name.to_owned(),
        ranges: ranges.iter().map(numbers).collect(),
    })
}
