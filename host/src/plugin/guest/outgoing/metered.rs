//! A body whose bytes are taken from the plugin's budget, and which must not fall silent.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};
use wasmtime_wasi_http::Error;

use super::traffic::Traffic;

/// A body on its way.
pub(super) struct Metered<B> {
    body: B,
    traffic: Arc<Traffic>,
    silence: Option<Silence>,
}

/// How long nothing may come.
struct Silence {
    most: Duration,
    over: Pin<Box<Sleep>>,
}

impl<B> Metered<B> {
    /// A body that a guest sends, as slowly as it likes.
    pub(super) fn sent(body: B, traffic: Arc<Traffic>) -> Self {
        Self {
            body,
            traffic,
            silence: None,
        }
    }

    /// A body that a guest receives, of which something must come within `most`.
    pub(super) fn received(body: B, traffic: Arc<Traffic>, most: Duration) -> Self {
        let over = Box::pin(tokio::time::sleep(most));
        Self {
            body,
            traffic,
            silence: Some(Silence { most, over }),
        }
    }
}

impl<B> Body for Metered<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Error>,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        let frame = match Pin::new(&mut this.body).poll_frame(context) {
            Poll::Ready(Some(frame)) => frame.map_err(Into::into),
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Pending => {
                let over = |silence: &mut Silence| silence.over.as_mut().poll(context);
                return match this.silence.as_mut().map(over) {
                    Some(Poll::Ready(())) => Poll::Ready(Some(Err(Error::ConnectionReadTimeout))),
                    Some(Poll::Pending) | None => Poll::Pending,
                };
            }
        };
        if let Some(silence) = &mut this.silence {
            // However long that is, it ends before the timer's range does.
            let over = Instant::now().checked_add(silence.most);
            silence
                .over
                .as_mut()
                .reset(over.unwrap_or_else(Instant::now));
        }
        let bytes = match &frame {
            Ok(frame) => frame.data_ref().map_or(0, Buf::remaining),
            Err(_) => 0,
        };
        if bytes > 0 && !this.traffic.budget.take(bytes) {
            let reason = "the plugin has sent and received more HTTP than its budget allows";
            return Poll::Ready(Some(Err(Error::InternalError(Some(reason.to_owned())))));
        }
        Poll::Ready(Some(frame))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
