//! Survives what it does wrong, and dies of something else later: what the event's type says after `custom.survivor.` is done one after the other.
#![cfg(target_family = "wasm")]

use hearken_guests::{Event, plugin};

fn act(event: Event) -> Result<(), String> {
    let tasks = event.type_.strip_prefix("custom.survivor.").unwrap_or("");
    for task in tasks.split('-') {
        match task {
            // More memory than any limit of these tests allows.
            "grow" => assert_eq!(core::arch::wasm32::memory_grow::<0>(60_000), usize::MAX),
            "speak" => eprintln!("all is well"),
            "trap" => core::arch::wasm32::unreachable(),
            "spin" => loop {
                std::hint::spin_loop();
            },
            "recurse" => hearken_guests::nonsense::recurse(),
            other => return Err(format!("there is no `{other}`")),
        }
    }
    Ok(())
}

plugin!("custom.survivor.*", act);
