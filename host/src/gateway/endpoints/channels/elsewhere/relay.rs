//! An event stream that comes from another node.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::unfold;
use tokio::time::sleep;

use crate::access::{Ended, Held, Identity};
use crate::gateway::context::Context;
use crate::gateway::endpoints::channels::stream::{COMMENT, access_ended};
use crate::gateway::serve::connection::{Connection, Stage};
use crate::gateway::serve::slots::Slot;
use crate::passing::PassedBody;

/// Signs of life of the other node that are missed before its stream is given up.
const SIGNS_MISSED: u32 = 3;

/// One client's stream. Where the other node goes away it ends: the client resumes with
/// `Last-Event-ID`.
struct Relay {
    messages: PassedBody,
    /// Whether what was sent so far ends with a whole message.
    between: bool,
    over: bool,
    /// Whether the client has closed its side.
    half_closed: bool,
    /// Waits until the client may not read any more.
    ended: Pin<Box<dyn Future<Output = Ended> + Send>>,
    connection: Arc<Connection>,
    context: Arc<Context>,
    _places: Places,
}

/// What a stream takes for as long as it lasts.
pub(super) struct Places {
    _slot: Slot,
    _held: Held,
    /// On the way to the other node, if it goes there.
    _way: Option<Slot>,
}

impl Places {
    /// Those of this node.
    pub(super) fn new(slot: Slot, held: Held) -> Self {
        Self {
            _slot: slot,
            _held: held,
            _way: None,
        }
    }

    /// The same with one on the way to another node.
    pub(super) fn on(self, way: Slot) -> Self {
        Self {
            _way: Some(way),
            ..self
        }
    }
}

/// The body of a stream whose messages come from another node.
pub(super) fn body(
    context: &Arc<Context>,
    connection: &Arc<Connection>,
    identity: &Identity,
    messages: PassedBody,
    places: Places,
) -> Body {
    connection.set_stage(Stage::Streaming);
    let identity = identity.clone();
    let relay = Relay {
        messages,
        between: true,
        over: false,
        half_closed: false,
        ended: Box::pin(async move { identity.ended().await }),
        connection: Arc::clone(connection),
        context: Arc::clone(context),
        _places: places,
    };
    Body::from_stream(unfold(relay, |mut relay| async move {
        let messages = relay.next().await?;
        Some((Ok::<_, Infallible>(messages), relay))
    }))
}

impl Relay {
    /// The next messages; none when there are no more.
    async fn next(&mut self) -> Option<Bytes> {
        if self.over {
            return None;
        }
        let silence = self.context.limits.keep_alive * SIGNS_MISSED;
        tokio::select! {
            biased;
            ended = &mut self.ended => {
                self.over = true;
                // Amid a message nothing else can be said.
                self.between.then(|| access_ended(&ended))
            }
            () = self.context.draining.cancelled() => None,
            messages = self.messages.next() => {
                let messages = messages?.ok()?;
                self.between = messages.ends_with(b"\n\n");
                Some(messages)
            }
            () = self.connection.half_closed(), if !self.half_closed && self.between => {
                self.half_closed = true;
                // A client that is gone answers this with a reset.
                Some(Bytes::from_static(COMMENT.as_bytes()))
            }
            () = self.connection.reset(), if self.half_closed => None,
            // The other node sends a comment at least: its side is stuck.
            () = sleep(silence) => None,
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.connection.set_stage(Stage::Answering);
    }
}
