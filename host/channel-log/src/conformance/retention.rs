//! What is kept, and what is not.

use std::time::Duration;

use super::trial::{Bench, Trial, ids, keyed, name, numbered};
use crate::{
    AppendError, Bounds, Discard, Expected, FullBecause, LogSettings, MIN_LOG_BYTES, Span,
};

pub(super) async fn as_many_events_are_kept_as_set<B: Bench>(trial: &mut Trial<B>) {
    let orders = name("orders");
    let settings = LogSettings {
        max_events: Some(10),
        ..LogSettings::default()
    };
    trial.create(&orders, &settings).await;
    for from in [1, 5, 9] {
        trial.append(&orders, from, 4, 100).await;
    }
    let info = trial.info(&orders);
    assert_eq!((info.first, info.last), (3, 12));
    let page = trial.read(&orders, 0).await;
    assert_eq!(page.gap, Span::new(1, 2));
    assert_eq!(ids(&page.events), (3..=12).collect::<Vec<_>>());
    // More at once than are kept.
    trial.append(&orders, 13, 20, 100).await;
    let info = trial.info(&orders);
    assert_eq!((info.first, info.last), (23, 32));
    let page = trial.read(&orders, 12).await;
    assert_eq!(page.gap, Span::new(13, 22));
    assert_eq!(ids(&page.events), (23..=32).collect::<Vec<_>>());
    // Settings that keep less hold at once.
    let fewer = LogSettings {
        max_events: Some(1),
        ..settings
    };
    let info = trial.engine.change(&orders, &fewer).await;
    let info = info.expect("they can be honoured");
    assert_eq!((info.first, info.last), (32, 32));
}

pub(super) async fn no_more_bytes_are_kept_than_set<B: Bench>(trial: &mut Trial<B>) {
    let orders = name("orders");
    let settings = LogSettings {
        max_bytes: 4 * MIN_LOG_BYTES,
        ..LogSettings::default()
    };
    trial.create(&orders, &settings).await;
    for batch in 0..100 {
        trial.append(&orders, batch * 10 + 1, 10, 1000).await;
        trial.engine.enforce().await;
        let info = trial.info(&orders);
        assert!(info.bytes <= settings.max_bytes, "{info:?}");
        assert_eq!(info.last, batch * 10 + 10);
    }
    let info = trial.info(&orders);
    assert!(info.bytes >= settings.max_bytes / 2, "{info:?}");
    assert!(info.first > 1, "{info:?}");
    let page = trial.read(&orders, 0).await;
    assert_eq!(page.gap, Span::new(1, info.first - 1));
    let read = trial.read_all(&orders, 0).await;
    assert_eq!(ids(&read), (info.first..=1000).collect::<Vec<_>>());
    let read: usize = read.iter().map(bytes::Bytes::len).sum();
    assert!(read as u64 <= settings.max_bytes);
}

pub(super) async fn events_are_kept_as_long_as_set<B: Bench>(trial: &mut Trial<B>) {
    let orders = name("orders");
    let settings = LogSettings {
        max_age: Some(Duration::from_mins(1)),
        ..LogSettings::default()
    };
    trial.create(&orders, &settings).await;
    trial.append(&orders, 1, 5, 100).await;
    trial.environment.advance(Duration::from_secs(40));
    trial.append(&orders, 6, 5, 100).await;
    trial.environment.advance(Duration::from_secs(20));
    trial.engine.enforce().await;
    assert_eq!(trial.info(&orders).first, 1);
    trial.environment.advance(Duration::from_millis(1));
    trial.engine.enforce().await;
    assert_eq!(trial.info(&orders).first, 6);
    trial.environment.advance(Duration::from_secs(60));
    trial.engine.enforce().await;
    let info = trial.info(&orders);
    assert_eq!((info.first, info.last), (11, 10));
    let page = trial.read(&orders, 3).await;
    assert_eq!((page.gap, page.next, page.last), (Span::new(4, 10), 10, 10));
    assert!(page.events.is_empty());
    // Numbers go on.
    trial.append(&orders, 11, 1, 100).await;
    let page = trial.read(&orders, 10).await;
    assert_eq!((ids(&page.events), page.gap), (vec![11], None));
}

pub(super) async fn a_clock_that_jumps_makes_nothing_old<B: Bench>(trial: &mut Trial<B>) {
    const YEAR: Duration = Duration::from_hours(24 * 365);
    let orders = name("orders");
    let settings = LogSettings {
        max_age: Some(Duration::from_hours(1)),
        ..LogSettings::default()
    };
    trial.create(&orders, &settings).await;
    let again = async || {
        let appended = trial.engine.append(&orders, keyed(&[1]), Expected::Any);
        appended.await.expect("there is room").events[0].is_duplicate()
    };
    assert!(!again().await);
    trial.environment.set_forward(YEAR);
    trial.engine.enforce().await;
    assert!(again().await);
    trial.environment.set_back(YEAR);
    trial.engine.enforce().await;
    assert!(again().await);
    let info = trial.info(&orders);
    assert_eq!((info.first, info.last), (1, 1));
}

pub(super) async fn a_full_log_refuses_if_told_to<B: Bench>(trial: &mut Trial<B>) {
    let (few, small) = (name("few"), name("small"));
    let settings = LogSettings {
        max_events: Some(10),
        discard: Discard::Refuse,
        ..LogSettings::default()
    };
    trial.create(&few, &settings).await;
    trial.append(&few, 1, 8, 100).await;
    let full = Err(AppendError::Full(FullBecause::Channel));
    let refused = trial
        .engine
        .append(&few, numbered(9, 3, 100), Expected::Any);
    assert_eq!(refused.await, full);
    trial.append(&few, 9, 2, 100).await;
    let refused = trial
        .engine
        .append(&few, numbered(11, 1, 100), Expected::Any);
    assert_eq!(refused.await, full);
    let trimmed = trial.engine.trim(&few, 4).await;
    assert_eq!(trimmed, Ok(Bounds { first: 4, last: 10 }));
    trial.append(&few, 11, 3, 100).await;

    let settings = LogSettings {
        max_bytes: MIN_LOG_BYTES,
        discard: Discard::Refuse,
        ..LogSettings::default()
    };
    trial.create(&small, &settings).await;
    let mut from = 1;
    let refused = loop {
        let batch = numbered(from, 5, 1000);
        match trial.engine.append(&small, batch, Expected::Any).await {
            Ok(_) => from += 5,
            Err(error) => break error,
        }
    };
    assert_eq!(Err(refused), full);
    let info = trial.info(&small);
    assert!(
        info.bytes <= MIN_LOG_BYTES && info.bytes > MIN_LOG_BYTES / 2,
        "{info:?}"
    );
    assert_eq!((info.first, info.last), (1, from - 1));
}

pub(super) async fn what_is_not_read_is_kept<B: Bench>(trial: &mut Trial<B>) {
    let orders = name("orders");
    let settings = LogSettings {
        max_events: Some(10),
        max_age: Some(Duration::from_mins(1)),
        ..LogSettings::default()
    };
    trial.create(&orders, &settings).await;
    trial
        .engine
        .keep(&orders, Some(4))
        .await
        .expect("it is there");
    assert_eq!(trial.info(&orders).kept_from, Some(4));
    trial.append(&orders, 1, 10, 100).await;
    trial.append(&orders, 11, 3, 100).await;
    assert_eq!(trial.info(&orders).first, 4);
    let refused = trial
        .engine
        .append(&orders, numbered(14, 1, 100), Expected::Any);
    assert_eq!(refused.await, Err(AppendError::Full(FullBecause::Kept)));
    trial.environment.advance(Duration::from_mins(2));
    trial.engine.enforce().await;
    assert_eq!(trial.info(&orders).first, 4);
    if trial.survives() {
        trial.reopen().await;
        trial.engine.enforce().await;
        let info = trial.info(&orders);
        assert_eq!((info.first, info.kept_from), (4, Some(4)));
    }
    trial
        .engine
        .keep(&orders, Some(6))
        .await
        .expect("it is there");
    trial.engine.enforce().await;
    assert_eq!(trial.info(&orders).first, 6);
    trial.append(&orders, 14, 2, 100).await;
    trial.engine.keep(&orders, None).await.expect("it is there");
    trial.engine.enforce().await;
    let info = trial.info(&orders);
    assert_eq!((info.first, info.last, info.kept_from), (14, 15, None));
}

pub(super) async fn what_is_trimmed_is_a_gap<B: Bench>(trial: &mut Trial<B>) {
    let orders = name("orders");
    trial.create(&orders, &LogSettings::default()).await;
    trial.append(&orders, 1, 10, 100).await;
    let bounds = |first| Ok(Bounds { first, last: 10 });
    assert_eq!(trial.engine.trim(&orders, 0).await, bounds(1));
    assert_eq!(trial.engine.trim(&orders, 1).await, bounds(1));
    assert_eq!(trial.engine.trim(&orders, 6).await, bounds(6));
    assert_eq!(trial.engine.trim(&orders, 3).await, bounds(6));
    let page = trial.read(&orders, 2).await;
    assert_eq!((page.gap, page.next), (Span::new(3, 5), 10));
    assert_eq!(ids(&page.events), [6, 7, 8, 9, 10]);
    let page = trial.read(&orders, 5).await;
    assert_eq!(page.gap, None);
    // Beyond the end is all that there is.
    assert_eq!(trial.engine.trim(&orders, u64::MAX).await, bounds(11));
    let page = trial.read(&orders, 2).await;
    assert_eq!((page.gap, page.next), (Span::new(3, 10), 10));
    assert!(page.events.is_empty());
    let since = trial.engine.since(&orders, 0).await;
    assert_eq!(since, Ok(10));
    if trial.survives() {
        trial.reopen().await;
    }
    let info = trial.info(&orders);
    assert_eq!((info.first, info.last), (11, 10));
    assert_eq!(trial.append(&orders, 11, 1, 100).await.last, 11);
}
