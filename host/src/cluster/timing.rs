//! How long the cluster waits for what. Together they keep the promise that a node
//! that crashes is reported within five seconds: at most two ([`KEEPALIVE_INTERVAL`]
//! and [`KEEPALIVE_TIMEOUT`]) until the link is known to be dead, and
//! [`UNREACHABLE_AFTER`] for it to come back.

use std::time::Duration;

/// For a connection to be made, its TLS handshake included.
pub(super) const DIAL: Duration = Duration::from_secs(2);

/// For the other side to take each step of the handshake.
pub(super) const HANDSHAKE_STEP: Duration = Duration::from_secs(2);

/// For whoever has connected to open a stream, and for a connection whose stream has
/// ended to open another.
pub(super) const FIRST_STREAM: Duration = Duration::from_secs(5);

/// For the other side to read a last frame.
pub(super) const PARTING: Duration = Duration::from_secs(1);

/// HTTP/2 asks for a sign of life after so much silence.
pub(super) const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(1);

/// HTTP/2 gives a connection up when the sign of life does not come.
pub(super) const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(1);

/// Before an event that came alone is acknowledged: long enough that acknowledging
/// costs nothing, and far shorter than the outbox can wait.
pub(super) const ACKNOWLEDGE: Duration = Duration::from_millis(10);

/// Between measurements of the round trip, between reports of gaps, and between
/// looks at what is thrown away for a node that is away.
pub(super) const MEASURE: Duration = Duration::from_secs(1);

/// For a link to come back before the node is reported.
pub(super) const UNREACHABLE_AFTER: Duration = Duration::from_secs(1);

/// For an unreachable node to come back before what waits for it is thrown away,
/// and for a node that has left to be shown.
pub(super) const FORGET_AFTER: Duration = Duration::from_secs(60 * 60);

/// Before the first repetition of a dial that failed; doubles from one to the next.
pub(super) const FIRST_REDIAL: Duration = Duration::from_millis(100);

/// Longest wait between two dials.
pub(super) const MAX_REDIAL: Duration = Duration::from_secs(5);

/// Before it is looked again at who answers at an address where this node itself did, or
/// one that is linked under another address: behind an address of a load balancer are many.
pub(super) const ASK_AGAIN: Duration = Duration::from_secs(30);

/// How much longer the node with the higher name waits before it dials a node that
/// it knows, so that the two seldom dial each other at once.
pub(super) const DEFERENCE: Duration = Duration::from_millis(200);

/// Before the same complaint about the same node is logged again.
pub(super) const COMPLAIN_AGAIN: Duration = Duration::from_secs(60);

/// For the membership to tell the others that this node leaves.
pub(super) const LEAVE: Duration = Duration::from_millis(500);
