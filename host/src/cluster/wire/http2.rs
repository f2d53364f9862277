//! Connections as HTTP/2, on which gRPC stands, takes them.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};
use tonic::transport::server::Connected;

use super::admission::Place;
use super::network::{Connection, Io};
use super::opened::Ends;
use super::traffic::Traffic;
use crate::cluster::timing::FIRST_STREAM;
use crate::cluster::tls::Secured;

/// What HTTP/2 lets the other side send ahead, in bytes: what a link at full speed
/// sends in a few milliseconds.
pub(in crate::cluster) const WINDOW: u32 = 4 << 20;

/// Largest HTTP/2 frame that is taken, in bytes: what HTTP/2 itself has to say does not
/// wait behind more.
pub(in crate::cluster) const HTTP2_FRAME: u32 = 64 << 10;

/// Requests that are on their way from one node to another at most.
pub(in crate::cluster) const MAX_ON_THE_WAY: u32 = 512;

/// Largest piece of a request or answer that is passed on, in bytes.
pub(in crate::cluster) const PIECE: usize = 64 << 10;

/// Largest message of one, in bytes: a piece, or a head.
pub(in crate::cluster) const MAX_PART: usize = 4 * PIECE;

/// What a frame of the protocol may be larger than the largest event, in bytes: a
/// frame is full at 256 KiB.
pub(in crate::cluster) const FRAME_ALLOWANCE: usize = 1 << 20;

/// A connection that HTTP/2 can begin on. One that was taken ends when it is used for
/// nothing for too long.
pub(in crate::cluster) struct Http2Io {
    io: Box<dyn Io>,
    pub(in crate::cluster) ends: Ends,
    /// Of a connection that was taken; given back when it is dropped.
    pub(in crate::cluster) place: Option<Place>,
    timer: Pin<Box<Sleep>>,
}

impl Http2Io {
    pub(in crate::cluster) fn plain(connection: Connection, traffic: Arc<Traffic>) -> Self {
        Self {
            ends: Ends {
                local: connection.local,
                remote: connection.remote,
                certificate: None,
                traffic,
                usage: Arc::default(),
            },
            io: connection.io,
            place: None,
            timer: Box::pin(sleep(FIRST_STREAM)),
        }
    }

    pub(in crate::cluster) fn secured(secured: Secured, traffic: Arc<Traffic>) -> Self {
        let mut io = Self::plain(secured.connection, traffic);
        io.ends.certificate = secured.peer;
        io
    }
}

impl Http2Io {
    /// Fails when the connection has been taken and is used for nothing.
    fn check_use(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let Some(place) = &self.place else {
            return Ok(());
        };
        let Some(since) = place.usage().unused_since(cx.waker()) else {
            return Ok(());
        };
        let until = since + FIRST_STREAM;
        if self.timer.deadline() != until {
            self.timer.as_mut().reset(until);
        }
        if self.timer.as_mut().poll(cx).is_ready() {
            let unused = humantime::format_duration(FIRST_STREAM);
            let why = format!("no link was made over the connection within {unused}");
            return Err(io::Error::new(io::ErrorKind::TimedOut, why));
        }
        Ok(())
    }
}

impl Connected for Http2Io {
    type ConnectInfo = Ends;

    fn connect_info(&self) -> Ends {
        self.ends.clone()
    }
}

impl AsyncRead for Http2Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check_use(cx)?;
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Http2Io {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
