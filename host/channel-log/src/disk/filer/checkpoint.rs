//! Checkpoints: what lies in segments is synced, and the journal's files that hold nothing
//! else are removed.

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::Builder;

use super::{Filer, Written};
use crate::disk::catalogue::{self, CatalogueFault, Progress};
use crate::disk::core::disk_fault;
use crate::disk::device::is_full;
use crate::disk::filing::{Sealed, Waiting};
use crate::disk::paths;

impl Filer {
    /// Makes a checkpoint, unless nothing can be stored any more.
    pub(in crate::disk) fn checkpoint(&mut self) -> Result<(), Waiting> {
        if self.core.fault().is_some() {
            return Ok(());
        }
        // All of these groups are filed below: nothing of them comes later.
        let group = self.core.filing.group();
        self.file()?;
        if self.settle(Some(group))? {
            self.remove_journal(group)?;
        }
        Ok(())
    }

    /// Makes durable what was written to segments, so that their files can be closed, and
    /// up to which group the journal is not needed any more, if that is known. Returns
    /// whether it could; once nothing can be stored any more it cannot.
    pub(super) fn settle(&mut self, released: Option<u64>) -> Result<bool, Waiting> {
        if self.core.fault().is_some() {
            return Ok(false);
        }
        if self.written.is_empty() && released.is_none() {
            return Ok(true);
        }
        if !self.note_start()? {
            return Ok(false);
        }
        // What a reader has found to be wrong is not to be taken for synced.
        self.written
            .retain(|_, written| written.channel.state().failed.is_none());
        self.full = self
            .written
            .values()
            .map(|written| written.full.len())
            .sum();
        self.sync();
        let progress: Vec<_> = self.written.values().map(Written::progress).collect();
        let given = released.map_or_else(Vec::new, |_| self.given_by_failed());
        let pinned = released.and_then(|group| self.core.filing.last_file_up_to(group));
        let noted = self.core.catalogue.write(true, |write| {
            for (channel, progress, first) in &progress {
                catalogue::set_progress(write, *channel, *progress)?;
                catalogue::set_first(write, *channel, *first)?;
            }
            for (channel, last) in &given {
                catalogue::set_given(write, *channel, *last)?;
            }
            if let Some(file) = pinned {
                catalogue::set_pinned(write, file)?;
            }
            match released {
                Some(group) => catalogue::set_released(write, group),
                None => Ok(()),
            }
        });
        if !self.is_noted(noted)? {
            return Ok(false);
        }
        for written in self.written.values() {
            written.channel.state().checkpointed = written.last;
        }
        self.written.clear();
        self.full = 0;
        Ok(true)
    }

    /// Has the catalogue know what it has to of the start, if it does not; returns whether
    /// it could.
    pub(super) fn note_start(&mut self) -> Result<bool, Waiting> {
        let Some(mut notes) = self.unnoted.take() else {
            return Ok(true);
        };
        notes.follow(&self.core.channels.all());
        let noted = self.core.catalogue.write(true, |write| notes.write(write));
        let noted = self.is_noted(noted);
        if noted == Ok(true) {
            self.core.filing.set_unnoted(false);
        } else {
            self.unnoted = Some(notes);
        }
        noted
    }

    /// Whether the catalogue knows something now. Once it cannot be written, nothing can be
    /// stored any more.
    pub(super) fn is_noted(&self, noted: Result<(), CatalogueFault>) -> Result<bool, Waiting> {
        let Err(fault) = noted else {
            return Ok(true);
        };
        if fault.full {
            self.core.filing.set_full(true);
            return Err(Waiting::Full);
        }
        self.core.fail(&fault.fault);
        Ok(false)
    }

    /// What the channels that failed have given: a start cannot tell from the journal, whose
    /// groups it takes for filed.
    fn given_by_failed(&self) -> Vec<(u64, u64)> {
        let mut given = Vec::new();
        for channel in self.core.channels.all() {
            let state = channel.state();
            if state.failed.is_some() && state.bounds.last > 0 {
                given.push((channel.id, state.bounds.last));
            }
        }
        given
    }

    /// Syncs all segments that were written. A channel whose segment cannot be synced
    /// fails, also when the disk is full: what was written may be lost then.
    fn sync(&mut self) {
        let written: Vec<&Written> = self.written.values().collect();
        let next = AtomicUsize::new(0);
        let sync = || {
            let mut results = Vec::new();
            while let Some(written) = written.get(next.fetch_add(1, Ordering::Relaxed)) {
                if let Err(error) = written.sync() {
                    results.push((written.channel.clone(), error));
                }
            }
            results
        };
        let threads = self.core.device.parallel_syncs().min(written.len());
        let failed: Vec<_> = if threads <= 1 {
            sync()
        } else {
            std::thread::scope(|scope| {
                let spawn = |_| Builder::new().spawn_scoped(scope, sync);
                // Without more threads it takes longer, and this one syncs the rest.
                let others: Vec<_> = (1..threads).map_while(|of| spawn(of).ok()).collect();
                let mut failed = sync();
                for other in others {
                    failed.extend(other.join().expect("a sync does not panic"));
                }
                failed
            })
        };
        for (channel, error) in failed {
            self.fail(&channel, &error);
        }
    }

    /// Removes the files of the journal with nothing but what is synced in segments, oldest
    /// first.
    fn remove_journal(&self, group: u64) -> Result<(), Waiting> {
        let core = &self.core;
        let channels = core.channels.all().into_iter();
        let failed: HashSet<u64> = channels
            .filter(|channel| channel.state().failed.is_some())
            .map(|channel| channel.id)
            .collect();
        let folder = paths::journal(&core.settings.folder);
        let mut kept = Vec::new();
        let mut files = core.filing.take_sealed().into_iter();
        let mut waiting = Ok(());
        for file in files.by_ref() {
            let pinned = file.channels.iter().any(|channel| failed.contains(channel));
            if pinned || file.last_group > group {
                kept.push(Sealed { pinned, ..file });
                continue;
            }
            if let Err(error) = paths::sync_removals(core.device.as_ref(), &folder) {
                kept.push(file);
                waiting = self.not_removed(&folder, &error);
                break;
            }
            let removed = core
                .device
                .remove_file(&paths::numbered(&folder, file.number));
            // One that stays does no harm but for its room: what it has is skipped.
            if removed.is_err_and(|error| error.kind() != io::ErrorKind::NotFound) {
                kept.push(Sealed {
                    pinned: true,
                    ..file
                });
            }
        }
        kept.extend(files);
        core.filing.put_back_sealed(kept);
        waiting
    }

    /// Which of the removed files are there after a crash nobody knows any more, unless the
    /// disk is only full.
    fn not_removed(&self, folder: &Path, error: &io::Error) -> Result<(), Waiting> {
        if is_full(error) {
            self.core.filing.set_full(true);
            return Err(Waiting::Full);
        }
        self.core.fail(&disk_fault(folder, error));
        Ok(())
    }
}

impl Written {
    fn progress(&self) -> (u64, Progress, u64) {
        let progress = Progress {
            segment: self.active.first,
            synced: self.active.at,
            last: self.last,
            time: self.time,
            batch: self.batch,
        };
        let first = self.channel.state().bounds.first;
        (self.channel.id, progress, first)
    }

    fn sync(&self) -> io::Result<()> {
        for writer in self.full.iter().chain([&self.active]) {
            if writer.dirty {
                writer.file.sync()?;
            }
        }
        Ok(())
    }
}
