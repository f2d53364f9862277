//! A client of sessions that behaves as the published libraries do: it comes back wherever it
//! is let in, says in each channel where it was, and notes all that it gets.

mod notes;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Interval, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

pub use self::notes::{Channel, Noted, Publication};
use super::DEADLINE;
use super::web_socket::{Heard, WebSocket, first, frame};

/// Where sessions are.
const PATH: &str = "/connection/websocket";

/// Between the end of a connection and the next one.
const RECONNECT_DELAY: Duration = Duration::from_millis(100);

/// What is refused for now is asked for again that often.
const RETRY: Duration = Duration::from_millis(200);

/// A client, until it is dropped.
pub struct Roamer {
    noted: Arc<watch::Sender<Noted>>,
    orders: mpsc::UnboundedSender<Order>,
    _running: AbortOnDropHandle<()>,
}

/// Something to publish, and where to say whether it was acknowledged.
struct Order {
    channel: String,
    data: Value,
    acknowledged: oneshot::Sender<bool>,
}

impl Roamer {
    /// One that connects to this address, and subscribes to these channels.
    pub fn at(address: &str, channels: impl IntoIterator<Item = String>) -> Self {
        let channels = channels.into_iter();
        let (noted, _) = watch::channel(Noted {
            channels: channels.map(|name| (name, Channel::default())).collect(),
            ..Noted::default()
        });
        let noted = Arc::new(noted);
        let (orders, taken) = mpsc::unbounded_channel();
        let running = tokio::spawn(roam(address.to_owned(), Arc::clone(&noted), taken));
        Self {
            noted,
            orders,
            _running: AbortOnDropHandle::new(running),
        }
    }

    /// What it has noted until now.
    pub fn noted(&self) -> Noted {
        self.noted.borrow().clone()
    }

    /// Waits until it has noted what is wanted.
    pub async fn until(&self, what: &str, wanted: impl Fn(&Noted) -> bool) -> Noted {
        let mut noted = self.noted.subscribe();
        let waited = timeout(DEADLINE, noted.wait_for(wanted)).await;
        if let Ok(found) = waited {
            return found.expect("it goes on").clone();
        }
        let noted = self.noted();
        panic!(
            "{what} does not come to be; its last notes are {}",
            noted.shortly()
        );
    }

    /// Waits until it is connected and subscribed to all its channels.
    pub async fn settled(&self) -> Noted {
        self.until("being subscribed", Noted::is_settled).await
    }

    /// Publishes, whether that is acknowledged: where the connection ends it is not known.
    pub async fn publish(&self, channel: &str, data: Value) -> bool {
        let (acknowledged, is_acknowledged) = oneshot::channel();
        let order = Order {
            channel: channel.to_owned(),
            data,
            acknowledged,
        };
        let _ = self.orders.send(order);
        let answered = timeout(DEADLINE, is_acknowledged).await;
        answered
            .expect("it is answered or cut off")
            .unwrap_or(false)
    }
}

async fn roam(
    address: String,
    noted: Arc<watch::Sender<Noted>>,
    mut orders: mpsc::UnboundedReceiver<Order>,
) {
    loop {
        if let Some(web_socket) = WebSocket::reach(&address, PATH).await {
            let mut visit = Visit {
                web_socket,
                noted: &noted,
                last: 0,
                asked: BTreeMap::new(),
                refused_for_now: Vec::new(),
            };
            visit.stay(&mut orders).await;
        }
        noted.send_modify(Noted::gone);
        sleep(RECONNECT_DELAY).await;
    }
}

/// What a client waits to be answered.
enum Asked {
    Connect,
    Subscribe(String),
    Publish(oneshot::Sender<bool>),
}

/// One connection of a client.
struct Visit<'v> {
    web_socket: WebSocket,
    noted: &'v watch::Sender<Noted>,
    /// Number of the last command.
    last: u64,
    asked: BTreeMap<u64, Asked>,
    /// Channels that it is to subscribe to later.
    refused_for_now: Vec<String>,
}

impl Visit<'_> {
    async fn stay(&mut self, orders: &mut mpsc::UnboundedReceiver<Order>) {
        let channels: Vec<String> = self.noted.borrow().channels.keys().cloned().collect();
        let mut lines =
            vec![self.command(Asked::Connect, json!({ "connect": { "name": "roamer" } }))];
        lines.extend(channels.into_iter().map(|name| self.subscribe(name)));
        // As libraries do: it waits for no reply.
        self.web_socket.say(&lines.join("\n")).await;
        let mut retry = retry();
        loop {
            tokio::select! {
                heard = self.web_socket.next_frame() => match heard {
                    Some(Heard::Text(text)) => {
                        for line in text.lines() {
                            let message = serde_json::from_str(line).expect("JSON");
                            if !self.take(&message).await {
                                return;
                            }
                        }
                    }
                    Some(Heard::Ping(payload)) => {
                        self.web_socket.send(&frame(first::PONG, &payload)).await;
                    }
                    Some(Heard::Close { code, .. }) => {
                        self.noted.send_modify(|noted| noted.closed.push(code));
                        return;
                    }
                    Some(_) => {}
                    None => return,
                },
                Some(order) = orders.recv() => {
                    let Order { channel, data, acknowledged } = order;
                    let publish = json!({ "publish": { "channel": channel, "data": data } });
                    let line = self.command(Asked::Publish(acknowledged), publish);
                    self.web_socket.say(&line).await;
                }
                _ = retry.tick() => {
                    for name in std::mem::take(&mut self.refused_for_now) {
                        let line = self.subscribe(name);
                        self.web_socket.say(&line).await;
                    }
                }
            }
        }
    }

    /// A command, whose answer is for this.
    fn command(&mut self, asked: Asked, mut command: Value) -> String {
        self.last += 1;
        self.asked.insert(self.last, asked);
        command["id"] = self.last.into();
        command.to_string()
    }

    /// Subscribes, from where it was on if it was there.
    fn subscribe(&mut self, name: String) -> String {
        let position = self.noted.borrow().channels[&name].position.clone();
        let mut request = json!({ "channel": name, "recoverable": true });
        // An empty epoch is that of a channel without history, where nothing is recovered.
        if let Some((epoch, offset)) = position.filter(|(epoch, _)| !epoch.is_empty()) {
            request["recover"] = true.into();
            request["epoch"] = epoch.into();
            request["offset"] = offset.into();
        }
        self.command(Asked::Subscribe(name), json!({ "subscribe": request }))
    }

    /// Takes a message; whether it stays.
    async fn take(&mut self, message: &Value) -> bool {
        if message == &json!({}) {
            self.web_socket.say("{}").await;
            return true;
        }
        match message["id"].as_u64() {
            Some(id) => match self.asked.remove(&id) {
                Some(asked) => self.answered(asked, message),
                None => panic!("nobody has asked for {message}"),
            },
            None => self.pushed(&message["push"]).await,
        }
    }

    fn answered(&mut self, asked: Asked, reply: &Value) -> bool {
        let is_error = !reply["error"].is_null();
        match asked {
            Asked::Connect if is_error => false,
            Asked::Connect => {
                let id = reply["connect"]["client"].as_str().expect("an id");
                self.noted.send_modify(|noted| {
                    noted.id = Some(id.to_owned());
                    noted.visits += 1;
                });
                true
            }
            Asked::Subscribe(name) if reply["error"]["temporary"] == true => {
                self.refused_for_now.push(name);
                true
            }
            Asked::Subscribe(name) if is_error => {
                let refused = format!("{name}: {}", reply["error"]);
                self.noted.send_modify(|noted| noted.refused.push(refused));
                true
            }
            Asked::Subscribe(name) => {
                self.note(&name, |channel, visit| {
                    channel.subscribed(visit, &reply["subscribe"])
                });
                true
            }
            Asked::Publish(acknowledged) => {
                let _ = acknowledged.send(!is_error);
                true
            }
        }
    }

    async fn pushed(&mut self, push: &Value) -> bool {
        let Some(name) = push["channel"].as_str() else {
            return true;
        };
        if !push["pub"].is_null() {
            self.note(name, |channel, visit| {
                channel.published(visit, &push["pub"])
            });
        } else if let Some(code) = push["unsubscribe"]["code"].as_u64() {
            self.note(name, |channel, _| {
                channel.is_subscribed = false;
                (code < 2500).then(|| format!("unsubscribed for good: {push}"))
            });
            if code >= 2500 {
                let line = self.subscribe(name.to_owned());
                self.web_socket.say(&line).await;
            }
        }
        true
    }

    /// Notes something of a channel, and what is wrong with it.
    fn note(&self, name: &str, what: impl FnOnce(&mut Channel, usize) -> Option<String>) {
        self.noted.send_modify(|noted| {
            let Some(channel) = noted.channels.get_mut(name) else {
                noted
                    .wrong
                    .push(format!("of {name}, which it never asked for"));
                return;
            };
            if let Some(wrong) = what(channel, noted.visits) {
                noted.wrong.push(format!("{name}: {wrong}"));
            }
        });
    }
}

fn retry() -> Interval {
    let mut retry = interval(RETRY);
    retry.set_missed_tick_behavior(MissedTickBehavior::Delay);
    retry
}
