//! What wasmtime makes of the interfaces in `wit/`.

/// `hearken:plugin`: a listener and what it may import.
pub(super) mod plugin {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "hearken:plugin/plugin",
        imports: {
            "hearken:plugin/events.wait": async | trappable,
            "wasi:keyvalue/store": async | trappable,
            "wasi:keyvalue/atomics": async | trappable,
            "wasi:keyvalue/batch": async | trappable,
            default: trappable,
        },
        exports: { default: async },
        ownership: Borrowing { duplicate_if_necessary: true },
        with: {
            "wasi:keyvalue/store.bucket": super::super::imports::keyvalue::Bucket,
        },
    });
}

/// The same with packed events. `progress` is linked by hand, see
/// [`super::imports`].
pub(super) mod framed {
    wasmtime::component::bindgen!({
        path: "wit",
        inline: "
            package hearken:host;
            world framed {
                export hearken:plugin/framed-listener@0.1.0;
            }
        ",
        exports: { default: async },
        ownership: Borrowing { duplicate_if_necessary: true },
        with: {
            "hearken:plugin/types": super::plugin::hearken::plugin::types,
        },
    });
}

/// `wasmcloud:messaging`: components written for that host.
pub(super) mod messaging {
    wasmtime::component::bindgen!({
        path: "wit/deps/wasmcloud-messaging",
        world: "messaging-guest",
        imports: {
            "wasmcloud:messaging/consumer.request": async | trappable,
            default: trappable,
        },
        exports: { default: async },
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}
