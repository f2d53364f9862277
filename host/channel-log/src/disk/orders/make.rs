//! Making and removing channels.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Keeper;
use super::doubt::Doubt;
use crate::disk::catalogue::{self, CatalogueFault, Progress, Row};
use crate::disk::channel::{Channel, Segment, State};
use crate::disk::core::disk_fault;
use crate::disk::device::is_full;
use crate::disk::format::SegmentHead;
use crate::disk::keys::Keys;
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
        if let Some(fault) = self.doubted(&name) {
            return Err(CreateError::Storage(fault));
        }
        let most = core.settings.max_channels;
        if core.channels.len() >= most {
            return Err(CreateError::TooMany(most));
        }
        if let Some(fault) = core.fault() {
            return Err(CreateError::Storage(fault.clone()));
        }
        if core.filing.is_unnoted() {
            let text = "the disk was full when the node started; make room, and try again";
            return Err(CreateError::Storage(StorageFault::new(text)));
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
        let synced = match self.make_folder(&head) {
            Ok(synced) => synced,
            Err(fault) => {
                self.remove_folder(id);
                return Err(CreateError::Storage(fault));
            }
        };
        let progress = Progress {
            segment: 1,
            synced,
            last: 0,
            time: 0,
            batch: 0,
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
            given: 0,
        };
        let added = core
            .catalogue
            .write(true, |write| catalogue::add(write, &row));
        if let Err(fault) = added {
            self.doubt(&name, Doubt::Made(id), &fault);
            return Err(CreateError::Storage(fault.fault));
        }
        self.volatile = false;
        let mut state = State::new(settings, None);
        // There are none that it could know.
        state.keys = Keys::Known;
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
            disk_fault(&folder, &error)
        })
    }

    pub(super) fn remove(&mut self, name: &ChannelName) -> Result<(), ChannelError> {
        let core = &self.core;
        let Some(channel) = core.channels.get(name) else {
            return Err(ChannelError::NoChannel(name.clone()));
        };
        if let Err(fault) = self.set_removing(&channel) {
            self.doubt(name, Doubt::Removed(Arc::clone(&channel)), &fault);
            // It may be found to be removed all the same.
            let removed = channel.state().removed;
            return if removed {
                Ok(())
            } else {
                Err(ChannelError::Storage(fault.fault))
            };
        }
        self.let_go(&channel);
        Ok(())
    }

    /// Has the catalogue know that a channel is removed.
    pub(super) fn set_removing(&mut self, channel: &Channel) -> Result<(), CatalogueFault> {
        let row = (channel.id, &channel.name, channel.epoch, channel.created);
        let catalogue = &self.core.catalogue;
        catalogue.write(true, |write| catalogue::set_removing(write, row))?;
        self.volatile = false;
        Ok(())
    }

    /// Ends a channel that is removed, for all who use it.
    pub(super) fn let_go(&self, channel: &Arc<Channel>) {
        let core = &self.core;
        core.channels.remove(&channel.name);
        let mut state = channel.state();
        // What a channel that failed has in the journal alone is counted no more.
        let counted = state.failed.is_none();
        let unfiled = state.unfiled().into_iter().filter(|_| counted);
        let unfiled: usize = unfiled.map(|batch| batch.bytes()).sum();
        core.bytes.fetch_sub(state.bytes, Ordering::Relaxed);
        let in_memory = state.end();
        drop(state);
        core.recent_bytes.fetch_sub(in_memory, Ordering::Relaxed);
        core.filing.filed(unfiled as u64);
        core.filing.remove(Arc::clone(channel));
    }
}
