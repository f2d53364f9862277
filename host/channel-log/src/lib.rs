//! The logs that durable channels lie in: events with numbers from 1 without holes, which
//! can be read again from any position, and named cells beside each.
//!
//! An [`Engine`] keeps logs; everything else about channels (who consumes them, what is
//! tried again, what is indexed) lies above it and is the same for every engine. [`disk`]
//! keeps them for good, [`memory`] while the process runs. What all engines have in common is held by one suite,
//! `conformance`, behind the feature of that name.
//!
//! # Words
//!
//! | word | what it means here |
//! | --- | --- |
//! | number | an event's place in its log, from 1, given when it is stored and never again |
//! | position | a number after which one reads; 0 is before the first event |
//! | epoch | which log this is: drawn at random when it is made, so that a position is not taken for one in another log of the same name |
//! | bounds | the numbers of the oldest event that is kept and of the newest |
//! | batch | events that are appended together: all of them, or none |
//! | key | what tells that an event was appended before: a hash of who sent it and what they call it |
//! | gap | numbers that a reader asked for and that are not kept any more |
//! | damage | numbers whose events are there but no longer what was written |
//! | cell | a small value under a name beside a log, with a version |

mod ageing;
mod append;
mod batch;
mod cell;
#[cfg(feature = "conformance")]
pub mod conformance;
mod dedupe;
pub mod disk;
mod engine;
mod environment;
mod epoch;
mod info;
pub mod memory;
mod name;
mod placing;
mod read;
mod settings;
mod span;
mod storage_fault;

pub use append::{AppendError, Appended, AppendedEvent, Expected, FullBecause};
pub use batch::{Batch, BatchError, DedupeKey, MAX_BATCH_BYTES, MAX_BATCH_EVENTS};
pub use cell::{
    Cell, CellChange, CellError, CellRange, CellRow, MAX_CELL_BYTES, MAX_CELL_CHANGES,
    MAX_CELL_KEY_BYTES, MAX_CELL_ROWS,
};
pub use dedupe::MAX_DEDUPE_KEYS;
pub use engine::{Claim, Engine, EngineFuture};
pub use environment::Environment;
pub use epoch::{Epoch, EpochError};
pub use info::{
    Bounds, ChangeError, ChannelError, ChannelInfo, ChannelState, Counters, CreateError,
};
pub use name::{ChannelName, ChannelNameError, MAX_CHANNEL_NAME_BYTES};
pub use read::{Page, ReadError, ReadLimit};
pub use settings::{Discard, LogSettings, MAX_DEDUPE, MIN_LOG_BYTES, SettingsError};
pub use span::Span;
pub use storage_fault::StorageFault;
