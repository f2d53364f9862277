//! Making and removing channels.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Keeper;
use crate::disk::catalogue::{self, Progress, Row};
use crate::disk::channel::{Channel, Segment, State};
use crate::disk::core::disk_fault;
use crate::disk::device::is_full;
use crate::disk::format::SegmentHead;
use crate::disk::{paths, writer};
use crate::{
    ChannelError, ChannelInfo, ChannelName, CreateError, Epoch, LogSettings, StorageFault,
};

impl Keeper {
    pub(super) fn create(
        &mut self,
        name: ChannelName,
        settings: LogSettings,
    ) -> Result<ChannelInfo, CreateError> {
        let core = &self.core;
        if core.channels.get(&name).is_some() {
            return Err(CreateError::Exists(name));
        }
        let most = core.settings.max_channels;
        if core.channels.len() >= most {
            return Err(CreateError::TooMany(most));
        }
        if let Some(fault) = core.fault() {
            return Err(CreateError::Storage(fault.clone()));
        }
        let id = self.next_id;
        self.next_id += 1;
        let epoch = Epoch::new(core.environment.random());
        let created = core.environment.now_millis();
        let head = SegmentHead {
            store: core.store,
            channel: id,
            epoch: epoch.bits(),
            first: 1,
            created,
            name: name.clone(),
        };
        let synced = self.make_folder(&head).map_err(CreateError::Storage)?;
        let progress = Progress {
            segment: 1,
            synced,
            last: 0,
            time: 0,
        };
        let row = Row {
            id,
            name: name.clone(),
            epoch,
            created,
            removing: false,
            settings: settings.clone(),
            kept_from: None,
            first: 1,
            progress,
            losses: Vec::new(),
        };
        let added = core
            .catalogue
            .write(true, |write| catalogue::add(write, &row));
        added.map_err(|fault| {
            self.fail(&fault);
            CreateError::Storage(fault.fault)
        })?;
        self.volatile = false;
        let mut state = State::new(settings, None);
        // There are none that it could know.
        state.keys_known = true;
        state.segments = Some(vec![Segment {
            first: 1,
            bytes: synced,
        }]);
        let channel = Arc::new(Channel::new((id, name), (epoch, created), state));
        self.core.channels.add(Arc::clone(&channel));
        Ok(channel.info())
    }

    /// Makes the folder of a channel with its first segment, so that the channel can be
    /// found again without the catalogue; returns how long that is.
    fn make_folder(&self, head: &SegmentHead) -> Result<u64, StorageFault> {
        let core = &self.core;
        let folder = paths::channel(&core.settings.folder, head.channel);
        let make = || -> io::Result<u64> {
            core.device.create_folder(&folder)?;
            let (_, bytes) = writer::make_segment(core.device.as_ref(), &folder, head)?;
            core.device.sync_folder(&core.settings.folder)?;
            Ok(bytes)
        };
        make().map_err(|error| {
            if is_full(&error) {
                self.core.filing.set_full(true);
            }
            // What is left behind is removed at the next start, having no event.
            disk_fault(&folder, &error)
        })
    }

    pub(super) fn remove(&mut self, name: &ChannelName) -> Result<(), ChannelError> {
        let core = &self.core;
        let Some(channel) = core.channels.get(name) else {
            return Err(ChannelError::NoChannel(name.clone()));
        };
        let row = (channel.id, name, channel.epoch, channel.created);
        let removed = core
            .catalogue
            .write(true, |write| catalogue::set_removing(write, row));
        removed.map_err(|fault| {
            self.fail(&fault);
            ChannelError::Storage(fault.fault)
        })?;
        self.volatile = false;
        core.channels.remove(name);
        let mut state = channel.state();
        let unfiled: usize = state.unfiled().iter().map(|batch| batch.bytes()).sum();
        core.bytes.fetch_sub(state.bytes, Ordering::Relaxed);
        let in_memory = state.end();
        drop(state);
        core.recent_bytes.fetch_sub(in_memory, Ordering::Relaxed);
        core.filing.filed(unfiled as u64);
        core.filing.remove(channel);
        Ok(())
    }
}
