//! Doing something with sessions, on whichever nodes they are.

use serde::Serialize;
use utoipa::ToSchema;

use super::refusal::SessionRefusal;
use crate::gateway::context::Context;
use crate::gateway::rejection::Rejection;
use crate::session::{SessionAct, Whose};

/// What was reached.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::gateway) struct Reached {
    /// Nodes that have done it with those that they have, the one that answers included.
    pub(super) nodes: usize,
    /// Sessions there.
    pub(super) sessions: usize,
    /// Whether nodes that may have such sessions have not confirmed that they did it.
    pub(super) partial: bool,
}

impl Context {
    /// Does something with one session, on whichever node it is.
    pub(super) async fn act_on(&self, id: String, act: &SessionAct) -> Result<Reached, Rejection> {
        let whose = Whose::Client(id.clone());
        let reached = self.sessions_on()?.act(&whose, act).await;
        let reached = reached.map_err(|refused| SessionRefusal::Acted(refused.to_string()))?;
        match reached.sessions {
            0 => Err(not_found(id, reached.is_unanswered).into()),
            sessions => Ok(Reached {
                nodes: reached.nodes.len(),
                sessions,
                partial: false,
            }),
        }
    }

    /// Does something with sessions, on whichever nodes they are.
    pub(super) async fn act(&self, whose: &Whose, act: &SessionAct) -> Result<Reached, Rejection> {
        let reached = self.sessions_on()?.act(whose, act).await;
        let reached = reached.map_err(|refused| SessionRefusal::Acted(refused.to_string()))?;
        Ok(Reached {
            nodes: reached.nodes.len(),
            sessions: reached.sessions,
            partial: reached.is_partial,
        })
    }
}

/// What is told of a session that was not found.
pub(super) fn not_found(id: String, is_unanswered: bool) -> SessionRefusal {
    match is_unanswered {
        true => SessionRefusal::Unheard(id),
        false => SessionRefusal::NoSession(id),
    }
}
