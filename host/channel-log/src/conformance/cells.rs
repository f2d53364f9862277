//! Cells.

use bytes::Bytes;

use super::trial::{Bench, Trial, name};
use crate::{
    Cell, CellChange, CellError, CellRange, LogSettings, MAX_CELL_BYTES, MAX_CELL_KEY_BYTES,
};

fn put(key: &str, value: &'static str, version: Option<u64>) -> CellChange {
    CellChange {
        key: key.to_owned(),
        value: Some(Bytes::from_static(value.as_bytes())),
        version,
    }
}

fn take_away(key: &str, version: Option<u64>) -> CellChange {
    CellChange {
        key: key.to_owned(),
        value: None,
        version,
    }
}

pub(super) async fn cells_have_versions<B: Bench>(trial: &mut Trial<B>) {
    let orders = name("orders");
    trial.create(&orders, &LogSettings::default()).await;
    let put = async |value: &'static str, version| {
        let value = Bytes::from_static(value.as_bytes());
        trial
            .engine
            .put_cell(&orders, "cursor", value, version, true)
            .await
    };
    let conflict = |version| {
        let key = "cursor".to_owned();
        Err(CellError::Conflict { key, version })
    };
    assert_eq!(trial.engine.cell(&orders, "cursor").await, Ok(None));
    assert_eq!(put("a", Some(1)).await, conflict(0));
    let first = put("a", Some(0)).await.expect("it is not there");
    assert_eq!(put("b", Some(0)).await, conflict(first));
    let second = put("b", Some(first)).await.expect("it has that version");
    assert!(second > first);
    let third = put("c", None).await.expect("any version will do");
    assert!(third > second);
    assert_eq!(put("d", Some(second)).await, conflict(third));
    let held = trial.engine.cell(&orders, "cursor").await;
    let cell = Cell {
        value: Bytes::from_static(b"c"),
        version: third,
    };
    assert_eq!(held, Ok(Some(cell)));
    // Removed and there again it has a version of its own.
    let removed = vec![take_away("cursor", Some(third))];
    assert_eq!(
        trial.engine.change_cells(&orders, removed, true).await,
        Ok(vec![0])
    );
    assert_eq!(trial.engine.cell(&orders, "cursor").await, Ok(None));
    let fourth = put("a", Some(0)).await.expect("it is not there");
    assert!(fourth > third);
}

pub(super) async fn changes_are_made_together_or_not_at_all<B: Bench>(trial: &mut Trial<B>) {
    let orders = name("orders");
    trial.create(&orders, &LogSettings::default()).await;
    let change = async |changes| trial.engine.change_cells(&orders, changes, false).await;
    let versions = change(vec![put("a", "1", None), put("b", "2", None)]).await;
    let versions = versions.expect("nothing is expected");
    let changes = vec![
        put("c", "3", Some(0)),
        put("a", "3", Some(versions[0])),
        take_away("b", None),
        put("b", "3", Some(versions[1])),
    ];
    let refused = CellError::Conflict {
        key: "b".to_owned(),
        version: 0,
    };
    assert_eq!(change(changes).await, Err(refused));
    let rows = trial.engine.cells(&orders, all()).await;
    let rows = rows.expect("they can be listed").into_iter();
    let rows: Vec<_> = rows
        .map(|row| (row.key, row.cell.value, row.cell.version))
        .collect();
    let expected = [
        ("a".to_owned(), Bytes::from_static(b"1"), versions[0]),
        ("b".to_owned(), Bytes::from_static(b"2"), versions[1]),
    ];
    assert_eq!(rows, expected);
    // One after the other, each sees the one before.
    let changes = vec![take_away("b", Some(versions[1])), put("b", "3", Some(0))];
    let after = change(changes).await.expect("they are as expected");
    assert_eq!(after[0], 0);
    assert!(after[1] > versions[1]);
    // What no cell can hold is refused before.
    let long = "k".repeat(MAX_CELL_KEY_BYTES + 1);
    let refused = change(vec![put("a", "4", None), put(&long, "4", None)]).await;
    assert_eq!(refused, Err(CellError::Key(long.len())));
    assert_eq!(
        change(vec![put("", "4", None)]).await,
        Err(CellError::Key(0))
    );
    let large = CellChange {
        value: Some(vec![0; MAX_CELL_BYTES + 1].into()),
        ..put("a", "", None)
    };
    assert_eq!(
        change(vec![large]).await,
        Err(CellError::Value(MAX_CELL_BYTES + 1))
    );
    let largest = CellChange {
        value: Some(vec![0; MAX_CELL_BYTES].into()),
        ..put(&long[1..], "", None)
    };
    assert!(change(vec![largest]).await.is_ok());
    assert_eq!(change(Vec::new()).await, Ok(Vec::new()));
}

fn all() -> CellRange {
    CellRange {
        limit: usize::MAX,
        ..CellRange::default()
    }
}

pub(super) async fn cells_are_listed_in_order<B: Bench>(trial: &mut Trial<B>) {
    let orders = name("orders");
    trial.create(&orders, &LogSettings::default()).await;
    let keys = [
        "client:b",
        "client:a",
        "clients",
        "plugin:a",
        "client:ä",
        "client:c",
    ];
    let changes = keys.iter().map(|key| put(key, "x", None)).collect();
    let changed = trial.engine.change_cells(&orders, changes, true).await;
    assert!(changed.is_ok());
    let list = async |prefix: &str, after: Option<&str>, limit| {
        let range = CellRange {
            prefix: prefix.to_owned(),
            after: after.map(str::to_owned),
            limit,
        };
        let rows = trial.engine.cells(&orders, range).await;
        let rows = rows.expect("they can be listed").into_iter();
        rows.map(|row| row.key).collect::<Vec<_>>()
    };
    assert_eq!(
        list("", None, usize::MAX).await,
        [
            "client:a",
            "client:b",
            "client:c",
            "client:ä",
            "clients",
            "plugin:a"
        ]
    );
    assert_eq!(list("client:", None, 2).await, ["client:a", "client:b"]);
    assert_eq!(
        list("client:", Some("client:b"), 9).await,
        ["client:c", "client:ä"]
    );
    assert_eq!(list("client:", Some("a"), 1).await, ["client:a"]);
    assert!(list("client:", Some("d"), 9).await.is_empty());
    assert!(list("nothing", None, 9).await.is_empty());
    assert!(list("", None, 0).await.is_empty());
}

pub(super) async fn cells_go_with_their_channel<B: Bench>(trial: &mut Trial<B>) {
    let (orders, carts) = (name("orders"), name("carts"));
    for channel in [&orders, &carts] {
        trial.create(channel, &LogSettings::default()).await;
        let put = trial.engine.put_cell(channel, "a", "1".into(), None, true);
        assert!(put.await.is_ok());
    }
    trial.engine.remove(&orders).await.expect("it is there");
    trial.create(&orders, &LogSettings::default()).await;
    assert_eq!(trial.engine.cell(&orders, "a").await, Ok(None));
    assert_eq!(trial.engine.cells(&orders, all()).await, Ok(Vec::new()));
    let other = trial.engine.cells(&carts, all()).await;
    assert_eq!(other.map(|rows| rows.len()), Ok(1));
}
