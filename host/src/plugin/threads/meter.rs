//! What an event costs its plugin: the CPU that it used plus its host waits.
//! Waiting for a turn is not charged.
//!
//! Up to the first tick, which most calls end before, CPU is taken from the clock,
//! but never as more than there is between two ticks: the system may leave a
//! thread standing for long. From there on it is the thread's CPU time, which is
//! exact and costs a system call.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use cpu_time::ThreadTime;
use tokio::time::{Instant, Sleep};
use wasmtime::UpdateDeadline;

use super::task::{TaskHandle, current_poll, used_at_tick};
use super::ticker::TICK;

/// What is left of a deadline, at most, to a guest that is told that it waits in vain.
const LAST_WORDS: Duration = Duration::from_millis(250);

/// What is left of a deadline, at most, to a guest that is told to say where it is.
const LAST_PLACE: Duration = Duration::from_millis(50);

/// What a wait for storage that is in order takes at most. That excuses nobody: a guest that
/// never ends and appends all the time waits for storage most of its time.
const USUAL_STORAGE: Duration = Duration::from_millis(50);

/// Charges the events of one instance.
#[derive(Debug)]
pub(crate) struct Meter {
    handle: Arc<TaskHandle>,
    deadline: Duration,
    time_slice: Duration,
    account: Mutex<Account>,
}

/// What was spent on an event, or on a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spent {
    /// CPU used.
    pub(crate) cpu: Duration,
    /// Time spent in host waits.
    pub(crate) waits: Duration,
}

#[derive(Debug)]
struct Account {
    /// What the event in hand may cost.
    deadline: Duration,
    /// What the event in hand has cost.
    event: Spent,
    /// For how long it has waited for storage that was late.
    storage: Duration,
    /// What the whole call has cost.
    call: Spent,
    /// Ticks in the course of the call.
    ticks: u32,
    phase: Phase,
    exceeded: bool,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Not in a guest, or waiting for a turn.
    Idle,
    /// Running since then, without a tick so far.
    OnClock(Instant),
    /// Running on a thread that had used that much CPU.
    OnCpu(Duration),
    /// Waiting for the host since then.
    Waiting(Instant),
    /// Gave way to others.
    Yielded,
}

/// A wait for storage, which is no fault of the guest; counted when it is dropped.
#[derive(Debug)]
pub(crate) struct StorageWait {
    meter: Arc<Meter>,
    since: Instant,
}

impl Drop for StorageWait {
    fn drop(&mut self) {
        let mut account = self.meter.lock();
        let late = late(self.since.elapsed(), account.deadline);
        account.storage += late;
    }
}

/// The event in hand used up its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("deadline of {deadline:?} exceeded: {:.1?} of CPU and {:.1?} of host waits", .spent.cpu, .spent.waits)]
pub(crate) struct DeadlineExceeded {
    /// The deadline in force.
    pub(crate) deadline: Duration,
    /// What the event has cost.
    pub(crate) spent: Spent,
}

impl Meter {
    /// A meter for the task on `handle`.
    #[must_use]
    pub(crate) fn new(handle: Arc<TaskHandle>, deadline: Duration, time_slice: Duration) -> Self {
        Self {
            handle,
            deadline,
            time_slice,
            account: Mutex::new(Account::new(Phase::Idle, deadline)),
        }
    }

    /// Runs a call into the guest under a fresh account.
    ///
    /// # Errors
    /// That of the call, or [`DeadlineExceeded`] when CPU and host waits reach the deadline;
    /// then the call was abandoned half-way and its instance cannot be used again.
    pub(crate) async fn charge<T>(
        &self,
        call: impl Future<Output = wasmtime::Result<T>>,
    ) -> wasmtime::Result<T> {
        self.charge_within(self.deadline, call).await
    }

    /// The same of a call that has no more than `most`, if the deadline of events is longer.
    ///
    /// # Errors
    /// As there.
    pub(crate) async fn charge_within<T>(
        &self,
        most: Duration,
        call: impl Future<Output = wasmtime::Result<T>>,
    ) -> wasmtime::Result<T> {
        *self.lock() = Account::new(Phase::Yielded, most.min(self.deadline));
        Charged {
            meter: self,
            call: std::pin::pin!(call),
            alarm: None,
        }
        .await?
    }

    /// Why the last call was interrupted, if it was the deadline.
    #[must_use]
    pub(crate) fn exceeded(&self) -> Option<DeadlineExceeded> {
        let account = self.lock();
        account.exceeded.then(|| self.verdict(&account))
    }

    /// Whether so little is left of the deadline that a guest which can say where it is should.
    #[must_use]
    pub(crate) fn is_nearly_over(&self) -> bool {
        let account = self.lock();
        let left = account.deadline.saturating_sub(account.event.total());
        !account.exceeded && left <= LAST_PLACE.min(account.deadline / 10)
    }

    /// What there is to say of an event that was given up when its deadline was all but over.
    #[must_use]
    pub(crate) fn given_up(&self) -> DeadlineExceeded {
        self.verdict(&self.lock())
    }

    /// Whether what the last call was interrupted for went, for the most part, into waits for
    /// storage that was late.
    #[must_use]
    pub(crate) fn waited_for_storage(&self) -> bool {
        let account = self.lock();
        account.exceeded && account.storage * 2 >= account.deadline
    }

    /// How long the call may wait for something that does not come, so that it can still be
    /// told: most of what is left to the event in hand, in whole milliseconds.
    #[must_use]
    pub(crate) fn time_to_wait(&self) -> Duration {
        let mut account = self.lock();
        account.settle_cpu();
        let left = account.deadline.saturating_sub(account.event.total());
        let most = left - LAST_WORDS.min(left / 10);
        Duration::from_millis(u64::try_from(most.as_millis()).unwrap_or(u64::MAX))
    }

    /// A wait for storage begins.
    #[must_use]
    pub(crate) fn wait_for_storage(self: &Arc<Self>) -> StorageWait {
        StorageWait {
            meter: Arc::clone(self),
            since: Instant::now(),
        }
    }

    /// Opens a fresh account for the next event of the call.
    pub(crate) fn next_event(&self) {
        let mut account = self.lock();
        account.settle_cpu();
        account.event = Spent::default();
        account.storage = Duration::ZERO;
    }

    /// Whether the task has been asked to end.
    pub(crate) fn asked_to_end(&self) -> bool {
        self.handle.asked_to_end()
    }

    /// What the last call has cost.
    #[must_use]
    pub(crate) fn spent(&self) -> Spent {
        self.lock().call
    }

    /// What a guest that runs at an epoch tick has to do.
    pub(crate) fn on_tick(&self) -> UpdateDeadline {
        let thread_cpu = ThreadTime::now().as_duration();
        let used = used_at_tick(thread_cpu);
        let mut account = self.lock();
        account.settle_cpu();
        account.phase = Phase::OnCpu(thread_cpu);
        account.ticks += 1;
        if account.event.total() >= account.deadline {
            account.exceeded = true;
            return UpdateDeadline::Interrupt;
        }
        // In the foreground the slice holds for the whole call: a guest that makes
        // tiny host waits between short bursts would otherwise begin a new slice
        // with each of them and never leave. One tick proves nothing, since the
        // system may have taken the thread away before it.
        let slice_used = current_poll().is_some_and(|poll| {
            let call_used =
                !poll.in_background && account.ticks > 1 && account.call.cpu >= self.time_slice;
            used >= self.time_slice || call_used
        });
        if slice_used {
            self.handle.move_to_background();
            account.phase = Phase::Yielded;
            return UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now()));
        }
        UpdateDeadline::Continue(1)
    }

    fn verdict(&self, account: &Account) -> DeadlineExceeded {
        DeadlineExceeded {
            deadline: account.deadline,
            spent: account.event,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Account> {
        // Plain arithmetic in here; nothing panics half-way.
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// By how much storage was later than usual, for which it had so long in all.
fn late(waited: Duration, deadline: Duration) -> Duration {
    waited.saturating_sub(USUAL_STORAGE.min(deadline / 10))
}

impl Spent {
    fn total(self) -> Duration {
        self.cpu + self.waits
    }
}

impl Account {
    fn new(phase: Phase, deadline: Duration) -> Self {
        Self {
            deadline,
            event: Spent::default(),
            storage: Duration::ZERO,
            call: Spent::default(),
            ticks: 0,
            phase,
            exceeded: false,
        }
    }

    fn settle_cpu(&mut self) {
        let used = match &mut self.phase {
            Phase::OnClock(since) => {
                let now = Instant::now();
                TICK.min(now - std::mem::replace(since, now))
            }
            Phase::OnCpu(since) => {
                let now = ThreadTime::now().as_duration();
                now.saturating_sub(std::mem::replace(since, now))
            }
            Phase::Idle | Phase::Waiting(_) | Phase::Yielded => Duration::ZERO,
        };
        self.event.cpu += used;
        self.call.cpu += used;
    }

    fn begin_poll(&mut self, woken: Instant) {
        if let Phase::Waiting(since) = self.phase {
            let waited = woken.saturating_duration_since(since);
            self.event.waits += waited;
            self.call.waits += waited;
        }
        self.phase = Phase::OnClock(Instant::now());
    }
}

/// The call and the alarm that ends it in the middle of a host wait.
struct Charged<'m, 'c, F> {
    meter: &'m Meter,
    call: Pin<&'c mut F>,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl<F: Future> Future for Charged<'_, '_, F> {
    type Output = Result<F::Output, DeadlineExceeded>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        {
            let mut account = this.meter.lock();
            account.begin_poll(this.meter.handle.woken());
            if account.event.total() >= account.deadline {
                account.exceeded = true;
                account.phase = Phase::Idle;
                return Poll::Ready(Err(this.meter.verdict(&account)));
            }
        }
        let polled = this.call.as_mut().poll(cx);
        let mut account = this.meter.lock();
        account.settle_cpu();
        if let Poll::Ready(output) = polled {
            account.phase = Phase::Idle;
            return Poll::Ready(Ok(output));
        }
        if matches!(account.phase, Phase::Yielded) {
            return Poll::Pending;
        }
        let now = Instant::now();
        account.phase = Phase::Waiting(now);
        let end = now + account.deadline.saturating_sub(account.event.total());
        drop(account);
        let alarm = this
            .alarm
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(end)));
        if alarm.deadline() != end {
            alarm.as_mut().reset(end);
        }
        if alarm.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests;
