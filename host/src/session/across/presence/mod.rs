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
//! | `wishes` | which channels others want to know of |
//! | `telling` | what this node tells of its sessions |
//! | `hearing` | what it hears of those of others |
//! | `looking` | looking at a channel, once all is known that can be in time |
//! | `holding` | how many sessions others have, which are lost with them |
//! | `carried` | members as they are carried |

mod carried;
mod hearing;
mod holding;
mod looking;
mod telling;
#[cfg(test)]
mod tests;
mod wanting;
mod wishes;

use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use holding::Holding;
use wanting::Wanting;
use wishes::Wishes;

/// What a node knows and wants to know of presence on others.
#[derive(Debug, Default)]
pub(in crate::session) struct PresenceAcross {
    wanting: Mutex<Wanting>,
    wishes: Mutex<Wishes>,
    holding: Mutex<Holding>,
    /// Tells that a node has told something that was waited for.
    told: Notify,
    /// Whether somebody looks after it, which is from when another node is there.
    is_kept: AtomicBool,
}

impl PresenceAcross {
    fn wanting(&self) -> MutexGuard<'_, Wanting> {
        // Nothing in there panics half-way, nor in the others.
        self.wanting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wishes(&self) -> MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn holding(&self) -> MutexGuard<'_, Holding> {
        self.holding.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
