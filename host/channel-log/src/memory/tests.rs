use std::sync::Arc;

use super::*;
use crate::conformance::{self, Bench, ManualEnvironment, event};

#[derive(Debug)]
struct InMemory;

impl Bench for InMemory {
    fn open(&mut self, environment: &Arc<ManualEnvironment>) -> Arc<dyn Engine> {
        let environment = Arc::clone(environment);
        Arc::new(Memory::new(environment, MemorySettings::default()))
    }

    fn survives(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn memory_conforms() {
    conformance::run(|| InMemory).await;
}

/// Bytes of the allocation that the last of so many events lies in, and how many bytes the
/// channel counts, which has at most `max_events`.
async fn held(batch: usize, max_events: u64) -> (u64, u64) {
    let environment = Arc::new(ManualEnvironment::default());
    let engine = Memory::new(environment, MemorySettings::default());
    let name = ChannelName::new("a").unwrap();
    let settings = LogSettings {
        max_events: Some(max_events),
        ..LogSettings::default()
    };
    engine.create(&name, &settings).await.unwrap();
    let mut events = Batch::new();
    for number in 0..batch {
        events
            .push(&event(&number.to_string(), &[0; 4000]), None)
            .unwrap();
    }
    let appended = engine.append(&name, events, Expected::Any).await;
    drop(appended.unwrap());
    let counted = engine.info(&name).unwrap().bytes;
    let limit = ReadLimit::default();
    let mut page = engine
        .read(&name, batch as u64 - 1, limit)
        .await
        .unwrap()
        .events;
    let last = page.pop().unwrap();
    assert!(page.is_empty());
    // Then nobody else has the allocation, and all of it is given.
    engine.remove(&name).await.unwrap();
    assert!(last.is_unique());
    (Vec::from(last).capacity() as u64, counted)
}

#[tokio::test]
async fn what_is_held_is_bounded_by_what_is_counted() {
    let (held, counted) = self::held(5, 5).await;
    assert_eq!(held, counted);
    for max_events in [1, 2, 99, 400, 599, 600] {
        let (held, counted) = self::held(600, max_events).await;
        assert!(
            held <= 2 * counted,
            "{held} bytes are held for {counted} of {max_events} events"
        );
    }
}

#[test]
fn what_is_dropped_bit_by_bit_is_let_go_of_and_the_rest_stays() {
    let mut kept = kept::Kept::default();
    let all: Vec<Vec<u8>> = (0..20)
        .map(|number| event(&number.to_string(), &[number; 50]))
        .collect();
    kept.add(&all[..8].concat().into());
    kept.add(&bytes::Bytes::new());
    kept.add(&all[8..].concat().into());
    for (dropped, count) in [(0, 0), (1, 1), (5, 4), (9, 4), (13, 4), (19, 6), (20, 1)] {
        kept.drop_oldest(count);
        assert_eq!(*kept.events(), &all[dropped..]);
        let bytes: usize = all[dropped..].iter().map(Vec::len).sum();
        assert_eq!(kept.bytes(), bytes as u64);
    }
}
