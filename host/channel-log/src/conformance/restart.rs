//! What is there after a restart.

use std::time::Duration;

use super::trial::{Bench, Trial, ids, keyed, name};
use crate::{Discard, Expected, LogSettings, MIN_LOG_BYTES};

pub(super) async fn everything_is_there_again<B: Bench>(trial: &mut Trial<B>) {
    if !trial.survives() {
        return;
    }
    let channels = [name("a"), name("b/c:d"), name("empty")];
    let settings = LogSettings {
        max_events: Some(5000),
        max_bytes: 64 * MIN_LOG_BYTES,
        max_age: Some(Duration::from_hours(24)),
        discard: Discard::Refuse,
        dedupe: Duration::from_secs(1),
    };
    for channel in &channels {
        trial.create(channel, &settings).await;
    }
    let mut before = Vec::new();
    for round in 0..3 {
        for channel in &channels[..2] {
            trial.append(channel, round * 300 + 1, 100, 500).await;
            trial.append(channel, round * 300 + 101, 200, 50).await;
            let key = format!("cursor{round}");
            let put = trial
                .engine
                .put_cell(channel, &key, "7".into(), None, false);
            put.await.expect("nothing is expected");
        }
        trial
            .engine
            .trim(&channels[0], round * 100 + 50)
            .await
            .expect("it is there");
        before = trial.engine.channels();
        let mut events = Vec::new();
        let mut cells = Vec::new();
        for channel in &channels {
            events.push(trial.read_all(channel, 0).await);
            cells.push(trial.engine.cell(channel, &format!("cursor{round}")).await);
        }
        trial.reopen().await;
        assert_eq!(trial.engine.channels(), before);
        for (channel, (events, cell)) in channels.iter().zip(events.iter().zip(cells)) {
            assert_eq!(trial.read_all(channel, 0).await, *events);
            let key = format!("cursor{round}");
            assert_eq!(trial.engine.cell(channel, &key).await, cell);
            assert_eq!(trial.engine.verify(channel).await, Ok(Vec::new()));
        }
    }
    assert_eq!((before[0].first, before[0].last), (250, 900));
    let all = trial.read_all(&channels[1], 0).await;
    assert_eq!(ids(&all), (1..=900).collect::<Vec<_>>());
    // What was removed stays so.
    trial
        .engine
        .remove(&channels[1])
        .await
        .expect("it is there");
    trial.reopen().await;
    assert_eq!(trial.engine.info(&channels[1]), None);
    assert_eq!(trial.engine.channels().len(), 2);
    let new = trial.create(&channels[1], &settings).await;
    assert_ne!(new.epoch, before[1].epoch);
    assert!(trial.read_all(&channels[1], 0).await.is_empty());
}

pub(super) async fn repeats_are_known_again<B: Bench>(trial: &mut Trial<B>) {
    if !trial.survives() {
        return;
    }
    let orders = name("orders");
    trial.create(&orders, &LogSettings::default()).await;
    let start = trial.append(&orders, 100, 1, 10).await.events[0].time;
    for id in [1, 2] {
        let appended = trial.engine.append(&orders, keyed(&[id]), Expected::Any);
        assert!(appended.await.is_ok());
        trial.environment.advance(Duration::from_secs(100));
    }
    trial.reopen().await;
    let batch = keyed(&[1, 2, 3]);
    let appended = trial.engine.append(&orders, batch, Expected::Any).await;
    let appended = appended.expect("there is room").events.into_iter();
    let appended: Vec<_> = appended
        .map(|event| (event.sequence, event.is_duplicate(), event.time - start))
        .collect();
    // The first is forgotten by now.
    let expected = [(4, false, 200_000), (3, true, 100_000), (5, false, 200_000)];
    assert_eq!(appended, expected);
    trial.reopen().await;
    trial.reopen().await;
    let batch = keyed(&[3, 1, 2]);
    let appended = trial.engine.append(&orders, batch, Expected::Any).await;
    let appended = appended.expect("there is room");
    let numbers: Vec<_> = appended.events.iter().map(|event| event.sequence).collect();
    assert_eq!((numbers, appended.last), (vec![5, 4, 3], 5));
}
