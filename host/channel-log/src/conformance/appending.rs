//! Appending, and reading it back.

use std::time::Duration;

use hearken_wire::EventRef;

use super::trial::{Bench, Trial, event, ids, keyed, name, numbered, sequences};
use crate::{
    AppendError, Batch, Environment as _, Expected, LogSettings, MAX_BATCH_BYTES, MIN_LOG_BYTES,
    ReadLimit,
};

pub(super) async fn numbers_go_on_and_pages_have_them_all<B: Bench>(trial: &mut Trial<B>) {
    let orders = name("orders");
    let epoch = trial.create(&orders, &LogSettings::default()).await.epoch;
    let now = trial.environment.now_millis();
    let mut stored = Vec::new();
    let mut from = 1;
    for count in [1, 7, 100, 1000, 2] {
        let appended = trial.append(&orders, from, count, 100).await;
        assert_eq!(appended.epoch, epoch);
        assert_eq!(appended.last, from + count - 1);
        for (event, number) in appended.events.iter().zip(from..) {
            assert_eq!((event.sequence, event.time), (number, now));
            stored.push(event.stored.clone().expect("it is no duplicate"));
        }
        assert_eq!(appended.events.len() as u64, count);
        from += count;
    }
    // What is set is set in the encoding, and nothing else has changed.
    let first = EventRef::assume_encoded(&stored[0]);
    assert_eq!((first.sequence(), first.recorded_time()), (Some(1), now));
    let given = event("1", &[b'd'; 100]);
    let given = EventRef::assume_encoded(&given);
    assert_eq!(first.texts(), given.texts());
    assert_eq!(first.data(), given.data());
    assert!(first.extensions().eq(given.extensions()));

    let read = trial.read_all(&orders, 0).await;
    assert_eq!(read, stored);
    assert_eq!(sequences(&read), (1..from).collect::<Vec<_>>());
    assert_eq!(ids(&read), (1..from).collect::<Vec<_>>());
    for after in [0, 1, 7, 8, 500, 1108, 1109] {
        let page = trial.read(&orders, after).await;
        let skipped = usize::try_from(after).expect("it is small");
        assert_eq!(page.events[0], stored[skipped]);
        assert_eq!((page.epoch, page.last, page.gap), (epoch, from - 1, None));
        assert_eq!(page.next, after + page.events.len() as u64);
    }
    for after in [from - 1, from, u64::MAX] {
        let page = trial.read(&orders, after).await;
        assert!(page.events.is_empty());
        assert_eq!((page.next, page.last, page.gap), (after, from - 1, None));
    }
    let info = trial.info(&orders);
    assert_eq!((info.first, info.last), (1, from - 1));
    let counters = trial.engine.counters();
    assert_eq!((counters.appends, counters.events), (5, from - 1));
    let bytes = stored.iter().map(|event| event.len() as u64).sum();
    assert_eq!(counters.bytes, bytes);
    assert!(info.bytes >= bytes);
}

pub(super) async fn pages_are_as_long_as_asked_for<B: Bench>(trial: &mut Trial<B>) {
    let orders = name("orders");
    trial.create(&orders, &LogSettings::default()).await;
    trial.append(&orders, 1, 10, 1000).await;
    trial.append(&orders, 11, 10, 1000).await;
    let length = event("1", &[b'd'; 1000]).len();
    let read = async |after, events, bytes| {
        let limit = ReadLimit { events, bytes };
        let page = trial.engine.read(&orders, after, limit).await;
        let page = page.expect("it can be read");
        (ids(&page.events), page.next)
    };
    assert_eq!(read(4, 3, 1 << 20).await, (vec![5, 6, 7], 7));
    assert_eq!(read(9, 4, 1 << 20).await, (vec![10, 11, 12, 13], 13));
    assert_eq!(read(4, 100, 2 * length).await, (vec![5, 6], 6));
    // One event at least, however long it is.
    assert_eq!(read(4, 0, 0).await, (vec![5], 5));
    assert_eq!(read(18, 100, 1 << 20).await, (vec![19, 20], 20));
}

pub(super) async fn what_is_expected_is_checked<B: Bench>(trial: &mut Trial<B>) {
    let orders = name("orders");
    let epoch = trial.create(&orders, &LogSettings::default()).await.epoch;
    let append = async |batch, epoch, last| {
        let expected = Expected::Last { epoch, last };
        let appended = trial.engine.append(&orders, batch, expected).await;
        appended.map(|appended| appended.last)
    };
    let conflict = |last| Err(AppendError::Conflict { last });
    assert_eq!(append(numbered(1, 2, 10), None, 1).await, conflict(0));
    assert_eq!(append(numbered(1, 2, 10), Some(epoch), 0).await, Ok(2));
    assert_eq!(append(numbered(3, 2, 10), None, 0).await, conflict(2));
    assert_eq!(append(numbered(3, 2, 10), None, 2).await, Ok(4));
    let other = crate::Epoch::new(epoch.bits() ^ 1);
    let another = Err(AppendError::AnotherLog { epoch });
    assert_eq!(append(numbered(5, 1, 10), Some(other), 4).await, another);
    // Nothing to store is a question only.
    assert_eq!(append(Batch::new(), None, 4).await, Ok(4));
    assert_eq!(append(Batch::new(), None, 3).await, conflict(4));
    assert_eq!(ids(&trial.read_all(&orders, 0).await), [1, 2, 3, 4]);
}

pub(super) async fn a_repeat_is_stored_once<B: Bench>(trial: &mut Trial<B>) {
    let orders = name("orders");
    trial.create(&orders, &LogSettings::default()).await;
    let stored_at = trial.environment.now_millis();
    let append = async |batch, expected| {
        let appended = trial.engine.append(&orders, batch, expected).await;
        let appended = appended.expect("there is room");
        let events = appended.events.into_iter();
        let events = events.map(|event| (event.sequence, event.is_duplicate(), event.time));
        (appended.last, events.collect::<Vec<_>>())
    };
    let (_, events) = append(keyed(&[1, 2]), Expected::Any).await;
    assert_eq!(events, [(1, false, stored_at), (2, false, stored_at)]);
    trial.environment.advance(Duration::from_secs(119));
    let now = trial.environment.now_millis();
    let (last, events) = append(keyed(&[2]), Expected::Any).await;
    assert_eq!((last, events), (2, vec![(2, true, stored_at)]));
    // In part, and twice in one batch.
    let (last, events) = append(keyed(&[3, 1, 4, 3]), Expected::Any).await;
    assert_eq!(last, 4);
    let expected = [
        (3, false, now),
        (1, true, stored_at),
        (4, false, now),
        (3, true, now),
    ];
    assert_eq!(events, expected);
    // A repeat of what was stored has the answer of the first, whatever came since.
    let expected = Expected::Last {
        epoch: None,
        last: 0,
    };
    let (last, events) = append(keyed(&[1, 2]), expected).await;
    assert_eq!(last, 4);
    assert_eq!(events, [(1, true, stored_at), (2, true, stored_at)]);
    // Without a key the same is stored again.
    trial.append(&orders, 1, 1, 10).await;
    assert_eq!(ids(&trial.read_all(&orders, 0).await), [1, 2, 3, 4, 1]);
}

pub(super) async fn a_repeat_is_known_only_so_long<B: Bench>(trial: &mut Trial<B>) {
    let orders = name("orders");
    let settings = LogSettings {
        dedupe: Duration::from_secs(10),
        ..LogSettings::default()
    };
    trial.create(&orders, &settings).await;
    let append = async || {
        let appended = trial.engine.append(&orders, keyed(&[1]), Expected::Any);
        let appended = appended.await.expect("there is room");
        (
            appended.events[0].sequence,
            appended.events[0].is_duplicate(),
        )
    };
    assert_eq!(append().await, (1, false));
    trial.environment.advance(Duration::from_secs(10));
    assert_eq!(append().await, (1, true));
    trial.environment.advance(Duration::from_millis(1));
    assert_eq!(append().await, (2, false));
    assert_eq!(append().await, (2, true));
}

pub(super) async fn time_does_not_go_back<B: Bench>(trial: &mut Trial<B>) {
    let orders = name("orders");
    trial.create(&orders, &LogSettings::default()).await;
    let start = trial.environment.now_millis();
    let mut times = Vec::new();
    for from in [1, 3, 5] {
        let appended = trial.append(&orders, from, 2, 10).await;
        times.extend(appended.events.iter().map(|event| event.time - start));
        if from == 1 {
            trial.environment.set_back(Duration::from_secs(5));
        } else {
            trial.environment.advance(Duration::from_secs(7));
        }
    }
    assert_eq!(times, [0, 0, 0, 0, 2000, 2000]);
    let read = trial.read_all(&orders, 0).await;
    let read = read.iter().map(|event| EventRef::assume_encoded(event));
    let read: Vec<u64> = read.map(|event| event.recorded_time() - start).collect();
    assert_eq!(read, times);
    let since = async |time| trial.engine.since(&orders, time).await;
    assert_eq!(since(0).await, Ok(0));
    assert_eq!(since(start).await, Ok(0));
    assert_eq!(since(start + 1).await, Ok(4));
    assert_eq!(since(start + 2000).await, Ok(4));
    assert_eq!(since(start + 2001).await, Ok(6));
}

pub(super) async fn many_append_at_once<B: Bench>(trial: &mut Trial<B>) {
    let channels = [name("a"), name("b"), name("c")];
    for channel in &channels {
        trial.create(channel, &LogSettings::default()).await;
    }
    let mut waiting = Vec::new();
    for round in 0..40_u64 {
        for channel in &channels {
            let batch = numbered(round * 5 + 1, 1 + round % 5, 200);
            let engine = std::sync::Arc::clone(&trial.engine);
            let channel = channel.clone();
            waiting.push(tokio::spawn(async move {
                let appended = engine.append(&channel, batch, Expected::Any).await;
                (channel, round, appended.expect("there is room"))
            }));
        }
    }
    let mut answers = Vec::new();
    for waiting in waiting {
        answers.push(waiting.await.expect("nothing panics"));
    }
    for channel in &channels {
        let read = trial.read_all(channel, 0).await;
        let of_rounds: u64 = (0..40).map(|round| 1 + round % 5).sum();
        assert_eq!(sequences(&read), (1..=of_rounds).collect::<Vec<_>>());
        for (_, round, appended) in answers.iter().filter(|(of, ..)| of == channel) {
            let first = appended.events[0].sequence;
            assert_eq!(appended.events.len() as u64, 1 + round % 5);
            for (event, offset) in appended.events.iter().zip(0..) {
                assert_eq!(event.sequence, first + offset, "a batch lies together");
                let at = usize::try_from(event.sequence - 1).expect("it is small");
                assert_eq!(event.stored.as_ref(), Some(&read[at]));
                assert_eq!(ids(&read[at..=at]), [round * 5 + 1 + offset]);
            }
        }
    }
}

pub(super) async fn a_batch_that_no_log_could_hold_is_refused<B: Bench>(trial: &mut Trial<B>) {
    let (small, large) = (name("small"), name("large"));
    let settings = LogSettings {
        max_bytes: MIN_LOG_BYTES,
        ..LogSettings::default()
    };
    trial.create(&small, &settings).await;
    let batch = numbered(1, 100, 1000);
    let refused = trial.engine.append(&small, batch, Expected::Any).await;
    assert!(
        matches!(
            refused,
            Err(AppendError::TooLarge {
                most: MIN_LOG_BYTES,
                ..
            })
        ),
        "{refused:?}"
    );
    let appended = trial.append(&small, 1, 10, 1000).await;
    assert_eq!(appended.last, 10);
    // As large as a batch may be.
    trial.create(&large, &LogSettings::default()).await;
    let mut batch = Batch::new();
    let overhead = event("1", b"").len();
    let data = vec![b'x'; MAX_BATCH_BYTES - overhead];
    batch
        .push(&event("1", &data), None)
        .expect("it is as large as it may be");
    let appended = trial.engine.append(&large, batch, Expected::Any).await;
    assert_eq!(appended.map(|appended| appended.last), Ok(1));
    let read = trial.read_all(&large, 0).await;
    assert_eq!(EventRef::assume_encoded(&read[0]).data(), Some(&data[..]));
}
