//! Prints 1 MiB in lines of 1 KiB and 2 MiB without an end of line, on each of its outputs.
#![cfg(target_family = "wasm")]

use std::io::Write;

use hearken_guests::{Event, plugin, report};
use serde_json::json;

const MIB: usize = 1024 * 1024;

fn shout(event: Event) -> Result<(), String> {
    let unbroken = vec![b'A'; 2 * MIB];
    for number in 0..1024 {
        // As one text, since what is not buffered asks the host once for each piece.
        let line = format!("line {number:>1000}");
        println!("stdout {line}");
        eprintln!("stderr {line}");
    }
    let mut failures = Vec::new();
    failures.extend(std::io::stdout().write_all(&unbroken).err());
    failures.extend(std::io::stderr().write_all(&unbroken).err());
    let failures: Vec<_> = failures.iter().map(ToString::to_string).collect();
    report(
        "report.shout",
        json!({ "id": event.id, "failures": failures }),
    )
}

plugin!("custom.shout.*", shout);
