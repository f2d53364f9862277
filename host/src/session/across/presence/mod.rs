//! Who is subscribed to channels, on all nodes.
//!
//! Each node owns what is said of its sessions. A node that wants to know who is subscribed to
//! a channel asks all others, which tell it who is, and from then on each change. What they
//! tell is in the hub of the channel (`hub/foreign`), so that it is looked at, counted and
//! pushed as what the node's own sessions do. What is lost on the way is asked for anew, and
//! what differs then is told as coming and going; a node that is gone takes its sessions with
//! it. So nothing expires, and nothing is refreshed.
//!
//! | file | what it is |
//! | --- | --- |
//! | `wanting` | which channels this node wants to know of, and what it has asked whom |
//! | `watchers` | which nodes want to know of which channels |
//! | `telling` | what this node tells of its sessions |
//! | `hearing` | what it hears of those of others |
//! | `looking` | looking at a channel, once all is known that can be in time |
//! | `holding` | how many sessions others have, which are lost with them |
//! | `known` | all of that |
//! | `carried` | members as they are carried |

mod carried;
mod hearing;
mod holding;
mod known;
mod looking;
mod telling;
mod wanting;
mod watchers;

pub(super) use known::PresenceAcross;
