use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

fn outbox(limit: usize) -> (Outbox, Arc<AtomicUsize>) {
    let woken = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&woken);
    let wake = move || {
        counter.fetch_add(1, Ordering::Relaxed);
    };
    (Outbox::new(limit, wake), woken)
}

fn frames(texts: &[&'static str]) -> Taken {
    let frames = texts.iter().map(|text| Bytes::from_static(text.as_bytes()));
    Taken::Frames(frames.collect())
}

#[test]
fn the_transport_is_woken_once_until_it_has_found_nothing() {
    let (outbox, woken) = outbox(1000);
    for text in ["one", "two", "three"] {
        outbox.push(Bytes::from_static(text.as_bytes()));
    }
    assert_eq!(woken.load(Ordering::Relaxed), 1);
    assert_eq!(outbox.take(6), frames(&["one", "two"]));
    outbox.push(Bytes::from_static(b"four"));
    assert_eq!(outbox.take(0), frames(&["three"]));
    assert_eq!(outbox.take(100), frames(&["four"]));
    assert_eq!(outbox.bytes(), 0);
    assert_eq!(outbox.take(100), Taken::Nothing);
    assert_eq!(woken.load(Ordering::Relaxed), 1);
    outbox.push(Bytes::from_static(b"five"));
    assert_eq!(woken.load(Ordering::Relaxed), 2);
}

#[test]
fn who_does_not_read_is_ended_and_takes_no_more_memory() {
    let (outbox, woken) = outbox(2 * (3 + FRAME_BYTES));
    for _ in 0..2 {
        outbox.push(Bytes::from_static(b"one"));
    }
    assert!(!outbox.has_ended());
    outbox.push(Bytes::from_static(b"one"));
    assert_eq!(woken.load(Ordering::Relaxed), 2);
    assert_eq!(outbox.bytes(), 0);
    assert_eq!(outbox.take(100), Taken::End(disconnects::SLOW));
    outbox.push(Bytes::from_static(b"one"));
    assert_eq!(outbox.take(100), Taken::End(disconnects::SLOW));
}

#[test]
fn what_waits_is_written_before_the_end() {
    let (outbox, woken) = outbox(1000);
    outbox.push(Bytes::from_static(b"one"));
    outbox.end(disconnects::SHUTDOWN);
    outbox.end(disconnects::SLOW);
    assert_eq!(woken.load(Ordering::Relaxed), 2);
    assert_eq!(outbox.take(100), frames(&["one"]));
    assert_eq!(outbox.take(100), Taken::End(disconnects::SHUTDOWN));
}

#[tokio::test]
async fn what_can_be_had_again_waits_elsewhere_and_ends_nobody() {
    let (outbox, _) = outbox(8 * (3 + FRAME_BYTES));
    let one = || Bytes::from_static(b"one");
    // Of any size, where nothing else waits.
    let large: &'static [u8] = &[b'x'; 4096];
    assert!(outbox.offer(Bytes::from_static(large)));
    assert!(!outbox.offer(one()));
    assert!(!outbox.has_room(0));
    for _ in 0..8 {
        outbox.push(one());
    }
    assert!(!outbox.has_ended(), "what was offered does not count");
    let room = outbox.told();
    assert!(matches!(outbox.take(1), Taken::Frames(_)));
    assert!(matches!(outbox.take(20), Taken::Frames(_)));
    room.await;
    assert!(outbox.has_room(0) && !outbox.has_room(100));
    assert!(outbox.offer(one()));
    let room = outbox.told();
    outbox.end(disconnects::SHUTDOWN);
    room.await;
    assert!(outbox.has_room(0) && outbox.offer(one()), "none is needed");
}
