//! A timer that wakes who waits for connections, finer than such waits can.

use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use hearken_bench_stopwatch::Error;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

/// Ticks, one whenever so much time has passed.
pub(super) struct Ticks {
    timer: OwnedFd,
    /// Those that have passed.
    pub(super) passed: usize,
}

impl Ticks {
    /// Begins.
    pub(super) fn every(time: Duration, registry: &Registry, token: Token) -> Result<Self, Error> {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK)?;
        let time = Timespec {
            tv_sec: time.as_secs().try_into()?,
            tv_nsec: time.subsec_nanos().into(),
        };
        let spec = Itimerspec {
            it_interval: time,
            it_value: time,
        };
        timerfd_settime(&timer, TimerfdTimerFlags::empty(), &spec)?;
        registry.register(&mut SourceFd(&timer.as_raw_fd()), token, Interest::READABLE)?;
        Ok(Self { timer, passed: 0 })
    }

    /// Some may have passed.
    pub(super) fn look(&mut self) {
        let mut count = [0; 8];
        if let Ok(8) = rustix::io::read(&self.timer, &mut count) {
            self.passed += usize::try_from(u64::from_ne_bytes(count)).unwrap_or(0);
        }
    }
}
