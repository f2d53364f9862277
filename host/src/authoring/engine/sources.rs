//! The sources of the engine of Python, which is made where it is needed.

/// A source by its name within the repository.
macro_rules! sources {
    ($($name:literal from $file:literal,)*) => {
        /// All sources, by their names within the repository, and what they say.
        pub(super) const SOURCES: &[(&str, &str)] = &[$(($name, include_str!($file)),)*];
    };
}

sources! {
    "sdk/python/engine/build" from "../../../engines/python/engine/build",
    "sdk/python/engine/requirements.txt" from "../../../engines/python/engine/requirements.txt",
    "sdk/python/engine/src/app.py" from "../../../engines/python/engine/src/app.py",
    "sdk/python/engine/src/hearken_engine/__init__.py" from "../../../engines/python/engine/src/hearken_engine/__init__.py",
    "sdk/python/engine/src/hearken_engine/bounds.py" from "../../../engines/python/engine/src/hearken_engine/bounds.py",
    "sdk/python/engine/src/hearken_engine/deadline.py" from "../../../engines/python/engine/src/hearken_engine/deadline.py",
    "sdk/python/engine/src/hearken_engine/errors.py" from "../../../engines/python/engine/src/hearken_engine/errors.py",
    "sdk/python/engine/src/hearken_engine/hints.py" from "../../../engines/python/engine/src/hearken_engine/hints.py",
    "sdk/python/engine/src/hearken_engine/holes.py" from "../../../engines/python/engine/src/hearken_engine/holes.py",
    "sdk/python/engine/src/hearken_engine/hooks.py" from "../../../engines/python/engine/src/hearken_engine/hooks.py",
    "sdk/python/engine/src/hearken_engine/listener.py" from "../../../engines/python/engine/src/hearken_engine/listener.py",
    "sdk/python/engine/src/hearken_engine/node.py" from "../../../engines/python/engine/src/hearken_engine/node.py",
    "sdk/python/engine/src/hearken_engine/output.py" from "../../../engines/python/engine/src/hearken_engine/output.py",
    "sdk/python/engine/src/hearken_engine/requests.py" from "../../../engines/python/engine/src/hearken_engine/requests.py",
    "sdk/python/engine/src/hearken_engine/sessions.py" from "../../../engines/python/engine/src/hearken_engine/sessions.py",
    "sdk/python/engine/src/hearken_engine/start.py" from "../../../engines/python/engine/src/hearken_engine/start.py",
    "sdk/python/engine/src/hearken_engine/stdlib.py" from "../../../engines/python/engine/src/hearken_engine/stdlib.py",
    "sdk/python/engine/src/hearken_engine/texts.py" from "../../../engines/python/engine/src/hearken_engine/texts.py",
    "sdk/python/engine/src/hearken_engine/zones.py" from "../../../engines/python/engine/src/hearken_engine/zones.py",
    "sdk/python/engine/wit/deps/wasi-clocks/clocks.wit" from "../../../engines/python/engine/wit/deps/wasi-clocks/clocks.wit",
    "sdk/python/engine/wit/deps/wasi-http/http.wit" from "../../../engines/python/engine/wit/deps/wasi-http/http.wit",
    "sdk/python/engine/wit/deps/wasi-io/io.wit" from "../../../engines/python/engine/wit/deps/wasi-io/io.wit",
    "sdk/python/engine/wit/world.wit" from "../../../engines/python/engine/wit/world.wit",
    "sdk/python/hearken/__init__.py" from "../../../engines/python/hearken/__init__.py",
    "sdk/python/hearken/_channels.py" from "../../../engines/python/hearken/_channels.py",
    "sdk/python/hearken/_dispatch.py" from "../../../engines/python/hearken/_dispatch.py",
    "sdk/python/hearken/_errors.py" from "../../../engines/python/hearken/_errors.py",
    "sdk/python/hearken/_event.py" from "../../../engines/python/hearken/_event.py",
    "sdk/python/hearken/_failure.py" from "../../../engines/python/hearken/_failure.py",
    "sdk/python/hearken/_fetch.py" from "../../../engines/python/hearken/_fetch.py",
    "sdk/python/hearken/_hooks.py" from "../../../engines/python/hearken/_hooks.py",
    "sdk/python/hearken/_listening.py" from "../../../engines/python/hearken/_listening.py",
    "sdk/python/hearken/_loop.py" from "../../../engines/python/hearken/_loop.py",
    "sdk/python/hearken/_node.py" from "../../../engines/python/hearken/_node.py",
    "sdk/python/hearken/_pattern.py" from "../../../engines/python/hearken/_pattern.py",
    "sdk/python/hearken/_publishing.py" from "../../../engines/python/hearken/_publishing.py",
    "sdk/python/hearken/_registry.py" from "../../../engines/python/hearken/_registry.py",
    "sdk/python/hearken/_sessions.py" from "../../../engines/python/hearken/_sessions.py",
    "sdk/python/hearken/_settings.py" from "../../../engines/python/hearken/_settings.py",
    "sdk/python/hearken/_storage.py" from "../../../engines/python/hearken/_storage.py",
    "sdk/python/hearken/_values.py" from "../../../engines/python/hearken/_values.py",
    "wit/deps/hearken-engine/engine.wit" from "../../../wit/deps/hearken-engine/engine.wit",
    "wit/deps/wasi-config/store.wit" from "../../../wit/deps/wasi-config/store.wit",
    "wit/deps/wasi-io/poll.wit" from "../../../wit/deps/wasi-io/poll.wit",
    "wit/deps/wasi-keyvalue/keyvalue.wit" from "../../../wit/deps/wasi-keyvalue/keyvalue.wit",
    "wit/deps/wasi-logging/logging.wit" from "../../../wit/deps/wasi-logging/logging.wit",
    "wit/deps/wasmcloud-messaging/messaging.wit" from "../../../wit/deps/wasmcloud-messaging/messaging.wit",
    "wit/deps/wasmcloud-secrets/secrets.wit" from "../../../wit/deps/wasmcloud-secrets/secrets.wit",
    "wit/plugin.wit" from "../../../wit/plugin.wit",
}
