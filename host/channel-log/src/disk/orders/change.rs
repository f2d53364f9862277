//! Changing channels.

use std::sync::Arc;

use super::Keeper;
use crate::disk::catalogue::{self, CatalogueFault};
use crate::disk::channel::Channel;
use crate::disk::losses;
use crate::{
    Bounds, ChangeError, ChannelError, ChannelInfo, ChannelName, LogSettings, Span, StorageFault,
};

impl Keeper {
    pub(super) fn change(
        &mut self,
        name: &ChannelName,
        settings: LogSettings,
    ) -> Result<ChannelInfo, ChangeError> {
        let Some(channel) = self.core.channels.get(name) else {
            return Err(ChangeError::NoChannel(name.clone()));
        };
        let kept_from = channel.state().kept_from;
        let changed = self.core.catalogue.write(true, |write| {
            catalogue::set_settings(write, channel.id, &settings, kept_from)
        });
        self.noted(true, changed).map_err(ChangeError::Storage)?;
        let mut state = channel.state();
        state.settings = settings;
        state.held_back = false;
        state.drop_by_count();
        drop(state);
        self.core.filing.has_to_drop();
        Ok(channel.info())
    }

    pub(super) fn keep(
        &mut self,
        channel: &Channel,
        from: Option<u64>,
    ) -> Result<(), ChannelError> {
        let (settings, before) = {
            let state = channel.state();
            (state.settings.clone(), state.kept_from)
        };
        // What keeps more than it should after a crash does no harm.
        let durable = match (before, from) {
            (Some(_), None) => false,
            (Some(before), Some(from)) => from < before,
            (None, from) => from.is_some(),
        };
        let kept = self.core.catalogue.write(durable, |write| {
            catalogue::set_settings(write, channel.id, &settings, from)
        });
        self.noted(durable, kept).map_err(ChannelError::Storage)?;
        let mut state = channel.state();
        state.kept_from = from;
        state.held_back = false;
        state.drop_by_count();
        drop(state);
        self.core.filing.has_to_drop();
        Ok(())
    }

    pub(super) fn trim(&mut self, channel: &Channel, before: u64) -> Result<Bounds, ChannelError> {
        let bounds = {
            let state = channel.state();
            if let Some(fault) = &state.failed {
                // What it has given may be more than it shows.
                return Err(ChannelError::Storage(fault.clone()));
            }
            state.bounds
        };
        let first = before.clamp(bounds.first, bounds.last.saturating_add(1));
        if before <= 1 {
            return Ok(bounds);
        }
        // Also when the settings have dropped as much: that may not be durable.
        let trimmed = self
            .core
            .catalogue
            .write(true, |write| catalogue::set_first(write, channel.id, first));
        self.noted(true, trimmed).map_err(ChannelError::Storage)?;
        let mut state = channel.state();
        state.bounds.first = state.bounds.first.max(first);
        state.held_back = false;
        state.show_bounds();
        let bounds = state.bounds;
        drop(state);
        self.core.filing.has_to_drop();
        Ok(bounds)
    }

    pub(super) fn repair(&mut self, channel: &Channel) -> Result<Vec<Span>, ChannelError> {
        let mut losses = channel.state().losses.clone();
        let given_up = losses::give_up(&mut losses);
        if given_up.is_empty() {
            return Ok(given_up);
        }
        let noted = self.core.catalogue.write(true, |write| {
            catalogue::set_losses(write, channel.id, &losses)
        });
        self.noted(true, noted).map_err(ChannelError::Storage)?;
        let mut state = channel.state();
        // What was found meanwhile is not given up.
        let found = losses::damaged(&state.losses);
        for span in found {
            losses::add(&mut losses, span);
        }
        state.losses = losses;
        Ok(given_up)
    }

    /// Has the catalogue know the losses of a channel. They are found again if it fails.
    pub(super) fn note_losses(&mut self, channel: &Arc<Channel>) {
        let (losses, removed) = {
            let state = channel.state();
            (state.losses.clone(), state.removed)
        };
        if !removed {
            let noted = self.core.catalogue.write(true, |write| {
                catalogue::set_losses(write, channel.id, &losses)
            });
            // It is told to whoever changes something next.
            let _ = self.noted(true, noted);
        }
    }

    fn noted(
        &mut self,
        durable: bool,
        result: Result<(), CatalogueFault>,
    ) -> Result<(), StorageFault> {
        match result {
            Ok(()) => {
                self.volatile = !durable;
                Ok(())
            }
            Err(fault) => {
                self.fail(&fault);
                Err(fault.fault)
            }
        }
    }
}
