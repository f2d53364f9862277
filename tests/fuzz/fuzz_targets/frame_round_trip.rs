//! Arbitrary events, encoded and pushed into a frame, read back as they were. Run it with
//! `cargo fuzz run --fuzz-dir tests/fuzz -s none frame_round_trip`.

#![no_main]

use hearken_fuzz::{Event, frame};
use hearken_wire::EventRef;
use hearken_wire::frame::Deliveries;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|deliveries: Vec<(Event<'_>, bool)>| {
    let frame = frame(&deliveries);
    let read: Vec<(Event<'_>, bool)> = Deliveries::new(&frame)
        .map(|delivery| delivery.expect("what was pushed is a delivery"))
        .map(|delivery| {
            let event = EventRef::assume_encoded(&frame[delivery.event]);
            (Event::read(event), delivery.local)
        })
        .collect();
    assert_eq!(read, deliveries);
});
