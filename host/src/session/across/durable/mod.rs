//! Durable channels of other nodes: their logs stay where they are, and are read and appended to
//! from here.
//!
//! A node that has subscribers of such a channel is told when there is more, and reads it as it
//! reads its own, page by page. So whoever lags, or comes back after a long time, is brought on
//! from the log, and while the channel's node is away nobody misses anything.
//!
//! | file | what it is |
//! | --- | --- |
//! | `core` | which logs of others are known here, and who is told of those of this node: [`Durable`] |
//! | `finding` | which node has a channel, and opening it |
//! | `reading`, `appending`, `trimming` | reading, appending, and dropping what there is |
//! | `serving` | the other side of these |

mod appending;
mod core;
mod finding;
mod reading;
mod serving;
mod trimming;

pub(super) use core::Durable;
pub(in crate::session) use finding::{Holder, NotOpened};
