//! What a server says unasked.

use bytes::Bytes;

use crate::codes::{Disconnect, Unsubscribe};
use crate::encode::{self, Encode, Fields, field};
use crate::encoding::Encoding;
use crate::publication::{ClientInfo, Publication, bytes};
use crate::reply::ConnectResult;

/// Which channel a push is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushChannel<'a> {
    /// None.
    None,
    /// By its name.
    Name(&'a str),
    /// By the number that the subscribe reply gave it. Only for publications, joins and
    /// leaves.
    Number(i64),
}

/// What a server says unasked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Push<'a> {
    /// Published to a channel.
    Publication(&'a Publication),
    /// A client subscribed to a channel.
    Join(&'a ClientInfo),
    /// A client's subscription to a channel ended.
    Leave(&'a ClientInfo),
    /// This client's subscription to a channel ended.
    Unsubscribe(&'a Unsubscribe),
    /// A message that is about no channel.
    Message {
        /// In the data's form.
        data: &'a [u8],
    },
    /// The server subscribed this client to a channel.
    Subscribe(&'a SubscribePush),
    /// This client is connected; in place of a reply, for clients that only listen.
    Connect(&'a ConnectResult),
    /// The connection is closed; where the transport cannot say so.
    Disconnect(&'a Disconnect),
    /// The connection's end was put off.
    Refresh {
        /// Whether it has one still.
        expires: bool,
        /// Seconds until then.
        ttl: u32,
    },
}

/// What a server tells of a subscription that it made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SubscribePush {
    /// Whether the client can get what it misses.
    pub recoverable: bool,
    /// Epoch of the channel's stream.
    pub epoch: String,
    /// Number of the stream's newest publication.
    pub offset: u64,
    /// Whether the client should keep its position.
    pub positioned: bool,
    /// From whoever decided about the subscription, in the data's form.
    pub data: Option<Bytes>,
}

/// Appends what a server says unasked, as [`encode_reply`](crate::encode_reply) does.
pub fn encode_push(
    encoding: Encoding,
    channel: PushChannel<'_>,
    push: &Push<'_>,
    out: &mut Vec<u8>,
) {
    encode::message(encoding, &Pushed(Addressed { channel, push }), out);
}

/// Appends what a server says to a client that only listens, to whom all is a push.
pub fn encode_bare_push(
    encoding: Encoding,
    channel: PushChannel<'_>,
    push: &Push<'_>,
    out: &mut Vec<u8>,
) {
    encode::message(encoding, &Addressed { channel, push }, out);
}

/// A push to a client that also gets replies.
struct Pushed<'a>(Addressed<'a>);

impl Encode for Pushed<'_> {
    fn encode(&self, fields: &mut impl Fields) {
        fields.message(field(4, "push"), &self.0);
    }
}

/// A push and the channel that it is about.
struct Addressed<'a> {
    channel: PushChannel<'a>,
    push: &'a Push<'a>,
}

impl Encode for Addressed<'_> {
    fn encode(&self, fields: &mut impl Fields) {
        match self.channel {
            PushChannel::None => {}
            PushChannel::Name(name) => fields.text(field(2, "channel"), name),
            PushChannel::Number(number) => fields.signed(field(1, "id"), number),
        }
        match *self.push {
            Push::Publication(publication) => fields.message(field(4, "pub"), publication),
            Push::Join(info) => fields.message(field(5, "join"), &About(info)),
            Push::Leave(info) => fields.message(field(6, "leave"), &About(info)),
            Push::Unsubscribe(unsubscribe) => {
                fields.message(field(7, "unsubscribe"), unsubscribe);
            }
            Push::Message { data } => fields.message(field(8, "message"), &Message(data)),
            Push::Subscribe(subscribe) => fields.message(field(9, "subscribe"), subscribe),
            Push::Connect(connect) => fields.message(field(10, "connect"), connect),
            Push::Disconnect(disconnect) => fields.message(field(11, "disconnect"), disconnect),
            Push::Refresh { expires, ttl } => {
                fields.message(field(12, "refresh"), &Refresh { expires, ttl });
            }
        }
    }
}

/// A join or a leave.
struct About<'a>(&'a ClientInfo);

impl Encode for About<'_> {
    fn encode(&self, fields: &mut impl Fields) {
        fields.message(field(1, "info"), self.0);
    }
}

struct Message<'a>(&'a [u8]);

impl Encode for Message<'_> {
    fn encode(&self, fields: &mut impl Fields) {
        fields.payload(field(1, "data"), self.0);
    }
}

struct Refresh {
    expires: bool,
    ttl: u32,
}

impl Encode for Refresh {
    fn encode(&self, fields: &mut impl Fields) {
        fields.flag(field(1, "expires"), self.expires);
        fields.unsigned(field(2, "ttl"), self.ttl.into());
    }
}

impl Encode for Unsubscribe {
    fn encode(&self, fields: &mut impl Fields) {
        fields.unsigned(field(2, "code"), self.code.into());
        fields.text(field(3, "reason"), &self.reason);
    }
}

impl Encode for Disconnect {
    fn encode(&self, fields: &mut impl Fields) {
        fields.unsigned(field(1, "code"), self.code.into());
        fields.text(field(2, "reason"), &self.reason);
    }
}

impl Encode for SubscribePush {
    fn encode(&self, fields: &mut impl Fields) {
        fields.flag(field(1, "recoverable"), self.recoverable);
        fields.text(field(4, "epoch"), &self.epoch);
        fields.unsigned(field(5, "offset"), self.offset);
        fields.flag(field(6, "positioned"), self.positioned);
        fields.payload(field(7, "data"), bytes(&self.data));
    }
}
