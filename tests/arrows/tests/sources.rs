//! The rooms of the host know each other as the table in `host/src/lib.rs` says, no files
//! know each other in a circle, and no file is too long.

use std::fs;
use std::path::{Path, PathBuf};

use hearken_arrows::{check, checkout, lengths};

/// Files that may be longer than others, with the reason.
const LONG: &[(&str, &str)] = &[];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn none(faults: &[String]) {
    assert!(faults.is_empty(), "\n- {}\n", faults.join("\n- "));
}

#[test]
fn each_room_knows_what_its_row_says_and_no_files_know_each_other_in_a_circle() {
    let sources = checkout::open(&root().join("host/src")).unwrap();
    none(&sources.faults);
    assert!(sources.tables.contains_key(""), "lib.rs has no table");
    none(&check::all(&sources));
}

#[test]
fn an_arrow_more_is_told() {
    let folder = root().join("host/src");
    for (file, line, told) in [
        (
            "bus/mod.rs",
            "use crate::gateway::Gateway;",
            "`bus` may not know `gateway`: bus/mod.rs -> gateway/",
        ),
        (
            "event/mod.rs",
            "fn more() { crate::node::Node::start() }",
            "`event` may not know `node`: event/mod.rs -> node.rs",
        ),
        (
            "clock.rs",
            "fn more() { crate::incarnation::next() }",
            "clock.rs -> incarnation.rs (crate::incarnation::next)\n    incarnation.rs -> clock.rs",
        ),
    ] {
        let sources = checkout::read(&|path| {
            let text = fs::read_to_string(folder.join(path)).ok()?;
            Some(if path == file { text + line } else { text })
        });
        let faults = check::all(&sources.unwrap()).join("\n");
        assert!(faults.contains(told), "{told}: {faults}");
    }
}

#[test]
fn no_file_is_too_long() {
    let mut files = Vec::new();
    for folder in ["host/src", "sdk"] {
        let found = checkout::lengths(&root().join(folder)).unwrap();
        files.extend(
            found
                .into_iter()
                .map(|(name, lines)| (format!("{folder}/{name}"), lines)),
        );
    }
    let files = files.iter().map(|(name, lines)| (name.as_str(), *lines));
    none(&lengths::check(files, LONG));
}
