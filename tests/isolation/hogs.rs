//! Each import of the host in a loop, and each other way to hold a thread.

use crate::stage::{Stage, hogs};

/// The hogs may go on for long, and have what can be granted.
const MANIFEST: &str = "
[limits]
deadline = \"1h\"
[allow]
keyvalue = [\"greedy\"]
[config]
text = \"some text\"
";

/// As before, with a deadline that they run into.
const SHORT: &str = "[limits]\ndeadline = \"20ms\"\n";

/// The hogs call an import as often and with as much as the host grants, and none of
/// them fails.
async fn granted(what: &str) {
    let mut stage = Stage::with_hogs(MANIFEST).await;
    stage.is_undisturbed_by(&format!("greedy.{what}")).await;
    for hog in hogs() {
        let status = stage
            .node
            .until(&hog, |status| status.counters.delivered > 0)
            .await;
        assert_eq!(status.counters.failed, 0, "{hog}: {:?}", status.last_error);
    }
}

/// The hogs ask for more than the host grants, and die of it again and again.
async fn beyond(what: &str, reason: &str) {
    let mut stage = Stage::with_hogs(MANIFEST).await;
    stage.is_undisturbed_by(&format!("greedy.{what}")).await;
    for hog in hogs() {
        let status = stage
            .node
            .until(&hog, |status| status.counters.failed > 0)
            .await;
        let told = status.last_error.expect("it has failed");
        assert!(told.contains(reason), "{hog}: {told}");
    }
}

macro_rules! granted {
    ($($test:ident: $what:literal),* $(,)?) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            granted($what).await;
        })*
    };
}

granted! {
    clock: "clock",
    random_bytes: "random",
    insecure_random_bytes: "insecure-random",
    a_long_poll: "poll",
    sleeping_for_no_time: "sleep",
    printing_empty_lines: "print",
    logging_empty_lines: "log",
    reading_the_configuration: "config",
    sending: "send",
    sending_large_events: "send-large",
    sending_thousands_of_extensions: "send-extensions",
    waiting_for_no_time: "wait",
    waiting_for_a_long_subject: "wait-subject",
    changing_many_records: "set-many",
    changing_a_large_record: "set-large",
    reading_many_records: "get-many",
    naming_too_many_keys: "keys-beyond",
    changing_too_many_records: "records-beyond",
    listing_keys: "list-keys",
    making_header_fields: "http-fields",
    making_too_many_header_fields: "http-fields-beyond",
    making_too_many_values_of_a_field: "http-values-beyond",
    filling_bodies: "http-bodies",
    sending_requests_that_are_refused: "http-send",
    filling_memory: "memory-fill",
    asking_for_too_much_memory: "memory-grow",
    working_and_sleeping_in_turn: "work-and-sleep",
    ping_pong: "ping-pong",
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_random_bytes() {
    beyond("random-beyond", "exceeds limit").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_long_a_poll() {
    beyond("poll-beyond", "handle limit exceeded").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn printing_too_much_at_once() {
    beyond("print-beyond", "check-write").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_handles() {
    beyond("http-handles-beyond", "resource table has no free keys").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn running_into_the_deadline() {
    let mut stage = Stage::with_hogs(SHORT).await;
    stage.is_undisturbed_by("greedy.random").await;
}
