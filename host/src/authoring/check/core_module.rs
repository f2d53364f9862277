//! Says how to make a component of a core module, judging by what it imports.

use std::collections::BTreeSet;

use wasmparser::{Parser, Payload};

/// What the module's author should do.
pub(super) fn advice(bytes: &[u8]) -> String {
    let modules = imported_modules(bytes);
    let imports = |prefix: &str| modules.iter().any(|module| module.starts_with(prefix));
    if imports("extism:") {
        "it is made for Extism, so its source must be ported".to_owned()
    } else if imports("__wbindgen") || imports("wbg") {
        "it is made for browsers with wasm-bindgen; a Rust crate becomes a component by \
         `cargo build --release --target wasm32-wasip2`, without wasm-bindgen"
            .to_owned()
    } else if imports("wasi_snapshot_preview1") || imports("wasi_unstable") {
        "it is built for WASI preview 1; build it for preview 2 (Rust: \
         `--target wasm32-wasip2`), or wrap it with `wasm-tools component new --adapt`"
            .to_owned()
    } else {
        "a Rust crate becomes a component by `hearken plugin build`; a module with embedded WIT \
         by `wasm-tools component new`"
            .to_owned()
    }
}

/// The names that the module imports from, as far as it can be read.
fn imported_modules(bytes: &[u8]) -> BTreeSet<&str> {
    Parser::new(0)
        .parse_all(bytes)
        .map_while(Result::ok)
        .filter_map(|payload| match payload {
            Payload::ImportSection(section) => Some(section.into_imports()),
            _ => None,
        })
        .flatten()
        .map_while(Result::ok)
        .map(|import| import.module)
        .collect()
}
