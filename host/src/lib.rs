//! Hearken, an event host whose listeners are sandboxed WebAssembly plugins.

pub mod admin;
pub mod authoring;
pub mod bus;
pub mod cli;
pub mod clock;
pub mod config;
pub mod event;
pub mod gateway;
pub mod interfaces;
pub mod logging;
pub mod node;
pub mod plugin;
pub mod tls;
