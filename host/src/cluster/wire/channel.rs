//! Frames both ways between two nodes, over an open gRPC stream.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tonic::{Status, Streaming};

use super::admission::InUse;
use super::handshake::Peer;
use super::protocol::frame::Kind;
use super::protocol::{Frame, Hello, Refusal, Resume};
use super::refused::Refused;
use super::text::shown;
use super::traffic::{Hold, Traffic};
use crate::cluster::timing::{HANDSHAKE_STEP, MAX_STEP, PARTING, RESUME_STEP};

/// Frames that wait for the network; what does not fit waits where it is bounded
/// in events and bytes.
pub(in crate::cluster) const FRAMES_AHEAD: usize = 4;

/// What is sent: plain frames by who dialled, results by who answered.
pub(in crate::cluster) enum Outgoing {
    Dialled(mpsc::Sender<Frame>),
    Answered(mpsc::Sender<Result<Frame, Status>>),
}

/// An open stream to another node.
pub(in crate::cluster) struct Channel {
    pub(in crate::cluster) incoming: Incoming,
    pub(in crate::cluster) outgoing: Outgoing,
    /// Ends the connection.
    pub(in crate::cluster) hold: Hold,
}

/// What is received.
pub(in crate::cluster) struct Incoming {
    frames: Streaming<Frame>,
    /// What comes over the connection.
    pub(in crate::cluster) traffic: Arc<Traffic>,
    /// Keeps a connection that was taken from counting as idle.
    _in_use: Option<InUse>,
}

/// Why a channel gives no more frames.
#[derive(Debug, thiserror::Error)]
pub(in crate::cluster) enum Lost {
    /// The network, or the other side's end of it.
    #[error("{}", described(.0))]
    Status(Status),
    /// The other side ended the stream without a goodbye.
    #[error("the other node closed the connection")]
    Ended,
    /// It did not answer in time.
    #[error("no answer within {}", humantime::format_duration(*.0))]
    Silent(Duration),
    /// The other side does not want this link.
    #[error("{}", .0.message)]
    Refused(Refusal),
    /// This side does not.
    #[error(transparent)]
    Refuses(#[from] Refused),
    /// The other side opened another connection, having given this one up.
    #[error("the other node made a new connection")]
    Replaced,
    /// The other node has started again.
    #[error("the other node has started again")]
    Superseded,
    /// A mistake in this program.
    #[error("the task of the link panicked")]
    Panicked,
}

fn described(status: &Status) -> String {
    shown(&match std::error::Error::source(status) {
        Some(source) => format!("{}: {source}", status.message()),
        None => status.message().to_owned(),
    })
}

impl Lost {
    /// What kind of end it is, in a word that no stranger chooses.
    pub(in crate::cluster) fn kind(&self) -> &'static str {
        match self {
            Self::Status(_) => "status",
            Self::Ended => "ended",
            Self::Silent(_) => "silent",
            Self::Refused(refusal) => refusal.reason().as_str_name(),
            Self::Refuses(refused) => refused.reason().as_str_name(),
            Self::Replaced => "replaced",
            Self::Superseded => "superseded",
            Self::Panicked => "panicked",
        }
    }
}

impl Incoming {
    /// What is received over a stream that this node opened.
    pub(in crate::cluster) fn dialled(frames: Streaming<Frame>, traffic: Arc<Traffic>) -> Self {
        Self {
            frames,
            traffic,
            _in_use: None,
        }
    }

    /// What is received over a stream that the other node opened.
    pub(in crate::cluster) fn answered(
        frames: Streaming<Frame>,
        traffic: Arc<Traffic>,
        in_use: InUse,
    ) -> Self {
        Self {
            frames,
            traffic,
            _in_use: Some(in_use),
        }
    }

    /// Waits for the next frame.
    ///
    /// # Errors
    /// [`Lost`] when there will be none, or the other side refused the link.
    pub(in crate::cluster) async fn recv(&mut self) -> Result<Kind, Lost> {
        loop {
            let frame = self.frames.message().await.map_err(Lost::Status)?;
            match frame.ok_or(Lost::Ended)?.kind {
                Some(Kind::Refusal(mut refusal)) => {
                    refusal.message = shown(&refusal.message);
                    return Err(Lost::Refused(refusal));
                }
                Some(kind) => return Ok(kind),
                // A kind that a newer version of the protocol added.
                None => {}
            }
        }
    }

    /// Waits for the other side to say who it is.
    ///
    /// # Errors
    /// [`Lost`], also when it says something else, or nothing for too long.
    pub(in crate::cluster) async fn recv_hello(&mut self) -> Result<Hello, Lost> {
        match self.recv_soon(HANDSHAKE_STEP).await? {
            Kind::Hello(hello) => Ok(hello),
            other => Err(unexpected(&other, "Hello").into()),
        }
    }

    /// Waits for the other side to say where it goes on.
    ///
    /// # Errors
    /// [`Lost`], also when it says something else, or nothing for too long.
    pub(in crate::cluster) async fn recv_resume(&mut self) -> Result<Resume, Lost> {
        match self.recv_soon(RESUME_STEP).await? {
            Kind::Resume(resume) => Ok(resume),
            other => Err(unexpected(&other, "Resume").into()),
        }
    }

    /// Waits for the next frame for as long as something comes.
    async fn recv_soon(&mut self, silence: Duration) -> Result<Kind, Lost> {
        let traffic = Arc::clone(&self.traffic);
        let mut before = traffic.received();
        let begun = Instant::now();
        let receiving = self.recv();
        tokio::pin!(receiving);
        loop {
            if let Ok(received) = timeout(silence, &mut receiving).await {
                return received;
            }
            let now = traffic.received();
            if now == before || begun.elapsed() >= MAX_STEP {
                return Err(Lost::Silent(begun.elapsed()));
            }
            before = now;
        }
    }
}

impl Channel {
    /// Ends the stream and tells the other side why.
    pub(in crate::cluster) async fn refuse(self, refused: &Refused) {
        self.part(Kind::Refusal(refused.into())).await;
    }

    /// Ends the stream with a last frame.
    pub(in crate::cluster) async fn part(mut self, last: Kind) {
        let parting = async {
            // Fails when the other side has gone, which is what is wanted.
            let _ = self.outgoing.send(last).await;
            drop(self.outgoing);
            // Going away before the other side has read it would take it back.
            while let Ok(Some(_)) = self.incoming.frames.message().await {}
        };
        // Whoever does not read it in time does not get it.
        let _ = timeout(PARTING, parting).await;
        drop(self.hold);
    }
}

impl Outgoing {
    /// Sends a frame, when there is room for it.
    ///
    /// # Errors
    /// [`Lost`] when the stream has ended.
    pub(in crate::cluster) async fn send(&self, kind: Kind) -> Result<(), Lost> {
        let frame = Frame { kind: Some(kind) };
        let sent = match self {
            Self::Dialled(sender) => sender.send(frame).await.is_ok(),
            Self::Answered(sender) => sender.send(Ok(frame)).await.is_ok(),
        };
        if sent { Ok(()) } else { Err(Lost::Ended) }
    }

    /// Sends a frame if there is room; returns whether there was.
    pub(in crate::cluster) fn try_send(&self, kind: Kind) -> bool {
        let frame = Frame { kind: Some(kind) };
        match self {
            Self::Dialled(sender) => sender.try_send(frame).is_ok(),
            Self::Answered(sender) => sender.try_send(Ok(frame)).is_ok(),
        }
    }

    /// Waits until a frame would be taken at once.
    ///
    /// # Errors
    /// [`Lost`] when the stream has ended.
    pub(in crate::cluster) async fn room(&self) -> Result<(), Lost> {
        let room = match self {
            Self::Dialled(sender) => sender.reserve().await.is_ok(),
            Self::Answered(sender) => sender.reserve().await.is_ok(),
        };
        if room { Ok(()) } else { Err(Lost::Ended) }
    }

    /// Whether a frame would be taken at once.
    pub(in crate::cluster) fn has_room(&self) -> bool {
        match self {
            Self::Dialled(sender) => sender.capacity() > 0,
            Self::Answered(sender) => sender.capacity() > 0,
        }
    }
}

/// The other side spoke out of turn.
pub(in crate::cluster) fn unexpected(kind: &Kind, expected: &str) -> Refused {
    let name = match kind {
        Kind::Hello(_) => "Hello",
        Kind::Refusal(_) => "Refusal",
        Kind::Resume(_) => "Resume",
        Kind::Interest(_) => "Interest",
        Kind::InterestKnown(_) => "InterestKnown",
        Kind::InterestChange(_) => "InterestChange",
        Kind::Skip(_) => "Skip",
        Kind::Channels(_) => "Channels",
        Kind::Events(_) => "Events",
        Kind::Ack(_) => "Ack",
        Kind::Ping(_) => "Ping",
        Kind::Pong(_) => "Pong",
        Kind::Gossip(_) => "Gossip",
        Kind::Goodbye(_) => "Goodbye",
    };
    Refused::Protocol(format!("it sent {name} instead of {expected}"))
}

/// A channel whose two sides know each other.
pub(in crate::cluster) struct Greeted {
    pub(in crate::cluster) channel: Channel,
    /// Where it comes from, as the network shows it; what the other side says of itself, a
    /// stranger may vary.
    pub(in crate::cluster) from: Arc<str>,
    pub(in crate::cluster) peer: Peer,
    /// `HOST:PORT` at which the other side reaches this node.
    pub(in crate::cluster) own_address: Arc<str>,
    /// What the other side said if it dialled: it goes first.
    pub(in crate::cluster) resume: Option<Resume>,
}
