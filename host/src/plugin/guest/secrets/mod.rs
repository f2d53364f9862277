//! Secrets of a plugin: `source.rs` reads one, `vault.rs` has those of a version and follows
//! the files, `value.rs` is one as it was read, and `redaction.rs` keeps them out of what a
//! guest says.

pub(crate) mod redaction;
mod source;
pub(crate) mod value;
pub(crate) mod vault;
