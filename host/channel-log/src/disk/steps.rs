//! What the engine's threads do, step by step: for them, and for simulations, which choose
//! the order.

use std::sync::Arc;

use super::core::{Core, Mode};
use super::device::Device;
use super::filer::Filer;
use super::journal::JournalWriter;
use super::orders::Keeper;
use super::recovery::{Recovered, recover};
use super::{DiskSettings, OpenError, paths};
use crate::Environment;
use crate::disk::committer::Committer;

/// What the engine's threads do, step by step. Dropping it amid that is a crash.
#[derive(Debug)]
pub struct Steps {
    pub(super) core: Arc<Core>,
    pub(super) committer: Committer,
    pub(super) filer: Filer,
    pub(super) keeper: Keeper,
}

pub(super) fn open(
    environment: Arc<dyn Environment>,
    device: Arc<dyn Device>,
    settings: DiskSettings,
    mode: Mode,
) -> Result<(Arc<Core>, Steps), OpenError> {
    let Recovered {
        catalogue,
        store,
        channels,
        next_channel,
        next_file,
        next_group,
        kept,
        unnoted,
    } = recover(environment.as_ref(), &device, &settings)?;
    let journal = JournalWriter::new(
        &device,
        paths::journal(&settings.folder),
        store,
        (next_file, next_group),
    );
    let core = Core::new(
        (environment, device),
        settings,
        (store, catalogue),
        channels,
        mode,
    );
    let core = Arc::new(core);
    let mut is_full = unnoted.is_some();
    core.filing.set_unnoted(is_full);
    for channel in core.channels.all() {
        let held = channel.state().recent_bytes;
        if held > 0 {
            core.filing.add(Some(&channel), held as u64);
            is_full = true;
        }
    }
    core.filing.set_full(is_full);
    core.filing.end_group(next_group - 1);
    core.filing.put_back_sealed(kept);
    let steps = Steps {
        committer: Committer::new(Arc::clone(&core), journal),
        filer: Filer::new(Arc::clone(&core), unnoted),
        keeper: Keeper::new(Arc::clone(&core), next_channel),
        core: Arc::clone(&core),
    };
    Ok((core, steps))
}

impl Steps {
    /// Makes durable, and answers, appends that wait; returns whether any did. Nothing
    /// happens while too much waits for being filed.
    pub fn commit(&mut self) -> bool {
        let may = self.core.filing.has_room() || self.core.filing.is_waiting();
        may && self.committer.commit()
    }

    /// Proves, after a time without appends, that the last ones were durable.
    pub fn prove(&mut self) {
        self.committer.prove();
    }

    /// Carries out other changes that wait; returns whether any did.
    pub fn keep(&mut self) -> bool {
        self.keeper.carry_out()
    }

    /// Makes durable what was changed and is not.
    pub fn settle(&mut self) {
        self.keeper.settle();
    }

    /// Writes what lies in the journal alone to segments; returns whether there was any.
    pub fn file(&mut self) -> bool {
        self.filer.file() == Ok(true)
    }

    /// Makes a checkpoint.
    pub fn checkpoint(&mut self) {
        // A full disk leaves it for the next time.
        let _ = self.filer.checkpoint();
    }

    /// Ends the journal's current file.
    pub fn seal(&mut self) {
        self.committer.close();
    }

    /// Drops what channels do not keep, and what is unused in memory. Whether the disk is
    /// full is found out again.
    pub fn tidy(&mut self) {
        self.core.filing.set_waiting(None);
        self.filer.work_off();
        self.filer.look();
    }
}
