//! Opening the channels of a node: those that are there, and those that its configuration
//! declares.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hearken_channel_log::{
    CellError, ChangeError, ChannelInfo, ChannelName, CreateError, Engine, StorageFault,
};
use tokio::time::sleep;

use super::channels::{Channels, Engines, Undone};
use super::error::SetFailure;
use super::extras::Extras;
use super::handle::{Channel, Opening};
use super::settings::{ChannelSettings, EngineKind};
use crate::panics::keep_going;

/// Pause before what the storage has kept from being done is tried again.
const PAUSE: Duration = Duration::from_secs(10);

/// Why the channels of a node are not opened. What the storage does not do is no reason: a
/// node with a full or a broken disk starts, so that it can be looked after.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A declared channel contradicts the one that is there.
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
    /// `declared` for this node; what the storage does not do of that is tried again and again
    /// later. To be called once.
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
                let declared = declared.get(&info.name);
                self.open_one(kind, engine, info, declared).await;
            }
        }
        for (name, settings) in declared {
            match self.declare(&name, settings.clone()).await {
                Ok(()) => {}
                Err(error) if may_pass(&error) => self.put_off(name, settings, &error),
                Err(error) => return Err(OpenError::Declared { name, error }),
            }
        }
        shared.opened.store(true, Ordering::Release);
        if !shared.undone().is_empty() {
            let (this, closing) = (self.clone(), shared.closing.clone());
            let catch_up = async move {
                keep_going("who makes channels as they are declared", || {
                    this.catch_up()
                })
                .await;
            };
            shared
                .tasks
                .spawn(async move { closing.run_until_cancelled(catch_up).await });
        }
        shared.changed();
        Ok(())
    }

    /// Notes that a channel is not as it is declared.
    fn put_off(&self, name: ChannelName, settings: ChannelSettings, error: &SetFailure) {
        tracing::error!(channel = %name, %error, "a channel is not as the configuration declares it");
        let reason = error.to_string();
        let undone = Undone { settings, reason };
        self.0.undone().insert(name, undone);
    }

    /// Makes and changes channels as they are declared, until all are.
    async fn catch_up(&self) {
        loop {
            sleep(PAUSE).await;
            let undone: Vec<_> = {
                let undone = self.0.undone();
                let settings = undone.iter();
                settings
                    .map(|(name, undone)| (name.clone(), undone.settings.clone()))
                    .collect()
            };
            if undone.is_empty() {
                return;
            }
            for (name, settings) in undone {
                let Some(_turn) = self.0.turn().await else {
                    continue;
                };
                match self.declare(&name, settings).await {
                    Ok(()) => tracing::info!(channel = %name, "the channel is as it is declared"),
                    Err(error) if may_pass(&error) => continue,
                    Err(error) => {
                        tracing::error!(channel = %name, %error, "the channel cannot be as it is declared");
                    }
                }
                self.0.undone().remove(&name);
            }
        }
    }

    /// Opens a channel that an engine has; as failed, if what goes with it cannot be read.
    async fn open_one(
        &self,
        kind: EngineKind,
        engine: &Arc<dyn Engine>,
        info: ChannelInfo,
        declared: Option<&ChannelSettings>,
    ) {
        let name = info.name.clone();
        let (extras, log, fault) = match Extras::read(&**engine, &name).await {
            Ok((extras, log)) => (extras, log, None),
            Err(error) => {
                tracing::error!(channel = %name, %error, "a channel takes no events: its settings cannot be read");
                (Extras::default(), None, Some(fault_of(error)))
            }
        };
        let log = log.unwrap_or_else(|| info.settings.clone());
        let is_known = fault.is_none();
        let channel = Channel::open(Opening {
            extras,
            fault,
            info,
            kind,
            engine: Arc::clone(engine),
            declared: declared.is_some(),
            tasks: self.0.tasks.clone(),
            verify_turn: Arc::clone(&self.0.verify_turn),
            gone: self.0.closing.child_token(),
        });
        self.0.all_mut().insert(name.clone(), Arc::clone(&channel));
        // What is declared is set in a moment, and what nobody knows is left as it is.
        if declared.is_none()
            && is_known
            && let Err(error) = channel.hold_to(&log).await
        {
            tracing::warn!(channel = %name, %error, "a channel keeps what it has kept before");
        }
    }
}

/// Whether a channel may be as it is declared later: the storage is full or fails.
fn may_pass(error: &SetFailure) -> bool {
    matches!(
        error,
        SetFailure::Create(
            CreateError::Storage(_) | CreateError::TooMany(_) | CreateError::Overloaded
        ) | SetFailure::Change(ChangeError::Storage(_) | ChangeError::Overloaded)
            | SetFailure::Cell(_)
            | SetFailure::Busy
    )
}

fn fault_of(error: CellError) -> StorageFault {
    match error {
        CellError::Storage(fault) => fault,
        error => StorageFault::new(error.to_string()),
    }
}
