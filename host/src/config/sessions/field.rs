//! What the page of settings says of `[sessions.namespaces.NAME]`.

use super::form::{
    CHANNELS, DATA_FORMAT, DELTA, EVENT_TYPE, HISTORY_SIZE, HISTORY_TTL, META_TTL, PLUGIN,
    RECOVERY_MODE, REGEX, TAG,
};
use crate::config::field::{Field, field, list};
use crate::config::form::SWITCH;

/// A key that is yes or no, and no by default.
const fn switch(key: &'static str, meaning: &'static str) -> Field {
    field(key, SWITCH.expected, "`false`", meaning)
}

#[rustfmt::skip]
pub(in crate::config) const FIELDS: &[Field] = &[
    switch("sessions.namespaces.NAME.allow_subscribe_for_client", "Whether every user may subscribe"),
    switch("sessions.namespaces.NAME.allow_subscribe_for_anonymous", "Whether that holds without a user too"),
    switch("sessions.namespaces.NAME.allow_publish_for_client", "Whether every user may publish"),
    switch("sessions.namespaces.NAME.allow_publish_for_subscriber", "Whether users who are subscribed may publish"),
    switch("sessions.namespaces.NAME.allow_publish_for_anonymous", "Whether either holds without a user too"),
    switch("sessions.namespaces.NAME.allow_history_for_client", "Whether every user may read the history"),
    switch("sessions.namespaces.NAME.allow_history_for_subscriber", "Whether users who are subscribed may read the history"),
    switch("sessions.namespaces.NAME.allow_history_for_anonymous", "Whether either holds without a user too"),
    switch("sessions.namespaces.NAME.allow_presence_for_client", "Whether every user may see who is subscribed"),
    switch("sessions.namespaces.NAME.allow_presence_for_subscriber", "Whether users who are subscribed may see who else is"),
    switch("sessions.namespaces.NAME.allow_presence_for_anonymous", "Whether either holds without a user too"),
    switch("sessions.namespaces.NAME.allow_user_limited_channels", "Whether `NAME:x#42,43` is for the users 42 and 43 alone"),
    field("sessions.namespaces.NAME.authorize", PLUGIN.expected, "none", "Plugin that decides who may subscribe and publish"),
    field("sessions.namespaces.NAME.hooks", PLUGIN.expected, "none", "Plugin that may refuse what else is allowed"),
    field("sessions.namespaces.NAME.channel_regex", REGEX.expected, "none", "What the part after `NAME:` has to match"),
    field("sessions.namespaces.NAME.history_size", HISTORY_SIZE.expected, "`0`", "Publications of a channel that are kept"),
    field("sessions.namespaces.NAME.history_ttl", HISTORY_TTL.expected, "`0s`", "How long they are kept when none follows; in durable channels, each by itself"),
    field("sessions.namespaces.NAME.history_meta_ttl", META_TTL.expected, "`720h`, or `history_ttl` if that is longer", "How long the position of an unused channel is kept"),
    switch("sessions.namespaces.NAME.durable", "Whether each channel is a durable one"),
    field("sessions.namespaces.NAME.max_channels", CHANNELS.expected, "`1000000`, of durable channels `1000`", "Channels at a time"),
    switch("sessions.namespaces.NAME.allow_positioning", "Whether clients that may not read the history may ask for positions"),
    switch("sessions.namespaces.NAME.force_positioning", "Whether every subscription has a position"),
    switch("sessions.namespaces.NAME.allow_recovery", "Whether clients that may not read the history may ask for recovery"),
    switch("sessions.namespaces.NAME.force_recovery", "Whether every subscription is recovered"),
    field("sessions.namespaces.NAME.force_recovery_mode", RECOVERY_MODE.expected, "`stream`", "What recovery brings: all that was missed, or the latest publication"),
    switch("sessions.namespaces.NAME.auto_cache_recover", "Whether a first subscription brings the latest publication, where recovery does"),
    switch("sessions.namespaces.NAME.presence", "Whether the nodes keep track of who is subscribed"),
    switch("sessions.namespaces.NAME.join_leave", "Whether subscribers may be told who comes and goes"),
    switch("sessions.namespaces.NAME.force_push_join_leave", "Whether they are told unasked"),
    list("sessions.namespaces.NAME.allowed_delta_types", DELTA.expected, "Deltas that subscribers may ask for"),
    switch("sessions.namespaces.NAME.delta_publish", "Whether publications go out to them as deltas"),
    switch("sessions.namespaces.NAME.allow_tags_filter", "Whether subscribers may filter by tags"),
    Field { default: "`type`, `subject`", ..list("sessions.namespaces.NAME.tags", TAG.expected, "Attributes of an event that are tags of its publication, up to 16 besides `type` and `subject`; `[]` for none at all") },
    field("sessions.namespaces.NAME.publication_data_format", DATA_FORMAT.expected, "what the client's protocol carries", "What the data of clients' publications has to be"),
    field("sessions.namespaces.NAME.event_type", EVENT_TYPE.expected, "`custom.NAME.published`; for `default`, `custom.channel.published`", "Type of the events that clients publish"),
    field("sessions.namespaces.NAME.echo", SWITCH.expected, "`true`", "Whether the publisher gets the publication too"),
];
