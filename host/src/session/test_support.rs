//! What the tests of sessions share: a node's sessions on a bus, and clients that speak JSON.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use hearken_channel_log::Environment;
use hearken_session_protocol::{DecodeLimits, Encoding, decode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

use super::connection::Transport;
use super::frame::{Framing, Variant};
use super::hooks::NoHooks;
use super::namespace::{AllowedFor, Namespace};
use super::namespaces::Namespaces;
use super::outbox::{Outbox, Taken};
use super::publishing::{PublishFailure, PublishOptions, SessionReceipt};
use super::session::{Next, Session};
use super::sessions::{Sessions, Surroundings};
use super::settings::SessionsSettings;
use crate::access::{
    Access, AccessSettings, FetchError, FetchKeySet, Granted, NewToken, TokenIssuer, TokenSource,
};
use crate::bus::{Bus, Publisher};
use crate::channel::test_support::{bus, channels_of};
use crate::clock::Clock;
use crate::config::NodeConfig;
use crate::event::{Draft, EventType};

/// When the tests begin, in seconds since the Unix epoch.
pub(super) const BEGIN: u64 = 1_700_000_000;

/// Time that moves with that of the runtime, and numbers that are all different.
#[derive(Debug)]
pub(super) struct Seams {
    start: Instant,
    random: AtomicU64,
}

impl Clock for Seams {
    fn now_millis(&self) -> u64 {
        BEGIN * 1000 + self.monotonic_millis()
    }
}

impl Environment for Seams {
    fn now_millis(&self) -> u64 {
        Clock::now_millis(self)
    }

    fn monotonic_millis(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap()
    }

    fn random(&self) -> u64 {
        let count = self.random.fetch_add(1, Ordering::Relaxed);
        count.wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

/// A node's sessions.
pub(super) struct Rig {
    pub(super) sessions: Sessions,
    pub(super) bus: Bus,
    pub(super) publisher: Publisher,
    issuer: TokenIssuer,
    _folder: TempDir,
}

impl Rig {
    /// With these namespaces, and what is changed of the settings. Everybody may connect
    /// without a token, and have as many rights as on a node without any keys: all.
    pub(super) fn new(
        namespaces: &[Namespace],
        change: impl FnOnce(&mut SessionsSettings),
    ) -> Self {
        let seams = seams();
        let access = Access::open(Arc::clone(&seams) as Arc<dyn Clock>);
        let folder = tempfile::tempdir().unwrap();
        Self::with_access(access, folder, seams, namespaces, change)
    }

    /// Where nobody has a right unless a token or the namespace gives it. Tokens are those of
    /// [`Rig::token`].
    pub(super) fn guarded(
        namespaces: &[Namespace],
        change: impl FnOnce(&mut SessionsSettings),
    ) -> Self {
        let seams = seams();
        let folder = tempfile::tempdir().unwrap();
        let settings = AccessSettings {
            anonymous: Some(Vec::new()),
            tokens: [("main".to_owned(), issuer_in(&folder))].into(),
            ..AccessSettings::default()
        };
        let clock = Arc::clone(&seams) as Arc<dyn Clock>;
        let access = Access::new(settings, clock, Arc::new(NoKeySets)).unwrap();
        Self::with_access(access, folder, seams, namespaces, |settings| {
            settings.token = Some("main".to_owned());
            change(settings);
        })
    }

    fn with_access(
        access: Access,
        folder: TempDir,
        seams: Arc<Seams>,
        namespaces: &[Namespace],
        change: impl FnOnce(&mut SessionsSettings),
    ) -> Self {
        let bus = bus();
        let mut settings = NodeConfig::default().sessions;
        settings.anonymous = true;
        change(&mut settings);
        let surroundings = Surroundings {
            bus: bus.clone(),
            channels: channels_of(&bus, BTreeMap::new()),
            access,
            environment: seams,
            hooks: Arc::new(NoHooks),
        };
        Self {
            sessions: Sessions::new(surroundings, settings, all(namespaces)),
            publisher: bus.publisher("/test", "test"),
            bus,
            issuer: issuer_in(&folder),
            _folder: folder,
        }
    }

    /// A token of a user that expires after so many seconds; of a channel for subscribing to
    /// that.
    pub(super) fn token(&self, user: &str, channel: Option<&str>, seconds: u64) -> String {
        let token = NewToken {
            subject: user,
            roles: &[],
            issued: BEGIN,
            expires: BEGIN + seconds,
            channel,
        };
        token.sign("main", &self.issuer).unwrap()
    }

    /// Somebody who is connected as this user.
    pub(super) async fn user(&self, user: &str) -> Client {
        let token = self.token(user, None, 3600);
        self.connected_as(&json!({ "token": token })).await
    }

    /// Publishes JSON.
    pub(super) fn publish(&self, channel: &str, data: &Value) -> SessionReceipt {
        self.publish_with(channel, data, PublishOptions::default())
            .unwrap()
    }

    pub(super) fn publish_with(
        &self,
        channel: &str,
        data: &Value,
        options: PublishOptions,
    ) -> Result<SessionReceipt, PublishFailure> {
        let draft = Draft {
            data: Some(data.to_string().into_bytes().into()),
            ..Draft::new(EventType::custom("test").unwrap())
        };
        self.sessions
            .publish(&self.publisher, "key:test", channel, draft, options)
    }

    /// Somebody who has said nothing yet.
    pub(super) fn client(&self) -> Client {
        self.client_with(1 << 20)
    }

    /// Somebody for whom so many bytes may wait.
    pub(super) fn client_with(&self, queue: usize) -> Client {
        self.client_from(IpAddr::V4(Ipv4Addr::LOCALHOST), queue)
    }

    pub(super) fn client_from(&self, address: IpAddr, queue: usize) -> Client {
        let outbox = Arc::new(Outbox::new(queue, || {}));
        let transport = Transport {
            name: "test",
            variant: Variant {
                encoding: Encoding::Json,
                framing: Framing::Stream,
            },
            address,
            headers: Vec::new(),
            pings: true,
            has_secret: false,
        };
        Client {
            session: Some(self.sessions.connect(transport, Arc::clone(&outbox))),
            outbox,
            seen: VecDeque::new(),
            end: None,
            id: String::new(),
        }
    }

    /// Somebody who is connected without a token.
    pub(super) async fn connected(&self) -> Client {
        self.connected_as(&json!({})).await
    }

    /// Somebody who is connected with this request.
    pub(super) async fn connected_as(&self, request: &Value) -> Client {
        let mut client = self.client();
        let reply = client.ask("connect", request).await;
        client.id = reply["connect"]["client"].as_str().unwrap().to_owned();
        client
    }
}

/// A client that speaks JSON.
pub(super) struct Client {
    session: Option<Session>,
    pub(super) outbox: Arc<Outbox>,
    /// Messages that were taken and not looked at.
    seen: VecDeque<Value>,
    /// What the connection was closed with.
    end: Option<u32>,
    pub(super) id: String,
}

impl Client {
    /// Sends what a client would, a frame.
    pub(super) async fn send(&mut self, frame: &str) -> Next {
        let limits = DecodeLimits::default();
        let commands = decode(Encoding::Json, frame.as_bytes(), &limits).unwrap();
        for command in commands {
            if self.session().handle(command).await == Next::End {
                return Next::End;
            }
        }
        Next::Continue
    }

    /// Asks for something and gives the reply, which comes next of all replies. Pushes that
    /// come before it are kept.
    pub(super) async fn ask(&mut self, method: &str, request: &Value) -> Value {
        self.send(&json!({ "id": 7, method: request }).to_string())
            .await;
        self.pump();
        let at = self.seen.iter().position(|message| message["id"] == 7);
        let at = at.unwrap_or_else(|| panic!("no reply to {method} in {:?}", self.seen));
        self.seen.remove(at).unwrap()
    }

    /// Subscribes and gives the result.
    pub(super) async fn subscribe(&mut self, request: Value) -> Value {
        let reply = self.ask("subscribe", &request).await;
        assert!(reply["error"].is_null(), "{reply}");
        reply["subscribe"].clone()
    }

    /// The code that something is refused with.
    pub(super) async fn refused(&mut self, method: &str, request: &Value) -> u64 {
        let reply = self.ask(method, request).await;
        reply["error"]["code"].as_u64().unwrap_or_default()
    }

    /// The code that the connection is closed with for a command.
    pub(super) async fn closed_by(&mut self, method: &str, request: &Value) -> Option<u32> {
        let frame = json!({ "id": 7, method: request }).to_string();
        self.send(&frame).await;
        self.end()
    }

    /// All that has come and was not looked at.
    pub(super) async fn messages(&mut self) -> Vec<Value> {
        settle().await;
        self.pump();
        self.seen.drain(..).collect()
    }

    /// What has come, each in a few words: `CHANNEL DATA`, `CHANNEL join USER`, and so on.
    pub(super) async fn pushes(&mut self) -> Vec<String> {
        let messages = self.messages().await;
        messages.iter().map(in_words).collect()
    }

    /// What the connection was closed with.
    pub(super) fn end(&mut self) -> Option<u32> {
        self.pump();
        self.end
    }

    pub(super) fn session(&self) -> &Session {
        self.session.as_ref().expect("it has not gone")
    }

    /// Lets time pass and answers pings; what else comes is kept.
    pub(super) async fn stay(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            pass((until - Instant::now()).min(Duration::from_secs(4))).await;
            self.pump();
            let before = self.seen.len();
            self.seen.retain(|message| *message != json!({}));
            for _ in self.seen.len()..before {
                self.send("{}").await;
            }
        }
    }

    /// Goes without a word.
    pub(super) fn leave(&mut self) {
        self.session = None;
    }

    fn pump(&mut self) {
        loop {
            match self.outbox.take(1 << 16) {
                Taken::Nothing => return,
                Taken::End(end) => {
                    self.end = Some(end.code);
                    return;
                }
                Taken::Frames(frames) => {
                    for line in frames.concat().split(|byte| *byte == b'\n') {
                        if !line.is_empty() {
                            self.seen.push_back(serde_json::from_slice(line).unwrap());
                        }
                    }
                }
            }
        }
    }
}

fn in_words(message: &Value) -> String {
    let push = &message["push"];
    let channel = push["channel"].as_str().unwrap_or_default();
    let user = |what: &str| push[what]["info"]["user"].as_str().unwrap_or_default();
    if !push["pub"].is_null() {
        let data = &push["pub"]["data"];
        return match push["pub"]["offset"].as_u64() {
            Some(offset) => format!("{channel} {data} at {offset}"),
            None => format!("{channel} {data}"),
        };
    }
    if !push["join"].is_null() {
        return format!("{channel} join {:?}", user("join"));
    }
    if !push["leave"].is_null() {
        return format!("{channel} leave {:?}", user("leave"));
    }
    if !push["unsubscribe"].is_null() {
        return format!("{channel} unsubscribe {}", push["unsubscribe"]["code"]);
    }
    message.to_string()
}

/// A namespace in which everybody may do everything.
pub(super) fn open(name: &str) -> Namespace {
    let everybody = AllowedFor {
        client: true,
        subscriber: true,
        anonymous: true,
    };
    Namespace {
        subscribe: everybody,
        publish: everybody,
        history: everybody,
        see_presence: everybody,
        ..Namespace::new(name)
    }
}

/// The same with ten publications kept for a minute, and the position for five.
pub(super) fn kept(name: &str) -> Namespace {
    Namespace {
        history_size: 10,
        history_ttl: Duration::from_secs(60),
        history_meta_ttl: Duration::from_secs(300),
        force_recovery: true,
        ..open(name)
    }
}

pub(super) fn all(namespaces: &[Namespace]) -> Namespaces {
    let named = namespaces.iter().map(|one| (one.name.clone(), one.clone()));
    Namespaces::of(&named.collect(), []).0
}

/// Lets all that can go on do so: on a runtime with one thread, whoever yields is behind all
/// others.
pub(super) async fn settle() {
    for _ in 0..32 {
        tokio::task::yield_now().await;
    }
}

/// Lets time pass, and what happens in it.
pub(super) async fn pass(time: Duration) {
    // So that who waits for a time has begun to.
    settle().await;
    let until = Instant::now() + time;
    while Instant::now() < until {
        let left = until - Instant::now();
        tokio::time::advance(left.min(Duration::from_millis(500))).await;
        settle().await;
    }
}

fn seams() -> Arc<Seams> {
    Arc::new(Seams {
        start: Instant::now(),
        random: AtomicU64::new(1),
    })
}

/// Whoever has the secret in that folder signs tokens.
fn issuer_in(folder: &TempDir) -> TokenIssuer {
    let file = folder.path().join("secret");
    std::fs::write(&file, "0123456789abcdef0123456789abcdef").unwrap();
    TokenIssuer {
        place: "test".to_owned(),
        source: Granted {
            value: TokenSource::HmacSecretFile(file),
            place: "test".to_owned(),
        },
        issuer: None,
        audience: None,
        roles_claim: "roles".to_owned(),
    }
}

/// Nobody is asked for keys.
#[derive(Debug)]
struct NoKeySets;

impl FetchKeySet for NoKeySets {
    fn fetch<'a>(&'a self, _url: &'a str) -> BoxFuture<'a, Result<Bytes, FetchError>> {
        unreachable!("secrets are in files")
    }
}
