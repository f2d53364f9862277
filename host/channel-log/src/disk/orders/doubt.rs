//! What becomes of channels that could not be made or removed since the disk was full: the
//! catalogue may have the change all the same. Until it can be asked, the name is neither
//! given again nor appended to.

use std::sync::Arc;

use super::Keeper;
use crate::disk::catalogue::{self, CatalogueFault};
use crate::disk::channel::Channel;
use crate::disk::paths;
use crate::{ChannelName, StorageFault};

/// What is not known.
#[derive(Debug)]
pub(super) enum Doubt {
    /// Whether a channel with this number was made. It is taken back.
    Made(u64),
    /// Whether a channel was removed.
    Removed(Arc<Channel>),
}

impl Keeper {
    /// Notes that the catalogue failed amid a change of a channel, and asks it what it has,
    /// if it can be asked again.
    pub(super) fn doubt(&mut self, name: &ChannelName, doubt: Doubt, fault: &CatalogueFault) {
        self.fail(fault);
        if !fault.full {
            // Nothing is stored until the next start, which follows what it has.
            return;
        }
        if let Doubt::Removed(channel) = &doubt {
            channel.state().doubtful = true;
        }
        self.doubts.insert(name.clone(), doubt);
        self.resolve();
    }

    /// Why a name is not given, while it is not known what it stands for.
    pub(super) fn doubted(&self, name: &ChannelName) -> Option<StorageFault> {
        let text = "the disk was full when the channel was made or removed; try again later";
        let doubted = self.doubts.contains_key(name);
        doubted.then(|| StorageFault::new(text))
    }

    /// Finds out what is not known, as far as the disk has room again.
    pub(super) fn resolve(&mut self) {
        if self.doubts.is_empty() {
            return;
        }
        for (name, doubt) in std::mem::take(&mut self.doubts) {
            let resolved = match &doubt {
                Doubt::Made(id) => self.take_back(*id),
                Doubt::Removed(channel) => self.ask_removed(channel),
            };
            if let Err(fault) = resolved {
                self.fail(&fault);
                self.doubts.insert(name, doubt);
            }
        }
    }

    fn take_back(&mut self, id: u64) -> Result<(), CatalogueFault> {
        let core = &self.core;
        core.catalogue
            .write(true, |write| catalogue::forget(write, id))?;
        self.remove_folder(id);
        Ok(())
    }

    /// Removes what was made of a channel. What cannot be removed is at the next start.
    pub(super) fn remove_folder(&self, id: u64) {
        let root = &self.core.settings.folder;
        let folder = paths::channel(root, id);
        let _ = paths::remove(self.core.device.as_ref(), root, &folder);
    }

    fn ask_removed(&mut self, channel: &Arc<Channel>) -> Result<(), CatalogueFault> {
        let rows = self.core.catalogue.load()?.rows;
        let row = rows.iter().find(|row| row.id == channel.id);
        if row.is_some_and(|row| !row.removing) {
            channel.state().doubtful = false;
            return Ok(());
        }
        // Once more, since nothing says that what can be read is durable.
        self.set_removing(channel)?;
        self.let_go(channel);
        Ok(())
    }
}
