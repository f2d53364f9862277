//! Every bound and every time-out of the gateway, with what it is for.

use std::time::Duration;

use crate::bus::MailboxLimits;

/// Bounds of a gateway. The defaults suit a node that serves a few hundred clients.
#[derive(Clone, Debug)]
pub struct GatewayLimits {
    /// Connections at a time; more wait to be accepted. Default 1,024: bounds
    /// file descriptors and the buffers behind them.
    pub connections: usize,
    /// Event streams at a time; more are answered 503. Default 256: together
    /// with `waiters` leaves half the connections to short requests.
    pub streams: usize,
    /// `GET /v1/wait` at a time; more are answered 503. Default 256.
    pub waiters: usize,
    /// Mailbox of a stream. Default as for every receiver: 1,024 events, 8 MiB.
    pub stream_mailbox: MailboxLimits,
    /// Events of one batch. Default 1,000: fits into a default mailbox, so that
    /// one batch cannot overflow an idle receiver.
    pub batch_events: usize,
    /// Bytes of request bodies in memory at a time; a request beyond is answered
    /// 503. Default 64 MiB: many clients with large bodies cannot exhaust the node.
    pub body_memory: usize,
    /// Time for a client to send a whole request body. Default 30 s: ends
    /// bodies that trickle in.
    pub body_time: Duration,
    /// Bytes of a body that is too large that are read all the same and thrown
    /// away, so that its client gets to the answer. Default 16 MiB.
    pub discarded_bytes: usize,
    /// Time for that. Default 2 s.
    pub discard_time: Duration,
    /// Time for a client to send a request's head, also the time that an idle
    /// connection is kept. Default 30 s.
    pub head_time: Duration,
    /// Time that a client may read nothing of what waits for it before the
    /// connection is closed. Default 30 s.
    pub write_stall: Duration,
    /// Pause between comments on a silent stream. Default 15 s: less than what
    /// proxies usually allow.
    pub keep_alive: Duration,
    /// Longest `timeout` of `GET /v1/wait`. Default 5 min.
    pub longest_wait: Duration,
    /// Time for a command on a plugin. Default 2 min: compiling a large
    /// component takes tens of seconds.
    pub command_time: Duration,
}

impl Default for GatewayLimits {
    fn default() -> Self {
        Self {
            connections: 1024,
            streams: 256,
            waiters: 256,
            stream_mailbox: MailboxLimits::default(),
            batch_events: 1000,
            body_memory: 64 << 20,
            body_time: Duration::from_secs(30),
            discarded_bytes: 16 << 20,
            discard_time: Duration::from_secs(2),
            head_time: Duration::from_secs(30),
            write_stall: Duration::from_secs(30),
            keep_alive: Duration::from_secs(15),
            longest_wait: Duration::from_secs(300),
            command_time: Duration::from_secs(120),
        }
    }
}
