//! Where guests run: a fixed set of threads in two lanes, apart from the
//! threads that do network I/O.
//!
//! A task that uses up its time slice moves to the background lane, whose
//! threads run in the system's lowest scheduling class and so take only what
//! the foreground leaves. The worker moves its task back once the plugin has
//! caught up. On a thread of either lane a task gives way at epoch ticks (see
//! [`super::meter`]), so neither lane can be held by one guest.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use async_task::{Runnable, Task};
use crossbeam_channel::{Receiver, Sender, unbounded};
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};
use tokio::time::Instant;

use super::engine::Ticker;

/// The plugin threads of a node.
#[derive(Debug)]
pub(super) struct Executor {
    queues: Arc<Queues>,
    epoch: Instant,
    threads: Vec<JoinHandle<()>>,
}

/// Runnable tasks. Each task is in at most one queue at most once, so the
/// queues are as bounded as the tasks are.
#[derive(Debug)]
struct Queues {
    foreground: Sender<Job>,
    background: Sender<Job>,
}

enum Job {
    Run(Runnable),
    Stop,
}

/// What a task and the threads that run it know of each other.
#[derive(Debug)]
pub(super) struct Seat {
    in_background: AtomicBool,
    /// Whether the task has been asked to end.
    asked_to_end: AtomicBool,
    /// When the task was last woken, in nanoseconds since `epoch`.
    woken: AtomicU64,
    epoch: Instant,
}

/// What the thread tells the task that runs on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    /// Whether the thread belongs to the background lane.
    pub(super) in_background: bool,
    /// CPU that the thread had used at the first tick of the turn.
    first_tick: Option<Duration>,
}

thread_local! {
    static TURN: Cell<Option<Turn>> = const { Cell::new(None) };
}

impl Executor {
    /// Starts `threads` threads in each lane (at least one). Tasks may use the
    /// timers and sockets of `io`, whose threads never run a guest; `ticker`
    /// ticks while a task runs.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub(super) fn new(
        threads: usize,
        io: &tokio::runtime::Handle,
        ticker: &Arc<Ticker>,
    ) -> std::io::Result<Self> {
        let (foreground, foreground_jobs) = unbounded();
        let (background, background_jobs) = unbounded();
        let mut executor = Self {
            queues: Arc::new(Queues {
                foreground,
                background,
            }),
            epoch: Instant::now(),
            threads: Vec::new(),
        };
        for index in 0..threads.max(1) {
            for (lane, jobs) in [("fg", &foreground_jobs), ("bg", &background_jobs)] {
                let (jobs, io, ticker) = (jobs.clone(), io.clone(), Arc::clone(ticker));
                let thread = std::thread::Builder::new()
                    .name(format!("plugin-{lane}-{index}"))
                    .spawn(move || run(&jobs, &io, &ticker, lane == "bg"))?;
                executor.threads.push(thread);
            }
        }
        Ok(executor)
    }

    /// A place for one task.
    #[must_use]
    pub(super) fn seat(&self) -> Arc<Seat> {
        Arc::new(Seat {
            in_background: AtomicBool::new(false),
            asked_to_end: AtomicBool::new(false),
            woken: AtomicU64::new(0),
            epoch: self.epoch,
        })
    }

    /// Runs `future` on the plugin threads, in the lane that `seat` says.
    /// Dropping the task cancels it.
    pub(super) fn spawn<F>(&self, seat: Arc<Seat>, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let queues = Arc::clone(&self.queues);
        let schedule = move |runnable: Runnable| {
            seat.woken
                .store(nanoseconds(seat.epoch, Instant::now()), Ordering::Relaxed);
            let queue = if seat.in_background() {
                &queues.background
            } else {
                &queues.foreground
            };
            // Fails only when the threads are gone; then the task is cancelled.
            let _ = queue.send(Job::Run(runnable));
        };
        let (runnable, task) = async_task::Builder::new()
            .propagate_panic(true)
            .spawn(move |()| future, schedule);
        runnable.schedule();
        task
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        for _ in &self.threads {
            let _ = self.queues.foreground.send(Job::Stop);
            let _ = self.queues.background.send(Job::Stop);
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Seat {
    /// Whether the task runs in the background lane.
    #[must_use]
    pub(super) fn in_background(&self) -> bool {
        self.in_background.load(Ordering::Relaxed)
    }

    /// Moves the task to the other lane the next time that it is woken.
    pub(super) fn move_to_background(&self, background: bool) {
        self.in_background.store(background, Ordering::Relaxed);
    }

    /// Whether the task has been asked to end.
    #[must_use]
    pub(super) fn asked_to_end(&self) -> bool {
        self.asked_to_end.load(Ordering::Relaxed)
    }

    /// Asks the task to end as soon as it can, or takes that back.
    pub(super) fn ask_to_end(&self, ask: bool) {
        self.asked_to_end.store(ask, Ordering::Relaxed);
    }

    /// When the task was last woken.
    #[must_use]
    pub(super) fn woken(&self) -> Instant {
        self.epoch + Duration::from_nanos(self.woken.load(Ordering::Relaxed))
    }
}

/// The turn of the task that runs on this thread.
pub(super) fn turn() -> Option<Turn> {
    TURN.get()
}

/// Tells the turn of a tick at which the thread has used so much CPU; returns how
/// much of it the turn has used since its first tick. Time that the system takes
/// away from the thread does not count.
pub(super) fn used_at_tick(thread_cpu: Duration) -> Duration {
    let Some(turn) = TURN.get() else {
        return Duration::ZERO;
    };
    let first_tick = turn.first_tick.unwrap_or(thread_cpu);
    TURN.set(Some(Turn {
        first_tick: Some(first_tick),
        ..turn
    }));
    thread_cpu.saturating_sub(first_tick)
}

fn nanoseconds(since: Instant, now: Instant) -> u64 {
    u64::try_from((now - since).as_nanos()).unwrap_or(u64::MAX)
}

fn run(jobs: &Receiver<Job>, io: &tokio::runtime::Handle, ticker: &Ticker, in_background: bool) {
    let _runtime = io.enter();
    if in_background {
        enter_lowest_class();
    }
    while let Ok(Job::Run(runnable)) = jobs.recv() {
        let ticking = ticker.guest();
        TURN.set(Some(Turn {
            in_background,
            first_tick: None,
        }));
        runnable.run();
        drop(ticking);
        TURN.set(None);
    }
}

/// Puts this thread into `SCHED_IDLE` on Linux and lowest priority elsewhere.
fn enter_lowest_class() {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other);
    let entered = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy);
    if let Err(error) = entered {
        tracing::warn!(
            ?error,
            "background plugin threads keep normal priority; busy plugins may slow others down"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::engine::new_engine;

    fn executor(threads: usize) -> Executor {
        let ticker = Arc::new(Ticker::start(new_engine().unwrap()).unwrap());
        Executor::new(threads, &tokio::runtime::Handle::current(), &ticker).unwrap()
    }

    #[tokio::test]
    async fn a_task_changes_lanes_when_it_is_woken() {
        let executor = executor(2);
        let seat = executor.seat();
        let lanes = executor
            .spawn(Arc::clone(&seat), async move {
                let mut lanes = Vec::new();
                for background in [true, false] {
                    lanes.push(turn().map(|turn| turn.in_background));
                    seat.move_to_background(background);
                    tokio::task::yield_now().await;
                }
                lanes.push(turn().map(|turn| turn.in_background));
                lanes
            })
            .await;
        assert_eq!(lanes, [Some(false), Some(true), Some(false)]);
    }

    #[tokio::test]
    async fn dropping_the_executor_ends_its_threads() {
        let executor = executor(1);
        let task = executor.spawn(executor.seat(), std::future::pending::<()>());
        drop(task);
        drop(executor);
    }
}
