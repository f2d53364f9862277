//! A version at work: its workers, from their start to its pause or end.

use std::sync::Arc;

use async_task::Task;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::health::Health;
use super::inbox::Inbox;
use super::instance::Version;
use super::runtime::Runtime;
use super::slot::InstanceSlot;
use super::trial::Trial;
use super::worker::Worker;
use crate::plugin::threads::task::TaskHandle;

/// The workers of one version, from its start to its pause or end.
pub(crate) struct RunningVersion {
    stop: CancellationToken,
    workers: Vec<(Arc<TaskHandle>, Task<InstanceSlot>)>,
}

impl RunningVersion {
    /// Starts a worker for each slot and the inbox that belongs to it. After a quarantine
    /// one event is on trial before the others are handled.
    pub(crate) fn start<I: Inbox>(
        runtime: &Runtime,
        version: &Arc<Version>,
        health: &Arc<Health>,
        slots: impl IntoIterator<Item = (InstanceSlot, I)>,
        trial: Option<Trial>,
    ) -> Self {
        let stop = CancellationToken::new();
        let trial = trial.map(Arc::new);
        // A copy answers nobody.
        let answers = version.called().session_hooks && !version.plugin.pretends;
        let desk = answers.then(|| runtime.hooks.desk(&version.plugin.name));
        let workers = slots
            .into_iter()
            .map(|(slot, inbox)| {
                let handle = Arc::clone(&slot.handle);
                let worker = Worker::new(
                    Arc::clone(version),
                    Arc::clone(health),
                    inbox,
                    desk.clone(),
                    stop.clone(),
                    runtime.draining.clone(),
                    trial.clone(),
                    slot,
                );
                handle.ask_to_end(false);
                // Whatever was before was worked off or given up.
                handle.set_caught_up(true);
                let task = runtime.executor.spawn(Arc::clone(&handle), worker.run());
                (handle, task)
            })
            .collect();
        Self { stop, workers }
    }

    /// Waits until the workers end by themselves, because of a quarantine.
    pub(crate) fn quarantined(&self) -> WaitForCancellationFutureOwned {
        self.stop.clone().cancelled_owned()
    }

    /// Lets every worker finish the event that its guest has in hand, and gives back
    /// the slots. Takes as long as that event's deadline and the next one's at most; with
    /// a guest that cannot be told to stop, those of the other events that it was handed.
    pub(crate) async fn end(self) -> Vec<InstanceSlot> {
        self.stop.cancel();
        for (handle, _) in &self.workers {
            handle.ask_to_end(true);
        }
        let mut slots = Vec::new();
        for (_, worker) in self.workers {
            slots.push(worker.await);
        }
        slots
    }
}
