//! All sessions of a node are cut off at once while somebody publishes, as when what stands in
//! front of it breaks, and all come back at once: each gets all, once and in order.

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::*;
use crate::support::web_socket::WebSocket;

/// Sessions. Tests may have 1,024 open files in all.
const SESSIONS: usize = 300;

/// Publications before they are cut off, while they are away, and once all are back.
const BEFORE: u64 = 5;
const AWAY: u64 = 20;
const AFTER: u64 = 5;

/// Sessions that have come back for each further publication.
const BACK: usize = 5;

/// The number of the last.
const LAST: u64 = BEFORE + AWAY + (SESSIONS / BACK) as u64 + AFTER;

/// What is kept in memory, and on disk.
const NAMESPACES: &str = r#"
[sessions.namespaces.kept]
allow_subscribe_for_client = true
allow_subscribe_for_anonymous = true
force_recovery = true
history_size = 1000
history_ttl = "5m"

[sessions.namespaces.log]
durable = true
allow_subscribe_for_client = true
allow_subscribe_for_anonymous = true
force_recovery = true
"#;

/// Somebody who must miss nothing.
struct Client {
    web_socket: WebSocket,
    epoch: Value,
    /// The number of the last publication that came.
    got: u64,
}

impl Client {
    /// Subscribes, to go on from behind a publication if it was there before.
    async fn subscribe(api: &Api, channel: &str, before: Option<(u64, Value)>) -> Self {
        let mut web_socket = WebSocket::open(api, "/connection/websocket", &[]).await;
        let mut request = json!({ "channel": channel });
        let mut got = 0;
        if let Some((offset, epoch)) = before {
            got = offset;
            request = json!({
                "channel": channel, "recover": true, "offset": offset, "epoch": epoch,
            });
        }
        let is_back = request["recover"].is_boolean();
        let connect = json!({ "connect": {}, "id": 1 });
        let subscribe = json!({ "subscribe": request, "id": 2 });
        web_socket.say(&format!("{connect}\n{subscribe}")).await;
        assert_eq!(web_socket.message().await["id"], 1);
        let reply = web_socket.message().await;
        assert_eq!(reply["id"], 2, "nothing stands before the answer: {reply}");
        let answer = &reply["subscribe"];
        let mut client = Self {
            web_socket,
            epoch: answer["epoch"].clone(),
            got,
        };
        if is_back {
            assert_eq!(answer["recovered"], true, "{reply}");
        }
        for publication in answer["publications"].as_array().into_iter().flatten() {
            client.take(publication);
        }
        client
    }

    fn take(&mut self, publication: &Value) {
        self.got += 1;
        assert_eq!(publication["data"], self.got, "{publication}");
        assert_eq!(publication["offset"], self.got, "{publication}");
    }

    /// Waits for the publication of this number.
    async fn hears(&mut self, last: u64) {
        while self.got < last {
            let push = self.web_socket.message().await;
            self.take(&push["push"]["pub"]);
        }
    }

    /// Is cut off, at whatever publication it was.
    fn cut(self) -> (u64, Value) {
        self.web_socket.abort();
        (self.got, self.epoch)
    }
}

/// What is published: numbers, one after the other.
struct Publisher {
    api: Api,
    channel: &'static str,
    last: u64,
}

impl Publisher {
    async fn publish(&mut self, count: u64) {
        for _ in 0..count {
            self.last += 1;
            let event = json!({ "type": "said", "channel": self.channel, "data": self.last });
            let answer = self.api.post(&event).await;
            assert!(answer.status().is_success(), "{}", answer.status());
        }
    }
}

/// Has all of a channel's sessions cut off and come back.
async fn weathers(node: &NodeProcess, channel: &'static str) {
    let mut publisher = Publisher {
        api: Api::clone(node),
        channel,
        last: 0,
    };
    let mut clients = Vec::new();
    for _ in 0..SESSIONS {
        clients.push(Client::subscribe(node, channel, None).await);
    }
    publisher.publish(BEFORE).await;
    // Some of them have read all that came, and others not.
    for client in clients.iter_mut().step_by(2) {
        client.hears(BEFORE).await;
    }
    let lost: Vec<(u64, Value)> = clients.into_iter().map(Client::cut).collect();
    publisher.publish(AWAY).await;
    let (tell, mut back) = mpsc::unbounded_channel();
    let mut coming = JoinSet::new();
    for before in lost {
        let (api, tell) = (Api::clone(node), tell.clone());
        coming.spawn(async move {
            let mut client = Client::subscribe(&api, channel, Some(before)).await;
            tell.send(()).expect("somebody publishes");
            client.hears(LAST).await;
            client
        });
    }
    drop(tell);
    let mut count = 0;
    while back.recv().await.is_some() {
        count += 1;
        if count % BACK == 0 {
            publisher.publish(1).await;
        }
    }
    assert_eq!(count, SESSIONS, "some have not come back");
    publisher.publish(AFTER).await;
    assert_eq!(publisher.last, LAST);
    while let Some(client) = coming.join_next().await {
        let mut client = client.expect("it misses nothing");
        assert!(!client.web_socket.has_come(), "more than all has come");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_who_come_back_at_once_have_missed_nothing() {
    let text = format!("{CONFIGURATION}{NAMESPACES}");
    let node = NodeProcess::start_again(configured(&text).0, &[]).await;
    // One after the other: each has as many connections as there may be.
    for channel in ["kept:storm", "log:storm"] {
        weathers(&node, channel).await;
    }
}
