//! An answer on its way: HTTP/2 takes what a client does not read yet out of its body, so what
//! has left is seen only by what is no longer held.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use super::open::Opened;

/// Bytes that are handed over at once: a client that takes as many within the time that it may
/// be still is slow, but there.
const PIECE: usize = 16 << 10;

/// The body of an answer.
pub(super) struct Sent {
    body: Body,
    /// What was taken out of the body and not handed over yet.
    rest: Bytes,
    opened: Arc<Opened>,
}

/// Bytes on their way.
struct Piece {
    bytes: Bytes,
    opened: Arc<Opened>,
}

impl Sent {
    pub(super) fn new(body: Body, opened: Arc<Opened>) -> Self {
        opened.answer(true);
        Self {
            body,
            rest: Bytes::new(),
            opened,
        }
    }

    fn next_piece(&mut self) -> Frame<Bytes> {
        let bytes = self.rest.split_to(self.rest.len().min(PIECE));
        self.opened.hand_over();
        Frame::data(Bytes::from_owner(Piece {
            bytes,
            opened: Arc::clone(&self.opened),
        }))
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        self.opened.answer(false);
    }
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.opened.left();
    }
}

impl HttpBody for Sent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        this.opened.ask();
        while this.rest.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.rest = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        Poll::Ready(Some(Ok(this.next_piece())))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let body = self.body.size_hint();
        let mut hint = SizeHint::new();
        if let Some(upper) = body.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(body.lower() + rest);
        hint
    }
}
