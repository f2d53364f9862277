//! Appends of all channels, group by group: one write and one sync each, whatever the
//! number of channels. While a group is synced the next one gathers, so nobody waits for a
//! timer.

mod staging;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use self::staging::{Pending, Refusal, Staged};
use super::channel::Recent;
use super::core::{Core, Request};
use super::format::GroupWriter;
use super::journal::{JournalError, JournalWriter};
use crate::dedupe::{Dedupe, Stored};
use crate::{AppendError, Appended, FullBecause, StorageFault};

/// Bytes of events that a group is made of, unless its first batch alone has more: what a
/// disk writes in about the time that it takes for a sync.
const GROUP_BYTES: usize = 4 << 20;

/// Appends that a group is made of.
const GROUP_APPENDS: usize = 4096;

/// Makes appends durable.
#[derive(Debug)]
pub(super) struct Committer {
    core: Arc<Core>,
    journal: JournalWriter,
    dedupe: Dedupe,
    group: GroupWriter,
    /// Whether nothing but the last group proves that it was durable.
    unproven: bool,
    last_appends: usize,
}

impl Committer {
    pub(super) fn new(core: Arc<Core>, journal: JournalWriter) -> Self {
        Self {
            core,
            journal,
            dedupe: Dedupe::default(),
            group: GroupWriter::default(),
            unproven: false,
            last_appends: 0,
        }
    }

    /// Makes a group of what waits; returns whether anything did.
    pub(super) fn commit(&mut self) -> bool {
        let requests = self.core.appends.take(GROUP_APPENDS, GROUP_BYTES);
        if requests.is_empty() {
            return false;
        }
        self.last_appends = requests.len();
        self.group.clear();
        let mut pending = HashMap::new();
        let mut staged = Vec::with_capacity(requests.len());
        let mut refused = Vec::new();
        for request in requests {
            match self.stage(request, &mut pending) {
                Ok(append) => staged.push(append),
                Err(refusal) => refused.push(refusal),
            }
        }
        let stored = if self.group.is_empty() {
            Ok(())
        } else {
            self.write(&staged)
        };
        match stored {
            Ok(()) => {
                self.publish(staged);
                refuse(refused, None);
            }
            Err(error) => {
                fail(staged, &error);
                refuse(refused, Some(&error));
            }
        }
        let keys = &self.core.counted;
        keys.keys.store(self.dedupe.kept(), Ordering::Relaxed);
        let given_way = self.dedupe.given_way();
        keys.keys_given_way.store(given_way, Ordering::Relaxed);
        true
    }

    /// Writes a group without batches, if the last one had any: what is valid behind a
    /// group proves that it was acknowledged, should it ever not be what was written.
    pub(super) fn prove(&mut self) {
        if self.unproven && self.core.fault().is_none() && !self.core.filing.is_full() {
            self.group.clear();
            // A full disk leaves it for the next time.
            if self.write(&[]).is_ok() {
                // Else the file that it is in would wait for a group that never ends.
                self.core.filing.end_group(self.journal.last_group());
            }
        }
    }

    /// Appends that were taken together last.
    pub(super) fn last_appends(&self) -> usize {
        self.last_appends
    }

    /// Whether [`Committer::prove`] has something to do.
    pub(super) fn is_unproven(&self) -> bool {
        self.unproven && self.core.fault().is_none()
    }

    /// Ends the journal's current file, so that a checkpoint can remove it.
    pub(super) fn close(&mut self) {
        self.journal.seal(&self.core.filing);
    }

    fn write(&mut self, staged: &[Staged]) -> Result<(), AppendError> {
        let started = tokio::time::Instant::now();
        let channels = staged.iter().filter(|append| append.batch.is_some());
        let channels = channels.map(|append| append.channel.id);
        let filing = &self.core.filing;
        let written = self.journal.write(&mut self.group, channels, filing);
        let failed = |fault: StorageFault| {
            self.core.fail(&fault);
            fault
        };
        match written {
            Ok(_) => {
                let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
                let counted = &self.core.counted;
                counted.sync_micros.fetch_add(micros, Ordering::Relaxed);
                counted.groups.fetch_add(1, Ordering::Relaxed);
                self.unproven = !self.group.is_empty();
                Ok(())
            }
            Err(JournalError::Full) => Err(AppendError::Full(FullBecause::Disk)),
            Err(JournalError::Busy) => Err(AppendError::Overloaded),
            Err(JournalError::NotStored(fault)) => Err(AppendError::StorageFailed(failed(fault))),
            Err(JournalError::Unknown(fault)) => Err(AppendError::Unknown(failed(fault))),
        }
    }

    /// Shows a group that is durable.
    fn publish(&mut self, staged: Vec<Staged>) {
        let mut answers = Vec::with_capacity(staged.len());
        for append in staged {
            let Staged {
                channel,
                batch,
                placed,
                last,
                answer,
                until,
            } = append;
            if let Some(batch) = batch {
                self.remember(&batch, &placed.keys, channel.id, until);
                self.count(&batch);
                let bytes = batch.bytes() as u64;
                let mut state = channel.state();
                // What is removed meanwhile is nobody's any more.
                if !state.removed {
                    state.take(batch);
                    self.core.bytes.fetch_add(bytes, Ordering::Relaxed);
                    let in_memory = usize::try_from(bytes).unwrap_or(usize::MAX);
                    self.core
                        .recent_bytes
                        .fetch_add(in_memory, Ordering::Relaxed);
                    // If its segments failed meanwhile the journal keeps it.
                    if state.failed.is_none() {
                        let queued = std::mem::replace(&mut state.queued, true);
                        let unqueued = (!queued).then_some(&channel);
                        self.core.filing.add(unqueued, bytes);
                    }
                }
                drop(state);
            }
            let appended = Appended {
                epoch: channel.epoch,
                last,
                events: placed.appended(),
            };
            answers.push((answer, appended));
        }
        self.core.filing.end_group(self.journal.last_group());
        for (answer, appended) in answers {
            let _ = answer.send(Ok(appended));
        }
    }

    fn remember(&mut self, batch: &Recent, keys: &[(u32, [u8; 16])], channel: u64, until: u64) {
        let time = batch.head.time;
        for (index, key) in keys {
            let sequence = batch.head.first + u64::from(*index);
            let stored = Stored { sequence, time };
            self.dedupe.remember(channel, *key, stored, until);
        }
    }

    fn count(&self, batch: &Recent) {
        let counted = &self.core.counted;
        counted.appends.fetch_add(1, Ordering::Relaxed);
        let events = u64::from(batch.head.count);
        counted.events.fetch_add(events, Ordering::Relaxed);
        let bytes = batch.events.len() as u64;
        counted.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn stage(
        &mut self,
        request: Request,
        pending: &mut HashMap<u64, Pending>,
    ) -> Result<Staged, Refusal> {
        staging::stage(
            &self.core,
            (&mut self.dedupe, &mut self.group),
            request,
            pending,
        )
    }
}

/// Answers appends whose group was not made durable.
fn fail(staged: Vec<Staged>, error: &AppendError) {
    for append in staged {
        let _ = append.answer.send(Err(error.clone()));
    }
}

/// Answers appends that were refused. What was refused for what the group would have
/// stored is not told so once the group has `failed`: that may never be.
fn refuse(refused: Vec<Refusal>, failed: Option<&AppendError>) {
    for refusal in refused {
        let failed = failed.filter(|_| refusal.depends);
        let error = failed.cloned().unwrap_or(refusal.error);
        // Whoever is gone does not want to know.
        let _ = refusal.answer.send(Err(error));
    }
}
