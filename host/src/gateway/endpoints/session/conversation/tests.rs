use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::yield_now;
use tokio_util::task::AbortOnDropHandle;

use super::*;
use crate::access::AccessSettings;
use crate::config::NodeConfig;
use crate::gateway::test_support::{access, bus, gateway_with_sessions};
use crate::passing::Alone;
use crate::session::{Framing, Namespace, SessionsSettings, Spared, Variant, Whose};

/// Bytes on their way to a client, and from it.
const ON_THEIR_WAY: usize = 64;

/// Bytes that may wait for a session.
const QUEUE: usize = 4 << 10;

/// A client, and the node's side of its connection.
struct Rig {
    sessions: Sessions,
    client: DuplexStream,
    conversation: AbortOnDropHandle<io::Result<()>>,
}

impl Rig {
    /// A session that is connected, of which nothing was read yet.
    async fn connected() -> Self {
        let settings = SessionsSettings {
            anonymous: true,
            namespaces: BTreeMap::from([("chat".to_owned(), Namespace::new("chat"))]),
            ..NodeConfig::default().sessions
        };
        let access = access(AccessSettings::default());
        let (_, sessions) = gateway_with_sessions(&bus(), access, Arc::new(Alone), settings);
        let (client, server) = tokio::io::duplex(ON_THEIR_WAY);
        let spoken = Spoken {
            encoding: Encoding::Json,
            max_message: 64 << 10,
            native_pings: None,
        };
        let transport = Transport {
            variant: Variant {
                encoding: Encoding::Json,
                framing: Framing::WebSocket,
            },
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            headers: Vec::new(),
            pings: true,
            has_secret: false,
        };
        let begun = Conversation::begin(&sessions, transport, spoken, QUEUE, Box::new(server));
        let mut rig = Self {
            sessions,
            client,
            conversation: AbortOnDropHandle::new(tokio::spawn(begun.speak(Bytes::new()))),
        };
        rig.say(r#"{"connect":{},"id":1}"#).await;
        rig.until(1).await;
        rig
    }

    /// Sends a text, with a mask that changes nothing.
    async fn say(&mut self, text: &str) {
        let length = u16::try_from(text.len()).unwrap();
        let length = match u8::try_from(length) {
            Ok(short @ 0..126) => vec![0x80 | short],
            _ => [&[0x80 | 126][..], &length.to_be_bytes()].concat(),
        };
        let frame = [&[0x81][..], &length, &[0; 4], text.as_bytes()].concat();
        self.client.write_all(&frame).await.unwrap();
    }

    /// Waits until there are so many sessions.
    async fn until(&self, sessions: usize) {
        while self.sessions.stats().sessions != sessions {
            yield_now().await;
        }
    }

    /// Asks for more answers than may wait, one after the other, and reads none.
    async fn overflow(&mut self) {
        for subscribe in more_than_may_wait() {
            self.say(&subscribe).await;
        }
    }

    /// The payload of the next frame, which is not long.
    async fn frame(&mut self) -> Vec<u8> {
        self.client.read_u8().await.unwrap();
        let length = match self.client.read_u8().await.unwrap() {
            126 => self.client.read_u16().await.unwrap(),
            short => short.into(),
        };
        let mut payload = vec![0; length.into()];
        self.client.read_exact(&mut payload).await.unwrap();
        payload
    }

    /// All that comes until the node closes its side.
    async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.client.read_to_end(&mut rest).await.unwrap();
        rest
    }
}

/// Commands whose answers are more than may wait.
fn more_than_may_wait() -> impl Iterator<Item = String> {
    (2..102).map(|id| format!(r#"{{"subscribe":{{"channel":"nothing:1"}},"id":{id}}}"#))
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_too_much_at_once_has_no_session_any_more() {
    let mut rig = Rig::connected().await;
    let connected = rig.frame().await;
    assert!(connected.starts_with(b"{\"id\":1,"), "{connected:?}");
    let lines: Vec<String> = more_than_may_wait().collect();
    rig.say(&lines.join("\n")).await;
    let begun = Instant::now();
    rig.until(0).await;
    assert_eq!(begun.elapsed(), Duration::ZERO, "nobody is waited for");
    let rest = rig.rest().await;
    let slow = close_frame(3008, "slow");
    assert!(rest.ends_with(&slow), "{}", String::from_utf8_lossy(&rest));
}

#[tokio::test(start_paused = true)]
async fn who_reads_nothing_has_no_session_any_more_and_is_cut_off() {
    let mut rig = Rig::connected().await;
    rig.overflow().await;
    let begun = Instant::now();
    rig.until(0).await;
    assert_eq!(begun.elapsed(), Duration::ZERO, "nobody is waited for");
    (&mut rig.conversation).await.unwrap().unwrap();
    assert_eq!(begun.elapsed(), CLOSE_TIME);
}

#[tokio::test(start_paused = true)]
async fn who_reads_a_little_now_and_then_is_cut_off_too() {
    let mut rig = Rig::connected().await;
    rig.overflow().await;
    let begun = Instant::now();
    let Rig {
        client,
        conversation,
        ..
    } = &mut rig;
    let reading = async {
        let mut bytes = [0; 4];
        while client.read(&mut bytes).await.unwrap() > 0 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        biased;
        ended = conversation => ended.unwrap().unwrap(),
        () = reading => panic!("the rest was lost"),
    }
    assert_eq!(begun.elapsed(), CLOSE_TIME);
}

#[tokio::test(start_paused = true)]
async fn who_reads_late_is_told_why_it_is_closed() {
    let mut rig = Rig::connected().await;
    rig.overflow().await;
    rig.until(0).await;
    let rest = rig.rest().await;
    let slow = close_frame(3008, "slow");
    assert!(rest.ends_with(&slow), "{}", String::from_utf8_lossy(&rest));
}

#[tokio::test(start_paused = true)]
async fn who_does_not_answer_the_close_frame_is_cut_off() {
    let mut rig = Rig::connected().await;
    let begun = Instant::now();
    let why = disconnects::FORCE_DISCONNECT;
    rig.sessions
        .disconnect(&Whose::Node, &why, &Spared::default());
    let rest = rig.rest().await;
    let close = close_frame(3503, "force disconnect");
    assert!(rest.ends_with(&close), "{}", String::from_utf8_lossy(&rest));
    assert_eq!(begun.elapsed(), CLOSE_TIME);
    (&mut rig.conversation).await.unwrap().unwrap();
}
