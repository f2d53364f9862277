//! Every bound and every time-out of the gateway, with what it is for.

use std::time::Duration;

use ipnet::IpNet;

use crate::bus::MailboxLimits;

/// How long the node may take over a command on a plugin: compiling a large component takes
/// tens of seconds.
pub const COMMAND_TIME: Duration = Duration::from_secs(120);

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
    /// Of these three, and of `body_memory`, the part in 100 that one address may have; more
    /// is answered 429.
    /// Default 50: nobody can take all of them alone.
    pub address_share: usize,
    /// Proxies whose `x-forwarded-for` says from which address a request comes. Default none.
    pub trusted_proxies: Vec<IpNet>,
    /// Largest head of a request in bytes; a larger one is answered 431. Default 64 KiB.
    pub head_bytes: usize,
    /// Most headers of a request; more are answered 431. Default 100.
    pub headers: usize,
    /// Mailbox of a stream, whose bytes are never fewer than one event may have. Default as
    /// for every receiver: 1,024 events, 8 MiB.
    pub stream_mailbox: MailboxLimits,
    /// Bytes of events that wait in all streams together, each counted once however many
    /// streams it waits in, and of answers of waits that are not read yet; beyond, the streams
    /// in which most waits end with `overflow`, and such answers are cut off.
    /// Never fewer than some of the largest events. Default 122 MiB.
    pub stream_memory: usize,
    /// Events of one batch. Default 1,000: fits into a default mailbox, so that
    /// one batch cannot overflow an idle receiver.
    pub batch_events: usize,
    /// Bytes of request bodies and large heads in memory at a time; a request beyond is
    /// answered 503, or with a large head cut off. Default 122 MiB: many clients with large
    /// bodies cannot exhaust the node.
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
    /// Time for a client to agree on TLS. Default 10 s: ends handshakes that trickle in.
    pub handshake_time: Duration,
    /// Time that a client may read nothing of what waits for it before the
    /// connection is closed. Default 60 s: so long a slow client's system, which may have
    /// taken megabytes, can be silent before it takes more.
    pub write_stall: Duration,
    /// Time that clients which do not move, and streams, get when the node shuts down.
    /// Default 1 s.
    pub grace: Duration,
    /// Pause between comments on a silent stream. Default 15 s: less than what
    /// proxies usually allow.
    pub keep_alive: Duration,
    /// Longest `timeout` of `GET /v1/wait`. Default 5 min.
    pub longest_wait: Duration,
    /// Time for a command on a plugin. Default [`COMMAND_TIME`].
    pub command_time: Duration,
}

impl GatewayLimits {
    /// These limits with `bytes` of memory for what requests bring and for what waits in
    /// streams, one half each.
    #[must_use]
    pub fn sharing(mut self, bytes: usize) -> Self {
        self.body_memory = bytes / 2;
        self.stream_memory = bytes / 2;
        self
    }
}

impl Default for GatewayLimits {
    /// Sharing 244 MiB: with what 1,024 connections take, 256 MiB.
    fn default() -> Self {
        let limits = Self {
            connections: 1024,
            streams: 256,
            waiters: 256,
            address_share: 50,
            trusted_proxies: Vec::new(),
            head_bytes: 64 << 10,
            headers: 100,
            stream_mailbox: MailboxLimits::default(),
            stream_memory: 0,
            batch_events: 1000,
            body_memory: 0,
            body_time: Duration::from_secs(30),
            discarded_bytes: 16 << 20,
            discard_time: Duration::from_secs(2),
            head_time: Duration::from_secs(30),
            handshake_time: Duration::from_secs(10),
            write_stall: Duration::from_secs(60),
            grace: Duration::from_secs(1),
            keep_alive: Duration::from_secs(15),
            longest_wait: Duration::from_secs(300),
            command_time: COMMAND_TIME,
        };
        limits.sharing(244 << 20)
    }
}
