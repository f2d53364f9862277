//! Version 2 of a plugin that is replaced while events arrive.
#![cfg(target_family = "wasm")]

const VERSION: &str = "2.0.0";

include!("versioned/listener.rs");
