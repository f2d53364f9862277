//! Uses the CPU for as long as each event says (`micros`), prints what it has finished, and hands the event on as the type that its configuration names (`to`).
#![cfg(target_family = "wasm")]

use std::time::{Duration, Instant};

use hearken_guests::{Event, config, data_of, plugin, report};

#[allow(
    clippy::disallowed_methods,
    reason = "a guest's clock is the host's, and there is no other"
)]
fn work(event: Event) -> Result<(), String> {
    let began = Instant::now();
    let data = data_of(&event);
    let time = Duration::from_micros(data["micros"].as_u64().unwrap_or(0));
    while began.elapsed() < time {
        std::hint::spin_loop();
    }
    match config("to") {
        Some(to) => report(&to, data),
        None => {
            println!("finished {}", data["number"]);
            Ok(())
        }
    }
}

plugin!("custom.busy.*", work);
