//! `centrifuge-client`, over WebSocket and over answers that do not end, as JSON and as
//! protobuf. Each check has channels of its own.

use std::time::Duration;

use centrifuge::{
    Client, ClientBuilder, ClientEvent, DeltaType, Error, Filter, HistoryOptions, Protocol,
    ProxyConfig, StreamPosition, Subscription, SubscriptionBuilder, SubscriptionEvent,
    TransportEndpoint, TransportKind,
};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::sync::mpsc::{self, UnboundedReceiver};

use crate::node::{Cable, Node, next, within};
use crate::tokens::token;

/// Over what is spoken, and how it is written.
const WAYS: [(TransportKind, Protocol); 4] = [
    (TransportKind::WebSocket, Protocol::Json),
    (TransportKind::WebSocket, Protocol::Protobuf),
    (TransportKind::HttpStream, Protocol::Json),
    (TransportKind::HttpStream, Protocol::Protobuf),
];

/// Runs all checks in each way.
pub async fn check_all(node: &Node) {
    for way in WAYS {
        let stage = Stage { node, way };
        macro_rules! check {
            ($($check:ident)*) => {$(
                $check(&stage).await;
                let name = stringify!($check).replace('_', " ");
                println!("ok: centrifuge-client: {}: {name}", stage.name());
            )*};
        }
        check! {
            what_one_client_publishes_another_gets
            what_is_published_by_http_comes_with_the_tags_of_its_event
            the_history_is_read_from_either_end
            everybody_sees_who_is_there_who_comes_and_who_goes
            whoever_was_cut_off_gets_what_was_missed_once_and_in_order
            channels_that_a_token_names_are_subscribed_to_and_recovered
            deltas_become_what_was_published
            who_asks_for_some_tags_gets_those_alone
            what_there_is_not_and_what_is_not_allowed_is_refused
            a_subscription_token_opens_a_channel_that_is_closed_otherwise
            a_forged_token_ends_it_and_one_that_expires_is_asked_for_again
        }
    }
}

/// A node, and a way to talk to it.
struct Stage<'n> {
    node: &'n Node,
    way: (TransportKind, Protocol),
}

/// A client, and what happens to it.
struct Party {
    client: Client,
    events: UnboundedReceiver<ClientEvent>,
}

/// A subscription, and what happens to it.
struct Listening {
    subscription: Subscription,
    events: UnboundedReceiver<SubscriptionEvent>,
}

impl Stage<'_> {
    fn name(&self) -> String {
        format!("{:?}, {:?}", self.way.0, self.way.1)
    }

    /// A channel that no other check uses.
    fn channel(&self, name: &str) -> String {
        format!("{name}-{:?}-{:?}", self.way.0, self.way.1)
    }

    /// A client that is not built yet.
    fn builder(&self, port: u16) -> ClientBuilder {
        let endpoint = match self.way.0 {
            TransportKind::WebSocket => {
                TransportEndpoint::websocket(format!("ws://127.0.0.1:{port}/connection/websocket"))
            }
            _ => TransportEndpoint::http_stream(format!(
                "http://127.0.0.1:{port}/connection/http_stream"
            )),
        };
        Client::builder_with_transports([endpoint])
            .emulation_endpoint(format!("http://127.0.0.1:{port}/emulation"))
            .protocol(self.way.1)
            .proxy(ProxyConfig::None)
            .min_reconnect_delay(Duration::from_millis(10))
            .max_reconnect_delay(Duration::from_millis(100))
    }

    /// A client of a user, connected.
    async fn user(&self, name: &str) -> Party {
        self.user_over(name, self.node.port, json!({})).await
    }

    async fn user_over(&self, name: &str, port: u16, claims: Value) -> Party {
        let builder = self.builder(port).token(self.node.token(name, claims));
        let mut party = Party::begin(builder);
        party.connected().await;
        party
    }
}

impl Party {
    fn begin(builder: ClientBuilder) -> Self {
        let client = builder.build().expect("a client");
        let mut stream = client.events();
        let (sender, events) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(event) = stream.next().await {
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        client.connect().expect("it is not closed");
        Self { client, events }
    }

    async fn connected(&mut self) {
        next("it is connected", &mut self.events, |event| {
            matches!(event, ClientEvent::Connected(_)).then_some(())
        })
        .await;
    }

    /// The code with which it is disconnected for good.
    async fn disconnected(&mut self) -> u32 {
        next(
            "it is disconnected",
            &mut self.events,
            |event| match event {
                ClientEvent::Disconnected(event) => Some(event.code),
                _ => None,
            },
        )
        .await
    }

    /// A subscription that the node has taken.
    async fn subscribed(&self, channel: &str) -> Listening {
        let builder = self.client.new_subscription(channel);
        let mut listening = Listening::begin(builder);
        listening.subscribed().await;
        listening
    }

    async fn close(self) {
        within("the client is closed", self.client.close()).await;
    }
}

impl Listening {
    fn begin(builder: SubscriptionBuilder) -> Self {
        let subscription = builder.build().expect("a subscription");
        let mut stream = subscription.events();
        let (sender, events) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(event) = stream.next().await {
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        subscription.subscribe();
        Self {
            subscription,
            events,
        }
    }

    /// Whether it was recovering when it was subscribed next, and has recovered.
    async fn subscribed(&mut self) -> (bool, bool) {
        next("it is subscribed", &mut self.events, |event| match event {
            SubscriptionEvent::Subscribed(event) => Some((event.was_recovering, event.recovered)),
            _ => None,
        })
        .await
    }

    /// Waits until the node is not there any more.
    async fn away(&mut self) {
        next("it is cut off", &mut self.events, |event| match event {
            // The first is of its own beginning.
            SubscriptionEvent::Subscribing(event) if event.code != 0 => Some(()),
            _ => None,
        })
        .await;
    }

    /// The code with which it is unsubscribed for good.
    async fn unsubscribed(&mut self) -> u32 {
        next(
            "it is unsubscribed",
            &mut self.events,
            |event| match event {
                SubscriptionEvent::Unsubscribed(event) => Some(event.code),
                _ => None,
            },
        )
        .await
    }

    async fn publication(&mut self) -> centrifuge::Publication {
        next(
            "something is published",
            &mut self.events,
            |event| match event {
                SubscriptionEvent::Publication(event) => Some(event.publication),
                _ => None,
            },
        )
        .await
    }

    /// What the next publications say, and their offsets.
    async fn numbers(&mut self, count: usize) -> (Vec<u64>, Vec<u64>) {
        let mut numbers = (Vec::new(), Vec::new());
        for _ in 0..count {
            let publication = self.publication().await;
            numbers.0.push(number(&publication.data));
            numbers.1.push(publication.offset);
        }
        numbers
    }
}

fn value(data: &[u8]) -> Value {
    serde_json::from_slice(data).expect("JSON")
}

fn number(data: &[u8]) -> u64 {
    value(data).as_u64().expect("a number")
}

/// The code of the error that a call ends in.
fn code<T: std::fmt::Debug>(answer: Result<T, Error>) -> u32 {
    match answer {
        Err(Error::Server(error)) => error.code,
        other => panic!("it was to be refused: {other:?}"),
    }
}

async fn publish_number(stage: &Stage<'_>, channel: &str, number: u64) {
    let event = json!({ "type": "said", "channel": channel, "data": number });
    stage.node.publish(&event).await;
}

async fn what_one_client_publishes_another_gets(stage: &Stage<'_>) {
    let channel = stage.channel("chat:hall");
    let (anna, bob) = (stage.user("anna").await, stage.user("bob").await);
    let mut theirs = bob.subscribed(&channel).await;
    let own = anna.subscribed(&channel).await;
    let said = json!({ "text": "hi ✓" });
    let published = own.subscription.publish(said.to_string()).await;
    published.expect("it is allowed");
    let publication = theirs.publication().await;
    assert_eq!(value(&publication.data), said);
    assert_eq!(publication.offset, 1);
    assert_eq!(publication.info.expect("a publisher").user, "anna");
    assert_eq!(publication.tags["type"], "custom.chat.published");
    anna.close().await;
    bob.close().await;
}

async fn what_is_published_by_http_comes_with_the_tags_of_its_event(stage: &Stage<'_>) {
    let channel = stage.channel("chat:shop");
    let anna = stage.user("anna").await;
    let mut listening = anna.subscribed(&channel).await;
    let event = json!({
        "type": "stock.low", "subject": "pear", "channel": channel, "data": { "left": 3 },
    });
    stage.node.publish(&event).await;
    let publication = listening.publication().await;
    assert_eq!(value(&publication.data), json!({ "left": 3 }));
    assert_eq!(publication.tags["type"], "custom.stock.low");
    assert_eq!(publication.tags["subject"], "pear");
    assert!(publication.info.is_none());
    anna.close().await;
}

async fn the_history_is_read_from_either_end(stage: &Stage<'_>) {
    let channel = stage.channel("chat:past");
    let anna = stage.user("anna").await;
    let own = anna.subscribed(&channel).await.subscription;
    for n in 1..=5 {
        own.publish(n.to_string()).await.expect("it is allowed");
    }
    let read = async |options| {
        let history = own.history(options).await.expect("it is allowed");
        let numbers: Vec<u64> = history
            .publications
            .iter()
            .map(|it| number(&it.data))
            .collect();
        (numbers, history.offset, history.epoch)
    };
    let (numbers, offset, epoch) = read(HistoryOptions::new().limit(10)).await;
    assert_eq!((numbers, offset), (vec![1, 2, 3, 4, 5], 5));
    let backwards = HistoryOptions::new().limit(2).reverse(true);
    assert_eq!(read(backwards).await.0, [5, 4]);
    let since = |epoch: &str| {
        HistoryOptions::new()
            .limit(10)
            .since(StreamPosition::new(3, epoch))
    };
    assert_eq!(read(since(&epoch)).await.0, [4, 5]);
    assert!(read(HistoryOptions::new()).await.0.is_empty());
    assert_eq!(code(own.history(since("another")).await), 112);
    anna.close().await;
}

async fn everybody_sees_who_is_there_who_comes_and_who_goes(stage: &Stage<'_>) {
    let channel = stage.channel("chat:door");
    let anna = stage.user("anna").await;
    let claims = json!({ "info": { "from": "afar" } });
    let bob = stage.user_over("bob", stage.node.port, claims).await;
    let mut listening = Listening::begin(anna.client.new_subscription(&channel).join_leave(true));
    listening.subscribed().await;
    let theirs = bob.subscribed(&channel).await;
    let joined = next("bob joins", &mut listening.events, |event| match event {
        SubscriptionEvent::Join(event) if event.info.user == "bob" => Some(event.info),
        _ => None,
    })
    .await;
    let info = joined.conn_info.as_deref().expect("what the token says");
    assert_eq!(value(info), json!({ "from": "afar" }));
    let presence = listening
        .subscription
        .presence()
        .await
        .expect("it is allowed");
    let mut users: Vec<&str> = presence.clients.values().map(|it| &*it.user).collect();
    users.sort_unstable();
    assert_eq!(users, ["anna", "bob"]);
    assert_eq!(presence.clients[&joined.client].user, "bob");
    let stats = async || {
        let stats = listening.subscription.presence_stats().await;
        let stats = stats.expect("it is allowed");
        (stats.num_clients, stats.num_users)
    };
    assert_eq!(stats().await, (2, 2));
    theirs.subscription.unsubscribe();
    let left = next("bob leaves", &mut listening.events, |event| match event {
        SubscriptionEvent::Leave(event) if event.info.user == "bob" => Some(event.info),
        _ => None,
    })
    .await;
    assert_eq!(left, joined);
    let stats = listening.subscription.presence_stats().await;
    assert_eq!(stats.expect("it is allowed").num_clients, 1);
    anna.close().await;
    bob.close().await;
}

async fn whoever_was_cut_off_gets_what_was_missed_once_and_in_order(stage: &Stage<'_>) {
    let channel = stage.channel("chat:away");
    let cable = Cable::lay(stage.node.port).await;
    let bob = stage.user_over("bob", cable.port, json!({})).await;
    let mut listening = Listening::begin(bob.client.new_subscription(&channel).recoverable(true));
    listening.subscribed().await;
    publish_number(stage, &channel, 1).await;
    assert_eq!(listening.numbers(1).await, (vec![1], vec![1]));
    cable.cut();
    listening.away().await;
    for n in 2..=20 {
        publish_number(stage, &channel, n).await;
    }
    cable.mend();
    assert_eq!(listening.subscribed().await, (true, true));
    publish_number(stage, &channel, 21).await;
    let numbers: Vec<u64> = (2..=21).collect();
    assert_eq!(listening.numbers(20).await, (numbers.clone(), numbers));
    // More than the history has.
    cable.cut();
    listening.away().await;
    for n in 0..120 {
        publish_number(stage, &channel, n).await;
    }
    cable.mend();
    assert_eq!(listening.subscribed().await, (true, false));
    bob.close().await;
}

async fn channels_that_a_token_names_are_subscribed_to_and_recovered(stage: &Stage<'_>) {
    let channel = stage.channel("chat:desk");
    let cable = Cable::lay(stage.node.port).await;
    let recovered = json!({ "override": { "force_recovery": { "value": true } } });
    let claims = json!({ "subs": { channel.clone(): recovered } });
    let builder = stage
        .builder(cable.port)
        .token(stage.node.token("anna", claims));
    let mut anna = Party::begin(builder);
    let subscribed = |event| match event {
        ClientEvent::ServerSubscribed(event) => Some(event),
        _ => None,
    };
    let on = next("it is subscribed", &mut anna.events, subscribed).await;
    assert_eq!((&on.channel, on.info.recoverable), (&channel, true));
    let published = |event| match event {
        ClientEvent::ServerPublication(event) => Some(number(&event.data)),
        _ => None,
    };
    publish_number(stage, &channel, 1).await;
    let first = next("something is published", &mut anna.events, published).await;
    assert_eq!(first, 1);
    cable.cut();
    next("it is cut off", &mut anna.events, |event| {
        matches!(event, ClientEvent::Connecting(_)).then_some(())
    })
    .await;
    publish_number(stage, &channel, 2).await;
    publish_number(stage, &channel, 3).await;
    cable.mend();
    let on = next("it is subscribed", &mut anna.events, subscribed).await;
    assert!(on.info.was_recovering && on.info.recovered, "{on:?}");
    publish_number(stage, &channel, 4).await;
    for n in 2..=4 {
        let came = next("something is published", &mut anna.events, published).await;
        assert_eq!(came, n);
    }
    anna.close().await;
}

async fn deltas_become_what_was_published(stage: &Stage<'_>) {
    let channel = stage.channel("text:page");
    let anna = stage.user("anna").await;
    let builder = anna.client.new_subscription(&channel).recoverable(true);
    let mut listening = Listening::begin(builder.delta(DeltaType::Fossil));
    listening.subscribed().await;
    let long = "Съешь же ещё этих мягких французских булок, да выпей чаю. ".repeat(10);
    let texts: Vec<Value> = (0..5)
        .map(|n| json!({ "text": format!("{long}{n}{long}") }))
        .collect();
    for text in &texts {
        let event = json!({ "type": "edited", "channel": channel, "data": text });
        stage.node.publish(&event).await;
    }
    for text in &texts {
        assert_eq!(value(&listening.publication().await.data), *text);
    }
    anna.close().await;
}

async fn who_asks_for_some_tags_gets_those_alone(stage: &Stage<'_>) {
    let channel = stage.channel("live:market");
    let anna = stage.user("anna").await;
    let pears = Filter::eq("subject", "pear");
    let builder = anna.client.new_subscription(&channel).tags_filter(pears);
    let mut listening = Listening::begin(builder);
    listening.subscribed().await;
    for (n, subject) in ["pear", "plum", "pear"].iter().enumerate() {
        let event = json!({ "type": "sold", "subject": subject, "channel": channel, "data": n });
        stage.node.publish(&event).await;
    }
    assert_eq!(listening.numbers(2).await.0, [0, 2]);
    anna.close().await;
}

async fn what_there_is_not_and_what_is_not_allowed_is_refused(stage: &Stage<'_>) {
    let anna = stage.user("anna").await;
    for (channel, expected) in [("nothing:here", 102), ("$chat:secret", 103)] {
        let mut refused = Listening::begin(anna.client.new_subscription(channel));
        assert_eq!(refused.unsubscribed().await, expected, "{channel}");
    }
    let client = &anna.client;
    assert_eq!(code(client.publish("chat:elsewhere", "1").await), 103);
    assert_eq!(code(client.presence("live:x").await), 108);
    assert_eq!(
        code(client.history("live:x", HistoryOptions::new()).await),
        108
    );
    assert_eq!(code(client.rpc("no.such.method", "{}").await), 108);
    // None of which ends the session.
    anna.subscribed("live:x").await;
    anna.close().await;
}

async fn a_subscription_token_opens_a_channel_that_is_closed_otherwise(stage: &Stage<'_>) {
    let mut anna = stage.user("anna").await;
    let secret = &stage.node.secret;
    let of = |user: &str, channel: &str, seconds| {
        token(secret, json!({ "sub": user, "channel": channel }), seconds)
    };
    let open = anna
        .client
        .new_subscription("$chat:board")
        .token(of("anna", "$chat:board", 60));
    Listening::begin(open).subscribed().await;
    let (fresh, late) = (of("anna", "$chat:late", 60), of("anna", "$chat:late", -60));
    let late = anna.client.new_subscription("$chat:late").token(late);
    let late = late.get_token(move |_| std::future::ready(Ok(fresh.clone())));
    Listening::begin(late).subscribed().await;
    // What is the token of another user ends the session.
    let other = anna
        .client
        .new_subscription("$chat:other")
        .token(of("bob", "$chat:other", 60));
    let _other = Listening::begin(other);
    assert_eq!(anna.disconnected().await, 3500);
    anna.close().await;
}

async fn a_forged_token_ends_it_and_one_that_expires_is_asked_for_again(stage: &Stage<'_>) {
    let forged = token(
        "another secret of 32 bytes or more",
        json!({ "sub": "anna" }),
        60,
    );
    let mut party = Party::begin(stage.builder(stage.node.port).token(forged));
    assert_eq!(party.disconnected().await, 3500);
    party.close().await;
    // The first has expired, the second soon will have.
    let secret = stage.node.secret.clone();
    let (asks, mut asked) = mpsc::unbounded_channel();
    let count = std::sync::atomic::AtomicU32::new(0);
    let fresh = move |_| {
        let earlier = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let _ = asks.send(());
        let seconds = if earlier == 0 { 2 } else { 3600 };
        std::future::ready(Ok(Some(token(&secret, json!({ "sub": "anna" }), seconds))))
    };
    let late = token(&stage.node.secret, json!({ "sub": "anna" }), -60);
    let builder = stage.builder(stage.node.port).token(late).get_token(fresh);
    let mut party = Party::begin(builder);
    party.connected().await;
    for _ in 0..2 {
        within("a token is asked for", asked.recv()).await;
    }
    party.subscribed("live:later").await;
    assert_eq!(party.client.statistics().connects, 1);
    party.close().await;
}
