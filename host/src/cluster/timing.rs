//! How long the cluster waits for what. Together they keep the promise that a node
//! that crashes is reported within five seconds: two and a half at most ([`SILENCE`] and
//! one look more) until the link is known to be dead, and [`UNREACHABLE_AFTER`] for it
//! to come back.

use std::time::Duration;

/// For a connection to be made, its TLS handshake included.
pub(super) const DIAL: Duration = Duration::from_secs(2);

/// For a connection to any of the addresses of a name, which are tried one after the other:
/// four times as long.
pub(super) const DIAL_NAME: Duration = Duration::from_secs(8);

/// For the other side to say who it is, and for TLS.
pub(super) const HANDSHAKE_STEP: Duration = Duration::from_secs(2);

/// For the other side to say where it goes on and what it wants, which on a slow line
/// takes a while, either way; begins again as long as something comes.
pub(super) const RESUME_STEP: Duration = Duration::from_secs(5);

/// For each of these in all, however something comes.
pub(super) const MAX_STEP: Duration = Duration::from_secs(20);

/// For whoever has connected to open a stream, and for a connection whose stream has
/// ended to open another.
pub(super) const FIRST_STREAM: Duration = Duration::from_secs(5);

/// For the other side to read a last frame.
pub(super) const PARTING: Duration = Duration::from_secs(1);

/// Without a single byte from the other side, before a link is given up. Twice as long
/// as between two signs of life ([`MEASURE`]), which on a busy machine come late.
pub(super) const SILENCE: Duration = Duration::from_secs(2);

/// How often it is looked in that time whether something has come.
pub(super) const LOOKS: u32 = 5;

/// For the system to see what was sent acknowledged, before it gives a connection up
/// that nobody watches any more. Longer than any pause of a slow line behind a buffer
/// that is full.
pub(super) const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// Between two changes of what the other side is asked for, so that one frame tells
/// several.
pub(super) const GATHER: Duration = Duration::from_millis(20);

/// Before an event that came alone is acknowledged: long enough that acknowledging
/// costs nothing, and far shorter than the outbox can wait.
pub(super) const ACKNOWLEDGE: Duration = Duration::from_millis(10);

/// Between measurements of the round trip, which are signs of life, between reports of
/// gaps, and between looks at what is thrown away for a node that is away.
pub(super) const MEASURE: Duration = Duration::from_secs(1);

/// For a link to come back before the node is reported.
pub(super) const UNREACHABLE_AFTER: Duration = Duration::from_secs(1);

/// The same while a connection for it is being made, which on a slow line takes longer. Keeps the
/// promise too.
pub(super) const LINKING: Duration = Duration::from_millis(2_500);

/// For a link to come back before its node's sessions are taken to be gone, and what is kept
/// of them with them.
pub(super) const SESSIONS_WAIT: Duration = Duration::from_secs(5);

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

/// Before the same failure with the same node is logged again.
pub(super) const SAY_AGAIN: Duration = Duration::from_secs(60);

/// After the start of this node or of a link, for others to say which channels they have.
pub(super) const SETTLE: Duration = Duration::from_secs(10);

/// After a link that a node makes at its start: those whom the other end knows are linked then
/// too, unless they are away.
pub(super) const MEET: Duration = Duration::from_secs(2);

/// For a node that has channels to come back before what it had is forgotten.
pub(super) const KEEP_NAMES: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// For the membership to tell the others that this node leaves.
pub(super) const LEAVE: Duration = Duration::from_millis(500);
