//! What an instance is made of and may do: its store data, its memory and output, the
//! batch in hand, what it may import, and what it died of.

pub(super) mod appends;
pub(super) mod asking;
pub(super) mod batch;
pub(super) mod bindings;
pub(super) mod bucket;
pub(super) mod budget;
pub(super) mod context;
pub(super) mod death;
pub(super) mod deliveries;
pub(super) mod grants;
pub(super) mod imports;
pub(super) mod memory;
pub(super) mod outgoing;
pub(super) mod output;
pub(super) mod progress;
pub(super) mod rights;
pub(super) mod script;
pub(super) mod secrets;
pub(super) mod state;
pub(super) mod wait;
