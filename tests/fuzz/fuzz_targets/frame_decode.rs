//! Arbitrary bytes as a frame: its deliveries come to an end, lie one behind the other
//! within the frame, and each is an event. Run it with
//! `cargo fuzz run --fuzz-dir tests/fuzz -s none frame_decode`.

#![no_main]

use arbitrary::Unstructured;
use hearken_fuzz::{Event, frame, replace};
use hearken_wire::EventRef;
use hearken_wire::frame::{
    Deliveries, Delivery, FLAG_CHANNEL, FLAG_LOCAL, FLAG_RETRY, push_flagged,
};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

/// Bytes of a delivery before its event.
const FLAGS: usize = 4;

fuzz_target!(|bytes: &[u8]| {
    let mut read: Vec<Delivery> = Vec::new();
    let mut again = Vec::new();
    let mut end = 0;
    let mut failed = false;
    for delivery in Deliveries::new(bytes) {
        assert!(!failed, "the deliveries end after the first error");
        let Ok(delivery) = delivery else {
            failed = true;
            continue;
        };
        assert_eq!(delivery.event.start, end + FLAGS);
        end = delivery.event.end;
        let (event, rest) = EventRef::take(&bytes[delivery.event.clone()]).expect("an event");
        assert!(rest.is_empty());
        let _ = Event::read(event);
        push_flagged(&mut again, event, flags(&delivery));
        read.push(delivery);
    }
    assert!(failed || end == bytes.len());

    let again: Result<Vec<_>, _> = Deliveries::new(&again).collect();
    assert_eq!(again, Ok(read));
});

/// The flags of a delivery, as far as they mean something.
fn flags(delivery: &Delivery) -> u32 {
    let flags = [
        (delivery.local, FLAG_LOCAL),
        (delivery.channel, FLAG_CHANNEL),
        (delivery.retry, FLAG_RETRY),
    ];
    let set = flags.iter().filter(|(is_set, _)| *is_set);
    set.map(|(_, flag)| flag).sum()
}

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let size = fuzzer_mutate(data, size, max_size);
    let deliveries = Unstructured::new(&data[..size]).arbitrary::<Vec<(Event<'_>, bool)>>();
    match deliveries {
        Ok(deliveries) if seed.is_multiple_of(4) => {
            let encoded = frame(&deliveries);
            replace(data, size, &encoded)
        }
        _ => size,
    }
});
