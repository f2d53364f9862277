use super::*;
use crate::event::{Draft, EventType, Stamp};

/// What came out of an inbox: ids of events, and ranges that are missing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::cluster) struct Received {
    pub(in crate::cluster) events: Vec<String>,
    pub(in crate::cluster) gaps: Vec<(u64, Option<u64>)>,
    pub(in crate::cluster) broken: Vec<u64>,
}

impl Sink for Received {
    fn event(&mut self, event: Event) {
        self.events.push(event.id().to_owned());
    }

    fn gap(&mut self, gap: Gap) {
        self.gaps.push((gap.first, gap.last));
    }

    fn broken(&mut self, number: u64, _error: &ForeignError) {
        self.broken.push(number);
    }
}

fn event(number: u64) -> Vec<u8> {
    let draft = Draft {
        id: Some(number.to_string().into()),
        distributed: number != LOCAL,
        ..Draft::new(EventType::custom("a").expect("valid"))
    };
    let stamp = Stamp {
        id: ["", ""],
        source: "/nodes/peer",
        time: 0,
        origin: "peer",
        sequence: None,
    };
    draft.stamp(&stamp).as_bytes().to_vec()
}

/// Number of an event that should not have been sent.
const LOCAL: u64 = 4;

fn run(first: u64, count: u32) -> Run {
    let numbers = first..first + u64::from(count);
    Run {
        first,
        count,
        events: numbers.flat_map(event).collect::<Vec<u8>>().into(),
    }
}

fn take(inbox: &mut Inbox, runs: Vec<Run>) -> (Received, Result<(), FrameError>) {
    let mut received = Received::default();
    let taken = inbox.take(&Events { runs }, "peer", &mut received);
    (received, taken)
}

#[test]
fn leaves_out_what_came_before_and_tells_what_is_missing() {
    let mut inbox = Inbox::default();
    let (received, taken) = take(&mut inbox, vec![run(1, 2)]);
    assert_eq!(
        (received.events, taken),
        (vec!["1".into(), "2".into()], Ok(()))
    );

    let (received, taken) = take(&mut inbox, vec![run(1, 3), run(6, 1)]);
    assert_eq!(received.events, ["3", "6"]);
    assert_eq!(received.gaps, [(4, Some(5))]);
    assert_eq!(taken, Ok(()));
    assert_eq!(inbox.received(), 6);

    let empty = Run {
        first: 9,
        ..Run::default()
    };
    let (received, taken) = take(&mut inbox, vec![empty]);
    assert_eq!(received.gaps, [(7, Some(8))]);
    assert_eq!((inbox.received(), taken), (8, Ok(())));
}

#[test]
fn an_event_that_breaks_a_rule_is_left_out_alone() {
    let mut inbox = Inbox::default();
    let (received, taken) = take(&mut inbox, vec![run(1, 5)]);
    assert_eq!(received.events, ["1", "2", "3", "5"]);
    assert_eq!(received.broken, [LOCAL]);
    assert_eq!(taken, Ok(()));
}

#[test]
fn what_cannot_be_read_is_missing_and_does_not_come_again() {
    let mut inbox = Inbox::default();
    let mut cut = run(1, 3);
    cut.events = cut.events.slice(..cut.events.len() - 1);
    let (received, taken) = take(&mut inbox, vec![cut.clone()]);
    assert_eq!(received.events, ["1", "2"]);
    assert_eq!(received.gaps, [(3, Some(3))]);
    assert!(matches!(
        taken,
        Err(FrameError::Malformed { number: 3, .. })
    ));
    assert_eq!(inbox.received(), 3);

    let mut long = run(4, 2);
    long.count = 1;
    let (_, taken) = take(&mut inbox, vec![long]);
    assert!(matches!(taken, Err(FrameError::Trailing { first: 4, .. })));

    let (received, taken) = take(&mut inbox, vec![run(5, 1), Run::default()]);
    assert_eq!(received.events, ["5"]);
    assert_eq!(taken, Err(FrameError::Number(0)));
}

#[test]
fn another_stream_of_the_same_node_leaves_an_unknown_gap() {
    let mut inbox = Inbox::default();
    assert_eq!(inbox.resume(1), None);
    let (_, taken) = take(&mut inbox, vec![run(1, 3)]);
    assert_eq!(taken, Ok(()));
    assert_eq!(inbox.resume(1), None);
    assert_eq!(inbox.received(), 3);
    let gap = Gap {
        first: 4,
        last: None,
    };
    assert_eq!(inbox.resume(2), Some(gap));
    assert_eq!(inbox.received(), 0);
}

proptest::proptest! {
    #[test]
    fn takes_any_bytes_without_a_panic(
        runs in proptest::collection::vec(
            (proptest::num::u64::ANY, proptest::num::u32::ANY, proptest::collection::vec(proptest::num::u8::ANY, 0..200)),
            0..4,
        ),
        valid in 0..4_u32,
    ) {
        let runs = runs.into_iter().map(|(first, count, events)| Run { first, count, events: events.into() });
        let runs = std::iter::once(run(1, valid)).chain(runs).collect();
        let mut inbox = Inbox::default();
        let (received, _) = take(&mut inbox, runs);
        proptest::prop_assert!(received.events.len() >= valid.min(LOCAL as u32 - 1) as usize);
    }
}
