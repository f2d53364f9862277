//! Workers: each hands the events of one mailbox lane to one instance, and
//! replaces the instance when it dies.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_task::Task;
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use hearken_wire::EventRef;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::contain::contain;
use super::instance::{Handled, Instance, Version};
use super::pace::Pace;
use super::runtime::Runtime;
use super::trial::Trial;
use crate::admin::PluginState;
use crate::bus::{Frame, Receiver};
use crate::plugin::guest::death::Death;
use crate::plugin::life::shared::Shared;
use crate::plugin::threads::seat::Seat;

/// Deaths in a row after which a plugin gets no more events.
const QUARANTINE_AFTER: u32 = 5;

/// Delay before the first restart; doubles with each death in a row.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);

/// Longest delay before a restart.
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// An instance, or the room for one, with its place on the plugin threads.
pub(crate) struct Desk {
    pub(crate) instance: Option<Instance>,
    pub(crate) seat: Arc<Seat>,
}

/// The workers of one version, from its start to its pause or end.
pub(crate) struct Shift {
    stop: CancellationToken,
    workers: Vec<(Arc<Seat>, Task<Desk>)>,
}

struct Worker {
    lane: usize,
    version: Arc<Version>,
    shared: Arc<Shared>,
    receiver: Arc<Receiver>,
    stop: CancellationToken,
    /// The node drains: nobody waits for a delay.
    draining: CancellationToken,
    /// While a quarantine is not over.
    trial: Option<Arc<Trial>>,
    desk: Desk,
    /// Taken from the mailbox.
    frame: Arc<Frame>,
    /// How many of the frame's events are done with.
    done: usize,
    pace: Pace,
    /// Delays before the restarts after this worker's own deaths in a row.
    backoff: ExponentialBackoff,
    died: bool,
}

impl Shift {
    /// Starts one worker for each desk; desk `n` works on lane `n`. After a quarantine
    /// one event is on trial before the others are handled.
    pub(crate) fn start(
        runtime: &Runtime,
        version: &Arc<Version>,
        shared: &Arc<Shared>,
        receiver: &Arc<Receiver>,
        desks: Vec<Desk>,
        trial: Option<Trial>,
    ) -> Self {
        let stop = CancellationToken::new();
        let trial = trial.map(Arc::new);
        let workers = desks
            .into_iter()
            .enumerate()
            .map(|(lane, desk)| {
                let worker = Worker {
                    lane,
                    version: Arc::clone(version),
                    shared: Arc::clone(shared),
                    receiver: Arc::clone(receiver),
                    stop: stop.clone(),
                    draining: runtime.draining.clone(),
                    trial: trial.clone(),
                    backoff: backoff(),
                    died: false,
                    desk,
                    frame: Arc::default(),
                    done: 0,
                    pace: Pace::new(),
                };
                let seat = Arc::clone(&worker.desk.seat);
                seat.ask_to_end(false);
                // Whatever was before the shift was worked off or given up.
                seat.set_caught_up(true);
                let task = runtime.executor.spawn(Arc::clone(&seat), worker.run());
                (seat, task)
            })
            .collect();
        Self { stop, workers }
    }

    /// Waits until the workers end by themselves, because of a quarantine.
    pub(crate) fn quarantined(&self) -> WaitForCancellationFutureOwned {
        self.stop.clone().cancelled_owned()
    }

    /// Lets every worker finish the event that its guest has in hand, and gives back
    /// the desks. Takes as long as that event's deadline and the next one's at most; with
    /// a guest that cannot be told to stop, those of the other events that it was handed.
    pub(crate) async fn end(self) -> Vec<Desk> {
        self.stop.cancel();
        for (seat, _) in &self.workers {
            seat.ask_to_end(true);
        }
        let mut desks = Vec::new();
        for (_, worker) in self.workers {
            desks.push(worker.await);
        }
        desks
    }
}

fn backoff() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(FIRST_BACKOFF)
        .with_max_delay(LONGEST_BACKOFF)
        .with_factor(2.0)
        .without_max_times()
        .build()
}

impl Worker {
    async fn run(mut self) -> Desk {
        self.desk.seat.set_caught_up(false);
        // A mistake of this host costs the plugin no more than one of its own.
        while let Err(death) = contain(self.work()).await {
            self.mishandled(&death);
        }
        self.receiver.mailbox().put_back(&self.frame, self.done);
        self.desk
    }

    /// Works until the shift ends.
    async fn work(&mut self) -> Result<(), Death> {
        while !self.stop.is_cancelled() {
            if self.desk.instance.is_none() {
                self.restart().await;
            } else if (self.done < self.frame.len() || self.next_events().await)
                && self.may_handle().await
            {
                self.handle().await;
            }
        }
        Ok(())
    }

    /// Counts the event that was in hand when this worker, not its guest, failed.
    fn mishandled(&mut self, death: &Death) {
        let plugin = self.shared.name();
        tracing::error!(plugin, "the event in hand is lost: {}", death.reason);
        self.desk.instance = None;
        self.died = true;
        if self.done < self.frame.len() {
            self.done += 1;
            self.shared.failed.fetch_add(1, Ordering::Relaxed);
            self.shared.delivered.fetch_add(1, Ordering::Release);
        }
        if self.trial.is_some() {
            self.shared.quarantine(QUARANTINE_AFTER, &death.reason);
            self.stop.cancel();
        }
    }

    /// Waits, if another worker has the event on trial, until that was handled; returns
    /// whether it was before the shift ended.
    async fn may_handle(&mut self) -> bool {
        let Some(trial) = self.trial.clone() else {
            return true;
        };
        if !trial.claim() {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return false,
                () = trial.passed() => self.trial = None,
            }
        }
        true
    }

    /// Takes the next events; returns whether there are any before the shift ends.
    async fn next_events(&mut self) -> bool {
        let mailbox = self.receiver.mailbox();
        let limits = self.pace.limits();
        self.done = 0;
        // Between calls nobody else has it, and so its memory is used again.
        let frame = Arc::make_mut(&mut self.frame);
        // A closed mailbox has nothing more to give: then the shift's end is near.
        let _ = mailbox.try_recv_frame(self.lane, limits, frame);
        if frame.is_empty() {
            self.desk.seat.set_caught_up(true);
            tokio::select! {
                biased;
                () = self.stop.cancelled() => {}
                Ok(()) = mailbox.recv_frame(self.lane, limits, frame) => {}
            }
            self.desk.seat.set_caught_up(false);
        }
        !frame.is_empty()
    }

    /// Hands over as much of what was taken as the instance takes in one call.
    async fn handle(&mut self) {
        let Some(instance) = &mut self.desk.instance else {
            return;
        };
        let end = if instance.takes_frames() {
            self.frame.len()
        } else {
            self.done + 1
        };
        let events = self.done..end;
        let Handled {
            finished,
            failures,
            death,
            spent,
        } = instance.handle(&self.frame, events.clone()).await;
        self.pace.learn(finished, spent);
        let shared = Arc::clone(&self.shared);
        shared
            .failed
            .fetch_add(failures.len() as u64, Ordering::Relaxed);
        for failure in failures {
            let event = self.frame.event(events.start + failure.index);
            let death = Death {
                reason: failure.reason,
                backtrace: None,
            };
            shared.report_failure(event, &death);
        }
        if finished > 0 {
            self.succeeded();
        }
        self.done += finished;
        shared
            .delivered
            .fetch_add(finished as u64, Ordering::Release);
        if let Some(death) = death {
            // What the instance did not come to is the next one's.
            self.done += 1;
            shared.failed.fetch_add(1, Ordering::Relaxed);
            shared.delivered.fetch_add(1, Ordering::Release);
            let frame = Arc::clone(&self.frame);
            self.bury(frame.event(self.done - 1), &death);
        }
    }

    /// An event was handled: whatever was wrong is over.
    fn succeeded(&mut self) {
        if self.shared.deaths_in_a_row.load(Ordering::Relaxed) > 0 && !self.stop.is_cancelled() {
            self.shared.recovered();
        }
        if let Some(trial) = self.trial.take() {
            trial.pass();
        }
        if self.died {
            self.died = false;
            self.backoff = backoff();
        }
    }

    /// Throws the instance away; quarantines the plugin if it was one too many.
    fn bury(&mut self, event: Option<EventRef<'_>>, death: &Death) {
        self.desk.instance = None;
        self.died = true;
        self.pace = Pace::new();
        self.shared.report_failure(event, death);
        let deaths = self.shared.deaths_in_a_row.fetch_add(1, Ordering::Relaxed) + 1;
        let too_many = deaths >= QUARANTINE_AFTER || self.trial.is_some();
        if too_many && !self.stop.is_cancelled() {
            self.shared.quarantine(deaths, &death.reason);
            self.stop.cancel();
        }
    }

    async fn restart(&mut self) {
        if self.died {
            self.shared.set_working_state(PluginState::BackingOff);
            let delay = self.backoff.next().unwrap_or(LONGEST_BACKOFF);
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                // Whoever dies again is in quarantine soon enough.
                () = self.draining.cancelled() => {}
                () = tokio::time::sleep(delay) => {}
            }
        }
        let fresh = self.version.instantiate(Arc::clone(&self.desk.seat));
        match contain(fresh).await {
            Ok((instance, _)) => {
                self.desk.instance = Some(instance);
                self.shared.restarts.fetch_add(1, Ordering::Relaxed);
                self.shared.set_working_state(PluginState::Running);
            }
            Err(death) => self.bury(None, &death),
        }
    }
}
