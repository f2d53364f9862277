//! Dropping what the logs of durable channels have, wherever they are.

use std::sync::Arc;
use std::time::Duration;

use hearken_session_protocol::codes::errors;

use super::appending::{refusal_of, refused};
use super::finding::Holder;
use crate::session::across::protocol::{Nothing, TrimLog, answer, ask, refusal};
use crate::session::across::waiting::AskFailure;
use crate::session::name::ChannelName;
use crate::session::refused::Refused;
use crate::session::shared::Shared;

/// How long the channel's node may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(4);

impl Shared {
    /// Drops all that the log of a durable channel has, whichever node that is on; its position
    /// stays. Where there is none yet, nothing is kept.
    ///
    /// # Errors
    /// Why it is not dropped. With [`errors::INTERNAL`] it may be all the same.
    pub(in crate::session) async fn trim_log(&self, name: &ChannelName) -> Result<(), Refused> {
        let peer = match self.holder_of(name) {
            Holder::Here => return self.trim_near(name).await,
            Holder::There(peer) => peer,
            Holder::Away => return Err(errors::INTERNAL.into()),
            // It is not known yet which there are.
            Holder::Nowhere if !self.channels.is_open() || !self.channels.are_others_settled() => {
                return Err(errors::INTERNAL.into());
            }
            Holder::Nowhere => return Ok(()),
        };
        let channel = name.to_string();
        let what = ask::What::TrimLog(TrimLog { channel });
        match self.across.ask(&peer, what, ANSWER_TIMEOUT).await {
            Ok(answer::What::Trimmed(Nothing {})) => Ok(()),
            Err(AskFailure::Refused(why)) => Err(match why.reason() {
                // It is of a version that does not know how.
                refusal::Reason::Unspecified => errors::NOT_AVAILABLE.into(),
                _ => refused(&why).into(),
            }),
            Ok(_) | Err(AskFailure::Away | AskFailure::Late) => Err(errors::INTERNAL.into()),
        }
    }

    async fn trim_near(&self, name: &ChannelName) -> Result<(), Refused> {
        let channel = self.channels.get(name.as_str());
        // It is not open yet, or is removed just now.
        let channel = channel.ok_or(errors::INTERNAL)?;
        let trimmed = channel.trim(u64::MAX).await;
        trimmed.map_err(|_| errors::INTERNAL)?;
        Ok(())
    }

    /// What another node is answered that has what a log of this one has dropped.
    pub(in crate::session) async fn serve_trim(self: Arc<Self>, asked: TrimLog) -> answer::What {
        let trimmed = match ChannelName::new(&asked.channel) {
            Ok(name) => self.trim_near(&name).await,
            Err(_) => Err(errors::BAD_REQUEST.into()),
        };
        match trimmed {
            Ok(()) => answer::What::Trimmed(Nothing {}),
            Err(why) => answer::What::Refused(refusal_of(why)),
        }
    }
}
