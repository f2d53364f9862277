//! Connections that are open, so that they end when the certificate at their other end
//! is no longer good.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use rustls::Side;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::peer::PeerCertificate;

/// Longest time that a timer is set for: a year, and then the certificate is looked at
/// again as all are once a minute.
const LONGEST_TIMER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// All open connections.
#[derive(Debug, Default)]
pub(super) struct OpenConnections(Mutex<Vec<Weak<Open>>>);

/// One open connection, and what its other side has shown.
#[derive(Debug)]
pub(super) struct Open {
    chain: Vec<CertificateDer<'static>>,
    other_side: Side,
    nodes: String,
    /// Why it is to end.
    ended: OnceLock<String>,
    /// The task that reads it.
    reader: AtomicWaker,
}

impl OpenConnections {
    /// Keeps an eye on a connection, until what is returned is dropped.
    pub(super) fn add(
        &self,
        chain: Vec<CertificateDer<'static>>,
        other_side: Side,
        peer: &PeerCertificate,
    ) -> Arc<Open> {
        let open = Arc::new(Open {
            chain,
            other_side,
            nodes: peer.to_string(),
            ended: OnceLock::new(),
            reader: AtomicWaker::new(),
        });
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|open| open.strong_count() > 0);
        all.push(Arc::downgrade(&open));
        open
    }

    /// Ends those whose other side `trusted` does not find good any more.
    pub(super) fn end_unless(
        &self,
        trusted: impl Fn(&[CertificateDer<'static>], Side) -> Result<(), String>,
    ) {
        let all: Vec<Arc<Open>> = {
            let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.iter().filter_map(Weak::upgrade).collect()
        };
        for open in all {
            if let Err(why) = trusted(&open.chain, open.other_side) {
                open.end(why);
            }
        }
    }
}

impl Open {
    fn end(&self, why: String) {
        if self.ended.get().is_none() {
            tracing::warn!(node = %self.nodes, "ending a link: {why}");
            // Fails when somebody else was faster.
            let _ = self.ended.set(why);
            self.reader.wake();
        }
    }

    fn check(&self) -> io::Result<()> {
        match self.ended.get() {
            None => Ok(()),
            Some(why) => Err(io::Error::new(io::ErrorKind::PermissionDenied, why.clone())),
        }
    }
}

/// The bytes of an open connection, which fail from when it is to end.
pub(super) struct Watched<S> {
    stream: S,
    open: Arc<Open>,
    /// Until the other side's certificate expires.
    expiry: Option<Pin<Box<Sleep>>>,
}

impl<S> Watched<S> {
    /// The certificate is good for `left`, if it says so.
    pub(super) fn new(stream: S, open: Arc<Open>, left: Option<Duration>) -> Self {
        let left = left.filter(|left| *left < LONGEST_TIMER);
        Self {
            stream,
            open,
            expiry: left.map(|left| Box::pin(sleep(left))),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.open.reader.register(cx.waker());
        if let Some(expiry) = &mut self.expiry
            && expiry.as_mut().poll(cx).is_ready()
        {
            self.expiry = None;
            self.open
                .end("the other side's certificate has expired".to_owned());
        }
        self.open.check()?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.open.check()?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.open.check()?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
