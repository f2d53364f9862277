//! A component, one call an event, every attribute a field.

use hearken::event::Event;
use wasmtime::Store;

use self::bindings::exports::hearken::plugin::listener;
use super::{component, engine, repeat};
use crate::contest::Repeat;

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit",
        inline: "package bench:typed; world typed { import hearken:plugin/events@0.2.0; export hearken:plugin/listener@0.2.0; }",
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

pub(super) fn open() -> Repeat {
    let engine = engine();
    let guest = bindings::TypedPre::new(component(&engine, "measured-typed"))
        .expect("the guest was made for this world");
    let mut store = Store::new(&engine, ());
    let guest = guest.instantiate(&mut store).expect("it has the memory");
    Box::new(move |payload| {
        repeat(payload, |events| {
            for event in events.iter() {
                guest
                    .hearken_plugin_listener()
                    .call_handle(&mut store, lower(event), None)
                    .expect("the guest does not trap")
                    .expect("the guest does not fail");
            }
        })
    })
}

fn lower(event: &Event) -> listener::Event<'_> {
    listener::Event {
        id: event.id(),
        source: event.source(),
        type_: event.event_type(),
        subject: event.subject(),
        time: event.producer_time(),
        recorded_time: event.recorded_time(),
        datacontenttype: event.datacontenttype(),
        data: event.data().unwrap_or_default(),
        distributed: event.distributed(),
        origin: event.origin(),
        localorigin: true,
        channel: event.channel(),
        sequence: event.sequence(),
        traceparent: event.traceparent(),
        tracestate: event.tracestate(),
        extensions: &[],
    }
}
