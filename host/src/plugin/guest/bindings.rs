//! What wasmtime makes of the interfaces in `wit/`.

/// `hearken:plugin`: a listener and what it may import.
pub(crate) mod plugin {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "hearken:plugin/plugin",
        imports: {
            "hearken:plugin/events.send": async | trappable,
            "hearken:plugin/events.wait": async | trappable,
            "hearken:plugin/channels.append": async | trappable,
            "hearken:plugin/channels.read": async | trappable,
            "hearken:plugin/sessions.send": async | trappable,
            "hearken:plugin/sessions.subscribe": async | trappable,
            "hearken:plugin/sessions.unsubscribe": async | trappable,
            "hearken:plugin/sessions.disconnect": async | trappable,
            "hearken:plugin/sessions.refresh": async | trappable,
            "hearken:plugin/sessions.presence": async | trappable,
            "hearken:plugin/sessions.presence-stats": async | trappable,
            "hearken:plugin/sessions.history": async | trappable,
            "wasi:keyvalue/store": async | trappable,
            "wasi:keyvalue/atomics": async | trappable,
            "wasi:keyvalue/batch": async | trappable,
            "wasmcloud:secrets/store.get": async | trappable,
            default: trappable,
        },
        exports: { default: async },
        ownership: Borrowing { duplicate_if_necessary: true },
        with: {
            "hearken:plugin/waiting.wait": super::super::wait::Wait,
            "wasi:io/poll": wasmtime_wasi::p2::bindings::io::poll,
            "wasi:keyvalue/store.bucket": super::super::bucket::Bucket,
            "wasmcloud:secrets/store.secret": super::super::secrets::value::SecretValue,
        },
    });
}

/// The same with packed events. `progress` is linked by hand, see
/// [`super::imports`].
pub(crate) mod framed {
    wasmtime::component::bindgen!({
        path: "wit",
        inline: "
            package hearken:host;
            world framed {
                export hearken:plugin/framed-listener@0.2.0;
            }
        ",
        exports: { default: async },
        ownership: Borrowing { duplicate_if_necessary: true },
        with: {
            "hearken:plugin/types": super::plugin::hearken::plugin::types,
        },
    });
}

/// What sessions of clients ask.
pub(crate) mod hooks {
    wasmtime::component::bindgen!({
        path: "wit",
        inline: "
            package hearken:host;
            world session-hooks-guest {
                export hearken:plugin/session-hooks@0.2.0;
            }
        ",
        exports: { default: async },
        ownership: Borrowing { duplicate_if_necessary: true },
        with: {
            "hearken:plugin/session-types": super::plugin::hearken::plugin::session_types,
        },
    });
}

/// The same as version 0.1.0 of the package has it.
pub(crate) mod plugin_0_1 {
    wasmtime::component::bindgen!({
        path: "wit/0.1.0",
        inline: "
            package hearken:host;
            world plugin {
                import hearken:plugin/events@0.1.0;
                export hearken:plugin/listener@0.1.0;
            }
        ",
        imports: {
            "hearken:plugin/events.send": async | trappable,
            "hearken:plugin/events.wait": async | trappable,
            default: trappable,
        },
        exports: { default: async },
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

/// The same with packed events, as version 0.1.0 of the package has it.
pub(crate) mod framed_0_1 {
    wasmtime::component::bindgen!({
        path: "wit/0.1.0",
        inline: "
            package hearken:host;
            world framed {
                export hearken:plugin/framed-listener@0.1.0;
            }
        ",
        exports: { default: async },
        ownership: Borrowing { duplicate_if_necessary: true },
        with: {
            "hearken:plugin/types": super::plugin_0_1::hearken::plugin::types,
        },
    });
}

/// `wasmcloud:messaging`: components written for that host.
pub(crate) mod messaging {
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
