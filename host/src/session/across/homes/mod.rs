//! The logs of channels whose histories are in memory, over several nodes.
//!
//! What happens to one log on one node is decided by [`Homed`](crate::session::homed), within
//! the channel's hub. Here is what is around that: what is said goes to other nodes and comes
//! from them, what takes its time is looked at again, and who needs a log waits for it.
//!
//! | file | what it is |
//! | --- | --- |
//! | `core` | what is known of all logs together: [`Homes`] |
//! | `words` | what is said of a log, as it is sent |
//! | `looking` | how the node sees a channel's home, and what follows from that for logs |
//! | `hearing` | what other nodes say of logs |
//! | `settling` | waiting until a log can be read here |
//! | `offers`, `forwarding`, `numbering` | publications for a log that another node numbers: as they are kept, sent there, and taken there |
//! | `removing` | dropping what a history keeps, whichever node has it |
//! | `shown` | what a node shows of the logs that it has a part in |

mod core;
mod forwarding;
mod hearing;
mod looking;
mod numbering;
mod offers;
mod removing;
mod settling;
mod shown;
mod words;

pub(super) use core::Homes;
pub(in crate::session) use offers::{Forwarded, Offered, PUBLISH_TIMEOUT};
pub(in crate::session) use settling::{Needs, SETTLED_WITHIN};
pub use shown::HistoriesShown;
pub(super) use words::{position, position_of};
