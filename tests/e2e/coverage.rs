//! Every guest has a test.

use crate::hostile::{denied, descriptions, files, handlers, senders};
use crate::support::guests;

/// Each guest and the tests that run it: functions, so that a test that is gone
/// does not compile.
const TESTED: &[(&str, &[fn()])] = &[
    ("bad-utf8", &[handlers::bad_utf8]),
    ("describe-huge", &[descriptions::huge]),
    ("describe-invalid", &[descriptions::invalid]),
    ("describe-leak", &[descriptions::leak]),
    ("describe-recurse", &[descriptions::recurse]),
    ("describe-spin", &[descriptions::spin]),
    ("describe-trap", &[descriptions::trap]),
    ("describe-wait", &[descriptions::wait]),
    ("fail", &[handlers::fail]),
    ("files", &[denied::files]),
    ("flood", &[senders::flood]),
    ("huge-string", &[handlers::huge_string]),
    ("leak", &[handlers::leak]),
    ("no-handler", &[files::no_handler]),
    ("recurse", &[handlers::recurse]),
    ("self-loop", &[senders::self_loop]),
    ("shout", &[senders::shout]),
    ("sleeper", &[handlers::sleeper]),
    ("sockets", &[denied::sockets]),
    ("spin", &[handlers::spin]),
    ("trap", &[handlers::trap]),
    ("ungranted-http", &[denied::http]),
    ("ungranted-kv", &[denied::keyvalue]),
    ("unknown-import", &[files::unknown_import]),
    ("wrong-package", &[files::wrong_package]),
];

#[test]
fn every_guest_has_a_test() {
    let listed: Vec<&str> = TESTED.iter().map(|(guest, _)| *guest).collect();
    let built: Vec<&str> = guests::all().keys().map(String::as_str).collect();
    assert_eq!(listed, built);
}
