//! Channels: events that outlive the node that took them.
//!
//! A channel is a log of events with numbers from 1, which can be read again from any
//! position. An append is stored first, then published on the bus, then answered: nobody
//! sees an event that a crash could take back.
//!
//! | file | what it is |
//! | --- | --- |
//! | `settings`, `document` | what a channel is set to, and how that is written as JSON |
//! | `reader`, `field` | names of readers and clients; fields of the data and names of indexes |
//! | `extras` | what of the settings no engine knows, in a cell beside the log |
//! | `channels`, `open`, `change` | all channels of the node: finding, opening, making, changing and removing them |
//! | `namespaced` | channels that are made by their use, for a namespace of sessions |
//! | `others` | channels of other nodes: that they are there |
//! | `handle` | one channel: [`Channel`] |
//! | `append`, `dedupe`, `outlet` | appending: what is stored once, and in which order it gets to the bus |
//! | `deposit` | laying events into it that are no news |
//! | `read`, `latest` | reading: filtered, and the newest |
//! | `verify`, `verification` | reading all of a channel to find what is damaged |
//! | `cursor`, `consumed`, `retention` | positions that clients and plugins keep, and what is kept for them |
//! | `index/` | finding events by a field of their data |
//! | `observe` | telling what becomes of channels by itself |
//! | `environment`, `timeout` | what engines take from the node, and how long they are waited for |
//! | `error` | why something is not done |
//!
//! What lies beneath is an [`Engine`](hearken_channel_log::Engine), a log and named cells,
//! on disk or in memory; everything here is the same for both.

mod append;
mod change;
mod channels;
mod consumed;
mod cursor;
mod dedupe;
mod deposit;
mod document;
mod environment;
mod error;
mod extras;
mod field;
mod handle;
mod index;
mod latest;
mod namespaced;
mod observe;
mod open;
mod others;
mod outlet;
mod read;
mod reader;
mod retention;
mod settings;
#[cfg(test)]
pub(crate) mod test_engine;
#[cfg(test)]
pub(crate) mod test_support;
#[cfg(test)]
mod tests;
mod timeout;
mod verification;
mod verify;

pub use append::{APPEND_TIME, Encoded, Receipt, StoredEvent};
pub use change::{ExpectedEnd, Set};
pub use channels::{Channels, Engines};
pub use cursor::{Cursor, MAX_CURSORS, MAX_CURSORS_OF_ONE, Mover};
pub use document::{LEAST_MAX_BYTES, LONGEST_DEDUPE, SettingsDocument, SettingsError};
pub use environment::NodeEnvironment;
pub use error::{
    AnotherLog, AppendFailure, CursorFailure, NamespaceFailure, NoChannel, OperateFailure,
    ReadFailure, SetFailure,
};
pub use field::{FieldError, FieldPath, IndexName};
pub use handle::{Channel, ChannelStatus};
pub use index::{CurrentIndex, IndexFailure, IndexedPage};
pub use namespaced::OfNamespace;
pub use open::OpenError;
pub use others::OtherNodes;
pub use read::{Found, ReadAmount, ReadFilter};
pub use reader::{ClientName, ClientNameError, Reader, ReaderError};
pub use settings::{
    CHANNELS_FOLDER, ChannelSettings, EngineKind, MAX_INDEXES, MAX_KEPT, OF_DEAD_LETTERS,
    discard_of, discard_word,
};
