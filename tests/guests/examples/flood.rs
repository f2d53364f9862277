//! Sends events for as long as it is let, also while it is refused.
#![cfg(target_family = "wasm")]

use hearken_guests::{plugin, report};
use serde_json::json;

plugin!("custom.flood.*", |_| {
    let mut sent = 0_u64;
    loop {
        sent += 1;
        let _ = report("report.flood", json!({ "sent": sent }));
    }
});
