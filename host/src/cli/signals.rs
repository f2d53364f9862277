//! The signals that end a node: the first SIGINT or SIGTERM drains it, a second
//! one ends the process at once.

use std::io;

use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// A signal that asks the process to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signal {
    Interrupt,
    #[cfg(unix)]
    Terminate,
}

/// Listens for signals for as long as it lives.
#[derive(Debug)]
pub(super) struct Signals {
    drain: CancellationToken,
    _task: AbortOnDropHandle<()>,
}

impl Signals {
    /// Starts to listen on the current runtime. A second signal calls `last_act`
    /// and exits the process with 130 (SIGINT) or 143 (SIGTERM).
    ///
    /// # Errors
    /// The system refuses to register a handler.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub(super) fn listen(last_act: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        Self::listen_and(|code| {
            last_act();
            std::process::exit(code)
        })
    }

    /// Cancelled by the first signal: the node drains.
    #[must_use]
    pub(super) fn drain(&self) -> &CancellationToken {
        &self.drain
    }

    fn listen_and(exit: impl FnOnce(i32) + Send + 'static) -> io::Result<Self> {
        let mut signals = Registered::new()?;
        let drain = CancellationToken::new();
        let token = drain.clone();
        let task = tokio::spawn(async move {
            let signal = signals.next().await;
            tracing::info!(
                "{} received: finishing what is in hand; a second signal ends the node at once",
                signal.name()
            );
            token.cancel();
            let signal = signals.next().await;
            tracing::warn!("{} received again: ending at once", signal.name());
            exit(signal.exit_code());
        });
        Ok(Self {
            drain,
            _task: AbortOnDropHandle::new(task),
        })
    }
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            #[cfg(unix)]
            Self::Terminate => "SIGTERM",
        }
    }

    /// 128 and the signal's number, as shells report it.
    fn exit_code(self) -> i32 {
        match self {
            Self::Interrupt => 130,
            #[cfg(unix)]
            Self::Terminate => 143,
        }
    }
}

/// Handlers that are in place: a signal from here on is not lost.
#[cfg(unix)]
struct Registered {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Registered {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
        }
    }
}

#[cfg(not(unix))]
struct Registered(tokio::signal::windows::CtrlC);

#[cfg(not(unix))]
impl Registered {
    fn new() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn next(&mut self) -> Signal {
        self.0.recv().await;
        Signal::Interrupt
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::process::Command;

    use tokio::sync::oneshot;

    use super::*;

    fn send_to_self(signal: &str) {
        let status = Command::new("kill")
            .args([signal, &std::process::id().to_string()])
            .status()
            .expect("`kill` is on every Unix");
        assert!(status.success());
    }

    #[tokio::test]
    async fn the_first_signal_drains_and_the_second_exits() {
        let (exit, exited) = oneshot::channel();
        let signals = Signals::listen_and(|code| exit.send(code).expect("the test waits")).unwrap();
        assert!(!signals.drain().is_cancelled());
        send_to_self("-INT");
        signals.drain().cancelled().await;
        send_to_self("-TERM");
        assert_eq!(exited.await, Ok(143));
    }
}
