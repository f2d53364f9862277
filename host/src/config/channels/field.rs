//! What the page of settings says of `[channels.NAME]`.

use super::form::{DEDUPE, DISCARD, ENGINE, FIELD, MAX_AGE, MAX_BYTES, MAX_EVENTS, READER};
use crate::config::field::{Field, field, list};
use crate::config::name::NODE_NAME;

#[rustfmt::skip]
pub(in crate::config) const FIELDS: &[Field] = &[
    field("channels.NAME.max_events", MAX_EVENTS.expected, "no bound", "Events that are kept"),
    field("channels.NAME.max_bytes", MAX_BYTES.expected, "`1GiB`", "Bytes of events that are kept"),
    field("channels.NAME.max_age", MAX_AGE.expected, "no bound", "How long events are kept"),
    field("channels.NAME.discard", DISCARD.expected, "`oldest`", "What makes room: dropping the oldest events, or refusing new ones"),
    list("channels.NAME.keep_unread", READER.expected, "Readers whose unread events are not dropped"),
    field("channels.NAME.dedupe", DEDUPE.expected, "`2m`", "How long the ids of publishers are remembered, so that what is sent again is stored once"),
    field("channels.NAME.indexes.INDEX", FIELD.expected, "none", "A field by whose values events are found, under the name INDEX"),
    field("channels.NAME.engine", ENGINE.expected, "`disk`", "What keeps the channel; it never changes"),
    field("channels.NAME.node", NODE_NAME.expected, "this one; required in a cluster", "The node that the channel lies on; others ignore the table"),
];
