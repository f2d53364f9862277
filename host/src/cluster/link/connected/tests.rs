use futures_util::{StreamExt, stream};
use http_body_util::StreamBody;
use hyper::body::Frame as BodyFrame;
use prost::Message;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::codec::Codec;
use tonic::{Status, Streaming};
use uuid::Uuid;

use super::super::context::Context;
use super::super::inbox::Inbox;
use super::super::offers::Offers;
use super::super::outbox::Outbox;
use super::super::superseded::Superseded;
use super::*;
use crate::bus::{Bus, BusConfig, MailboxLimits, Overflow, ReceiverKind, Subscription};
use crate::clock::SystemClock;
use crate::cluster::directory::Directory;
use crate::cluster::directory::node::Node;
use crate::cluster::wire::channel::{Greeted, Incoming};
use crate::cluster::wire::handshake::{Identity, Peer};
use crate::cluster::wire::protocol::Frame;
use crate::cluster::wire::traffic::{Hold, Traffic};

/// Frames that are there all at once, as over the wire; then no more come.
fn flood(frames: impl Iterator<Item = Kind>) -> Streaming<Frame> {
    let mut bytes = Vec::new();
    for kind in frames {
        let frame = Frame { kind: Some(kind) };
        let length = u32::try_from(frame.encoded_len()).expect("small");
        bytes.push(0);
        bytes.extend_from_slice(&length.to_be_bytes());
        frame.encode(&mut bytes).expect("room");
    }
    let all = Ok::<_, Status>(BodyFrame::data(Bytes::from(bytes)));
    let body = StreamBody::new(stream::iter([all]).chain(stream::pending()));
    let mut codec = tonic_prost::ProstCodec::<Frame, Frame>::default();
    Streaming::new_request(codec.decoder(), body, None, None)
}

fn peer() -> Peer {
    Peer {
        node: "b".into(),
        incarnation: Uuid::from_u128(2),
        address: "127.0.0.2:7071".into(),
        version: "0.1.0".into(),
        max_event_bytes: 1 << 20,
        minor: 2,
    }
}

fn session() -> Session {
    let bus = Bus::new(BusConfig {
        node: "a".into(),
        incarnation: "i".to_owned(),
        max_event_bytes: 1 << 20,
        clock: Arc::new(SystemClock),
    });
    let identity = Identity {
        cluster: "test".into(),
        node: "a".into(),
        incarnation: Uuid::from_u128(1),
        version: "0.1.0".into(),
        max_event_bytes: 1 << 20,
    };
    let peer = peer();
    let receiver = Arc::new(bus.subscribe(Subscription {
        name: "link".into(),
        kind: ReceiverKind::Link,
        filters: Vec::new(),
        limits: MailboxLimits::default(),
        overflow: Overflow::DropOldest,
        partitions: 1,
    }));
    let node = Arc::new(Node::new(&peer, &receiver));
    let own_address = "127.0.0.1:7071".into();
    let context = Context {
        node: "a".into(),
        host: bus.host_publisher(),
        directory: Arc::new(Directory::new(identity, own_address, bus.clone())),
        bus,
        failures: Arc::default(),
        news: mpsc::channel(1).0,
    };
    let outbox = Outbox::new(1, receiver, 1 << 20);
    Session::new(Arc::new(context), peer, node, outbox, Inbox::default())
}

#[tokio::test(start_paused = true)]
async fn frames_without_end_hold_up_nothing_else() {
    const FLOOD: u32 = 10_000;
    let (say, messages) = mpsc::channel(1);
    let (_offer, offers) = mpsc::channel(1);
    say.try_send(Bytes::from_static(b"gossip")).expect("room");
    let traffic = Arc::new(Traffic::default());
    let (sender, mut sent) = mpsc::channel(2 * FLOOD as usize);
    let pings = (1..=FLOOD).map(|token| {
        let token = token.into();
        Kind::Ping(Ping { token })
    });
    let channel = Channel {
        incoming: Incoming::dialled(flood(pings), Arc::clone(&traffic)),
        outgoing: Outgoing::Dialled(sender),
        hold: Hold::of(&traffic),
    };
    let first = Greeted {
        channel,
        from: "127.0.0.2".into(),
        peer: peer(),
        own_address: "127.0.0.1:7071".into(),
        resume: None,
    };
    let mut inputs = PeerInputs {
        offers: Offers::new(first, offers),
        messages,
        stop: CancellationToken::new(),
        superseded: Superseded::default(),
    };
    let channel = inputs.offers.next().expect("the first").channel;
    let session = session();
    let interest = session.context.bus.interest();
    let (asked, _) = interest.look(|wishes| Asked::resume(&"b".into(), 2, wishes));
    let resumed = Resumed {
        asked,
        heard: 0,
        skip: None,
    };
    let link = Link::new(session, &mut inputs, &channel, resumed);
    let mut answered = 0;
    let looking = async {
        let (mut gossip, mut ping) = (false, false);
        while !(gossip && ping) {
            match sent.recv().await.and_then(|frame| frame.kind) {
                Some(Kind::Pong(_)) => answered += 1,
                Some(Kind::Gossip(_)) => gossip = true,
                Some(Kind::Ping(_)) => ping = true,
                Some(_) => {}
                None => panic!("the link goes on"),
            }
        }
    };
    tokio::select! {
        _ = link.run(channel) => panic!("the link goes on"),
        () = looking => {}
    }
    assert!(answered < 100, "after {answered} of {FLOOD} frames");
}
