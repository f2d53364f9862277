//! What the tests of sessions share: a node's sessions on a bus.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use hearken_channel_log::{Environment, Expected};
use hearken_session_protocol::Encoding;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

use super::connection::Transport;
use super::frame::{Framing, Variant};
use super::handle::Session;
use super::hooks::{NoHooks, SessionHooks};
use super::namespace::Namespace;
use super::namespaces::Namespaces;
use super::outbox::Outbox;
use super::receipt::{PublishFailure, PublishOptions, SessionReceipt};
use super::sessions::{Sessions, Surroundings};
use super::settings::SessionsSettings;
use super::test_client::Client;
pub(super) use super::test_namespaces::{durable, kept, open};
use crate::access::{
    Access, AccessSettings, FetchError, FetchKeySet, Granted, NewToken, Role, TokenIssuer,
    TokenSource,
};
use crate::bus::{Bus, Publisher};
use crate::channel::test_support::{bus, channels_of};
use crate::channel::{Channel, ChannelSettings, Channels};
use crate::clock::Clock;
use crate::config::NodeConfig;
use crate::event::{Draft, EventType};
use crate::mesh::Alone;

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
        Self::with_access(access, folder, seams, Arc::new(NoHooks), namespaces, change)
    }

    /// The same where plugins are asked.
    pub(super) fn asking(
        hooks: Arc<dyn SessionHooks>,
        namespaces: &[Namespace],
        change: impl FnOnce(&mut SessionsSettings),
    ) -> Self {
        let seams = seams();
        let access = Access::open(Arc::clone(&seams) as Arc<dyn Clock>);
        let folder = tempfile::tempdir().unwrap();
        Self::with_access(access, folder, seams, hooks, namespaces, change)
    }

    /// Where nobody has a right unless a token or the namespace gives it. Tokens are those of
    /// [`Rig::token`].
    pub(super) fn guarded(
        namespaces: &[Namespace],
        change: impl FnOnce(&mut SessionsSettings),
    ) -> Self {
        Self::guarded_asking(Arc::new(NoHooks), namespaces, change)
    }

    /// The same where plugins are asked.
    pub(super) fn guarded_asking(
        hooks: Arc<dyn SessionHooks>,
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
        Self::with_access(access, folder, seams, hooks, namespaces, |settings| {
            settings.token = Some("main".to_owned());
            change(settings);
        })
    }

    /// The same, with these roles, of which a token names some: [`Rig::in_role`].
    pub(super) fn with_roles(namespaces: &[Namespace], roles: &[(&str, Role)]) -> Self {
        let seams = seams();
        let folder = tempfile::tempdir().unwrap();
        let named = roles
            .iter()
            .map(|(name, role)| ((*name).to_owned(), role.clone()));
        let settings = AccessSettings {
            anonymous: Some(Vec::new()),
            tokens: [("main".to_owned(), issuer_in(&folder))].into(),
            roles: named.collect(),
            ..AccessSettings::default()
        };
        let clock = Arc::clone(&seams) as Arc<dyn Clock>;
        let access = Access::new(settings, clock, Arc::new(NoKeySets)).unwrap();
        let hooks = Arc::new(NoHooks);
        Self::with_access(access, folder, seams, hooks, namespaces, |settings| {
            settings.token = Some("main".to_owned());
        })
    }

    fn with_access(
        access: Access,
        folder: TempDir,
        seams: Arc<Seams>,
        hooks: Arc<dyn SessionHooks>,
        namespaces: &[Namespace],
        change: impl FnOnce(&mut SessionsSettings),
    ) -> Self {
        let bus = bus();
        let surroundings = Surroundings {
            channels: channels_of(&bus, BTreeMap::new()),
            access,
            environment: seams,
            hooks,
            mesh: Arc::new(Alone(Arc::clone(bus.node()))),
            bus,
        };
        Self::of(surroundings, folder, namespaces, change)
    }

    pub(super) fn of(
        surroundings: Surroundings,
        folder: TempDir,
        namespaces: &[Namespace],
        change: impl FnOnce(&mut SessionsSettings),
    ) -> Self {
        let bus = surroundings.bus.clone();
        let mut settings = NodeConfig::default().sessions;
        settings.anonymous = true;
        change(&mut settings);
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

    /// Somebody who is connected in this role.
    pub(super) async fn in_role(&self, role: &str) -> Client {
        let token = self.role_token(role);
        self.connected_as(&json!({ "token": token })).await
    }

    /// A token of somebody in this role.
    pub(super) fn role_token(&self, role: &str) -> String {
        let token = NewToken {
            subject: "42",
            roles: &[role.to_owned()],
            issued: BEGIN,
            expires: BEGIN + 3600,
            channel: None,
        };
        token.sign("main", &self.issuer).unwrap()
    }

    /// The durable channels of the node.
    pub(super) fn channels(&self) -> &Channels {
        &self.sessions.0.channels
    }

    /// Makes a durable channel, as an operator would.
    pub(super) async fn declare(&self, name: &str, max_events: Option<u64>) -> Arc<Channel> {
        let mut settings = ChannelSettings::default();
        settings.log.max_events = max_events;
        let name = hearken_channel_log::ChannelName::new(name).unwrap();
        let made = self.channels().set(&name, settings, None, true).await;
        made.unwrap().0
    }

    /// Appends JSON to a durable channel.
    pub(super) async fn append(&self, channel: &Arc<Channel>, data: &Value) -> u64 {
        let draft = Draft {
            data: Some(data.to_string().into_bytes().into()),
            ..Draft::new(EventType::custom("test").unwrap())
        };
        let publisher = Arc::new(self.bus.publisher("/test", "test"));
        let appended = channel.append(publisher, "key:test", vec![draft], Expected::Any);
        appended.await.unwrap().last
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
            .publish_unanswered(&self.publisher, "key:test", channel, draft, options)
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
        self.client_of(address, Outbox::new(queue, || {}))
    }

    pub(super) fn client_of(&self, address: IpAddr, outbox: Outbox) -> Client {
        let outbox = Arc::new(outbox);
        let session = self.session(Encoding::Json, address, Arc::clone(&outbox));
        Client::new(session, outbox)
    }

    /// A session whose client has said nothing yet.
    pub(super) fn session(
        &self,
        encoding: Encoding,
        address: IpAddr,
        outbox: Arc<Outbox>,
    ) -> Session {
        let transport = Transport {
            variant: Variant {
                encoding,
                framing: Framing::Stream,
            },
            address,
            headers: Vec::new(),
            pings: true,
            has_secret: false,
        };
        self.sessions.connect(transport, outbox)
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

pub(super) fn all(namespaces: &[Namespace]) -> Namespaces {
    let named = namespaces.iter().map(|one| (one.name.clone(), one.clone()));
    Namespaces::of(&named.collect(), []).0
}

fn seams() -> Arc<Seams> {
    seams_from(1)
}

/// Whose numbers are those behind the one that is given.
pub(super) fn seams_from(first: u64) -> Arc<Seams> {
    Arc::new(Seams {
        start: Instant::now(),
        random: AtomicU64::new(first),
    })
}

/// Whoever has the secret in that folder signs tokens.
pub(super) fn issuer_in(folder: &TempDir) -> TokenIssuer {
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
pub(super) struct NoKeySets;

impl FetchKeySet for NoKeySets {
    fn fetch<'a>(&'a self, _url: &'a str) -> BoxFuture<'a, Result<Bytes, FetchError>> {
        unreachable!("secrets are in files")
    }
}
