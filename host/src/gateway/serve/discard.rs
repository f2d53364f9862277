//! Bodies that nobody wants.

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;

use crate::gateway::limits::GatewayLimits;

/// Reads on within bounds and throws away what comes: a connection that is closed
/// while its client still sends is reset, and the answer is lost with it.
pub(in crate::gateway) async fn discard(limits: &GatewayLimits, body: &mut Body) {
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
