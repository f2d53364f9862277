//! Interfaces that components were built against stay as they are, to the byte.

use std::fs;

use crate::support::guests::checkout;

/// Versions of `hearken:plugin`, and the BLAKE3 of what was frozen of each.
const FROZEN: [(&str, &str); 2] = [
    (
        "0.1.0",
        "ad41acdb1b7a937a6025a67b9d56f46cd84534ac4d225ff3cee7022418b4acc2",
    ),
    (
        "0.2.0",
        "f727847b8543bff1202a6e9cf8893af193c328c7898cb68acaadd548ffd07656",
    ),
];

fn read(path: &str) -> String {
    fs::read_to_string(checkout().join(path)).expect("it is in the repository")
}

#[test]
fn what_is_frozen_stays() {
    for (version, hash) in FROZEN {
        let frozen = read(&format!("wit/{version}/plugin.wit"));
        let package = format!("package hearken:plugin@{version};");
        assert!(frozen.contains(&package), "{version}");
        let found = blake3::hash(frozen.as_bytes()).to_hex();
        assert_eq!(found.as_str(), hash, "{version}: add to another version");
    }
}

/// What is built against now is the newest that is frozen, or a version that is not yet.
#[test]
fn a_version_that_is_frozen_is_not_written_on() {
    let current = read("wit/plugin.wit");
    for (version, _) in FROZEN {
        if current.contains(&format!("package hearken:plugin@{version};")) {
            let frozen = read(&format!("wit/{version}/plugin.wit"));
            assert!(current == frozen, "{version} is frozen: begin another");
        }
    }
}
