//! What a plugin answers to sessions.

use std::time::SystemTime;

use serde::Serialize;

/// What differs for one subscription from what the namespace of its channel says; `None` where
/// nothing does.
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

/// What a subscription is like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// JSON that others are shown of the subscription, as `chan_info`.
    pub info: Option<Vec<u8>>,
    /// JSON that the client gets with the answer.
    pub data: Option<Vec<u8>>,
    /// What differs from what the namespace says.
    pub overrides: Overrides,
}

/// Who may connect, and as whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Connected {
    /// Whose the session is; `None` for who it is by its token.
    pub user: Option<String>,
    /// When it expires; `None` for when its token does.
    pub expire_at: Option<SystemTime>,
    /// JSON that others are shown of it, as `conn_info`.
    pub info: Option<Vec<u8>>,
    /// JSON that the client gets with the answer.
    pub data: Option<Vec<u8>>,
    /// Channels that it is subscribed to by the server.
    pub subscriptions: Vec<(String, Grant)>,
    /// JSON that the node keeps of it for plugins.
    pub meta: Option<String>,
}

impl Connected {
    /// As who it is by its token.
    pub fn new() -> Self {
        Self::default()
    }

    /// As this user.
    pub fn as_user(user: impl Into<String>) -> Self {
        Self {
            user: Some(user.into()),
            ..Self::default()
        }
    }

    /// What others are shown of it.
    ///
    /// # Panics
    /// When that cannot be written as JSON.
    pub fn info(self, info: &impl Serialize) -> Self {
        Self {
            info: Some(json(info)),
            ..self
        }
    }

    /// What the client gets with the answer.
    ///
    /// # Panics
    /// When that cannot be written as JSON.
    pub fn data(self, data: &impl Serialize) -> Self {
        Self {
            data: Some(json(data)),
            ..self
        }
    }

    /// What the node keeps of it for plugins.
    ///
    /// # Panics
    /// When that cannot be written as JSON.
    pub fn meta(self, meta: &impl Serialize) -> Self {
        let meta = serde_json::to_string(meta).expect(WRITTEN);
        Self {
            meta: Some(meta),
            ..self
        }
    }

    /// When it expires.
    pub fn until(self, time: SystemTime) -> Self {
        Self {
            expire_at: Some(time),
            ..self
        }
    }

    /// Subscribes it to a channel.
    pub fn subscribed(mut self, channel: impl Into<String>, grant: Grant) -> Self {
        self.subscriptions.push((channel.into(), grant));
        self
    }
}

/// For how long a session or a subscription goes on that expires.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Refreshed {
    /// When it expires; `None` for never.
    pub expire_at: Option<SystemTime>,
    /// JSON that others are shown of it from now on; `None` for what they were.
    pub info: Option<Vec<u8>>,
}

impl Refreshed {
    /// Until then.
    pub fn until(time: SystemTime) -> Self {
        Self {
            expire_at: Some(time),
            info: None,
        }
    }
}

/// Who may subscribe, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Subscribed {
    /// What the subscription is like. Of a plugin that may only narrow, the overrides do not
    /// count.
    pub grant: Grant,
    /// When it expires.
    pub expire_at: Option<SystemTime>,
}

impl Subscribed {
    /// As the namespace says.
    pub fn new() -> Self {
        Self::default()
    }

    /// What others are shown of it.
    ///
    /// # Panics
    /// When that cannot be written as JSON.
    pub fn info(mut self, info: &impl Serialize) -> Self {
        self.grant.info = Some(json(info));
        self
    }

    /// What the client gets with the answer.
    ///
    /// # Panics
    /// When that cannot be written as JSON.
    pub fn data(mut self, data: &impl Serialize) -> Self {
        self.grant.data = Some(json(data));
        self
    }

    /// When it expires.
    pub fn until(mut self, time: SystemTime) -> Self {
        self.expire_at = Some(time);
        self
    }
}

/// What becomes of a publication.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Published {
    /// It is published as it is.
    Unchanged,
    /// It is published with these data in the place of its own.
    Changed(Vec<u8>),
    /// The plugin has done what there is to do, and nothing is published.
    Handled,
}

impl Published {
    /// With these data.
    ///
    /// # Panics
    /// When they cannot be written as JSON.
    pub fn json(data: &impl Serialize) -> Self {
        Self::Changed(json(data))
    }
}

/// Maps with keys that are no texts, and what refuses to be written: both a mistake of the
/// author.
const WRITTEN: &str = "the value can be written as JSON";

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect(WRITTEN)
}
