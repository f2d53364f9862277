//! Reading a request's body within bounds of size, memory and time.

use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::error::BodyError;
use crate::bus::Bus;
use crate::gateway::GatewayLimits;
use crate::gateway::context::Context;
use crate::gateway::serve::client::Client;
use crate::gateway::serve::connection::Stage;
use crate::gateway::serve::discard::discard;
use crate::gateway::serve::memory::{Memory, Part};
use crate::gateway::serve::slots::Full;

/// Room for what surrounds the data of one event: attributes and JSON syntax.
const ENVELOPE_BYTES: usize = 64 << 10;

/// A batch may be this many times as large as a single event's body.
const BATCH_FACTOR: usize = 4;

/// A body, and its share of the memory for bodies.
#[derive(Debug)]
pub(in crate::gateway) struct ReadBody {
    pub(in crate::gateway) bytes: Bytes,
    _part: Part,
}

/// Largest body that describes one event; data in base64 takes 4/3 of its size.
pub(in crate::gateway) fn single_limit(bus: &Bus) -> usize {
    bus.max_event_bytes() / 3 * 4 + ENVELOPE_BYTES
}

/// Largest body that describes a batch.
pub(in crate::gateway) fn batch_limit(bus: &Bus) -> usize {
    single_limit(bus) * BATCH_FACTOR
}

/// The memory for bodies: what is configured, but never less than one body takes.
pub(in crate::gateway) fn memory(limits: &GatewayLimits, bus: &Bus) -> Memory {
    Memory::new(limits.body_memory, limits.address_share, batch_limit(bus))
}

/// Reads the whole body.
pub(in crate::gateway) async fn read(
    context: &Context,
    client: &Client,
    headers: &HeaderMap,
    body: Body,
    limit: usize,
) -> Result<ReadBody, BodyError> {
    client.connection.set_stage(Stage::Body);
    let read = read_within(context, client, headers, body, limit).await;
    client.connection.set_stage(Stage::Working);
    read
}

async fn read_within(
    context: &Context,
    client: &Client,
    headers: &HeaderMap,
    mut body: Body,
    limit: usize,
) -> Result<ReadBody, BodyError> {
    let declared = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if declared > limit {
        // Who asks before sending is told at once, and sends nothing.
        if !headers.contains_key(header::EXPECT) {
            discard(&context.limits, &mut body).await;
        }
        return Err(BodyError::TooLarge { limit });
    }
    let room = body.size_hint().exact().map_or(limit, |_| declared);
    let part = context.bodies.take(room, Some(client.address));
    let part = part.map_err(|full| match full {
        Full::All { limit } => BodyError::Busy(limit),
        Full::Address { limit } => BodyError::AddressBusy(limit),
    })?;
    let time = context.limits.body_time;
    match tokio::time::timeout(time, collect(Limited::new(&mut body, limit))).await {
        Err(_) => Err(BodyError::Slow(time)),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            discard(&context.limits, &mut body).await;
            Err(BodyError::TooLarge { limit })
        }
        Ok(Err(error)) => Err(BodyError::Broken(error.to_string())),
        Ok(Ok(bytes)) => Ok(ReadBody { bytes, _part: part }),
    }
}

/// The whole body in one piece. Pieces are put together as they come: kept for themselves,
/// those of a body that comes byte by byte would take many times what they say.
async fn collect<B: HttpBody<Data = Bytes> + Unpin>(mut body: B) -> Result<Bytes, B::Error> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame?.into_data() else {
            continue;
        };
        if whole.is_empty() && body.is_end_stream() {
            return Ok(piece);
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::task::{Context, Poll};

    use hyper::body::Frame;

    use super::*;

    /// A body of single bytes; counts those that somebody keeps.
    struct Crumbs {
        left: usize,
        kept: Arc<()>,
        most: usize,
    }

    struct Crumb(#[expect(dead_code, reason = "counted while it is there")] Arc<()>);

    impl AsRef<[u8]> for Crumb {
        fn as_ref(&self) -> &[u8] {
            b"x"
        }
    }

    impl HttpBody for Crumbs {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            self.most = self.most.max(Arc::strong_count(&self.kept) - 1);
            if self.left == 0 {
                return Poll::Ready(None);
            }
            self.left -= 1;
            let crumb = Bytes::from_owner(Crumb(Arc::clone(&self.kept)));
            Poll::Ready(Some(Ok(Frame::data(crumb))))
        }
    }

    #[tokio::test]
    async fn a_body_that_comes_byte_by_byte_takes_no_more_than_its_bytes() {
        let mut crumbs = Crumbs {
            left: 10_000,
            kept: Arc::default(),
            most: 0,
        };
        let Ok(whole) = collect(&mut crumbs).await;
        assert_eq!(whole.len(), 10_000);
        assert!(crumbs.most <= 1, "{} pieces were kept", crumbs.most);
    }
}
