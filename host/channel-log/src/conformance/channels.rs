//! Making and removing channels.

use std::time::Duration;

use super::trial::{Bench, Trial, keyed, name, numbered};
use crate::{
    AppendError, Batch, Bounds, CellError, CellRange, ChangeError, ChannelError, ChannelState,
    Claim, CreateError, Discard, Expected, LogSettings, ReadError, ReadLimit, SettingsError,
};

pub(super) async fn one_is_made_changed_and_removed<B: Bench>(trial: &mut Trial<B>) {
    let (orders, carts) = (name("orders"), name("carts"));
    let settings = LogSettings {
        max_events: Some(5),
        max_age: Some(Duration::from_hours(1)),
        discard: Discard::Refuse,
        ..LogSettings::default()
    };
    let made = trial.create(&orders, &settings).await;
    assert_eq!((made.first, made.last, made.bytes), (1, 0, 0));
    assert_eq!(made.state, ChannelState::Ok);
    assert_eq!(made.settings, settings);
    assert_eq!(made.kept_from, None);
    assert_eq!(trial.info(&orders), made);
    let again = trial.engine.create(&orders, &settings).await;
    assert_eq!(again, Err(CreateError::Exists(orders.clone())));

    trial.create(&carts, &LogSettings::default()).await;
    let names = |channels: Vec<crate::ChannelInfo>| {
        channels
            .into_iter()
            .map(|info| info.name)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(trial.engine.channels()),
        [carts.clone(), orders.clone()]
    );
    let other = trial.info(&carts);
    assert_ne!(other.epoch, made.epoch);

    let changed = LogSettings {
        max_events: Some(6),
        ..settings
    };
    let info = trial.engine.change(&orders, &changed).await;
    assert_eq!(info.as_ref().map(|info| &info.settings), Ok(&changed));
    assert_eq!(Ok(trial.info(&orders)), info);

    trial.engine.remove(&carts).await.expect("it is there");
    assert_eq!(trial.engine.info(&carts), None);
    assert_eq!(names(trial.engine.channels()), [orders]);
}

pub(super) async fn a_new_one_of_the_same_name_is_another_log<B: Bench>(trial: &mut Trial<B>) {
    let orders = name("orders");
    let old = trial.create(&orders, &LogSettings::default()).await;
    let batch = keyed(&[1, 2, 3]);
    let appended = trial.engine.append(&orders, batch, Expected::Any).await;
    assert_eq!(appended.map(|appended| appended.last), Ok(3));
    trial.engine.remove(&orders).await.expect("it is there");

    let new = trial.create(&orders, &LogSettings::default()).await;
    assert_ne!(new.epoch, old.epoch);
    assert_eq!((new.first, new.last, new.bytes), (1, 0, 0));
    let page = trial.read(&orders, 0).await;
    assert!(page.events.is_empty());
    let expected = Expected::Last {
        epoch: Some(old.epoch),
        last: 0,
    };
    let refused = trial.engine.append(&orders, keyed(&[4]), expected).await;
    let epoch = new.epoch;
    assert_eq!(refused, Err(AppendError::AnotherLog { epoch }));
    // Which the old one had stored.
    let appended = trial
        .engine
        .append(&orders, keyed(&[3]), Expected::Any)
        .await;
    let appended = appended.expect("there is room");
    assert_eq!(
        (appended.last, appended.events[0].is_duplicate()),
        (1, false)
    );
}

pub(super) async fn none_is_made_with_settings_that_cannot_be_honoured<B: Bench>(
    trial: &mut Trial<B>,
) {
    let orders = name("orders");
    let wrong = LogSettings {
        max_events: Some(0),
        ..LogSettings::default()
    };
    let refused = trial.engine.create(&orders, &wrong).await;
    assert_eq!(refused, Err(CreateError::Settings(SettingsError::NoEvents)));
    assert_eq!(trial.engine.info(&orders), None);
    let made = trial.create(&orders, &LogSettings::default()).await;
    let refused = trial.engine.change(&orders, &wrong).await;
    assert_eq!(refused, Err(ChangeError::Settings(SettingsError::NoEvents)));
    assert_eq!(trial.info(&orders), made);
}

pub(super) async fn nothing_works_on_one_that_is_not_there<B: Bench>(trial: &mut Trial<B>) {
    let (engine, nowhere) = (&trial.engine, &name("nowhere"));
    let settings = &LogSettings::default();
    assert_eq!(
        engine.change(nowhere, settings).await,
        Err(ChangeError::NoChannel(nowhere.clone()))
    );
    let missing = ChannelError::NoChannel(nowhere.clone());
    assert_eq!(engine.remove(nowhere).await, Err(missing.clone()));
    assert_eq!(engine.trim(nowhere, 1).await, Err(missing.clone()));
    assert_eq!(engine.keep(nowhere, Some(1)).await, Err(missing.clone()));
    assert_eq!(engine.verify(nowhere).await, Err(missing.clone()));
    assert_eq!(engine.repair(nowhere).await, Err(missing.clone()));
    let claimed = engine.claim(nowhere, "x", Duration::from_secs(1)).await;
    assert_eq!(claimed, Err(missing));
    assert_eq!(
        engine.append(nowhere, keyed(&[1]), Expected::Any).await,
        Err(AppendError::NoChannel(nowhere.clone()))
    );
    let missing = ReadError::NoChannel(nowhere.clone());
    let read = engine.read(nowhere, 0, ReadLimit::default()).await;
    assert_eq!(read, Err(missing.clone()));
    assert_eq!(engine.since(nowhere, 0).await, Err(missing));
    let missing = CellError::NoChannel(nowhere.clone());
    assert_eq!(engine.cell(nowhere, "a").await, Err(missing.clone()));
    let listed = engine.cells(nowhere, CellRange::default()).await;
    assert_eq!(listed, Err(missing.clone()));
    let put = engine.put_cell(nowhere, "a", "1".into(), None, true).await;
    assert_eq!(put, Err(missing));
    assert!(engine.tail(nowhere).is_none());
    assert_eq!(engine.info(nowhere), None);
}

pub(super) async fn watchers_see_the_bounds_change_and_the_end<B: Bench>(trial: &mut Trial<B>) {
    let orders = name("orders");
    trial.create(&orders, &LogSettings::default()).await;
    let mut tail = trial.engine.tail(&orders).expect("it is there");
    assert_eq!(*tail.borrow_and_update(), Bounds { first: 1, last: 0 });
    trial.append(&orders, 1, 3, 10).await;
    tail.changed().await.expect("it is there");
    assert_eq!(*tail.borrow_and_update(), Bounds { first: 1, last: 3 });
    let trimmed = trial.engine.trim(&orders, 3).await;
    assert_eq!(trimmed, Ok(Bounds { first: 3, last: 3 }));
    tail.changed().await.expect("it is there");
    assert_eq!(*tail.borrow_and_update(), Bounds { first: 3, last: 3 });
    let claimed = trial
        .engine
        .claim(&orders, "plugin:x", Duration::from_secs(1));
    assert_eq!(claimed.await, Ok(Claim::Held));
    trial.engine.remove(&orders).await.expect("it is there");
    assert!(tail.changed().await.is_err());
}

pub(super) async fn nothing_works_once_it_is_closed<B: Bench>(trial: &mut Trial<B>) {
    let orders = name("orders");
    trial.create(&orders, &LogSettings::default()).await;
    trial.append(&orders, 1, 3, 10).await;
    trial.engine.close().await;
    let settings = LogSettings::default();
    let made = trial.engine.create(&name("carts"), &settings).await;
    assert!(matches!(made, Err(CreateError::Storage(_))), "{made:?}");
    let appended = trial
        .engine
        .append(&orders, numbered(4, 1, 10), Expected::Any);
    let appended = appended.await;
    assert!(
        matches!(appended, Err(AppendError::StorageFailed(_))),
        "{appended:?}"
    );
    let empty = trial.engine.append(&orders, Batch::new(), Expected::Any);
    assert!(empty.await.is_err());
    let put = trial.engine.put_cell(&orders, "a", "1".into(), None, true);
    assert!(matches!(put.await, Err(CellError::Storage(_))));
    // Which is no error either.
    trial.engine.close().await;
}
