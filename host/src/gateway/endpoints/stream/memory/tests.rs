use std::net::Ipv4Addr;

use super::*;
use crate::bus::{Closed, Filter, MailboxLimits, Overflow, ReceiverKind, Subscription};
use crate::event::{Draft, EventType, Pattern};
use crate::gateway::test_support::bus;

struct Streams {
    bus: Bus,
    memory: Arc<StreamMemory>,
    renderings: Renderings,
}

impl Streams {
    fn new(limit: usize) -> Self {
        let bus = bus();
        Self {
            renderings: Renderings::new(Arc::clone(bus.node()), 0),
            memory: Arc::new(StreamMemory::new(limit)),
            bus,
        }
    }

    fn open(&self, pattern: &str) -> (Arc<Receiver>, Registration) {
        let receiver = Arc::new(self.bus.subscribe(Subscription {
            name: "stream".into(),
            kind: ReceiverKind::Stream,
            filters: vec![Filter::new(Pattern::new(pattern).expect("valid"))],
            limits: MailboxLimits::default(),
            overflow: Overflow::Disconnect,
            partitions: 1,
        }));
        let connection = Connection::new(Ipv4Addr::LOCALHOST.into(), None);
        let registration = self.memory.join(&receiver, Arc::new(connection));
        (receiver, registration)
    }

    fn publish(&self, event_type: &str, events: usize) {
        let publisher = self.bus.publisher("/s", "p");
        let draft = Draft {
            data: Some(vec![b'1'; 1000].into()),
            ..Draft::new(EventType::custom(event_type).expect("valid"))
        };
        for _ in 0..events {
            publisher.publish(&draft).expect("it keeps the rules");
        }
    }
}

fn overflowed(receiver: &Receiver) -> bool {
    matches!(
        receiver.mailbox().try_recv(0),
        Err(Closed::Overflowed { .. })
    )
}

#[test]
fn what_many_streams_share_counts_once() {
    let streams = Streams::new(100_000);
    let open: Vec<_> = (0..50).map(|_| streams.open("*")).collect();
    streams.publish("t", 50);
    let waiting = streams.memory.relieve(&streams.renderings);
    assert!((50_000..70_000).contains(&waiting), "{waiting}");
    assert!(!open.iter().any(|(receiver, _)| overflowed(receiver)));
}

#[test]
fn those_furthest_behind_end_and_the_others_go_on() {
    let streams = Streams::new(100_000);
    let open: Vec<_> = (0..5)
        .map(|at| streams.open(&format!("custom.{at}")))
        .collect();
    for (at, events) in [(0, 10), (1, 50), (2, 60), (3, 5), (4, 0)] {
        streams.publish(&at.to_string(), events);
    }
    let waiting = streams.memory.relieve(&streams.renderings);
    assert!(waiting <= 50_000, "{waiting}");
    let ended: Vec<_> = open.iter().map(|(it, _)| overflowed(it)).collect();
    assert_eq!(ended, [false, true, true, false, false]);
}

#[tokio::test]
async fn who_does_not_take_the_end_is_cut_off() {
    let streams = Streams::new(1_000);
    let (_receiver, stream) = streams.open("*");
    let held = vec![0; 2_000];
    stream.hold(&held);
    streams.memory.relieve(&streams.renderings);
    let connection = Arc::clone(&streams.memory.lock()[stream.key].connection);
    let mut cut = std::pin::pin!(connection.to_be_cut());
    assert!(
        futures_util::poll!(cut.as_mut()).is_pending(),
        "it is told first"
    );
    streams.memory.relieve(&streams.renderings);
    cut.await;
}

#[tokio::test]
async fn an_answer_that_is_not_read_is_cut_off() {
    let streams = Streams::new(1_000);
    let open = |bytes: usize| {
        let connection = Arc::new(Connection::new(Ipv4Addr::LOCALHOST.into(), None));
        let text = Bytes::from(vec![b'x'; bytes]);
        (
            streams.memory.answer(text, Arc::clone(&connection)),
            connection,
        )
    };
    let ((small, kept), (large, cut)) = (open(100), open(2_000));
    streams.memory.relieve(&streams.renderings);
    cut.to_be_cut().await;
    let mut kept = std::pin::pin!(kept.to_be_cut());
    assert!(futures_util::poll!(kept.as_mut()).is_pending());
    assert_eq!(streams.memory.responses(), 2);
    drop((small, large));
    assert_eq!(streams.memory.responses(), 0);
}

#[tokio::test(start_paused = true)]
async fn it_is_looked_when_too_much_could_wait() {
    let streams = Streams::new(20_000);
    let (receiver, _stream) = streams.open("*");
    let keeping = streams.memory.keep(&streams.bus, &streams.renderings);
    let publishing = async {
        tokio::time::sleep(LOOK / 2).await;
        streams.publish("t", 30);
        tokio::time::sleep(2 * LOOK).await;
    };
    tokio::select! {
        () = keeping => unreachable!("it keeps for ever"),
        () = publishing => {}
    }
    assert!(overflowed(&receiver));
}
