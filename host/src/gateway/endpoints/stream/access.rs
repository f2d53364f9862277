//! Whether the client of a stream may still hear it.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use crate::access::{Ended, Identity};

/// A stream that is never idle looks after so long whether its client may still hear it.
const LOOK: Duration = Duration::from_millis(250);

/// Waits until the client may not hear the stream any more.
pub(super) struct StreamAccess {
    ended: Pin<Box<dyn Future<Output = Ended> + Send>>,
    looked: Instant,
}

impl StreamAccess {
    pub(super) fn of(identity: Identity) -> Self {
        Self {
            ended: Box::pin(async move { identity.ended().await }),
            looked: Instant::now(),
        }
    }

    /// Why the client may not hear it any more, for a stream that has something to send;
    /// `now` is when it has sent something last.
    pub(super) fn poll_busy(&mut self, now: Instant, cx: &mut Context<'_>) -> Option<Ended> {
        // More would be felt with each message.
        if now.saturating_duration_since(self.looked) < LOOK {
            return None;
        }
        self.poll_ended(now, cx)
    }

    /// Why the client may not hear it any more; wakes the stream when that changes.
    pub(super) fn poll_ended(&mut self, now: Instant, cx: &mut Context<'_>) -> Option<Ended> {
        self.looked = now;
        match self.ended.as_mut().poll(cx) {
            Poll::Ready(ended) => Some(ended),
            Poll::Pending => None,
        }
    }
}
