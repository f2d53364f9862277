//! Opening the channels of a node: those that are there, and those that its configuration
//! declares.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use hearken_channel_log::{CellError, ChannelInfo, ChannelName, Engine};

use super::channels::{Channels, Engines};
use super::error::SetFailure;
use super::extras::Extras;
use super::handle::{Channel, Opening};
use super::settings::{ChannelSettings, EngineKind};

/// Why the channels of a node are not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// What is kept beside a channel cannot be read.
    #[error("cannot open the channel `{name}`: {error}")]
    Channel {
        /// Its name.
        name: ChannelName,
        /// Why not.
        error: CellError,
    },
    /// A declared channel can be neither made nor changed.
    #[error("cannot have the channel `{name}` as it is declared: {error}")]
    Declared {
        /// Its name.
        name: ChannelName,
        /// Why not.
        error: SetFailure,
    },
    /// The channels are open already.
    #[error("the channels are open already")]
    Open,
}

impl Channels {
    /// Opens the channels that the engines have, and makes or changes those that are
    /// `declared` for this node. To be called once.
    ///
    /// # Errors
    /// [`OpenError`] says which channel cannot be had, and why.
    pub async fn open(
        &self,
        engines: Engines,
        declared: BTreeMap<ChannelName, ChannelSettings>,
    ) -> Result<(), OpenError> {
        let shared = &self.0;
        shared
            .engines
            .set(engines.clone())
            .map_err(|_| OpenError::Open)?;
        let here = |settings: &ChannelSettings| {
            let node = settings.node.as_deref();
            node.is_none_or(|node| node == &**shared.bus.node())
        };
        let declared: BTreeMap<_, _> = declared
            .into_iter()
            .filter(|(_, settings)| here(settings))
            .collect();
        for (kind, engine) in [
            (EngineKind::Disk, &engines.disk),
            (EngineKind::Memory, &engines.memory),
        ] {
            for info in engine.channels() {
                let name = info.name.clone();
                let is_declared = declared.contains_key(&name);
                let opened = self.open_one(kind, engine, info, is_declared).await;
                opened.map_err(|error| OpenError::Channel { name, error })?;
            }
        }
        for (name, settings) in declared {
            let set = self.declare(&name, settings).await;
            set.map_err(|error| OpenError::Declared { name, error })?;
        }
        shared.opened.store(true, Ordering::Release);
        Ok(())
    }

    async fn open_one(
        &self,
        kind: EngineKind,
        engine: &Arc<dyn Engine>,
        info: ChannelInfo,
        declared: bool,
    ) -> Result<(), CellError> {
        let name = info.name.clone();
        let opening = Opening {
            extras: Extras::read(&**engine, &name).await?,
            info,
            kind,
            engine: Arc::clone(engine),
            declared,
            tasks: self.0.tasks.clone(),
            gone: self.0.closing.child_token(),
        };
        let channel = Channel::open(opening);
        channel.keep_unread().await?;
        self.0.all_mut().insert(name, channel);
        Ok(())
    }
}
