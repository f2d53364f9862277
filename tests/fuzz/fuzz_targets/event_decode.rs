//! Arbitrary bytes as an event: they are refused or read without a panic, and what was
//! read of them reads the same when it is encoded again. Run it with
//! `cargo fuzz run --fuzz-dir tests/fuzz -s none event_decode`.

#![no_main]

use arbitrary::Unstructured;
use hearken_fuzz::{Event, replace};
use hearken_wire::EventRef;
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_target!(|bytes: &[u8]| {
    // Reads in bounds whatever the lengths say; nothing is known of what it reads.
    let _ = Event::read(EventRef::assume_encoded(bytes));

    let Ok((event, rest)) = EventRef::take(bytes) else {
        return;
    };
    assert_eq!([event.as_bytes(), rest].concat(), bytes);

    let read = Event::read(event);
    let encoded = read.encoded();
    let (again, rest) = EventRef::take(&encoded).expect("what was encoded is an event");
    assert!(rest.is_empty());
    assert_eq!(Event::read(again), read);
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let size = fuzzer_mutate(data, size, max_size);
    let event = Unstructured::new(&data[..size]).arbitrary::<Event<'_>>();
    match event {
        Ok(event) if seed.is_multiple_of(4) => {
            let encoded = event.encoded();
            replace(data, size, &encoded)
        }
        _ => size,
    }
});
