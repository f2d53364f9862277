//! Whose sessions a request is about.

use serde::Deserialize;
use utoipa::ToSchema;

use super::refusal::SessionRefusal;
use crate::gateway::context::Context;
use crate::gateway::rejection::Rejection;
use crate::session::{ChannelName, Spared, Whose};

/// Whose sessions are meant; exactly one is given.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::gateway) struct To {
    /// The session with this id.
    session: Option<String>,
    /// All sessions of this user.
    user: Option<String>,
    /// All sessions that watch this subject, by the channel `subject:SUBJECT`.
    subject: Option<String>,
    /// All sessions that are subscribed to this channel.
    channel: Option<String>,
    /// All sessions of the node of this name.
    node: Option<String>,
    /// All sessions of all nodes.
    all: Option<bool>,
}

/// Who does not get a message; one of both is given.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::gateway) struct Exclude {
    /// The session with this id.
    session: Option<String>,
    /// All sessions of this user.
    user: Option<String>,
}

/// A user's name, and not that of all who have not said who they are.
fn filled(user: String) -> Result<String, SessionRefusal> {
    match user.is_empty() {
        true => Err(SessionRefusal::NoUser),
        false => Ok(user),
    }
}

impl To {
    /// Whose sessions they are.
    pub(super) fn whose(self, context: &Context) -> Result<Whose, Rejection> {
        let channel = |name: &str| {
            let name = ChannelName::new(name).map_err(SessionRefusal::Name)?;
            Ok::<_, Rejection>(Whose::Channel(name))
        };
        let Self {
            session,
            user,
            subject,
            channel: subscribed,
            node,
            all,
        } = self;
        match (session, user, subject, subscribed, node, all) {
            (Some(id), None, None, None, None, None) => Ok(Whose::Client(id)),
            (None, Some(user), None, None, None, None) => Ok(Whose::User(filled(user)?)),
            (None, None, Some(subject), None, None, None) => channel(&format!("subject:{subject}")),
            (None, None, None, Some(name), None, None) => channel(&name),
            (None, None, None, None, Some(node), None) => {
                context.check_node(&node)?;
                Ok(Whose::NodeOf(node))
            }
            (None, None, None, None, None, Some(true)) => Ok(Whose::All),
            _ => Err(SessionRefusal::To.into()),
        }
    }
}

impl Exclude {
    /// Those who are meant.
    pub(super) fn spared(self) -> Result<Spared, SessionRefusal> {
        match (self.session, self.user) {
            (Some(session), None) => Ok(Spared::client(session)),
            (None, Some(user)) => Ok(Spared::user(filled(user)?)),
            _ => Err(SessionRefusal::Exclude),
        }
    }
}
