//! Every guest has a test.

use crate::cluster::{plugins, wishes};
use crate::consumers::failing;
use crate::hostile::{
    denied, descriptions, files, handlers, imports, progress, quarantine, senders,
};
use crate::session_hooks::asking;
use crate::support::guests;
use crate::{
    capabilities, channels, delivery, foreign, frames, full_disk, handover, logs, reload, rights,
    secrets, shutdown,
};

/// A guest, and the tests that run it.
type Tested = (&'static str, &'static [fn()]);

/// Each guest and the tests that run it: functions, so that a test that is gone
/// does not compile.
const TESTED: &[Tested] = &[
    (
        "asking",
        &[rights::a_plugin_publishes_and_hears_what_it_may],
    ),
    (
        "attributes",
        &[frames::both_kinds_of_listener_get_the_same_attributes],
    ),
    (
        "attributes-framed",
        &[frames::both_kinds_of_listener_get_the_same_attributes],
    ),
    ("bad-progress", &[progress::each_breach_is_told]),
    ("bad-utf8", &[handlers::bad_utf8]),
    ("blamed", &[frames::each_event_answers_for_itself]),
    (
        "busy",
        &[shutdown::what_a_worker_has_taken_is_handled_before_the_node_ends],
    ),
    ("claims", &[delivery::a_plugin_says_only_what_it_may]),
    ("configured", &[capabilities::configured]),
    ("consumer", &[channels::plugins::a_plugin_appends_and_reads]),
    (
        "consumer-typed",
        &[channels::plugins::a_live_event_has_no_attempt_and_gives_no_ids],
    ),
    (
        "consuming",
        &[failing::a_failed_event_is_tried_again_later_and_holds_back_only_its_subject],
    ),
    ("describe-globs", &[descriptions::globs]),
    ("describe-huge", &[descriptions::huge]),
    ("describe-invalid", &[descriptions::invalid]),
    ("describe-leak", &[descriptions::leak]),
    (
        "describe-long",
        &[wishes::a_plugin_with_long_listeners_cuts_no_link],
    ),
    ("describe-recurse", &[descriptions::recurse]),
    ("describe-spin", &[descriptions::spin]),
    ("describe-trap", &[descriptions::trap]),
    ("describe-wait", &[descriptions::wait]),
    (
        "doorman",
        &[asking::a_session_is_who_the_plugin_says_and_the_plugin_sees_how_it_came],
    ),
    ("echo", &[delivery::nobody_forges_host_events]),
    ("fail", &[handlers::fail]),
    ("files", &[denied::files]),
    ("flood", &[senders::flood]),
    (
        "greedy",
        &[imports::a_request_that_is_over_leaves_no_handle],
    ),
    (
        "hoarder",
        &[full_disk::a_store_that_cannot_grow_heals_when_it_can],
    ),
    ("huge-string", &[handlers::huge_string]),
    ("keyvalue", &[capabilities::keyvalue]),
    (
        "leak",
        &[handlers::what_a_handler_may_not_is_told_and_hurts_nobody],
    ),
    ("logger", &[logs::logger]),
    ("moody", &[quarantine::a_success_between_forgives]),
    ("no-handler", &[files::no_handler]),
    (
        "recorder",
        &[delivery::drop_oldest_keeps_the_newest_and_tells],
    ),
    (
        "recurse",
        &[handlers::what_a_handler_may_not_is_told_and_hurts_nobody],
    ),
    (
        "redirected",
        &[capabilities::a_redirect_leads_no_plugin_where_it_may_not_go],
    ),
    ("secretive", &[secrets::a_secret_is_read_and_followed]),
    ("self-loop", &[senders::self_loop]),
    ("shout", &[senders::shout, logs::shout]),
    ("sleeper", &[handlers::sleeper]),
    ("slow", &[shutdown::a_signal_drains_the_node]),
    ("sockets", &[denied::sockets]),
    (
        "spin",
        &[handlers::what_a_handler_may_not_is_told_and_hurts_nobody],
    ),
    (
        "spread",
        &[plugins::what_a_plugin_sends_reaches_the_plugins_of_other_nodes],
    ),
    ("survivor", &[handlers::what_was_survived_is_not_to_blame]),
    ("trap", &[handlers::trap]),
    ("ungranted-http", &[denied::http]),
    ("ungranted-kv", &[denied::keyvalue]),
    (
        "unhurried",
        &[handover::a_reload_while_events_wait_fails_none],
    ),
    ("unknown-import", &[files::unknown_import]),
    (
        "versioned-framed",
        &[reload::replacements_amid_frames_lose_repeat_and_reorder_nothing],
    ),
    (
        "versioned-v1",
        &[reload::thirty_replacements_under_a_steady_stream_lose_repeat_and_reorder_nothing],
    ),
    (
        "versioned-v2",
        &[reload::thirty_replacements_under_a_steady_stream_lose_repeat_and_reorder_nothing],
    ),
    ("wasmcloud-echo", &[foreign::echo]),
    ("wasmcloud-request", &[foreign::request]),
    ("wrong-package", &[files::wrong_package]),
];

#[test]
fn every_guest_has_a_test() {
    let listed: Vec<&str> = TESTED.iter().map(|(guest, _)| *guest).collect();
    let built: Vec<&str> = guests::all().keys().map(String::as_str).collect();
    assert_eq!(listed, built);
}

/// What the same text is in another language is tested by the tests of the guest of that name.
#[test]
fn every_text_is_a_guest_in_another_language() {
    let texts = guests::checkout().join("tests/guests/texts");
    for text in std::fs::read_dir(texts).expect("it is there") {
        let path = text.expect("it can be read").path();
        let name = path.file_stem().and_then(|name| name.to_str());
        let name = name.expect("a name");
        assert!(
            guests::all().contains_key(name),
            "there is no guest `{name}`"
        );
    }
}
