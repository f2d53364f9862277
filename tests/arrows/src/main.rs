//! `hearken-arrows [CHECKOUT]`: says what is wrong with the arrows of a checkout, room
//! by room; with `--all` also every arrow between files.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use hearken_arrows::check::{self, room};
use hearken_arrows::checkout;
use hearken_arrows::lengths;

fn main() -> ExitCode {
    let (flags, paths): (Vec<_>, Vec<_>) = std::env::args()
        .skip(1)
        .partition(|argument| argument.starts_with("--"));
    let checkout = PathBuf::from(paths.first().map_or(".", String::as_str));
    match report(&checkout, !flags.is_empty()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn report(checkout: &std::path::Path, all: bool) -> Result<bool, String> {
    let sources = checkout::open(&checkout.join("host/src"))?;
    if all {
        for ((from, to), names) in &sources.arrows {
            println!("{from} -> {to} ({})", names.join(", "));
        }
    }
    let mut faults = sources.faults.clone();
    faults.extend(check::all(&sources));
    for folder in ["host/src", "sdk"] {
        let files = checkout::lengths(&checkout.join(folder)).map_err(|error| error.to_string())?;
        let files = files.iter().map(|(name, lines)| (name.as_str(), *lines));
        faults.extend(lengths::check(files, &[]));
    }
    let mut by_room: BTreeMap<&str, Vec<&String>> = BTreeMap::new();
    for fault in &faults {
        let file = fault
            .split(|sign: char| sign.is_whitespace())
            .find(|word| word.contains(".rs"));
        let room = file.and_then(|file| room("", file)).unwrap_or("the table");
        by_room.entry(room).or_default().push(fault);
    }
    for (room, faults) in by_room {
        println!("== {room}");
        for fault in faults {
            println!("- {fault}");
        }
        println!();
    }
    println!("{} faults in {} files", faults.len(), sources.files.len());
    Ok(faults.is_empty())
}
