//! What an event consists of.

/// The attributes of variable length behind the type, in encoded order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are those of `Fields`")]
pub enum Attribute {
    Id,
    Source,
    Subject,
    DataContentType,
    Origin,
    Channel,
    TraceParent,
    TraceState,
}

/// What an event consists of. An absent attribute and an empty one are the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fields<'a> {
    /// Dotted name, e.g. `custom.cart.added`.
    pub event_type: &'a str,
    /// Unique for each source; in two pieces, so that a prefix and a number need
    /// not be joined first.
    pub id: [&'a str; 2],
    /// URI reference of the publisher.
    pub source: &'a str,
    /// The thing that the event is about.
    pub subject: Option<&'a str>,
    /// When the node of origin took it, in milliseconds since the Unix epoch.
    pub recorded_time: u64,
    /// When it happened, as its producer said, in RFC 3339; absent: when it was recorded.
    pub producer_time: Option<&'a str>,
    /// Media type of the data.
    pub datacontenttype: &'a str,
    /// The payload.
    pub data: Option<&'a [u8]>,
    /// Whether the event is sent to every node.
    pub distributed: bool,
    /// Name of the node where the event was published.
    pub origin: &'a str,
    /// The durable channel that the event belongs to.
    pub channel: Option<&'a str>,
    /// Position within the channel, from 1.
    pub sequence: Option<u64>,
    /// W3C trace context.
    pub traceparent: Option<&'a str>,
    /// W3C trace context.
    pub tracestate: Option<&'a str>,
}
