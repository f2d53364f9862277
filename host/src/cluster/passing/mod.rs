//! Requests on channels, passed on to the node that the channel lies with. They go over a
//! connection of their own, beside the link, so that neither waits for the other; it is made
//! when it is needed, and ends when it is not used.
//!
//! - `asked` is a request as it goes over the wire.
//! - `passer` passes on this node's, each by the `way` to its node.
//! - `taker` takes those of other nodes and has them answered.
//! - `heads` bounds those of which it is not known yet whose they are.
//!
//! A request is taken of a node that is linked, and by no other name than that of its
//! certificate; its word on who asks and what they may is taken as it is.

mod asked;
mod heads;
pub(super) mod passer;
pub(super) mod taker;
mod way;
