//! What somebody who allows a subscription says of it: a token, a plugin or a server.

use bytes::Bytes;

/// What somebody who allows a subscription says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionGrant {
    /// What others are shown of the subscription.
    pub info: Option<Bytes>,
    /// What the client gets with the answer.
    pub data: Option<Bytes>,
    /// What differs from what the namespace says.
    pub overrides: Overrides,
}

/// What differs for one subscription from what the namespace says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Whether it is kept that the client is subscribed.
    pub presence: Option<bool>,
    /// Whether others may be told of it.
    pub join_leave: Option<bool>,
    /// Whether it can be recovered.
    pub force_recovery: Option<bool>,
    /// Whether it has a position.
    pub force_positioning: Option<bool>,
    /// Whether it is told of others unasked.
    pub force_push_join_leave: Option<bool>,
}
