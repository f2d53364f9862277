//! Sessions of several nodes as one: a client that comes back on another node finds the same
//! channels there.
//!
//! Each node says to the others what they have to know, in the order of the links between them
//! (`mesh`). What it knows of another node is of one start of that, is bounded, and goes with
//! it. On a node that is alone nobody is told, and nothing waits.
//!
//! | file | what it is |
//! | --- | --- |
//! | `protocol`, `wire` | messages, and what they are made of and read as |
//! | `members` | which nodes there are, and which of them keeps a channel's history |
//! | `core` | what the others here share: [`Across`] |
//! | `asking`, `waiting` | requests to other nodes, and those that are not answered yet |
//! | `serving`, `refusal` | how many of others are answered at a time, and what is said to those that are not |
//! | `hearing` | what becomes of what is heard of other nodes |
//! | `wishes`, `wanted` | which channels this node has subscribers of, and which the others have |
//! | `interest` | saying and hearing that |
//! | `live` | publications that are in no history |
//! | `durable/` | durable channels of other nodes |
//! | `homes/` | those that are in one: who numbers them, and how others get them |
//! | `presence/` | who is subscribed anywhere |
//! | `act`, `acting`, `acting_wire`, `listing`, `listing_wire` | doing something with sessions, and showing them, on whichever nodes they are |
//! | `unheard` | which nodes have not answered that may have some |
//! | `earlier`, `turns` | of each user the session that began last, where a user may have one; whose turn it is to go through something with another node |
//! | `traffic` | what is counted of all that: [`AcrossShown`] |

mod act;
mod acting;
mod acting_wire;
mod asking;
mod core;
mod durable;
mod earlier;
mod hearing;
mod homes;
mod interest;
mod listing;
mod listing_wire;
mod live;
mod members;
mod presence;
mod protocol;
mod refusal;
mod serving;
mod traffic;
mod turns;
mod unheard;
mod waiting;
mod wanted;
mod wire;
mod wishes;

pub use act::{Reached, SessionAct};
pub(super) use core::Across;
pub(super) use durable::{Holder, NotOpened};
pub(super) use hearing::Hearing;
pub use homes::HistoriesShown;
pub(super) use homes::{Forwarded, Needs, Offered, PUBLISH_TIMEOUT, SETTLED_WITHIN};
pub(super) use interest::{KNOWN_WITHIN, Wish};
pub use listing::{AllChannels, NodeUsage, SessionsPage};
#[cfg(test)]
pub(super) use members::Home;
pub use traffic::AcrossShown;
