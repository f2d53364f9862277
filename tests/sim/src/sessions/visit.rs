//! One stay of a client at a node. It speaks the protocol as the published libraries do, and
//! checks all that it is told.

mod publishing;
mod told;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use hearken::bus::Publisher;
use hearken::session::{Framing, Next, Outbox, Session, Sessions, Taken, Transport, Variant};
use hearken_session_protocol::{Encoding, decode};
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

use super::company::Company;
use super::histories::Position;
use super::{Author, Client};
use crate::ledger::Ledger;
use crate::node::{Context, now};

/// Longest wait for an answer: clients give their connection up after 5 seconds.
const ANSWER: Duration = Duration::from_millis(4_900);

/// What waits for a client at most, in bytes: more than ever does.
const QUEUE: usize = 16 << 20;

/// Bytes of a frame of a client at most.
const MESSAGE: usize = 64 << 10;

/// How long a client stays, in milliseconds.
const STAY: std::ops::Range<u64> = 500..9_000;

/// How long it is away then.
const AWAY: std::ops::Range<u64> = 0..1_500;

/// Mean time between two publications of a client.
const PAUSE: Duration = Duration::from_millis(250);

/// What is refused for now is asked for again after this.
const RETRY: Duration = Duration::from_millis(300);

/// For a node to do what it is asked to where nothing is broken.
const CALMED: Duration = Duration::from_secs(7);

/// What a command is for.
#[derive(Debug)]
enum Asked {
    Connect,
    Subscribe(String),
    Publish(String),
}

/// One stay of a client at a node.
pub(super) struct Visit {
    context: Context,
    client: usize,
    author: Author,
    sessions: Sessions,
    session: Session,
    outbox: Arc<Outbox>,
    woken: Arc<Notify>,
    publisher: Arc<Publisher>,
    /// Number of the last command.
    last: u64,
    asked: BTreeMap<u64, Asked>,
    /// Channels that it is to subscribe to again.
    again: Vec<String>,
    random: StdRng,
    /// Since when nothing of its channel without history may be missing, and what each had
    /// published there until then.
    complete_since: Option<(Duration, BTreeMap<Author, u64>)>,
}

impl Visit {
    pub(super) fn new(context: Context, sessions: Sessions, client: usize, random: StdRng) -> Self {
        let woken = Arc::new(Notify::new());
        let wakes = Arc::clone(&woken);
        let outbox = Arc::new(Outbox::new(QUEUE, move || wakes.notify_one()));
        let transport = Transport {
            variant: Variant {
                encoding: Encoding::Json,
                framing: Framing::Stream,
            },
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            headers: Vec::new(),
            pings: true,
            has_secret: false,
        };
        let session = sessions.connect(transport, Arc::clone(&outbox));
        let principal = principal(client);
        let publisher = context.bus.publisher("/simulation/clients", principal);
        let visit = {
            let mut ledger = context.ledger.borrow_mut();
            let this = &mut ledger.visits.clients[client];
            this.visits += 1;
            this.subscribed.clear();
            this.is_live = false;
            this.is_here = false;
            this.company = Company::default();
            this.heard.clear();
            this.visits
        };
        Self {
            context,
            client,
            author: Author { client, visit },
            sessions,
            session,
            outbox,
            woken,
            publisher: Arc::new(publisher),
            last: 0,
            asked: BTreeMap::new(),
            again: Vec::new(),
            random,
            complete_since: None,
        }
    }

    /// Stays until it goes, or is sent away.
    pub(super) async fn stay(mut self) {
        let channels = self.with(|_, client| {
            let kept = client.kept.keys().cloned();
            let others = [client.live.clone(), client.here.clone()];
            kept.chain(others).collect::<Vec<_>>()
        });
        self.again.extend(channels);
        let until = Instant::now() + millis(self.random.random_range(STAY));
        let connect = json!({ "connect": { "name": "simulated" } });
        let mut goes_on = self.ask(Asked::Connect, connect).await && self.subscribe_again().await;
        let mut next = Instant::now() + self.pause();
        let mut retry = Instant::now() + RETRY;
        while goes_on {
            let is_quiet = self.context.ledger.borrow().quiet;
            if self.again.is_empty() {
                retry = Instant::now() + RETRY;
            }
            tokio::select! {
                biased;
                () = self.woken.notified() => goes_on = self.hear().await,
                // In the end everybody stays.
                () = sleep_until(until), if !is_quiet => goes_on = self.context.ledger.borrow().quiet,
                () = sleep_until(retry), if !self.again.is_empty() => {
                    retry = Instant::now() + RETRY;
                    goes_on = self.subscribe_again().await;
                }
                () = sleep_until(next) => {
                    next = Instant::now() + self.pause();
                    goes_on = self.publish().await;
                }
            }
        }
        let away = millis(self.random.random_range(AWAY));
        self.with(|at, client| {
            client.seat = None;
            client.away_until = at + away;
            client.id.take()
        });
        self.left();
    }

    fn pause(&mut self) -> Duration {
        PAUSE.mul_f64(self.random.random_range(0.1..2.0))
    }

    /// It is seen at this node no more.
    fn left(&self) {
        let id = self.session.client();
        let mut ledger = self.context.ledger.borrow_mut();
        ledger.visits.presences.went(now(), id, false);
        let life = ledger.life(self.context.life).to_string();
        let note = format_args!("client {} leaves {life}", self.client);
        ledger.trace.note(now(), note);
    }

    /// Looks at its client, or changes it.
    fn with<T>(&self, act: impl FnOnce(Duration, &mut Client) -> T) -> T {
        let mut ledger = self.context.ledger.borrow_mut();
        act(now(), &mut ledger.visits.clients[self.client])
    }

    fn violate(&self, what: &str) {
        let mut ledger = self.context.ledger.borrow_mut();
        self.violate_in(&mut ledger, what);
    }

    fn violate_in(&self, ledger: &mut Ledger, what: &str) {
        let life = ledger.life(self.context.life).to_string();
        let client = self.client;
        ledger.violate(now(), format!("client {client} at {life}: {what}"));
    }

    /// What is refused may be, unless nothing is broken.
    fn refused(&self, what: &str) {
        let mut ledger = self.context.ledger.borrow_mut();
        let life = ledger.life(self.context.life).to_string();
        let note = format_args!("client {} is refused at {life}: {what}", self.client);
        ledger.trace.note(now(), note);
        ledger.coverage.refused_sessions += 1;
        let is_running = ledger.life(self.context.life).is_running();
        if is_running && ledger.visits.is_calm(now(), CALMED) {
            self.violate_in(
                &mut ledger,
                &format!("refused, and nothing is broken: {what}"),
            );
        }
    }

    /// Sends a command and hears what comes; whether it stays.
    async fn ask(&mut self, asked: Asked, mut command: Value) -> bool {
        self.last += 1;
        command["id"] = self.last.into();
        let what = format!("{asked:?}");
        self.asked.insert(self.last, asked);
        self.send(&command, &what).await && self.hear().await
    }

    async fn send(&mut self, message: &Value, what: &str) -> bool {
        let text = message.to_string();
        let limits = Session::decode_limits(MESSAGE);
        let commands = decode(Encoding::Json, text.as_bytes(), &limits);
        for command in commands.expect("the commands are valid") {
            match timeout(ANSWER, self.session.handle(command)).await {
                Ok(Next::Continue) => {}
                Ok(Next::End) => return false,
                Err(_) => {
                    self.violate(&format!("{what} is not answered"));
                    return false;
                }
            }
        }
        true
    }

    /// Takes all that waits for it; whether it stays.
    async fn hear(&mut self) -> bool {
        loop {
            let frames = match self.outbox.take(MESSAGE) {
                Taken::Nothing => return true,
                Taken::End(_) => return false,
                Taken::Frames(frames) => frames.concat(),
            };
            let lines = frames.split(|byte| *byte == b'\n');
            for line in lines.filter(|line| !line.is_empty()) {
                let message: Value = serde_json::from_slice(line).expect("JSON");
                if message == json!({}) {
                    if !self.send(&message, "a pong").await {
                        return false;
                    }
                } else if let Some(id) = message["id"].as_u64() {
                    let asked = self.asked.remove(&id);
                    self.answered(asked.expect("it was asked"), &message);
                } else {
                    self.pushed(&message["push"]);
                }
            }
        }
    }

    async fn subscribe_again(&mut self) -> bool {
        for name in std::mem::take(&mut self.again) {
            let mut request = json!({ "channel": name, "recoverable": true });
            let position = self.with(|_, client| client.kept.get(&name).cloned().flatten());
            if let Some(Position { epoch, offset }) = position {
                request["recover"] = true.into();
                request["epoch"] = epoch.into();
                request["offset"] = offset.into();
            }
            if name.starts_with("here:") {
                request["join_leave"] = true.into();
            }
            let asked = Asked::Subscribe(name);
            if !self.ask(asked, json!({ "subscribe": request })).await {
                return false;
            }
        }
        true
    }
}

/// Whoever publishes for a client.
fn principal(client: usize) -> String {
    format!("client:{client}")
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
