//! On the SDK: listens to the channel `orders` and reports what it is given (`report.consumer`), where the data of each order says what becomes of it: `fail` so many attempts in this instance, `reject` with a reason, `trap`, `sleep` so many milliseconds, `append` as many events to `bills`. A second listener on the channel, `witness`, reports orders of the type `custom.order.both` too; a live one, `see`, those that are published. `custom.consumer.*` asks it to append, send, read or tell the bounds.
#![cfg(target_family = "wasm")]

use std::collections::HashMap;
use std::error::Error;
use std::time::Duration;

use hearken_sdk::channels::{self, Position};
use hearken_sdk::{Event, OutgoingEvent, Reject, SendError, send};
use serde_json::{Value, json};

#[derive(Default)]
struct Consumer {
    /// How often each event has failed.
    failures: HashMap<u64, u64>,
}

#[hearken_sdk::listeners]
impl Consumer {
    #[listener("custom.order.*", channel = "orders")]
    fn handle(&mut self, event: &Event, data: Value) -> Result<(), Box<dyn Error>> {
        report("handle", event, &data)?;
        if let Some(milliseconds) = data["sleep"].as_u64() {
            sleep(milliseconds);
        }
        for number in 0..data["append"].as_u64().unwrap_or_default() {
            let data = json!({ "order": event.sequence(), "number": number });
            send(OutgoingEvent::new("billed").json(&data).channel("bills"))?;
        }
        if data["trap"] == true {
            core::arch::wasm32::unreachable();
        }
        if let Some(reason) = data["reject"].as_str() {
            return Err(Reject::new(reason).into());
        }
        let failures = self.failures.entry(event.sequence().unwrap_or_default());
        let failures = failures.or_default();
        if *failures < data["fail"].as_u64().unwrap_or_default() {
            *failures += 1;
            return Err(format!("failure {failures}").into());
        }
        report("handled", event, &data)?;
        Ok(())
    }

    #[listener("custom.order.both", channel = "orders")]
    fn witness(&self, event: &Event, data: Value) -> Result<(), SendError> {
        report("witness", event, &data)
    }

    #[listener("custom.order.*")]
    fn see(&self, event: &Event, data: Value) -> Result<(), SendError> {
        report("see", event, &data)
    }

    #[listener("custom.consumer.*")]
    fn ask(&self, data: &Event, asked: Value) -> Result<(), SendError> {
        let answer = match data.event_type() {
            "custom.consumer.append" => append(&asked),
            "custom.consumer.send" => sent(&asked),
            "custom.consumer.read" => read(&asked),
            _ => bounds(&asked),
        };
        let report = match answer {
            Ok(done) => json!({ "done": done }),
            Err(error) => json!({ "error": error }),
        };
        send(OutgoingEvent::new("report.consumer.asked").json(&report)).map(|_| ())
    }
}

fn report(who: &str, event: &Event, data: &Value) -> Result<(), SendError> {
    let report = json!({
        "who": who,
        "type": event.event_type(),
        "subject": event.subject(),
        "channel": event.channel(),
        "sequence": event.sequence(),
        "retry": event.is_retry(),
        "data": data,
    });
    send(OutgoingEvent::new("report.consumer").json(&report)).map(|_| ())
}

fn channel(asked: &Value) -> &str {
    asked["channel"].as_str().unwrap_or("orders")
}

fn order(asked: &Value) -> OutgoingEvent {
    let event = OutgoingEvent::new(asked["type"].as_str().unwrap_or("order.asked"));
    let event = match asked["id"].as_str() {
        Some(id) => event.id(id),
        None => event,
    };
    event.json(&asked["data"])
}

/// Appends as many events as `count` says, or one.
fn append(asked: &Value) -> Result<Value, String> {
    let count = asked["count"].as_u64().unwrap_or(1);
    let events = (0..count).map(|_| order(asked));
    let stored = match asked["expect"].as_u64() {
        Some(last) => channels::append_expecting(channel(asked), last, events),
        None => channels::append(channel(asked), events),
    };
    let stored = stored.map_err(|error| format!("{error:?}: {error}"))?;
    let stored = stored.iter().map(|stored| {
        json!({ "id": stored.id, "sequence": stored.sequence, "epoch": stored.epoch, "duplicate": stored.duplicate })
    });
    Ok(stored.collect())
}

fn sent(asked: &Value) -> Result<Value, String> {
    let sent = send(order(asked).channel(channel(asked)));
    sent.map(Value::from).map_err(|error| error.to_string())
}

fn read(asked: &Value) -> Result<Value, String> {
    let after = Position {
        epoch: asked["epoch"].as_str().map(str::to_owned),
        sequence: asked["after"].as_u64().unwrap_or_default(),
    };
    let limit = asked["limit"].as_u64().unwrap_or(100);
    let page = channels::read(
        channel(asked),
        after,
        u32::try_from(limit).unwrap_or(u32::MAX),
    );
    let page = page.map_err(|error| format!("{error:?}: {error}"))?;
    let events: Vec<Value> = page
        .events
        .iter()
        .map(|event| json!([event.sequence(), event.event_type(), event.is_live()]))
        .collect();
    let gap = page.gap.map(|gap| json!([gap.first, gap.last]));
    Ok(json!({ "events": events, "next": page.next.sequence, "last": page.last, "gap": gap }))
}

fn bounds(asked: &Value) -> Result<Value, String> {
    let bounds = channels::bounds(channel(asked));
    let bounds = bounds.map_err(|error| format!("{error:?}: {error}"))?;
    Ok(json!({ "first": bounds.first, "last": bounds.last, "epoch": bounds.epoch }))
}

#[allow(
    clippy::disallowed_methods,
    reason = "in a guest the host does the sleeping, which is what is tested"
)]
fn sleep(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds));
}
