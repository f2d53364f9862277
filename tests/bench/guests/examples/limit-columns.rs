//! Columns over the component boundary, and nothing else.

#![cfg(target_family = "wasm")]

use std::hint::black_box;

use hearken_bench_guests::bindings::columns;
use hearken_bench_guests::bindings::columns::exports::bench::limits::column::{Guest, Head};

struct Listener;

impl Guest for Listener {
    fn handle(heads: Vec<Head>, bytes: Vec<u8>) {
        let mut rest = bytes.as_slice();
        for head in &heads {
            let before_data = [
                head.type_length,
                head.id_length,
                head.source_length,
                head.subject_length,
                head.datacontenttype_length,
                head.origin_length,
                head.channel_length,
                head.traceparent_length,
                head.tracestate_length,
            ];
            let before_data = before_data.into_iter().map(usize::from).sum::<usize>()
                + head.extensions_length as usize;
            let data = &rest[before_data..];
            black_box((head.type_length, data.first()));
            rest = &data[head.data_length as usize..];
        }
    }
}

columns::export!(Listener with_types_in columns);
