//! What the catalogue has to know of a start. On a full disk it may have no room for that:
//! then the journal stays as it is, and the next checkpoint notes it first.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use redb::WriteTransaction;

use super::journal::Replayed;
use super::target::Target;
use crate::disk::catalogue::{self, Loss, Progress};
use crate::disk::channel::Channel;

/// What the catalogue has to know of a start.
#[derive(Debug)]
pub(in crate::disk) struct Notes {
    channels: Vec<Note>,
    /// The last file and the last group of the journal.
    file: u64,
    group: u64,
}

/// What it has to know of a channel.
#[derive(Debug)]
struct Note {
    id: u64,
    given: u64,
    /// What is synced and what is lost, if that is another than it knows.
    found: Option<(Progress, Vec<Loss>)>,
}

impl Notes {
    pub(super) fn of(targets: &BTreeMap<u64, Target>, replayed: &Replayed) -> Self {
        let targets = targets.values();
        let noted = targets.filter(|target| target.changed() || target.has_failed());
        let channels = noted.map(|target| Note {
            id: target.id(),
            given: target.given(),
            found: target
                .changed()
                .then(|| (target.progress(), target.losses().to_vec())),
        });
        Self {
            channels: channels.collect(),
            file: replayed.next_file - 1,
            group: replayed.next_group - 1,
        }
    }

    /// Follows what has become of the channels since.
    pub(in crate::disk) fn follow(&mut self, channels: &[Arc<Channel>]) {
        let channels: HashMap<u64, &Channel> = channels
            .iter()
            .map(|channel| (channel.id, channel.as_ref()))
            .collect();
        self.channels.retain_mut(|note| {
            let Some(channel) = channels.get(&note.id) else {
                return false;
            };
            if let Some((_, losses)) = &mut note.found {
                losses.clone_from(&channel.state().losses);
            }
            true
        });
    }

    /// Has the catalogue know it.
    pub(in crate::disk) fn write(&self, write: &WriteTransaction) -> Result<(), redb::Error> {
        for Note { id, given, found } in &self.channels {
            catalogue::set_given(write, *id, *given)?;
            if let Some((progress, losses)) = found {
                catalogue::set_progress(write, *id, *progress)?;
                catalogue::set_losses(write, *id, losses)?;
            }
        }
        catalogue::set_pinned(write, self.file)?;
        catalogue::set_released(write, self.group)
    }
}
