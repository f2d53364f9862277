//! Channels of other nodes: their requests are passed on to the node that each lies with, and
//! answered there.
//!
//! | file | what it is |
//! | --- | --- |
//! | `place` | where a channel lies, by the name that a request gives |
//! | `pass_on` | the layer in front of all routes of channels; an append passes itself on once its events were checked |
//! | `asking` | a request that is passed on, up to its answer |
//! | `ways` | places on the way to each other node |
//! | `whole` | an answer that is read to its end |
//! | `relay` | an event stream that comes from another node |
//! | `waiting` | an event stream of a channel whose node is away |
//! | `refusal` | why it is not |

mod asking;
mod pass_on;
mod place;
mod refusal;
mod relay;
#[cfg(test)]
mod tests;
mod waiting;
mod ways;
mod whole;

pub(in crate::gateway) use asking::{Asking, Lasting, append_there, make_there};
pub(in crate::gateway) use pass_on::pass_on;
pub(in crate::gateway) use place::{bare, target, without_node};
pub(in crate::gateway) use refusal::ElsewhereRefusal;
pub(in crate::gateway) use ways::Ways;
pub(in crate::gateway::endpoints) use whole::UNCOUNTED_RECEIPT;
