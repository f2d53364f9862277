//! Doing something with sessions, on whichever nodes they are.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use hearken_session_protocol::codes::errors;
use hearken_session_protocol::{ClientError, Disconnect};
use tokio::time::timeout;

use super::act::{Reached, SessionAct};
use super::acting_wire;
use super::asking::Asked;
use super::members::Member;
use super::protocol::{self, Acted, Refusal, answer, ask};
use super::waiting::AskFailure;
use crate::mesh::PeerNode;
use crate::session::refused::Refused;
use crate::session::server::Whose;
use crate::session::sessions::Sessions;
use crate::session::shared::Shared;

/// How long it is waited for other nodes.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// The same where they may have to make a channel.
const MAKING: Duration = Duration::from_secs(4);

/// Which nodes may have sessions that are meant.
pub(super) struct Where {
    pub(super) is_here: bool,
    pub(super) others: Vec<Member>,
    /// The only node that is meant, if it is one.
    pub(super) only: Option<Arc<str>>,
}

impl Sessions {
    /// Does something with sessions, on whichever nodes they are. It is waited a second for
    /// other nodes, and 4 where they subscribe sessions.
    ///
    /// # Errors
    /// Why it cannot be done; then nothing was done on this node.
    pub async fn act(&self, whose: &Whose, act: &SessionAct) -> Result<Reached, Refused> {
        let mut reached = Reached::default();
        let places = self.0.places(whose);
        if places.is_here {
            reached.sessions = self.act_here(whose, act).await?;
            reached.nodes.insert(Arc::clone(self.0.bus.node()));
        }
        if reached.is_found(whose) {
            return Ok(reached);
        }
        let what = ask::What::Act(acting_wire::encoded(whose, act));
        let within = match act {
            SessionAct::Subscribe { .. } => MAKING,
            _ => ANSWER_TIMEOUT,
        };
        for (node, answered) in self.0.ask_all(places.others, &what, within).await {
            match answered {
                Ok(answer::What::Acted(Acted {
                    sessions, code: 0, ..
                })) => {
                    let sessions = usize::try_from(sessions).unwrap_or(usize::MAX);
                    reached.sessions = reached.sessions.saturating_add(sessions);
                    reached.nodes.insert(node.name);
                }
                Ok(_) | Err(_) => reached.is_unanswered = true,
            }
        }
        if reached.is_found(whose) {
            reached.is_unanswered = false;
            return Ok(reached);
        }
        let only = places.only.as_deref();
        reached.is_partial = reached.is_unanswered || self.0.is_any_unheard(only, &reached.nodes);
        Ok(reached)
    }

    /// Has something done with sessions, on whichever nodes they are, and waits for nobody: for
    /// what needs no channel.
    pub(in crate::session) fn act_unheard(&self, whose: &Whose, act: &SessionAct) {
        let what = ask::What::Act(acting_wire::encoded(whose, act));
        let places = self.0.places(whose);
        for Member { peer, .. } in places.others {
            // Whoever is gone has no sessions, or is told when it is there again.
            let _ = self.0.across.have_done(&peer, what.clone());
        }
        if places.is_here {
            let _ = self.act_here(whose, act).now_or_never();
        }
    }

    /// Does something with sessions of this node. Returns with how many.
    ///
    /// # Errors
    /// Why it cannot be done.
    async fn act_here(&self, whose: &Whose, act: &SessionAct) -> Result<usize, Refused> {
        Ok(match act {
            SessionAct::Disconnect { why, spared } => self.disconnect(whose, why, spared),
            SessionAct::Subscribe {
                channel,
                grant,
                expire_at,
                position,
            } => {
                let subscribed =
                    self.subscribe(whose, channel, grant, *expire_at, position.as_ref());
                subscribed.await?
            }
            SessionAct::Unsubscribe { channel, why } => self.unsubscribe(whose, channel, why),
            SessionAct::Refresh { expire_at } => self.refresh(whose, *expire_at),
            SessionAct::Message {
                data,
                binary,
                excluded,
            } => self.message(whose, data, binary.as_deref(), excluded),
        })
    }
}

impl Shared {
    /// On which nodes sessions are that are meant.
    pub(super) fn places(&self, whose: &Whose) -> Where {
        let others = self.across.members.others();
        let own = self.bus.node();
        let name = match whose {
            Whose::Node => own,
            Whose::NodeOf(name) => name.as_str(),
            _ => {
                return Where {
                    is_here: true,
                    others,
                    only: None,
                };
            }
        };
        let is_here = *name == **own;
        let is_it = |member: &Member| !is_here && *member.peer.name == *name;
        Where {
            is_here,
            others: others.into_iter().filter(is_it).collect(),
            only: Some(name.into()),
        }
    }

    /// Asks several nodes for the same, and waits for all but those whose link was lost just
    /// now: what is to be done they do once they are linked again.
    pub(super) async fn ask_all(
        &self,
        nodes: Vec<Member>,
        what: &ask::What,
        within: Duration,
    ) -> Vec<(PeerNode, Result<answer::What, AskFailure>)> {
        // All are asked before anybody is waited for.
        let asked: Vec<(PeerNode, Result<Asked<'_>, AskFailure>)> = nodes
            .into_iter()
            .map(|Member { peer, is_away, .. }| {
                let asked = match is_away && !matches!(what, ask::What::Act(_)) {
                    true => Err(AskFailure::Away),
                    false => self.across.begin_asking(&peer, what.clone()),
                };
                (
                    peer,
                    asked.and_then(|asked| match is_away {
                        true => Err(AskFailure::Away),
                        false => Ok(asked),
                    }),
                )
            })
            .collect();
        let answered = asked.into_iter().map(|(node, asked)| async move {
            let answered = match asked {
                Ok(asked) => asked.answered(within).await,
                Err(failure) => Err(failure),
            };
            (node, answered)
        });
        join_all(answered).await
    }

    /// Does with the sessions of this node what another one asks for.
    pub(super) async fn serve_act(self: Arc<Self>, act: protocol::Act) -> answer::What {
        let Some((whose, act)) = acting_wire::decoded(act) else {
            return answer::What::Refused(Refusal::unknown_request());
        };
        // Nobody waits for longer.
        let acted = timeout(MAKING, Sessions(self).act_here(&whose, &act)).await;
        let acted = match acted.unwrap_or_else(|_| Err(errors::INTERNAL.into())) {
            Ok(sessions) => Acted {
                sessions: sessions as u64,
                ..Acted::default()
            },
            Err(refused) => acted_by(refused),
        };
        answer::What::Acted(acted)
    }
}

/// What another node is told of what was not done.
fn acted_by(refused: Refused) -> Acted {
    let (code, message, temporary) = match refused {
        Refused::Error(ClientError {
            code,
            message,
            temporary,
        }) => (code, message, temporary),
        Refused::Disconnect(Disconnect { code, reason }) => (code, reason, false),
    };
    Acted {
        sessions: 0,
        code,
        message: message.into_owned(),
        temporary,
    }
}
