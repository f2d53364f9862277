//! Whose sessions a request is about.

use serde::Deserialize;
use utoipa::ToSchema;

use super::refusal::SessionRefusal;
use crate::gateway::context::Context;
use crate::gateway::rejection::Rejection;
use crate::session::{ChannelName, Sessions, Whose};

/// Sessions that are looked at at once.
const TOGETHER: usize = 256;

/// Whose sessions are meant; exactly one is given.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::gateway) struct To {
    /// The session with this id.
    session: Option<String>,
    /// All sessions of this user.
    user: Option<String>,
    /// All who watch this subject, by the channel `subject:SUBJECT`.
    subject: Option<String>,
    /// All who are subscribed to this channel.
    channel: Option<String>,
    /// All sessions of the node of this name, the one that is asked.
    node: Option<String>,
    /// All sessions.
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
    /// Whose sessions they are here.
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
                Ok(Whose::Node)
            }
            (None, None, None, None, None, Some(true)) => Ok(Whose::Node),
            _ => Err(SessionRefusal::To.into()),
        }
    }
}

impl Exclude {
    /// The ids of those who are meant.
    pub(super) fn clients(self, sessions: &Sessions) -> Result<Vec<String>, SessionRefusal> {
        match (self.session, self.user) {
            (Some(session), None) => Ok(vec![session]),
            (None, Some(user)) => {
                let user = filled(user)?;
                let mut clients: Vec<String> = Vec::new();
                loop {
                    let after = clients.last().map(String::as_str).unwrap_or_default();
                    let some = sessions.list(Some(&user), after, TOGETHER);
                    if some.is_empty() {
                        return Ok(clients);
                    }
                    clients.extend(some.iter().map(|one| one.client.to_string()));
                }
            }
            _ => Err(SessionRefusal::Exclude),
        }
    }
}
