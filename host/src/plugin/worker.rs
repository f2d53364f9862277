//! Workers: each hands the events of one mailbox lane to one instance, and
//! replaces the instance when it dies.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_task::Task;
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;

use super::executor::{Executor, Seat};
use super::instance::{Death, Instance, Version};
use super::shared::Shared;
use crate::admin::PluginState;
use crate::bus::Receiver;
use crate::event::Event;

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
    workers: Vec<Task<Desk>>,
}

struct Worker {
    lane: usize,
    version: Arc<Version>,
    shared: Arc<Shared>,
    receiver: Arc<Receiver>,
    stop: CancellationToken,
    desk: Desk,
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
                };
                executor.spawn(Arc::clone(&worker.desk.seat), worker.run())
            })
            .collect();
        Self { stop, workers }
    }

    /// Lets every worker finish the event in hand, and gives back the desks.
    /// Takes as long as the event's deadline at most.
    pub(super) async fn end(self) -> Vec<Desk> {
        self.stop.cancel();
        let mut desks = Vec::new();
        for worker in self.workers {
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
            } else if let Some(event) = self.next_event().await {
                self.handle(&event).await;
            }
        }
        self.desk
    }

    /// The next event, or nothing when the shift ends.
    async fn next_event(&mut self) -> Option<Event> {
        let mailbox = self.receiver.mailbox();
        if let Some(event) = mailbox.try_recv(self.lane).ok()? {
            return Some(event);
        }
        // Caught up: whatever comes next begins in the foreground.
        self.desk.seat.move_to_background(false);
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            event = mailbox.recv(self.lane) => event.ok(),
        }
    }

    async fn handle(&mut self, event: &Event) {
        let Some(instance) = &mut self.desk.instance else {
            return;
        };
        let outcome = contain(instance.handle(event)).await;
        let shared = &self.shared;
        shared.delivered.fetch_add(1, Ordering::Relaxed);
        match outcome {
            Ok(Ok(())) => {
                if shared.deaths_in_a_row.load(Ordering::Relaxed) > 0 {
                    shared.deaths_in_a_row.store(0, Ordering::Relaxed);
                }
                if self.died {
                    self.died = false;
                    self.backoff = backoff();
                }
            }
            Ok(Err(reason)) => {
                shared.failed.fetch_add(1, Ordering::Relaxed);
                shared.report_failure(
                    Some(event.id()),
                    &Death {
                        reason,
                        backtrace: None,
                    },
                );
            }
            Err(death) => {
                shared.failed.fetch_add(1, Ordering::Relaxed);
                self.bury(Some(event), &death);
            }
        }
    }

    /// Throws the instance away; quarantines the plugin if it was one too many.
    fn bury(&mut self, event: Option<&Event>, death: &Death) {
        self.desk.instance = None;
        self.died = true;
        self.shared.report_failure(event.map(Event::id), death);
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

/// Runs a call into a guest. A panic on the way is a mistake of this host that
/// the guest has found: it costs the guest its instance, and nobody a worker.
pub(super) async fn contain<T>(call: impl Future<Output = Result<T, Death>>) -> Result<T, Death> {
    // Whatever the call left half-way belongs to the instance, which is thrown away.
    let outcome = AssertUnwindSafe(call).catch_unwind().await;
    outcome.unwrap_or_else(|panic| {
        Err(Death {
            reason: format!("the host failed: {}", panic_text(&*panic)),
            backtrace: None,
        })
    })
}

/// What a panic said.
pub(super) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_of_the_host_is_a_death_of_the_instance() {
        let call = async {
            tokio::task::yield_now().await;
            assert_eq!(1, 2, "a mistake");
            Ok(())
        };
        let death = contain(call).await.expect_err("it panicked");
        assert!(death.reason.contains("a mistake"), "{}", death.reason);
    }
}
