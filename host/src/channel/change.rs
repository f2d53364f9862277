//! Making, changing and removing channels.

use std::sync::Arc;

use hearken_channel_log::{
    ChangeError, ChannelError, ChannelInfo, ChannelName, CreateError, Epoch, LogSettings, Span,
};
use tokio::time::timeout;

use super::channels::{Channels, TURN};
use super::error::{OperateFailure, SetFailure};
use super::extras::Extras;
use super::field::{FieldPath, IndexName};
use super::handle::{Channel, Opening};
use super::settings::{ChannelSettings, EngineKind, MAX_INDEXES};
use super::timeout::in_time;
use crate::event::host_event::{ChannelChanged, HostEventType};

/// What became of a channel that was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    /// It was made.
    Created,
    /// It was there, and is set so now.
    Changed,
}

/// A position that the end of a channel is expected to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpectedEnd {
    /// Of which log, if that matters.
    pub epoch: Option<Epoch>,
    /// Number of the last event; anything will do where there is none.
    pub last: Option<u64>,
}

impl Channels {
    /// Makes a channel with these settings, or changes the one that is there to them, unless
    /// it has to be `new`. Its engine and node stay; `engine` is the one that was asked for.
    ///
    /// # Errors
    /// [`SetFailure`] says why not.
    pub async fn set(
        &self,
        name: &ChannelName,
        settings: ChannelSettings,
        engine: Option<EngineKind>,
        new: bool,
    ) -> Result<(Arc<Channel>, Set), SetFailure> {
        let (this, name) = (self.clone(), name.clone());
        let set = async move { this.set_now(&name, settings, engine, new).await };
        self.0.whole(set).await.unwrap_or(Err(SetFailure::Busy))
    }

    async fn set_now(
        &self,
        name: &ChannelName,
        settings: ChannelSettings,
        engine: Option<EngineKind>,
        new: bool,
    ) -> Result<(Arc<Channel>, Set), SetFailure> {
        let _turn = self.0.turn().await.ok_or(SetFailure::Busy)?;
        let there = self.there(name);
        if there.as_ref().is_some_and(|channel| channel.is_declared()) {
            return Err(SetFailure::Declared(name.to_string()));
        }
        if new && there.is_some() {
            return Err(SetFailure::Exists(name.to_string()));
        }
        self.make_or_change(name, settings, engine, there, false)
            .await
    }

    /// The same for a channel that the configuration declares.
    pub(super) async fn declare(
        &self,
        name: &ChannelName,
        settings: ChannelSettings,
    ) -> Result<(), SetFailure> {
        let there = self.there(name);
        let engine = Some(settings.engine);
        self.make_or_change(name, settings, engine, there, true)
            .await?;
        Ok(())
    }

    /// The channel of this name, for whoever has the turn to change it. One that its engine has
    /// removed, later than was waited for, is none any more.
    pub(super) fn there(&self, name: &ChannelName) -> Option<Arc<Channel>> {
        let channel = self.get(name.as_str())?;
        if channel.info().is_ok() {
            return Some(channel);
        }
        channel.gone.cancel();
        self.0.all_mut().remove(name);
        None
    }

    async fn make_or_change(
        &self,
        name: &ChannelName,
        settings: ChannelSettings,
        engine: Option<EngineKind>,
        there: Option<Arc<Channel>>,
        declared: bool,
    ) -> Result<(Arc<Channel>, Set), SetFailure> {
        let this = self.0.bus.node();
        if let Some(node) = settings.node.as_deref().filter(|node| *node != &**this) {
            return Err(SetFailure::Node {
                node: node.to_owned(),
                this: this.to_string(),
            });
        }
        match there {
            Some(channel) => {
                if engine.is_some_and(|engine| engine != channel.engine_kind()) {
                    return Err(SetFailure::Engine {
                        name: name.to_string(),
                        engine: channel.engine_kind().as_str(),
                    });
                }
                channel.change(&settings).await?;
                Ok((channel, Set::Changed))
            }
            None => {
                let extras = Extras::of(&settings);
                let channel = self.make(name, &settings, extras, declared).await?;
                Ok((channel, Set::Created))
            }
        }
    }

    /// Makes a channel that there is not.
    pub(super) async fn make(
        &self,
        name: &ChannelName,
        settings: &ChannelSettings,
        extras: Extras,
        declared: bool,
    ) -> Result<Arc<Channel>, SetFailure> {
        let engine = self.0.engine(settings.engine).ok_or(SetFailure::Busy)?;
        let created = engine.create(name, &settings.log);
        let info = match in_time(created, CreateError::Storage).await {
            Ok(info) => info,
            // Made before, when what goes with it could not be written.
            Err(CreateError::Exists(_)) => {
                in_time(engine.change(name, &settings.log), ChangeError::Storage).await?
            }
            Err(error) => return Err(error.into()),
        };
        extras.write(&*engine, name, &settings.log).await?;
        let epoch = info.epoch;
        let channel = Channel::open(Opening {
            info,
            kind: settings.engine,
            engine,
            declared,
            extras,
            fault: None,
            tasks: self.0.tasks.clone(),
            verify_turn: Arc::clone(&self.0.verify_turn),
            gone: self.0.closing.child_token(),
        });
        if let Err(error) = channel.keep_unread().await {
            // Whoever makes it again begins anew.
            channel.gone.cancel();
            return Err(error.into());
        }
        self.0.all_mut().insert(name.clone(), Arc::clone(&channel));
        tracing::info!(channel = %name, %epoch, "made a channel");
        self.tell(HostEventType::ChannelCreated, name, epoch);
        Ok(channel)
    }

    /// Gives a channel one index more, or one of that name another field.
    ///
    /// # Errors
    /// [`SetFailure`] says why not.
    pub async fn add_index(
        &self,
        channel: &Arc<Channel>,
        name: IndexName,
        field: FieldPath,
    ) -> Result<(), SetFailure> {
        let (this, channel) = (self.clone(), Arc::clone(channel));
        let add = async move { this.add_index_now(&channel, name, field).await };
        self.0.whole(add).await.unwrap_or(Err(SetFailure::Busy))
    }

    async fn add_index_now(
        &self,
        channel: &Arc<Channel>,
        name: IndexName,
        field: FieldPath,
    ) -> Result<(), SetFailure> {
        let _turn = self.0.turn().await.ok_or(SetFailure::Busy)?;
        if channel.is_declared() {
            return Err(SetFailure::Declared(channel.name().to_string()));
        }
        // It may have been made anew since it was found.
        let log = channel.present()?.settings;
        let fault = channel.fault().clone();
        if let Some(fault) = fault {
            return Err(ChangeError::Storage(fault).into());
        }
        let mut extras = channel.extras().clone();
        let before = extras.indexes.insert(name, field.clone());
        if before.as_ref() == Some(&field) {
            return Ok(());
        }
        if extras.indexes.len() > MAX_INDEXES {
            return Err(SetFailure::Indexes);
        }
        channel.set_extras(extras, &log).await
    }

    /// Removes a channel with all its events, if it ends as expected.
    ///
    /// # Errors
    /// [`OperateFailure`] says why not.
    pub async fn remove(
        &self,
        channel: &Arc<Channel>,
        expected: ExpectedEnd,
    ) -> Result<(), OperateFailure> {
        let (this, channel) = (self.clone(), Arc::clone(channel));
        let remove = async move { this.remove_now(&channel, expected).await };
        self.0
            .whole(remove)
            .await
            .unwrap_or(Err(OperateFailure::Busy))
    }

    async fn remove_now(
        &self,
        channel: &Channel,
        expected: ExpectedEnd,
    ) -> Result<(), OperateFailure> {
        let name = channel.name();
        let _turn = self.0.turn().await.ok_or(OperateFailure::Busy)?;
        if channel.is_declared() {
            return Err(OperateFailure::Declared(name.to_string()));
        }
        channel.check_epoch(expected.epoch)?;
        // Nothing is appended between the look at its end and its own.
        let shut = channel.outlet.shut();
        let idle = timeout(TURN, shut.idle()).await;
        idle.map_err(|_| OperateFailure::Busy)?;
        channel.remove(expected.last).await?;
        shut.for_good();
        let epoch = channel.epoch();
        channel.gone.cancel();
        self.0.all_mut().remove(name);
        tracing::info!(channel = %name, %epoch, "removed a channel");
        self.tell(HostEventType::ChannelDeleted, name, epoch);
        Ok(())
    }

    fn tell(&self, what: HostEventType, name: &ChannelName, epoch: Epoch) {
        let data = ChannelChanged {
            channel: name.to_string(),
            epoch: epoch.to_string(),
            node: self.0.bus.node().to_string(),
        };
        self.0.host.publish_host(what, name.as_str(), &data);
    }
}

impl Channel {
    /// Writes only what differs.
    pub(super) async fn change(
        self: &Arc<Self>,
        settings: &ChannelSettings,
    ) -> Result<(), SetFailure> {
        settings.log.check().map_err(ChangeError::from)?;
        let before = self.extras().clone();
        let extras = Extras {
            // It stays where it is, and whose it is unless somebody declares it.
            node: before.node.clone(),
            namespace: before
                .namespace
                .clone()
                .filter(|name| !name.is_empty() && !self.is_declared()),
            ..Extras::of(settings)
        };
        let is_known = self.fault().is_none();
        if !is_known || before != extras || self.present()?.settings != settings.log {
            self.set_extras(extras, &settings.log).await?;
        }
        *self.fault() = None;
        self.hold_to(&settings.log).await
    }

    /// From now on that is what the room adds, beside what the engine is to hold to. It is
    /// written before it holds.
    pub(super) async fn set_extras(
        self: &Arc<Self>,
        extras: Extras,
        log: &LogSettings,
    ) -> Result<(), SetFailure> {
        extras.write(&*self.engine, &self.name, log).await?;
        let before = std::mem::replace(&mut *self.extras(), extras);
        // Before anything that can fail or wait: from now on they are asked.
        if before.indexes != self.extras().indexes {
            self.follow_indexes();
        }
        Ok(())
    }

    /// What the engine knows of it, for a change.
    pub(super) fn present(&self) -> Result<ChannelInfo, ChangeError> {
        let info = self.known();
        info.ok_or_else(|| ChangeError::NoChannel(self.name.clone()))
    }

    /// Removes it, if its last event has the expected number.
    async fn remove(&self, expected: Option<u64>) -> Result<(), OperateFailure> {
        let last = self.info()?.last;
        if expected.is_some_and(|expected| expected != last) {
            return Err(OperateFailure::Conflict { last });
        }
        Ok(in_time(self.engine.remove(&self.name), ChannelError::Storage).await?)
    }

    /// What the engine knows of it.
    ///
    /// # Errors
    /// [`ChannelError::NoChannel`] once it is removed.
    pub fn info(&self) -> Result<ChannelInfo, ChannelError> {
        let info = self.known();
        info.ok_or_else(|| ChannelError::NoChannel(self.name.clone()))
    }

    /// Drops the events with numbers below `before`, for good; returns the number of the
    /// oldest that is kept then.
    ///
    /// # Errors
    /// [`OperateFailure`] says why not.
    pub async fn trim(&self, before: u64) -> Result<u64, OperateFailure> {
        let last = self.info()?.last;
        let before = before.min(last.saturating_add(1));
        let trimmed = self.engine.trim(&self.name, before);
        let bounds = in_time(trimmed, ChannelError::Storage).await?;
        Ok(bounds.first)
    }

    /// Gives up the events that are known to be damaged; returns their numbers.
    ///
    /// # Errors
    /// [`OperateFailure`] says why not.
    pub async fn repair(&self) -> Result<Vec<Span>, OperateFailure> {
        self.info()?;
        let repaired = self.engine.repair(&self.name);
        Ok(in_time(repaired, ChannelError::Storage).await?)
    }
}
