//! How servers are spoken with: what makes a connection a session that gets what is published,
//! and what a message is.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::frames::{masked, of_server};
use super::text::{contains, quoted};
use crate::suites::sessions::{CHANNEL, KEPT_CHANNEL, PAYLOAD};

/// A way of speaking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::suites::sessions) enum Dialect {
    /// Sessions of Hearken.
    Hearken,
    /// The same with recovery, where publications are numbered and none may be missing.
    HearkenKept,
    /// The same as the first, where each session has a channel of its own.
    HearkenOwn,
    /// NATS over WebSocket.
    Nats,
    /// A channel of nchan, by its path.
    Nchan,
    /// A room of socket.io.
    SocketIo,
    /// Whatever is written to sockets.
    WriteLoop,
}

/// Who connects.
#[derive(Clone, Debug, Default)]
pub(super) struct Who {
    /// Which of all sessions it is; whoever only publishes is none, and 0.
    pub(super) number: usize,
    /// Whether it only publishes.
    pub(super) publishes: bool,
    /// What it shows.
    pub(super) token: String,
    /// From behind which publication of which epoch it goes on.
    pub(super) position: Option<(u64, String)>,
}

/// What happens next with a connection that is not a session yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// It waits.
    Wait,
    /// It says this.
    Say(Vec<u8>),
    /// It is done.
    Ready,
    /// It will not be one.
    Refused,
}

impl Dialect {
    /// What the handshake of WebSocket asks for.
    pub(super) fn path(self, who: &Who) -> &'static str {
        match (self, who.publishes) {
            (Self::Hearken | Self::HearkenKept | Self::HearkenOwn, _) => "/connection/websocket",
            (Self::Nats, _) => "/",
            (Self::SocketIo, _) => "/socket.io/?EIO=4&transport=websocket",
            (Self::Nchan | Self::WriteLoop, true) => "/publish",
            (Self::Nchan | Self::WriteLoop, false) => "/subscribe",
        }
    }

    /// What a connection does after its handshake.
    pub(super) fn begin(self, who: &Who) -> Opening {
        match self {
            Self::Hearken | Self::HearkenKept | Self::HearkenOwn => {
                Opening::Say(text(&self.connect(who)))
            }
            Self::Nats | Self::SocketIo => Opening::Wait,
            Self::Nchan | Self::WriteLoop => Opening::Ready,
        }
    }

    /// What it does once it has heard this.
    pub(super) fn go_on(self, who: &Who, heard: &[u8]) -> Opening {
        match self {
            Self::Hearken | Self::HearkenKept | Self::HearkenOwn => {
                let last: &[u8] = if who.publishes {
                    b"\"id\":1"
                } else {
                    b"\"id\":2"
                };
                let recovers = who.position.is_some();
                match contains(heard, last) {
                    _ if contains(heard, b"\"error\":") => Opening::Refused,
                    true if recovers && !contains(heard, b"\"recovered\":true") => Opening::Refused,
                    true => Opening::Ready,
                    false => Opening::Wait,
                }
            }
            // Beside them there may be news of the server again.
            Self::Nats if contains(heard, b"-ERR") => Opening::Refused,
            Self::Nats if contains(heard, b"PONG\r\n") => Opening::Ready,
            Self::Nats if heard.starts_with(b"INFO") => {
                let subscribe = match who.publishes {
                    true => String::new(),
                    false => format!("SUB {CHANNEL} 1\r\n"),
                };
                let said = format!(
                    "CONNECT {{\"verbose\":false,\"pedantic\":false,\"lang\":\"bench\",\
                     \"version\":\"1\",\"protocol\":1,\"auth_token\":\"{}\"}}\r\n{subscribe}PING\r\n",
                    who.token
                );
                Opening::Say(masked(false, said.as_bytes()))
            }
            Self::SocketIo => match heard {
                [b'0', ..] => Opening::Say(text(&format!(r#"40{{"token":"{}"}}"#, who.token))),
                [b'4', b'0', ..] if who.publishes => Opening::Ready,
                [b'4', b'0', ..] => Opening::Say(text(&format!(r#"420["subscribe","{CHANNEL}"]"#))),
                [b'4', b'3', b'0', ..] => Opening::Ready,
                [b'4', b'4', ..] => Opening::Refused,
                _ => Opening::Wait,
            },
            Self::Nats | Self::Nchan | Self::WriteLoop => Opening::Wait,
        }
    }

    /// The commands with which a session of Hearken begins.
    fn connect(self, who: &Who) -> String {
        let connect = format!(r#"{{"connect":{{"token":"{}"}},"id":1}}"#, who.token);
        if who.publishes {
            return connect;
        }
        let channel = self.channel(who);
        let recovery = match &who.position {
            Some((offset, epoch)) => {
                format!(r#","recover":true,"offset":{offset},"epoch":"{epoch}""#)
            }
            None => String::new(),
        };
        format!("{connect}\n{{\"subscribe\":{{\"channel\":\"{channel}\"{recovery}}},\"id\":2}}")
    }

    /// Whether a session is known to get what is published once it is one, or nothing is.
    pub(super) fn is_ready_at_once(self) -> bool {
        matches!(self, Self::HearkenKept | Self::HearkenOwn)
    }

    fn channel(self, who: &Who) -> Cow<'static, str> {
        match self {
            Self::HearkenKept => KEPT_CHANNEL.into(),
            Self::HearkenOwn => format!("bench:{}", who.number).into(),
            _ => CHANNEL.into(),
        }
    }

    /// Bytes that publish the message of this number. `frame` is what [`Self::WriteLoop`] is to
    /// write.
    pub(super) fn publish(self, number: u64, frame: usize) -> Vec<u8> {
        let data = "x".repeat(PAYLOAD);
        match self {
            Self::Hearken | Self::HearkenOwn => {
                // With its quotes it has as many bytes as there are of others.
                let data = &data[2..];
                text(&format!(
                    r#"{{"publish":{{"channel":"{CHANNEL}","data":"{data}"}},"id":3}}"#
                ))
            }
            Self::HearkenKept => text(&format!(
                r#"{{"publish":{{"channel":"{KEPT_CHANNEL}","data":{{"n":{number}}}}},"id":3}}"#
            )),
            Self::Nats => masked(
                false,
                format!("PUB {CHANNEL} {PAYLOAD}\r\n{data}\r\n").as_bytes(),
            ),
            Self::Nchan => text(&data),
            Self::SocketIo => text(&format!(r#"42["publish","{CHANNEL}","{data}"]"#)),
            Self::WriteLoop => {
                let frame = of_server(frame);
                let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
                [length.to_be_bytes().as_slice(), &frame].concat()
            }
        }
    }
}

/// The epoch that the answer to a subscription names.
pub(super) fn epoch(heard: &[u8]) -> Option<String> {
    quoted(heard, b"\"epoch\":\"")
}

fn text(payload: &str) -> Vec<u8> {
    masked(true, payload.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(publishes: bool) -> Who {
        Who {
            number: 0,
            publishes,
            token: "T".to_owned(),
            position: None,
        }
    }

    #[test]
    fn a_session_is_ready_once_it_gets_what_is_published() {
        let conversations: [(Dialect, &[&str]); 3] = [
            (
                Dialect::Hearken,
                &[r#"{"id":1,"connect":{}}"#, r#"{"id":2,"subscribe":{}}"#],
            ),
            (Dialect::Nats, &["INFO {}\r\n", "INFO {}\r\nPONG\r\n"]),
            (
                Dialect::SocketIo,
                &[r#"0{"sid":"1"}"#, r#"40{"sid":"2"}"#, "430[]"],
            ),
        ];
        for (dialect, heard) in conversations {
            let who = who(false);
            assert_ne!(dialect.begin(&who), Opening::Ready);
            let (last, before) = heard.split_last().unwrap();
            for heard in before {
                let next = dialect.go_on(&who, heard.as_bytes());
                assert!(matches!(next, Opening::Wait | Opening::Say(_)), "{heard}");
            }
            assert_eq!(dialect.go_on(&who, last.as_bytes()), Opening::Ready);
        }
    }

    #[test]
    fn who_is_refused_or_not_recovered_is_no_session() {
        let error = br#"{"id":2,"error":{"code":103}}"#;
        assert_eq!(Dialect::Hearken.go_on(&who(false), error), Opening::Refused);
        let back = Who {
            position: Some((7, "xy".to_owned())),
            ..who(false)
        };
        for (heard, next) in [
            (r#"{"id":2,"subscribe":{"recovered":true}}"#, Opening::Ready),
            (
                r#"{"id":2,"subscribe":{"was_recovering":true}}"#,
                Opening::Refused,
            ),
        ] {
            assert_eq!(Dialect::HearkenKept.go_on(&back, heard.as_bytes()), next);
        }
    }
}
