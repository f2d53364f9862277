//! Where an encoded event has what.

/// Number of the layout that this crate writes and reads.
pub const LAYOUT: u8 = 1;

/// The extension as which a producer's own `time` travels.
pub const PRODUCER_TIME: &str = "producertime";

/// The extension as which a producer's own `sequence` travels.
pub const PRODUCER_SEQUENCE: &str = "producersequence";

/// What [`PRODUCER_SEQUENCE`] is called outside, unless the event has a sequence within a
/// channel.
pub(super) const SEQUENCE: &str = "sequence";

pub(super) const HEADER: usize = 48;
pub(super) const LENGTH_AT: usize = 0;
pub(super) const VERSION_AT: usize = 4;
pub(super) const FLAGS_AT: usize = 5;
pub(super) const TYPE_AT: usize = 6;
pub(super) const TIME_AT: usize = 8;
pub(super) const SEQUENCE_AT: usize = 16;
pub(super) const EXTENSIONS_AT: usize = 40;
pub(super) const ATTRIBUTES_AT: usize = 24;
pub(super) const DATA_AT: usize = 44;
pub(super) const DISTRIBUTED: u8 = 1;
pub(super) const HAS_DATA: u8 = 2;
pub(super) const HAS_SEQUENCE: u8 = 4;

/// Attributes of variable length behind the type.
pub(super) const ATTRIBUTES: usize = 8;
