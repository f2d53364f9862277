//! `tokio-centrifuge`, as JSON and as protobuf. It has no history, no presence, no recovery,
//! no tokens for subscriptions and no subscriptions of the server's; what it has is tried.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio_centrifuge::client::{Client, RequestError};
use tokio_centrifuge::config::{BackoffReconnect, Config, Protocol};
use tokio_centrifuge::protocol::Publication;
use tokio_centrifuge::subscription::Subscription;

use crate::node::{Cable, Node, next, within};
use crate::tokens::token;

/// Runs all checks in each encoding.
pub async fn check_all(node: &Node) {
    for protocol in [Protocol::Json, Protocol::Protobuf] {
        let stage = Stage { node, protocol };
        macro_rules! check {
            ($($check:ident)*) => {$(
                $check(&stage).await;
                let name = stringify!($check).replace('_', " ");
                println!("ok: tokio-centrifuge: {protocol:?}: {name}");
            )*};
        }
        check! {
            what_one_client_publishes_another_gets
            what_is_published_by_http_comes_with_the_tags_of_its_event
            whoever_was_cut_off_comes_back
            what_there_is_not_and_what_is_not_allowed_is_refused
            a_forged_token_connects_nobody
        }
    }
}

struct Stage<'n> {
    node: &'n Node,
    protocol: Protocol,
}

/// What happens to a subscription.
enum Event {
    Subscribed,
    Unsubscribed(u32),
    Published(Box<Publication>),
}

/// A subscription, and what happens to it.
struct Listening {
    subscription: Subscription,
    events: UnboundedReceiver<Event>,
}

impl Stage<'_> {
    /// A channel that no other check uses.
    fn channel(&self, name: &str) -> String {
        format!("{name}-of-tokio-{:?}", self.protocol)
    }

    fn client(&self, port: u16, token: String) -> Client {
        let config = Config::new().with_token(token);
        let config = config.with_reconnect_strategy(BackoffReconnect {
            factor: 2.0,
            min_delay: Duration::from_millis(10),
            max_delay: Duration::from_millis(100),
        });
        let url = format!("ws://127.0.0.1:{port}/connection/websocket");
        match self.protocol {
            Protocol::Json => Client::new(&url, config.use_json()),
            Protocol::Protobuf => {
                Client::new(&format!("{url}?format=protobuf"), config.use_protobuf())
            }
        }
    }

    /// A client of a user, connected.
    async fn user(&self, name: &str, port: u16) -> Client {
        let client = self.client(port, self.node.token(name, json!({})));
        let connected = within("it is connected", client.connect().into_future()).await;
        connected.expect("it may");
        client
    }
}

impl Listening {
    fn begin(client: &Client, channel: &str) -> Self {
        let subscription = client.new_subscription(channel);
        let (sender, events) = mpsc::unbounded_channel();
        let subscribed = sender.clone();
        subscription.on_subscribed(move |_| {
            let _ = subscribed.send(Event::Subscribed);
        });
        let unsubscribed = sender.clone();
        subscription.on_unsubscribed(move |event| {
            let _ = unsubscribed.send(Event::Unsubscribed(event.code));
        });
        subscription.on_publication(move |publication| {
            let _ = sender.send(Event::Published(Box::new(publication)));
        });
        // What comes of it is told.
        drop(subscription.subscribe());
        Self {
            subscription,
            events,
        }
    }

    async fn subscribed(&mut self) {
        next("it is subscribed", &mut self.events, |event| {
            matches!(event, Event::Subscribed).then_some(())
        })
        .await;
    }

    async fn unsubscribed(&mut self) -> u32 {
        next(
            "it is unsubscribed",
            &mut self.events,
            |event| match event {
                Event::Unsubscribed(code) => Some(code),
                _ => None,
            },
        )
        .await
    }

    async fn publication(&mut self) -> Publication {
        next(
            "something is published",
            &mut self.events,
            |event| match event {
                Event::Published(publication) => Some(*publication),
                _ => None,
            },
        )
        .await
    }
}

fn value(data: &[u8]) -> Value {
    serde_json::from_slice(data).expect("JSON")
}

async fn what_one_client_publishes_another_gets(stage: &Stage<'_>) {
    let channel = stage.channel("chat:hall");
    let anna = stage.user("anna", stage.node.port).await;
    let bob = stage.user("bob", stage.node.port).await;
    let mut theirs = Listening::begin(&bob, &channel);
    theirs.subscribed().await;
    let mut own = Listening::begin(&anna, &channel);
    own.subscribed().await;
    let said = json!({ "text": "hi ✓" });
    let published = own.subscription.publish(said.to_string().into_bytes());
    let published = within("it is published", published.into_future()).await;
    published.expect("it is allowed");
    let publication = theirs.publication().await;
    assert_eq!(value(&publication.data), said);
    assert_eq!(publication.offset, 1);
    assert_eq!(publication.info.expect("a publisher").user, "anna");
    for client in [anna, bob] {
        within("it is disconnected", client.disconnect().into_future()).await;
    }
}

async fn what_is_published_by_http_comes_with_the_tags_of_its_event(stage: &Stage<'_>) {
    let channel = stage.channel("chat:shop");
    let anna = stage.user("anna", stage.node.port).await;
    let mut listening = Listening::begin(&anna, &channel);
    listening.subscribed().await;
    let event = json!({
        "type": "stock.low", "subject": "pear", "channel": channel, "data": { "left": 3 },
    });
    stage.node.publish(&event).await;
    let publication = listening.publication().await;
    assert_eq!(value(&publication.data), json!({ "left": 3 }));
    assert_eq!(publication.tags["type"], "custom.stock.low");
    assert_eq!(publication.tags["subject"], "pear");
    within("it is disconnected", anna.disconnect().into_future()).await;
}

async fn whoever_was_cut_off_comes_back(stage: &Stage<'_>) {
    let channel = stage.channel("chat:away");
    let cable = Cable::lay(stage.node.port).await;
    let bob = stage.user("bob", cable.port).await;
    let (sender, mut cuts) = mpsc::unbounded_channel();
    bob.on_connecting(move |_| {
        let _ = sender.send(());
    });
    let mut listening = Listening::begin(&bob, &channel);
    listening.subscribed().await;
    cable.cut();
    within("it is cut off", cuts.recv()).await;
    cable.mend();
    listening.subscribed().await;
    let event = json!({ "type": "said", "channel": channel, "data": 1 });
    stage.node.publish(&event).await;
    assert_eq!(value(&listening.publication().await.data), 1);
    within("it is disconnected", bob.disconnect().into_future()).await;
}

async fn what_there_is_not_and_what_is_not_allowed_is_refused(stage: &Stage<'_>) {
    let anna = stage.user("anna", stage.node.port).await;
    for (channel, expected) in [("nothing:here", 102), ("$chat:secret", 103)] {
        let mut refused = Listening::begin(&anna, channel);
        assert_eq!(refused.unsubscribed().await, expected, "{channel}");
    }
    let published = anna.publish("chat:elsewhere", b"1".to_vec());
    let published = within("it is answered", published.into_future()).await;
    assert_eq!(code(published), 103);
    let called = anna.rpc("no.such.method", b"{}".to_vec());
    let called = within("it is answered", called.into_future()).await;
    assert_eq!(code(called), 108);
    // None of which ends the session.
    Listening::begin(&anna, "live:x").subscribed().await;
    within("it is disconnected", anna.disconnect().into_future()).await;
}

/// The code of the error that a request ends in.
fn code<T: std::fmt::Debug>(answer: Result<T, RequestError>) -> u32 {
    match answer {
        Err(RequestError::ErrorResponse(error)) => error.code,
        other => panic!("it was to be refused: {other:?}"),
    }
}

async fn a_forged_token_connects_nobody(stage: &Stage<'_>) {
    let forged = token(
        "another secret of 32 bytes or more",
        json!({ "sub": "anna" }),
        60,
    );
    let client = stage.client(stage.node.port, forged);
    let connected = within("it is answered", client.connect().into_future()).await;
    // It does not try again, and so there is nothing to be disconnected.
    assert_eq!(connected, Err(()));
}
