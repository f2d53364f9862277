//! A component, one call for a batch in columns: a record of scalars for each
//! event, and the bytes of all in one list.

use hearken::event::Event;
use wasmtime::Store;

use self::bindings::exports::bench::limits::column::Head;
use super::{component, engine, repeat};
use crate::contest::Repeat;

mod bindings {
    wasmtime::component::bindgen!({
        path: "limits.wit",
        world: "columns",
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

/// Where the strings of an encoded event begin.
const HEADER: usize = 48;

pub(super) fn open() -> Repeat {
    let engine = engine();
    let guest = bindings::ColumnsPre::new(component(&engine, "limit-columns"))
        .expect("the guest was made for this world");
    let mut store = Store::new(&engine, ());
    let guest = guest.instantiate(&mut store).expect("it has the memory");
    let (mut heads, mut bytes) = (Vec::new(), Vec::new());
    Box::new(move |payload| {
        repeat(payload, |events| {
            heads.clear();
            bytes.clear();
            for event in events.iter() {
                heads.push(head(event));
                bytes.extend_from_slice(&event.as_bytes()[HEADER..]);
            }
            guest
                .bench_limits_column()
                .call_handle(&mut store, &heads, &bytes)
                .expect("the columns are valid");
        })
    })
}

/// The fixed part of the encoding, number by number.
fn head(event: &Event) -> Head {
    let bytes = event.as_bytes();
    let u16_at = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let u32_at = |at: usize| u32::from(u16_at(at)) | u32::from(u16_at(at + 2)) << 16;
    let u64_at = |at: usize| u64::from(u32_at(at)) | u64::from(u32_at(at + 4)) << 32;
    Head {
        flags: u32::from(bytes[5]),
        type_length: u16_at(6),
        time: u64_at(8),
        sequence: u64_at(16),
        id_length: u16_at(24),
        source_length: u16_at(26),
        subject_length: u16_at(28),
        datacontenttype_length: u16_at(30),
        origin_length: u16_at(32),
        channel_length: u16_at(34),
        traceparent_length: u16_at(36),
        tracestate_length: u16_at(38),
        extensions_length: u32_at(40),
        data_length: u32_at(44),
    }
}
