//! On the SDK: takes as long over an event as its data says, waiting or computing, and then reports the event (`report.unhurried`) if that was long.
#![cfg(target_family = "wasm")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hearken_sdk::{Event, Filter, OutgoingEvent, SendError, send, wait};
use serde_json::{Value, json};

/// Events begun by this instance.
static BEGUN: AtomicU64 = AtomicU64::new(0);

#[hearken_sdk::listener("custom.unhurried.*")]
#[allow(
    clippy::disallowed_methods,
    reason = "in a guest the host tells the time, which is what is tested"
)]
fn handle(event: &Event, task: Value) -> Result<(), SendError> {
    let begun = BEGUN.fetch_add(1, Ordering::Relaxed) + 1;
    let duration = |name: &str| Some(Duration::from_millis(task[name].as_u64()?));
    if let Some(waiting) = duration("wait") {
        // For nothing that ever comes.
        let _ = wait(&Filter::new("custom.never"), waiting);
    } else if let Some(computing) = duration("compute") {
        let since = Instant::now();
        while since.elapsed() < computing {
            std::hint::spin_loop();
        }
    } else {
        return Ok(());
    }
    let report = json!({ "number": task["number"], "begun": begun, "id": event.id() });
    send(OutgoingEvent::new("report.unhurried").json(&report)).map(|_| ())
}
