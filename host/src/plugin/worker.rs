//! Workers: each hands the events of one mailbox lane to one instance, and
//! replaces the instance when it dies.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_task::Task;
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use hearken_wire::EventRef;
use tokio_util::sync::CancellationToken;

use super::contain::contain;
use super::death::Death;
use super::executor::{Executor, Seat};
use super::instance::{Handled, Instance, Version};
use super::pace::Pace;
use super::shared::Shared;
use crate::admin::PluginState;
use crate::bus::{Frame, Receiver};

/// Deaths in a row after which a plugin gets no more events.
const QUARANTINE_AFTER: u32 = 5;

/// Delay before the first restart; doubles with each death in a row.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);

/// Longest delay before a restart.
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// An instance, or the room for one, with its place on the plugin threads.
pub(super) struct Desk {
    pub(super) instance: Option<Instance>,
    pub(super) seat: Arc<Seat>,
}

/// The workers of one version, from its start to its pause or end.
pub(super) struct Shift {
    stop: CancellationToken,
    workers: Vec<(Arc<Seat>, Task<Desk>)>,
}

struct Worker {
    lane: usize,
    version: Arc<Version>,
    shared: Arc<Shared>,
    receiver: Arc<Receiver>,
    stop: CancellationToken,
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
    /// Starts one worker for each desk; desk `n` works on lane `n`.
    pub(super) fn start(
        executor: &Executor,
        version: &Arc<Version>,
        shared: &Arc<Shared>,
        receiver: &Arc<Receiver>,
        desks: Vec<Desk>,
    ) -> Self {
        let stop = CancellationToken::new();
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

    /// Lets every worker finish the events that its guest has in hand, and gives
    /// back the desks. Takes as long as the event's deadline at most.
    pub(super) async fn end(self) -> Vec<Desk> {
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
        while !self.stop.is_cancelled() {
            if self.desk.instance.is_none() {
                self.restart().await;
            } else if self.done < self.frame.len() || self.next_events().await {
                self.handle().await;
            }
        }
        self.receiver.mailbox().put_back(&self.frame, self.done);
        self.desk
    }

    /// Takes the next events; returns whether there are any before the shift ends.
    async fn next_events(&mut self) -> bool {
        let mailbox = self.receiver.mailbox();
        let limits = self.pace.limits();
        self.done = 0;
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
        self.pace.learn(events.len(), spent);
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
        shared
            .delivered
            .fetch_add(finished as u64, Ordering::Relaxed);
        self.done += finished;
        if let Some(death) = death {
            // What the instance did not come to is the next one's.
            self.done += 1;
            shared.delivered.fetch_add(1, Ordering::Relaxed);
            shared.failed.fetch_add(1, Ordering::Relaxed);
            let frame = Arc::clone(&self.frame);
            self.bury(frame.event(self.done - 1), &death);
        }
    }
            self.desk.seat.set_caught_up(false);

    /// An event was handled: whatever was wrong is over.
    fn succeeded(&mut self) {
        let deaths = &self.shared.deaths_in_a_row;
        if deaths.load(Ordering::Relaxed) > 0 {
            deaths.store(0, Ordering::Relaxed);
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
        if deaths >= QUARANTINE_AFTER && !self.stop.is_cancelled() {
            self.stop.cancel();
            self.shared.set_working_state(PluginState::Quarantined);
            self.shared.report_quarantine(deaths, &death.reason);
        }
    }

    async fn restart(&mut self) {
        if self.died {
            self.shared.set_working_state(PluginState::BackingOff);
            let delay = self.backoff.next().unwrap_or(LONGEST_BACKOFF);
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
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
