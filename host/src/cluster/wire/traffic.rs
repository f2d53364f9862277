//! A connection as its link watches it: whether bytes still come, however few, and how
//! it ends.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::network::{Connection, Io};
use crate::cluster::timing::{LOOKS, SILENCE};

/// What a link knows of its connection.
#[derive(Debug, Default)]
pub(in crate::cluster) struct Traffic {
    /// Bytes that came.
    received: AtomicU64,
    /// Nobody wants the connection any more.
    cut: AtomicBool,
    /// Who waits for bytes.
    reader: AtomicWaker,
}

impl Traffic {
    /// Bytes that came.
    pub(in crate::cluster) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    fn cut(&self) {
        self.cut.store(true, Ordering::Release);
        self.reader.wake();
    }

    fn check(&self) -> io::Result<()> {
        if self.cut.load(Ordering::Acquire) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }
}

/// Watches a connection from here on, below its encryption: there bytes come as they
/// come, and not a whole record at once.
pub(in crate::cluster) fn watched(connection: Connection) -> (Connection, Arc<Traffic>) {
    let Connection { io, local, remote } = connection;
    let traffic = Arc::new(Traffic::default());
    let watched = Watched {
        io,
        traffic: Arc::clone(&traffic),
    };
    let connection = Connection {
        io: Box::new(watched),
        local,
        remote,
    };
    (connection, traffic)
}

/// The connection ends when this is dropped: what keeps it open behind a stream that
/// has ended would wait for the other side, which may be gone.
#[derive(Debug)]
pub(in crate::cluster) struct Hold {
    /// Nothing once the connection may go on by itself.
    traffic: Option<Arc<Traffic>>,
}

impl Hold {
    pub(in crate::cluster) fn of(traffic: &Arc<Traffic>) -> Self {
        Self {
            traffic: Some(Arc::clone(traffic)),
        }
    }

    /// Lets the connection end by itself.
    pub(in crate::cluster) fn release(mut self) {
        self.traffic = None;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(traffic) = &self.traffic {
            traffic.cut();
        }
    }
}

/// Finds out that nothing comes any more. Whoever is there sends something every
/// second, and if it is a part of a large event; so what counts are bytes, and not
/// answers, which wait behind such events. Time in which this process stands still does
/// not count.
#[derive(Debug)]
pub(in crate::cluster) struct Silence {
    traffic: Arc<Traffic>,
    look: Interval,
    /// Bytes that had come at the last look.
    seen: u64,
    /// Looks since, without a byte more.
    looks: u32,
}

impl Silence {
    pub(in crate::cluster) fn new(traffic: Arc<Traffic>) -> Self {
        let mut look = interval(SILENCE / LOOKS);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            seen: traffic.received(),
            traffic,
            look,
            looks: 0,
        }
    }

    /// Waits until it has lasted for too long.
    pub(in crate::cluster) async fn too_long(&mut self) {
        self.too_long_behind(|| Duration::ZERO).await;
    }

    /// The same where signs of life may have to wait that much longer, behind what is sent.
    pub(in crate::cluster) async fn too_long_behind(&mut self, more: impl Fn() -> Duration) {
        let looks = |more: Duration| {
            let more = more.as_millis() / (SILENCE / LOOKS).as_millis();
            LOOKS.saturating_add(u32::try_from(more).unwrap_or(u32::MAX))
        };
        while self.looks <= looks(more()) {
            self.look.tick().await;
            let received = self.traffic.received();
            self.looks = if received == self.seen {
                self.looks + 1
            } else {
                0
            };
            self.seen = received;
        }
    }
}

struct Watched {
    io: Box<dyn Io>,
    traffic: Arc<Traffic>,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.traffic.check()?;
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buffer);
        let bytes = buffer.filled().len() - before;
        self.traffic
            .received
            .fetch_add(bytes as u64, Ordering::Relaxed);
        if read.is_pending() {
            self.traffic.reader.register(cx.waker());
            // It may have been cut before that.
            self.traffic.check()?;
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.traffic.check()?;
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.traffic.check()?;
        Pin::new(&mut self.io).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.traffic.check()?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::{Instant, sleep, timeout};

    use super::*;

    fn pair() -> (DuplexStream, Connection, Arc<Traffic>) {
        let (there, here) = duplex(1024);
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let (connection, traffic) = watched(Connection {
            io: Box::new(here),
            local: address,
            remote: address,
        });
        (there, connection, traffic)
    }

    #[tokio::test(start_paused = true)]
    async fn a_byte_now_and_then_is_a_sign_of_life() {
        let (mut there, mut connection, traffic) = pair();
        let reading = tokio::spawn(async move {
            let mut byte = [0];
            while connection.io.read_exact(&mut byte).await.is_ok() {}
        });
        let mut silence = Silence::new(traffic);
        let trickle = async {
            for _ in 0..20 {
                sleep(SILENCE.mul_f64(0.9)).await;
                there.write_all(&[1]).await.expect("it is read");
            }
        };
        tokio::select! {
            () = silence.too_long() => panic!("it was not silent for so long"),
            () = trickle => {}
        }
        let last = Instant::now();
        silence.too_long().await;
        let waited = last.elapsed();
        assert!(waited >= SILENCE && waited <= SILENCE * 2, "{waited:?}");
        reading.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_which_nobody_could_look_does_not_count() {
        let (_there, _connection, traffic) = pair();
        let mut silence = Silence::new(traffic);
        tokio::time::advance(SILENCE * 10).await;
        let first = timeout(Duration::from_millis(1), silence.too_long());
        first.await.expect_err("it has just begun to look");
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_behind_more_may_take_longer() {
        let (_there, _connection, traffic) = pair();
        let begun = Instant::now();
        let mut silence = Silence::new(traffic);
        silence.too_long_behind(|| SILENCE * 2).await;
        let waited = begun.elapsed();
        assert!(waited >= SILENCE * 3 && waited <= SILENCE * 4, "{waited:?}");
    }

    #[tokio::test]
    async fn a_connection_ends_with_its_hold() {
        let (_there, mut connection, traffic) = pair();
        let hold = Hold::of(&traffic);
        let reading = tokio::spawn(async move {
            let read = connection.io.read(&mut [0]).await;
            let written = connection.io.write(&[1]).await;
            (read, written)
        });
        tokio::task::yield_now().await;
        drop(hold);
        let (read, written) = reading.await.expect("it does not panic");
        assert_eq!(
            [read, written].map(|done| done.expect_err("it is cut").kind()),
            [io::ErrorKind::ConnectionAborted; 2]
        );
    }
}
