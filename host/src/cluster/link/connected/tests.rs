use futures_util::{StreamExt, stream};
use http_body_util::StreamBody;
use hyper::body::Frame as BodyFrame;
use prost::Message;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::codec::Codec;
use tonic::{Status, Streaming};

use super::super::offers::Offers;
use super::super::past::Past;
use super::super::session::tests::{peer, session};
use super::super::superseded::Superseded;
use super::*;
use crate::cluster::wire::channel::{Greeted, Incoming};
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
    let mut session = session(Past::default());
    let interest = session.context.bus.interest();
    let (asked, _) = interest.look(|wishes| Asked::resume(&"b".into(), 2, wishes));
    let resumed = Resumed {
        asked,
        heard: 0,
        skip: None,
    };
    let link = Link::new(&mut session, &mut inputs, &channel, resumed);
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
