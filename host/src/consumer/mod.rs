//! Plugins' places in channels: what each has handled, what is tried again, dead letters.
//!
//! A plugin that listens to a channel gets every event of it at least once. Its
//! [`Consumer`] reads the channel into a bounded window, gives events out in order of their
//! subjects, waits between attempts, makes dead letters of what cannot be handled, and writes
//! beside the channel's log how far the plugin is. It knows no guests: workers take from a
//! [`Feed`] and say what became of each event.
//!
//! | file | what it is |
//! | --- | --- |
//! | `consumers`, `operate`, `moving` | all consumers of the node, and what operators do to them |
//! | `handle`, `state` | one consumer: [`Consumer`] |
//! | `feed`, `verdict` | what workers take, and what they say of it |
//! | `work` | the events in memory, in which order they are given out |
//! | `handling`, `outputs` | how what is appended while an event is handled is named and remembered |
//! | `place`, `lane`, `kept` | how far it is, and how that lies beside the log |
//! | `drive` | what works for it: `attach`, `read`, `admit`, `bury`, `save` |
//! | `withheld`, `withholding` | what listeners want and the policy withholds |
//! | `letter`, `whole`, `reason`, `backoff` | dead letters, and the time between attempts |
//! | `settings`, `status`, `report`, `error` | what a manifest says; what is shown and told |

mod admit;
mod attach;
mod backoff;
mod bury;
mod consumers;
mod drive;
mod error;
mod feed;
mod handle;
mod handling;
mod kept;
mod lane;
mod letter;
mod moving;
mod operate;
mod outputs;
mod place;
mod read;
mod reason;
mod report;
mod save;
mod settings;
mod state;
mod status;
#[cfg(test)]
mod tests;
mod verdict;
mod whole;
mod withheld;
mod withholding;
mod work;

pub use consumers::Consumers;
pub use error::ConsumerFailure;
pub use feed::Feed;
pub use handle::Consumer;
pub use handling::{Handling, Round};
pub use outputs::{Content, MAX_OUTPUTS, Output, Outputs, OutputsRoom, Reserved};
pub use settings::{ConsumeSettings, From, MAX_WINDOW};
pub use status::{ConsumerStatus, Stalled};
pub use verdict::{Closed, Verdict};
