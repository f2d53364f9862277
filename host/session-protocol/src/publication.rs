//! What is published to channels, and by whom.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::encode::{Encode, Fields, always, field};

/// What was published to a channel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Publication {
    /// What was published: JSON to clients that speak JSON, any bytes to others. To
    /// subscriptions with deltas, a string of JSON that holds the JSON, or the delta.
    pub data: Bytes,
    /// The client that published it, if it was one.
    pub info: Option<ClientInfo>,
    /// Its number in the channel's stream; 0 where there is none.
    pub offset: u64,
    /// What filters look at.
    pub tags: BTreeMap<String, String>,
    /// Whether `data` is a delta to the data of the subscription's publication before.
    pub delta: bool,
    /// When, in milliseconds since 1970; 0 leaves it out.
    pub time: i64,
}

/// A client of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClientInfo {
    /// Its user; empty if it is anonymous.
    pub user: String,
    /// The connection.
    pub client: String,
    /// What is known of it since it connected, in the data's form.
    pub conn_info: Option<Bytes>,
    /// What is known of it since it subscribed, in the data's form.
    pub chan_info: Option<Bytes>,
}

impl Encode for Publication {
    fn encode(&self, fields: &mut impl Fields) {
        fields.payload(field(4, "data"), &self.data);
        if let Some(info) = &self.info {
            fields.message(field(5, "info"), info);
        }
        fields.unsigned(field(6, "offset"), self.offset);
        fields.texts(field(7, "tags"), &self.tags);
        fields.flag(field(8, "delta"), self.delta);
        fields.signed(field(9, "time"), self.time);
    }
}

impl Encode for ClientInfo {
    fn encode(&self, fields: &mut impl Fields) {
        fields.text(always(1, "user"), &self.user);
        fields.text(always(2, "client"), &self.client);
        fields.payload(field(3, "conn_info"), bytes(&self.conn_info));
        fields.payload(field(4, "chan_info"), bytes(&self.chan_info));
    }
}

/// Data that may be absent, which is the same as being empty.
pub(crate) fn bytes(data: &Option<Bytes>) -> &[u8] {
    data.as_deref().unwrap_or_default()
}
