//! Where guests run: a fixed set of threads in foreground and background, apart from the threads that do network I/O.
//!
//! A task that uses up its time slice in one turn, or more than a tenth of a core in
//! many, moves to the background, whose threads run in the system's lowest
//! scheduling class and so take only what the foreground leaves; where others leave
//! nothing, on threads that are merely polite (see [`super::contention`]). It comes
//! back when it is woken after it has caught up and rested (see [`super::account`]).
//! On every thread a task gives way at epoch ticks (see [`super::meter`]), so that none
//! can be held by one guest.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use async_task::{Runnable, Task};
use cpu_time::ThreadTime;
use crossbeam_channel::{Receiver, Sender, unbounded};
use tokio::time::Instant;

use super::contention::Contention;
use super::priority::{be_polite, enter_lowest_class};
use super::task::{ScheduledTask, TaskHandle, begin_poll, end_poll, nanoseconds};
use super::ticker::{Alarm, Ticker};

/// The plugin threads of a node.
#[derive(Debug)]
pub(crate) struct Executor {
    queues: Arc<Queues>,
    threads: Vec<JoinHandle<()>>,
}

/// Runnable tasks. Each task is in at most one queue at most once, so the
/// queues are as bounded as the tasks are.
#[derive(Debug)]
struct Queues {
    foreground: Queue,
    /// For threads of the lowest scheduling class.
    lowest: Queue,
    polite: Queue,
    contention: Contention,
    /// Where the system tells the CPU of each thread of the lowest class.
    told: Box<[OnceLock<PathBuf>]>,
    alarm: Option<Alarm>,
    epoch: Instant,
    /// The threads are gone.
    closed: AtomicBool,
}

#[derive(Debug)]
struct Queue {
    jobs: Receiver<Job>,
    sender: Sender<Job>,
}

enum Job {
    Run(Runnable),
    Stop,
}

/// Which threads run a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Foreground,
    /// Of the lowest class the one with this number.
    Lowest(usize),
    Polite,
}

impl Executor {
    /// Starts `threads` threads in the foreground (at least one) and as many of either
    /// kind for the background. Tasks may use the timers and sockets of `io`, whose
    /// threads never run a guest; `ticker` ticks while a task runs.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub(crate) fn new(
        threads: usize,
        io: &tokio::runtime::Handle,
        ticker: &Arc<Ticker>,
    ) -> std::io::Result<Self> {
        let threads = threads.max(1);
        let queues = Arc::new(Queues {
            foreground: Queue::new(),
            lowest: Queue::new(),
            polite: Queue::new(),
            contention: Contention::new(threads),
            told: (0..threads).map(|_| OnceLock::new()).collect(),
            alarm: ticker.alarm(),
            epoch: Instant::now(),
            closed: AtomicBool::new(false),
        });
        let mut executor = Self {
            queues: Arc::clone(&queues),
            threads: Vec::new(),
        };
        for index in 0..threads {
            for (name, class) in [
                ("fg", Class::Foreground),
                ("bg", Class::Lowest(index)),
                ("polite", Class::Polite),
            ] {
                let (queues, io, ticker) = (Arc::clone(&queues), io.clone(), Arc::clone(ticker));
                let thread = std::thread::Builder::new()
                    .name(format!("plugin-{name}-{index}"))
                    .spawn(move || run(&queues, class, &io, &ticker))?;
                executor.threads.push(thread);
            }
        }
        let watched = Arc::downgrade(&queues);
        ticker.at_each_tick(move || {
            if let Some(queues) = watched.upgrade() {
                queues.watch();
            }
        });
        Ok(executor)
    }

    /// The handle of one of `sharers` tasks that share what one may use of the foreground.
    #[must_use]
    pub(crate) fn handle(&self, sharers: usize, time_slice: Duration) -> Arc<TaskHandle> {
        Arc::new(TaskHandle::new(sharers, time_slice, self.queues.epoch))
    }

    /// Runs `future` on the plugin threads, in foreground or background as `handle` says.
    /// Dropping the task cancels it.
    pub(crate) fn spawn<F>(&self, handle: Arc<TaskHandle>, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let queues = Arc::clone(&self.queues);
        let scheduled = ScheduledTask::new(Arc::clone(&handle), future);
        let schedule = move |runnable: Runnable| {
            let now = queues.now();
            handle.wake(now);
            if !handle.in_background() {
                queues.push(&queues.foreground, runnable);
            } else if queues.contention.is_on(now) {
                queues.push(&queues.polite, runnable);
            } else {
                queues.wait_for_lowest(now);
                queues.push(&queues.lowest, runnable);
            }
        };
        let (runnable, task) = async_task::Builder::new()
            .propagate_panic(true)
            .spawn(move |()| scheduled, schedule);
        runnable.schedule();
        task
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        for _ in &self.threads {
            for queue in [
                &self.queues.foreground,
                &self.queues.lowest,
                &self.queues.polite,
            ] {
                let _ = queue.sender.send(Job::Stop);
            }
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        self.queues.close();
    }
}

impl Queue {
    fn new() -> Self {
        let (sender, jobs) = unbounded();
        Self { jobs, sender }
    }
}

impl Queues {
    fn now(&self) -> u64 {
        nanoseconds(self.epoch, Instant::now())
    }

    /// A task is about to wait for a thread of the lowest class.
    fn wait_for_lowest(&self, now: u64) {
        if self.lowest.jobs.is_empty() {
            self.contention.waits(now);
            // So that it is seen if no thread gets the CPU to take the task.
            if let Some(alarm) = &self.alarm {
                alarm.ring();
            }
        }
    }

    /// Looks whether the lowest class gets any CPU; if not, what waits for it moves on.
    fn watch(&self) {
        let waiting = !self.lowest.jobs.is_empty();
        if self
            .contention
            .watch(self.now(), waiting, |thread| self.cpu_of(thread))
        {
            while let Ok(job) = self.lowest.jobs.try_recv() {
                match job {
                    Job::Run(_) => {
                        let _ = self.polite.sender.send(job);
                    }
                    Job::Stop => {
                        let _ = self.lowest.sender.send(job);
                        return;
                    }
                }
            }
        }
    }

    /// Nanoseconds of CPU that a thread of the lowest class has used, on Linux.
    fn cpu_of(&self, thread: usize) -> Option<u64> {
        let told = std::fs::read_to_string(self.told[thread].get()?).ok()?;
        told.split(' ').next()?.parse().ok()
    }

    fn push(&self, queue: &Queue, runnable: Runnable) {
        // The other end is in here, too.
        let _ = queue.sender.send(Job::Run(runnable));
        if self.closed.load(Ordering::SeqCst) {
            self.clear();
        }
    }

    /// Cancels every task that waits for a thread, or that is woken from now on.
    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.clear();
    }

    fn clear(&self) {
        for queue in [&self.foreground, &self.lowest, &self.polite] {
            while queue.jobs.try_recv().is_ok() {}
        }
    }
}

fn run(queues: &Queues, class: Class, io: &tokio::runtime::Handle, ticker: &Ticker) {
    let _runtime = io.enter();
    let jobs = match class {
        Class::Foreground => &queues.foreground.jobs,
        Class::Lowest(thread) => {
            if let Ok(own) = std::fs::read_link("/proc/thread-self") {
                let told = Path::new("/proc").join(own).join("schedstat");
                let _ = queues.told[thread].set(told);
            }
            enter_lowest_class();
            &queues.lowest.jobs
        }
        Class::Polite => {
            be_polite();
            &queues.polite.jobs
        }
    };
    while let Ok(Job::Run(runnable)) = jobs.recv() {
        let ticking = ticker.guest();
        begin_poll(class != Class::Foreground);
        match class {
            Class::Foreground => {
                runnable.run();
            }
            Class::Lowest(thread) => {
                queues.contention.begin(thread, queues.now());
                runnable.run();
                queues.contention.end(thread);
            }
            Class::Polite => {
                let (began, cpu) = (Instant::now(), ThreadTime::now());
                runnable.run();
                let (took, cpu) = (began.elapsed(), cpu.elapsed());
                queues.contention.polite_poll(queues.now(), took, cpu);
            }
        }
        drop(ticking);
        end_poll();
    }
}

#[cfg(test)]
mod tests;
