//! Version 1 of a plugin that is replaced while events arrive.
#![cfg(target_family = "wasm")]

const VERSION: &str = "1.0.0";

include!("versioned/listener.rs");
