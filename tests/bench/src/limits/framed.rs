//! A component, one call for a batch that is one list of bytes.

use wasmtime::Store;

use super::{component, engine, repeat};
use crate::contest::Repeat;

mod bindings {
    wasmtime::component::bindgen!({
        path: "limits.wit",
        world: "framed",
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

pub(super) fn open() -> Repeat {
    let engine = engine();
    let guest = bindings::FramedPre::new(component(&engine, "limit-framed"))
        .expect("the guest was made for this world");
    let mut store = Store::new(&engine, ());
    let guest = guest.instantiate(&mut store).expect("it has the memory");
    let mut frame = Vec::new();
    Box::new(move |payload| {
        repeat(payload, |events| {
            events.pack(&mut frame);
            guest
                .bench_limits_packed()
                .call_handle(&mut store, &frame)
                .expect("the frame is valid");
        })
    })
}
