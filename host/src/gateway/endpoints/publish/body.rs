//! Reading a request's body within bounds of size, memory and time.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::OwnedSemaphorePermit;

use crate::bus::Bus;
use crate::gateway::serve::connection::{Connection, Stage};
use crate::gateway::{Context, GatewayLimits};

/// Room for what surrounds the data of one event: attributes and JSON syntax.
const ENVELOPE_BYTES: usize = 64 << 10;

/// A batch may be this many times as large as a single event's body.
const BATCH_FACTOR: usize = 4;

const KIB: usize = 1024;

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub(in crate::gateway) enum BodyError {
    #[error("the body is larger than {limit} bytes, the most that this node takes here")]
    TooLarge { limit: usize },
    #[error("the body did not arrive within {}", humantime::format_duration(*.0))]
    Slow(Duration),
    #[error("the body could not be read: {0}")]
    Broken(String),
    #[error(
        "the node holds as many request bodies in memory as it may, {0} bytes; try again later"
    )]
    Busy(usize),
}

/// A body, and its share of the memory for bodies.
#[derive(Debug)]
pub(super) struct ReadBody {
    pub(super) bytes: Bytes,
    _share: OwnedSemaphorePermit,
}

/// Largest body that describes one event; data in base64 takes 4/3 of its size.
pub(super) fn single_limit(bus: &Bus) -> usize {
    bus.max_event_bytes() / 3 * 4 + ENVELOPE_BYTES
}

/// Largest body that describes a batch.
pub(super) fn batch_limit(bus: &Bus) -> usize {
    single_limit(bus) * BATCH_FACTOR
}

/// KiB of bodies in memory at a time: what is configured, but never less than
/// one body takes.
pub(in crate::gateway) fn budget(limits: &GatewayLimits, bus: &Bus) -> usize {
    limits.body_memory.max(batch_limit(bus)).div_ceil(KIB)
}

/// Reads the whole body.
pub(super) async fn read(
    context: &Context,
    connection: &Connection,
    headers: &HeaderMap,
    body: Body,
    limit: usize,
) -> Result<ReadBody, BodyError> {
    connection.set_stage(Stage::Body);
    let read = read_within(context, headers, body, limit).await;
    connection.set_stage(Stage::Working);
    read
}

async fn read_within(
    context: &Context,
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
    let kib = u32::try_from(room.div_ceil(KIB)).unwrap_or(u32::MAX);
    let share = Arc::clone(&context.bodies)
        .try_acquire_many_owned(kib)
        .map_err(|_| BodyError::Busy(context.limits.body_memory))?;
    let time = context.limits.body_time;
    match tokio::time::timeout(time, Limited::new(&mut body, limit).collect()).await {
        Err(_) => Err(BodyError::Slow(time)),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            discard(&context.limits, &mut body).await;
            Err(BodyError::TooLarge { limit })
        }
        Ok(Err(error)) => Err(BodyError::Broken(error.to_string())),
        Ok(Ok(collected)) => Ok(ReadBody {
            bytes: collected.to_bytes(),
            _share: share,
        }),
    }
}

/// Reads on within bounds and throws away what comes: a connection that is closed
/// while its client still sends is reset, and the answer is lost with it.
async fn discard(limits: &GatewayLimits, body: &mut Body) {
    let mut left = limits.discarded_bytes;
    let discarding = async {
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                return;
            }
        }
    };
    // Whoever sends more, or more slowly, has to do without the answer.
    let _ = tokio::time::timeout(limits.discard_time, discarding).await;
}
