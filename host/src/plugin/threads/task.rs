//! A task on the plugin threads: whether it runs in foreground or background, and what
//! its polls have cost.

use std::cell::Cell;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use cpu_time::ThreadTime;
use tokio::time::Instant;

use super::account::Account;
use super::ticker::TICK;
use crate::panics::end_panics;

/// What a task and the threads that run it know of each other.
#[derive(Debug)]
pub(crate) struct TaskHandle {
    in_background: AtomicBool,
    /// Whether the task waits for something to do, and not in the middle of something.
    caught_up: AtomicBool,
    /// Whether the task has been asked to end.
    asked_to_end: AtomicBool,
    account: Account,
    /// When the last poll ended, in nanoseconds since `epoch`.
    rests_since: AtomicU64,
    /// When the task was last woken, in nanoseconds since `epoch`.
    woken: AtomicU64,
    epoch: Instant,
}

/// What the thread tells the task that runs on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TaskPoll {
    /// Whether the thread belongs to the background.
    pub(crate) in_background: bool,
    /// CPU that the thread had used at the first tick of the poll.
    first_tick: Option<Duration>,
    /// CPU used from the first tick to the last.
    ticked: Duration,
}

thread_local! {
    static POLL: Cell<Option<TaskPoll>> = const { Cell::new(None) };
}

impl TaskHandle {
    /// For one of `sharers` tasks, whose times are counted from `epoch`.
    pub(crate) fn new(sharers: usize, time_slice: Duration, epoch: Instant) -> Self {
        Self {
            in_background: AtomicBool::new(false),
            caught_up: AtomicBool::new(false),
            asked_to_end: AtomicBool::new(false),
            account: Account::new(sharers, time_slice),
            rests_since: AtomicU64::new(nanoseconds(epoch, Instant::now())),
            woken: AtomicU64::new(0),
            epoch,
        }
    }

    /// Whether the task runs in the background.
    #[must_use]
    pub(crate) fn in_background(&self) -> bool {
        self.in_background.load(Ordering::Relaxed)
    }

    /// Moves the task to the background the next time that it is woken.
    pub(crate) fn move_to_background(&self) {
        self.in_background.store(true, Ordering::Relaxed);
    }

    /// Goes on in the background, for work that cannot give way: an instance is made in
    /// one go, however much it is made of.
    pub(crate) async fn step_back(&self) {
        self.move_to_background();
        tokio::task::yield_now().await;
    }

    /// Says whether the task waits for something to do. If it does, it begins in the
    /// foreground, unless it has used too much lately.
    pub(crate) fn set_caught_up(&self, caught_up: bool) {
        self.caught_up.store(caught_up, Ordering::Relaxed);
    }

    /// Whether the task has been asked to end.
    #[must_use]
    pub(crate) fn asked_to_end(&self) -> bool {
        self.asked_to_end.load(Ordering::Relaxed)
    }

    /// Asks the task to end as soon as it can, or takes that back.
    pub(crate) fn ask_to_end(&self, ask: bool) {
        self.asked_to_end.store(ask, Ordering::Relaxed);
    }

    /// When the task was last woken.
    #[must_use]
    pub(crate) fn woken(&self) -> Instant {
        self.epoch + Duration::from_nanos(self.woken.load(Ordering::Relaxed))
    }

    /// The task is woken; decides where it runs.
    pub(crate) fn wake(&self, now: u64) {
        self.woken.store(now, Ordering::Relaxed);
        let rested = now.saturating_sub(self.rests_since.load(Ordering::Relaxed));
        self.account.rest(Duration::from_nanos(rested));
        if self.in_background() && self.caught_up.load(Ordering::Relaxed) && self.account.is_low() {
            self.in_background.store(false, Ordering::Relaxed);
        }
    }

    /// A poll is over that has used so much.
    fn poll_over(&self, used: Duration, now: Instant) {
        self.account.charge(used);
        if self.account.is_overdrawn() {
            self.move_to_background();
        }
        self.rests_since
            .store(nanoseconds(self.epoch, now), Ordering::Relaxed);
    }
}

/// A future whose polls are charged to its task, and whose drop may panic: as part of a task,
/// that would end the process.
pub(crate) struct ScheduledTask<F> {
    handle: Arc<TaskHandle>,
    /// There until it is dropped.
    future: Option<Pin<Box<F>>>,
}

impl<F: Future> ScheduledTask<F> {
    pub(crate) fn new(handle: Arc<TaskHandle>, future: F) -> Self {
        let future = Some(Box::pin(future));
        Self { handle, future }
    }
}

impl<F> Drop for ScheduledTask<F> {
    fn drop(&mut self) {
        let future = self.future.take();
        end_panics("dropping a task of the plugin threads", move || {
            drop(future)
        });
    }
}

impl<F: Future> Future for ScheduledTask<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let future = this.future.as_mut().expect("it is polled before its drop");
        // The clock is cheap, and counts what the system has taken away from the thread
        // too. Nobody is moved on its word alone.
        let exact = !this.handle.in_background() && !this.handle.account.is_low();
        let began = Instant::now();
        let cpu = exact.then(ThreadTime::now);
        let polled = future.as_mut().poll(cx);
        let now = Instant::now();
        let used = match cpu {
            Some(cpu) => cpu.elapsed(),
            None => {
                (now - began).min(TICK + current_poll().map_or(Duration::ZERO, |poll| poll.ticked))
            }
        };
        this.handle.poll_over(used, now);
        polled
    }
}

/// The poll of the task that runs on this thread.
pub(crate) fn current_poll() -> Option<TaskPoll> {
    POLL.get()
}

/// A poll begins on this thread, which belongs to the background or does not.
pub(crate) fn begin_poll(in_background: bool) {
    POLL.set(Some(TaskPoll {
        in_background,
        first_tick: None,
        ticked: Duration::ZERO,
    }));
}

/// The poll on this thread is over.
pub(crate) fn end_poll() {
    POLL.set(None);
}

/// Tells the poll of a tick at which the thread has used so much CPU; returns how
/// much of it the poll has used since its first tick. Time that the system takes
/// away from the thread does not count.
pub(crate) fn used_at_tick(thread_cpu: Duration) -> Duration {
    let Some(poll) = POLL.get() else {
        return Duration::ZERO;
    };
    let first_tick = poll.first_tick.unwrap_or(thread_cpu);
    let ticked = thread_cpu.saturating_sub(first_tick);
    POLL.set(Some(TaskPoll {
        first_tick: Some(first_tick),
        ticked,
        ..poll
    }));
    ticked
}

/// Time from one moment to another in nanoseconds.
pub(crate) fn nanoseconds(since: Instant, now: Instant) -> u64 {
    u64::try_from((now - since).as_nanos()).unwrap_or(u64::MAX)
}
