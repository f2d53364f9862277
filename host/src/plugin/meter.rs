//! What an event costs its plugin: the CPU that it used plus its host waits.
//! Waiting for a turn is not charged.
//!
//! On foreground threads CPU is taken from the clock, since a turn there ends
//! after a time slice; on background threads, which the system may leave
//! standing for long, from the thread's CPU time.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use cpu_time::ThreadTime;
use tokio::time::{Instant, Sleep};
use wasmtime::UpdateDeadline;

use super::executor::{Seat, turn};

/// Charges the events of one instance.
#[derive(Debug)]
pub(super) struct Meter {
    seat: Arc<Seat>,
    deadline: Duration,
    time_slice: Duration,
    account: Mutex<Account>,
}

#[derive(Debug)]
struct Account {
    cpu: Duration,
    waits: Duration,
    phase: Phase,
    exceeded: bool,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Not in a guest, or waiting for a turn.
    Idle,
    /// Running on a foreground thread since then.
    OnClock(Instant),
    /// Running on a background thread, which had used that much CPU.
    OnCpu(Duration),
    /// Waiting for the host since then.
    Waiting(Instant),
    /// Gave way to others.
    Yielded,
}

/// The event in hand used up its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("deadline of {deadline:?} exceeded: {cpu:.1?} of CPU and {waits:.1?} of host waits")]
pub(super) struct DeadlineExceeded {
    /// The deadline in force.
    pub(super) deadline: Duration,
    /// CPU that the event used.
    pub(super) cpu: Duration,
    /// Time that it spent in host waits.
    pub(super) waits: Duration,
}

impl Meter {
    /// A meter for the task on `seat`.
    #[must_use]
    pub(super) fn new(seat: Arc<Seat>, deadline: Duration, time_slice: Duration) -> Self {
        Self {
            seat,
            deadline,
            time_slice,
            account: Mutex::new(Account {
                cpu: Duration::ZERO,
                waits: Duration::ZERO,
                phase: Phase::Idle,
                exceeded: false,
            }),
        }
    }

    /// Runs a call into the guest under a fresh account.
    ///
    /// # Errors
    /// [`DeadlineExceeded`] when CPU and host waits reach the deadline; then the
    /// call was abandoned half-way and its instance cannot be used again.
    pub(super) async fn charge<F: Future>(&self, call: F) -> Result<F::Output, DeadlineExceeded> {
        *self.lock() = Account {
            cpu: Duration::ZERO,
            waits: Duration::ZERO,
            phase: Phase::Yielded,
            exceeded: false,
        };
        Charged {
            meter: self,
            call: std::pin::pin!(call),
            alarm: None,
        }
        .await
    }

    /// Why the last call was interrupted, if it was the deadline.
    #[must_use]
    pub(super) fn exceeded(&self) -> Option<DeadlineExceeded> {
        let account = self.lock();
        account.exceeded.then(|| self.verdict(&account))
    }

    /// What a guest that runs at an epoch tick has to do.
    pub(super) fn on_tick(&self) -> UpdateDeadline {
        let mut account = self.lock();
        account.settle_cpu();
        if account.spent() >= self.deadline {
            account.exceeded = true;
            return UpdateDeadline::Interrupt;
        }
        // In the foreground the slice holds for the whole event: a guest that makes
        // tiny host waits between short bursts would otherwise begin a new slice
        // with each of them and never leave.
        let slice_used = turn().is_some_and(|turn| {
            turn.began.elapsed() >= self.time_slice
                || (!turn.in_background && account.cpu >= self.time_slice)
        });
        if slice_used {
            self.seat.move_to_background(true);
            account.phase = Phase::Yielded;
            return UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now()));
        }
        UpdateDeadline::Continue(1)
    }

    fn verdict(&self, account: &Account) -> DeadlineExceeded {
        DeadlineExceeded {
            deadline: self.deadline,
            cpu: account.cpu,
            waits: account.waits,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Account> {
        // Plain arithmetic in here; nothing panics half-way.
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account {
    fn spent(&self) -> Duration {
        self.cpu + self.waits
    }

    fn settle_cpu(&mut self) {
        match &mut self.phase {
            Phase::OnClock(since) => {
                let now = Instant::now();
                self.cpu += now - *since;
                *since = now;
            }
            Phase::OnCpu(since) => {
                let now = ThreadTime::now().as_duration();
                self.cpu += now.saturating_sub(*since);
                *since = now;
            }
            Phase::Idle | Phase::Waiting(_) | Phase::Yielded => {}
        }
    }

    fn begin_turn(&mut self, woken: Instant) {
        if let Phase::Waiting(since) = self.phase {
            self.waits += woken.saturating_duration_since(since);
        }
        self.phase = match turn() {
            Some(turn) if turn.in_background => Phase::OnCpu(ThreadTime::now().as_duration()),
            _ => Phase::OnClock(Instant::now()),
        };
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
            account.begin_turn(this.meter.seat.woken());
            if account.spent() >= this.meter.deadline {
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
        let end = now + this.meter.deadline.saturating_sub(account.spent());
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
mod tests {
    use super::*;
    use crate::plugin::engine::{Ticker, new_engine};
    use crate::plugin::executor::Executor;

    /// Runs `call` on a plugin thread under a meter of its own.
    async fn charged<F, C>(
        deadline: Duration,
        time_slice: Duration,
        call: C,
    ) -> Result<F::Output, DeadlineExceeded>
    where
        C: FnOnce(Arc<Meter>, Arc<Seat>) -> F,
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let ticker = Arc::new(Ticker::start(new_engine().unwrap()).unwrap());
        let executor = Executor::new(1, &tokio::runtime::Handle::current(), &ticker).unwrap();
        let seat = executor.seat();
        let meter = Arc::new(Meter::new(Arc::clone(&seat), deadline, time_slice));
        let call = call(Arc::clone(&meter), Arc::clone(&seat));
        executor
            .spawn(seat, async move { meter.charge(call).await })
            .await
    }

    fn spin(time: Duration) {
        let began = Instant::now();
        while began.elapsed() < time {
            std::hint::spin_loop();
        }
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_host_wait_ends_with_the_deadline() {
        let deadline = Duration::from_millis(5);
        let outcome = charged(deadline, LONG, |_, _| std::future::pending::<()>()).await;
        let exceeded = outcome.expect_err("it never ends");
        assert!(exceeded.waits + exceeded.cpu >= deadline, "{exceeded}");
    }

    #[tokio::test]
    async fn many_short_waits_and_bursts_add_up_to_the_deadline() {
        let outcome: Result<(), _> = charged(Duration::from_millis(20), LONG, |_, _| async {
            loop {
                spin(Duration::from_micros(500));
                tokio::time::sleep(Duration::from_micros(500)).await;
            }
        })
        .await;
        let exceeded = outcome.expect_err("it never ends");
        assert!(!exceeded.cpu.is_zero() && !exceeded.waits.is_zero());
    }

    #[tokio::test]
    async fn a_host_wait_does_not_begin_a_new_time_slice() {
        let slice = Duration::from_millis(40);
        let in_background = charged(LONG, slice, |meter, seat| async move {
            for _ in 0..2 {
                spin(slice / 2);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let told = meter.on_tick();
            assert!(matches!(told, UpdateDeadline::YieldCustom(..)));
            seat.in_background()
        })
        .await;
        assert_eq!(in_background, Ok(true));
    }

    #[tokio::test]
    async fn a_spinning_guest_is_interrupted_at_a_tick() {
        let deadline = Duration::from_millis(5);
        let interrupted = charged(deadline, LONG, |meter, _| async move {
            spin(deadline);
            matches!(meter.on_tick(), UpdateDeadline::Interrupt) && meter.exceeded().is_some()
        })
        .await;
        assert_eq!(interrupted, Ok(true));
    }
}
