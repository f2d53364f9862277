//! Uses everything that a key-value bucket offers and reports what it got.
#![cfg(target_family = "wasm")]

use hearken_guests::bindings::wasi::keyvalue::{atomics, batch, store};
use hearken_guests::{Event, config, plugin, report};
use serde_json::{Value, json};

fn exercise(name: &str) -> Result<Value, store::Error> {
    let bucket = store::open(name)?;
    bucket.set("greeting", b"hello")?;
    let got = bucket.get("greeting")?;
    let existed = bucket.exists("greeting")?;
    let count = atomics::increment(&bucket, "count", 2)?;
    let pair = |key: &str| (key.to_owned(), key.as_bytes().to_vec());
    batch::set_many(&bucket, &[pair("a"), pair("b")])?;
    let mut keys = bucket.list_keys(None)?.keys;
    keys.sort();
    let names = ["a", "missing", "b"].map(str::to_owned);
    let many: Vec<_> = batch::get_many(&bucket, &names)?
        .into_iter()
        .map(|found| found.map(|(key, value)| json!([key, String::from_utf8_lossy(&value)])))
        .collect();
    batch::delete_many(&bucket, &names)?;
    bucket.delete("greeting")?;
    Ok(json!({
        "get": got.map(|value| String::from_utf8_lossy(&value).into_owned()),
        "exists": existed,
        "increment": count,
        "keys": keys,
        "get_many": many,
        "exists_after_delete": bucket.exists("greeting")?,
        "get_after_delete": bucket.get("greeting")?,
    }))
}

fn handle(_: Event) -> Result<(), String> {
    let bucket = config("bucket").unwrap_or_else(|| "guests".to_owned());
    let outcome = exercise(&bucket).map_err(|error| format!("{error:?}"))?;
    report("report.keyvalue", outcome)
}

plugin!("custom.keyvalue.*", handle);
