//! Hearken, an event host whose listeners are sandboxed WebAssembly plugins.

pub mod admin;
pub mod authoring;
pub mod bus;
pub mod clock;
pub mod event;
pub mod interfaces;
