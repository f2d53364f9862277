//! Channels of other nodes: their requests are passed on to the node that each lies with, and
//! answered there.
//!
//! | file | what it is |
//! | --- | --- |
//! | `place` | where a channel lies, by the name that a request gives |
//! | `pass_on` | the layer in front of all routes of channels; an append passes itself on once its events were checked |
//! | `asking` | a request that is passed on, up to its answer |
//! | `relay` | an event stream that comes from another node |
//! | `refusal` | why it is not |

mod asking;
mod pass_on;
mod place;
mod refusal;
mod relay;
#[cfg(test)]
mod tests;

pub(in crate::gateway) use asking::{append_there, make_there};
pub(in crate::gateway) use pass_on::pass_on;
pub(in crate::gateway) use place::{bare, without_node};
pub(in crate::gateway) use refusal::ElsewhereRefusal;
