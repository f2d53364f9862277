//! Plugins' places in channels: what each has handled, what is tried again, dead letters.
//!
//! A plugin that listens to a channel gets every event of it at least once. Its
//! [`Consumer`] reads the channel into a bounded window, gives events out in order of their
//! subjects, waits between attempts, makes dead letters of what cannot be handled, and writes
//! beside the channel's log how far the plugin is. It knows no guests: workers take from a
//! [`Feed`] and say what became of each event.

mod backoff;
mod consumers;
mod feed;
mod handle;
mod lane;
mod place;
mod reason;
mod report;
mod settings;
mod state;
mod status;
mod verdict;
mod work;

pub use consumers::Consumers;
pub use feed::Feed;
pub use handle::Consumer;
pub use settings::{ConsumeSettings, From, MAX_WINDOW};
pub use status::{ConsumerStatus, Stalled};
pub use verdict::{Closed, Verdict};
