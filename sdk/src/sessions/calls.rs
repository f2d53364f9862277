//! What a plugin does with sessions.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::answers::Grant;
use super::requests::NotFitting;
use super::seconds;
use crate::host;

/// Whose sessions are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// The session with this id.
    Session(String),
    /// All sessions of this user.
    User(String),
    /// All who watch this subject, by the channel `subject:SUBJECT`.
    Subject(String),
    /// All who are subscribed to this channel.
    Channel(String),
    /// All sessions of this node.
    Node,
    /// All sessions of all nodes.
    All,
}

impl To {
    /// The session with this id.
    pub fn session(id: impl Into<String>) -> Self {
        Self::Session(id.into())
    }

    /// All sessions of this user.
    pub fn user(user: impl Into<String>) -> Self {
        Self::User(user.into())
    }

    /// All who are subscribed to this channel.
    pub fn channel(channel: impl Into<String>) -> Self {
        Self::Channel(channel.into())
    }
}

/// Of those that are meant, whose sessions are not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Except {
    /// The session with this id.
    Session(String),
    /// All sessions of this user.
    User(String),
}

/// How many were reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// Nodes that have answered, this one included.
    pub nodes: u32,
    /// Sessions.
    pub sessions: u64,
    /// Whether there may be others on nodes that have not answered.
    pub partial: bool,
}

/// Somebody who is subscribed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientInfo {
    /// Its id.
    pub client: String,
    /// Whose it is; empty for nobody.
    pub user: String,
    /// JSON that is shown of the connection.
    pub conn_info: Option<Vec<u8>>,
    /// JSON that is shown of the subscription.
    pub chan_info: Option<Vec<u8>>,
}

/// How many are subscribed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PresenceStats {
    /// Sessions.
    pub clients: u64,
    /// Users; all sessions without one are one together.
    pub users: u64,
}

/// Where a history is read on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryPosition {
    /// Which history it is.
    pub epoch: String,
    /// Number of the publication behind which it is.
    pub offset: u64,
}

/// What is asked of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryAsked {
    /// Behind which position; `None` for from the beginning, or in reverse from the end.
    pub since: Option<HistoryPosition>,
    /// Publications, at most 300.
    pub limit: u32,
    /// Whether the last come first.
    pub reverse: bool,
}

impl Default for HistoryAsked {
    /// From the beginning, as much as there is at once.
    fn default() -> Self {
        Self {
            since: None,
            limit: 300,
            reverse: false,
        }
    }
}

/// What was published.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Publication {
    /// JSON, as JSON sessions got it.
    pub data: Vec<u8>,
    /// Its number.
    pub offset: u64,
    /// Who published it, if a session did.
    pub info: Option<ClientInfo>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl Publication {
    /// Its data.
    ///
    /// # Errors
    /// [`NotFitting`] when that is something else.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, NotFitting> {
        Ok(serde_json::from_slice(&self.data)?)
    }
}

/// A part of a history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryPage {
    /// In the order that was asked for.
    pub publications: Vec<Publication>,
    /// Where the history ends.
    pub top: HistoryPosition,
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionsError {
    /// The node has no sessions.
    #[error("the node has no sessions")]
    Off,
    /// The plugin may not; says what its manifest lacks.
    #[error("{0}")]
    Denied(String),
    /// What is asked for cannot be; says why.
    #[error("that cannot be: {0}")]
    Invalid(String),
    /// There is no such channel.
    #[error("there is no such channel of sessions")]
    UnknownChannel,
    /// The channel has no such thing.
    #[error("the channel has no such thing")]
    NotAvailable,
    /// The position is of another epoch than the history.
    #[error("the position is of another history than the channel has now")]
    AnotherEpoch,
    /// The plugin asks more often than its budget allows.
    #[error("the plugin's budget is used up; try again later")]
    BudgetExceeded,
}

/// Sends sessions something that can be written as JSON, as a message that is in no channel.
/// Waits for nobody.
///
/// # Errors
/// [`SessionsError`] says why nobody gets it.
pub fn send(to: To, data: &impl Serialize) -> Result<Reached, SessionsError> {
    host::sessions_send(to, written(data)?, None)
}

/// The same, but for some of them.
///
/// # Errors
/// As [`send`].
pub fn send_except(
    to: To,
    except: Except,
    data: &impl Serialize,
) -> Result<Reached, SessionsError> {
    host::sessions_send(to, written(data)?, Some(except))
}

/// Subscribes sessions to a channel; those that are already stay as they are.
///
/// # Errors
/// [`SessionsError`] says why nobody is.
pub fn subscribe(
    whose: To,
    channel: &str,
    grant: Grant,
    until: Option<SystemTime>,
) -> Result<Reached, SessionsError> {
    host::sessions_subscribe(whose, channel, grant, until.map(seconds))
}

/// Ends subscriptions of sessions to a channel.
///
/// # Errors
/// [`SessionsError`] says why none ends.
pub fn unsubscribe(whose: To, channel: &str) -> Result<Reached, SessionsError> {
    host::sessions_unsubscribe(whose, channel)
}

/// Closes sessions, with a code from 3000 to 4999 and plain words of at most 123 bytes.
///
/// # Errors
/// [`SessionsError`] says why none is closed.
pub fn disconnect(whose: To, code: u32, reason: &str) -> Result<Reached, SessionsError> {
    host::sessions_disconnect(whose, code, reason)
}

/// Puts off when sessions expire; `None` for never. Those for which that is over are closed.
///
/// # Errors
/// [`SessionsError`] says why that is as it was.
pub fn refresh(whose: To, until: Option<SystemTime>) -> Result<Reached, SessionsError> {
    host::sessions_refresh(whose, until.map(seconds))
}

/// Who is subscribed to a channel.
///
/// # Errors
/// [`SessionsError`] says why that is not told.
pub fn presence(channel: &str) -> Result<Vec<ClientInfo>, SessionsError> {
    host::sessions_presence(channel)
}

/// How many are subscribed to a channel.
///
/// # Errors
/// [`SessionsError`] says why that is not told.
pub fn presence_stats(channel: &str) -> Result<PresenceStats, SessionsError> {
    host::sessions_presence_stats(channel)
}

/// What was published to a channel.
///
/// # Errors
/// [`SessionsError`] says why that is not told.
pub fn history(channel: &str, asked: &HistoryAsked) -> Result<HistoryPage, SessionsError> {
    host::sessions_history(channel, asked)
}

fn written(data: &impl Serialize) -> Result<Vec<u8>, SessionsError> {
    serde_json::to_vec(data).map_err(|error| SessionsError::Invalid(error.to_string()))
}
