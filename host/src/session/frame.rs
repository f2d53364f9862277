//! Messages made ready for a transport: what a session's queue holds is what goes over the
//! wire, and the same for all sessions that speak alike.

use bytes::Bytes;
use hearken_session_protocol::{
    Answer, Disconnect, Encoding, Push, PushChannel, Reply, encode_bare_push, encode_ping,
    encode_push, encode_reply, end_message, websocket,
};

/// Room for the header of a WebSocket frame, which is written once the length is known.
const HEADER_ROOM: usize = websocket::MAX_HEADER_BYTES;

/// How a session's messages look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Variant {
    /// What a message is written as.
    pub encoding: Encoding,
    /// What stands around messages.
    pub framing: Framing,
}

/// What stands around messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framing {
    /// Frames of WebSocket with one or more messages.
    WebSocket,
    /// A stream of messages.
    Stream,
    /// Events of `text/event-stream` with one message each.
    Events,
    /// A stream of pushes alone, for clients that only listen.
    BareStream,
    /// Events of `text/event-stream` with one push each, for clients that only listen.
    BareEvents,
}

impl Framing {
    /// All.
    pub(super) const ALL: [Self; 5] = [
        Self::WebSocket,
        Self::Stream,
        Self::Events,
        Self::BareStream,
        Self::BareEvents,
    ];

    /// What the transport is called that has messages so.
    #[must_use]
    pub fn transport(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::Stream => "http_stream",
            Self::Events => "sse",
            Self::BareStream => "uni_http_stream",
            Self::BareEvents => "uni_sse",
        }
    }

    /// Whether its clients only listen: all that they get is pushes, and they answer no ping.
    #[must_use]
    pub fn is_bare(self) -> bool {
        matches!(self, Self::BareStream | Self::BareEvents)
    }
}

/// How the pushes of a channel look to a subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Form {
    /// How all of the session's messages look.
    pub variant: Variant,
    /// Whether they have the channel's number in place of its name.
    pub numbered: bool,
    /// Whether publications may be deltas to the one before.
    pub delta: bool,
}

/// One or more messages that go out together.
#[derive(Debug)]
pub(super) struct Frame {
    variant: Variant,
    bytes: Vec<u8>,
    is_empty: bool,
}

impl Variant {
    /// Why the connection is closed, for transports that have no other way of saying it.
    #[must_use]
    pub fn disconnect(self, why: &Disconnect) -> Bytes {
        self.push(PushChannel::None, &Push::Disconnect(why))
    }

    /// A reply alone. Clients that only listen get one, that they are connected.
    pub(super) fn reply(self, reply: &Reply) -> Bytes {
        if let (true, Ok(Answer::Connect(result))) = (self.framing.is_bare(), &reply.outcome) {
            return self.push(PushChannel::None, &Push::Connect(result));
        }
        let mut frame = Frame::new(self);
        frame.message(|encoding, out| encode_reply(encoding, reply, out));
        frame.finish()
    }

    /// A push alone.
    pub(super) fn push(self, channel: PushChannel<'_>, push: &Push<'_>) -> Bytes {
        let mut frame = Frame::new(self);
        frame.push(channel, push);
        frame.finish()
    }

    /// A ping.
    pub(super) fn ping(self) -> Bytes {
        let mut frame = Frame::new(self);
        frame.message(encode_ping);
        frame.finish()
    }
}

impl Frame {
    /// One without messages.
    pub(super) fn new(variant: Variant) -> Self {
        let bytes = match variant.framing {
            Framing::WebSocket => vec![0; HEADER_ROOM],
            Framing::Stream | Framing::Events | Framing::BareStream | Framing::BareEvents => {
                Vec::new()
            }
        };
        Self {
            variant,
            bytes,
            is_empty: true,
        }
    }

    /// Adds a push.
    pub(super) fn push(&mut self, channel: PushChannel<'_>, push: &Push<'_>) {
        let is_bare = self.variant.framing.is_bare();
        self.message(|encoding, out| match is_bare {
            true => encode_bare_push(encoding, channel, push, out),
            false => encode_push(encoding, channel, push, out),
        });
    }

    /// Adds what `write` writes, a message.
    fn message(&mut self, write: impl FnOnce(Encoding, &mut Vec<u8>)) {
        let Variant { encoding, framing } = self.variant;
        let out = &mut self.bytes;
        match framing {
            Framing::WebSocket => {
                if !self.is_empty {
                    end_message(encoding, out);
                }
                write(encoding, out);
            }
            Framing::Stream | Framing::BareStream => {
                write(encoding, out);
                end_message(encoding, out);
            }
            Framing::Events | Framing::BareEvents => {
                out.extend_from_slice(b"data: ");
                write(encoding, out);
                out.extend_from_slice(b"\n\n");
            }
        }
        self.is_empty = false;
    }

    /// What goes over the wire.
    pub(super) fn finish(self) -> Bytes {
        let Self {
            variant, mut bytes, ..
        } = self;
        if variant.framing != Framing::WebSocket {
            return bytes.into();
        }
        let header = websocket::header(variant.encoding.opcode(), bytes.len() - HEADER_ROOM);
        let begin = HEADER_ROOM - header.len();
        bytes[begin..HEADER_ROOM].copy_from_slice(&header);
        Bytes::from(bytes).slice(begin..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(encoding: Encoding, framing: Framing, pings: usize) -> Vec<u8> {
        let mut frame = Frame::new(Variant { encoding, framing });
        for _ in 0..pings {
            frame.message(encode_ping);
        }
        frame.finish().to_vec()
    }

    #[test]
    fn messages_stand_as_each_transport_has_them() {
        use Encoding::{Json, Protobuf};
        use Framing::{Events, Stream, WebSocket};
        for (encoding, framing, expected) in [
            (Json, WebSocket, &b"\x81\x05{}\n{}"[..]),
            (Protobuf, WebSocket, b"\x82\x02\0\0"),
            (Json, Stream, b"{}\n{}\n"),
            (Protobuf, Stream, b"\0\0"),
            (Json, Events, b"data: {}\n\ndata: {}\n\n"),
        ] {
            assert_eq!(framed(encoding, framing, 2), expected);
        }
    }

    #[test]
    fn who_only_listens_gets_pushes_alone() {
        let why = hearken_session_protocol::codes::disconnects::SHUTDOWN;
        let told = |framing| {
            let encoding = Encoding::Json;
            let bytes = Variant { encoding, framing }.disconnect(&why);
            String::from_utf8(bytes.to_vec()).unwrap()
        };
        let push = r#"{"disconnect":{"code":3001,"reason":"shutdown"}}"#;
        assert_eq!(told(Framing::BareStream), format!("{push}\n"));
        assert_eq!(told(Framing::BareEvents), format!("data: {push}\n\n"));
        let wrapped = format!(r#"{{"push":{push}}}"#);
        assert_eq!(told(Framing::Stream), format!("{wrapped}\n"));
        assert_eq!(told(Framing::Events), format!("data: {wrapped}\n\n"));
        let connected = Reply {
            id: 1,
            outcome: Ok(Answer::Connect(hearken_session_protocol::ConnectResult {
                client: "c".to_owned(),
                ..Default::default()
            })),
        };
        let variant = Variant {
            encoding: Encoding::Json,
            framing: Framing::BareStream,
        };
        let told = variant.reply(&connected);
        assert_eq!(told, &b"{\"connect\":{\"client\":\"c\"}}\n"[..]);
    }

    #[test]
    fn long_frames_have_long_headers() {
        let frame = framed(Encoding::Protobuf, Framing::WebSocket, 300);
        assert_eq!(frame[..4], [0x82, 126, 1, 44]);
        assert_eq!(frame.len(), 304);
        let frame = framed(Encoding::Protobuf, Framing::WebSocket, 70_000);
        assert_eq!(frame[..10], [0x82, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70]);
        assert_eq!(frame.len(), 70_010);
    }
}
