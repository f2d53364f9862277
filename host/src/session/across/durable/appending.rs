//! Appending to durable channels of other nodes, and for others to those of this one.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use hearken_session_protocol::ClientError;
use hearken_session_protocol::codes::errors;

use crate::bus::Publisher;
use crate::event::Draft;
use crate::mesh::PeerNode;
use crate::session::across::homes::{position, position_of};
use crate::session::across::protocol::{AppendLog, Number, Refusal, answer, ask, refusal};
use crate::session::across::waiting::AskFailure;
use crate::session::across::wire::{bytes_of, event_of};
use crate::session::far_log::FarLog;
use crate::session::log::Log;
use crate::session::name::ChannelName;
use crate::session::receipt::{PublishOptions, SessionReceipt};
use crate::session::refused::{Refused, bad_request};
use crate::session::shared::Shared;

/// How long the channel's node may take: a client waits 5 s for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(4);

impl Shared {
    /// Appends an event to a durable channel of another node, which `principal` publishes. The
    /// node trusts this one that it may.
    ///
    /// # Errors
    /// Why not. What is temporary among that may be stored all the same.
    pub(in crate::session) async fn append_far(
        &self,
        log: &FarLog,
        publisher: &Publisher,
        principal: &str,
        draft: Draft<'_>,
    ) -> Result<SessionReceipt, Refused> {
        let named = draft.id.is_some();
        let draft = Draft {
            channel: Some(Cow::Owned(log.name.to_string())),
            ..draft
        };
        let encoded = publisher.encode_all(std::slice::from_ref(&draft));
        let encoded = encoded.map_err(|(_, error)| bad_request(error))?;
        let event = encoded.into_iter().next().ok_or(errors::INTERNAL)?;
        let peer = self.across.members.named(&log.node);
        let peer = peer.ok_or(errors::INTERNAL)?;
        let what = ask::What::AppendLog(AppendLog {
            channel: log.name.to_string(),
            event: bytes_of(&event),
            named,
            principal: principal.to_owned(),
        });
        match self.across.ask(&peer, what, ANSWER_TIMEOUT).await {
            Ok(answer::What::Appended(number)) => receipt(&log.name, number),
            Err(AskFailure::Refused(why)) => Err(refused(&why).into()),
            Ok(_) | Err(AskFailure::Away | AskFailure::Late) => Err(errors::INTERNAL.into()),
        }
    }

    /// Appends an event that was published on another node.
    ///
    /// # Errors
    /// Why not.
    pub(super) async fn append_for(
        &self,
        from: &PeerNode,
        asked: &AppendLog,
    ) -> Result<Number, Refused> {
        let name = ChannelName::new(&asked.channel).map_err(bad_request)?;
        let channel = self.channels.get(name.as_str());
        let channel = channel.ok_or_else(|| self.no_such_channel())?;
        let event = event_of(&asked.event).map_err(bad_request)?;
        if *event.origin() != *from.name {
            return Err(bad_request("an event is sent by the node that it is of").into());
        }
        let draft = event.to_draft();
        let draft = Draft {
            id: draft.id.filter(|_| asked.named),
            ..draft
        };
        // Under the source that it has there.
        let publisher = self.bus.publisher(event.source(), Arc::clone(&from.name));
        let options = PublishOptions::default();
        let log = Log::Near(channel);
        let appended = self.append_to(
            &name,
            &log,
            Arc::new(publisher),
            &asked.principal,
            draft,
            options,
        );
        let appended = appended.await?;
        Ok(Number {
            position: appended.position.as_ref().map(position),
            time: appended.time,
            id: appended.id.to_string(),
            duplicate: appended.duplicate,
        })
    }
}

fn receipt(name: &ChannelName, number: Number) -> Result<SessionReceipt, Refused> {
    let position = number.position.map(position_of).transpose();
    Ok(SessionReceipt {
        id: number.id.into(),
        time: number.time,
        channel: name.clone(),
        position: position.map_err(|_| errors::INTERNAL)?,
        duplicate: number.duplicate,
    })
}

/// What another node is told of what is not done for it.
pub(super) fn refusal_of(why: Refused) -> Refusal {
    Refusal::error(match why {
        Refused::Error(error) => error,
        Refused::Disconnect(_) => errors::INTERNAL,
    })
}

/// What is told of what another node does not do.
pub(super) fn refused(why: &Refusal) -> ClientError {
    match why.reason() {
        refusal::Reason::Error => ClientError {
            code: why.code,
            message: why.message.clone().into(),
            temporary: [errors::INTERNAL.code, errors::TOO_MANY_REQUESTS.code].contains(&why.code),
        },
        _ => errors::INTERNAL,
    }
}
