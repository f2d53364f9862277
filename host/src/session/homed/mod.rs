//! The log of a channel whose history is in memory, where a channel is used on several nodes:
//! who numbers its publications, and how the others get them in that order.
//!
//! One node *owns* a log: it alone gives numbers, so that within an epoch there is one order.
//! That is a thing which one node has and may give to another, and not what nodes think of each
//! other: two that disagree about who is the channel's home have two logs, of two epochs, and
//! nobody takes the one for the other. The other nodes that need the channel *follow* the
//! owner: each has what is kept of the log, the same under the same numbers, so that whoever
//! subscribes there, comes back or asks for the history is answered from it.
//!
//! - Who needs a log and does not have it looks who is the channel's home. Is it another node,
//!   then that one is followed. Is it this one, then it asks all others whether they own the
//!   log; who does hands it over, and if nobody does a new one begins, under a new epoch.
//! - Who owns a log whose home is another node by now hands it over, whole: in parts, some of
//!   which are under way at a time, and the ownership with the last, which is sent once all
//!   others have come. What is lost on the way is lost with its epoch.
//! - Where there were two logs, since nodes could not reach each other, that stays which began
//!   in the place of the other, so that those who were told of that are not told again;
//!   where nobody knows which did, the later one by the nodes' clocks; otherwise that of the
//!   home.
//! - Who follows and has missed something asks again from where it is, and misses nothing if
//!   that is still kept. If not, or if the log is another one, subscribers with a position are
//!   told so, once.
//!
//! | file | what it is |
//! | --- | --- |
//! | `word` | what nodes say to each other of a log |
//! | `role` | what a node is to a log |
//! | `log` | one log on one node: [`Homed`] |
//! | `happening` | what happens around it |
//! | `acquiring`, `handing`, `following` | coming to own it, giving it away, and following who owns it |
//!
//! It reads no clock, sends nothing and waits for nothing: it is told what comes, and says what
//! is to be done.

mod acquiring;
#[cfg(test)]
mod client;
mod following;
mod handing;
mod happening;
mod log;
mod role;
#[cfg(test)]
mod step;
#[cfg(test)]
mod tests;
mod word;
#[cfg(test)]
mod world;

pub(super) use log::{Homed, Todo, View};
pub(super) use role::Standing;
pub(super) use word::{Entry, KeptKey, Manner, Part, Word, are_all};
