//! Who publishes, and what they may.

use super::receipt::{Accepted, Receipt};
use super::submission::{Mode, Submission};
use crate::access::{Act, Identity};
use crate::gateway::context::Context;
use crate::gateway::rejection::Rejection;
use crate::gateway::serve::client::Client;

/// Who publishes.
#[derive(Clone, Copy)]
pub(in crate::gateway) struct Sender<'r> {
    pub(in crate::gateway) context: &'r Context,
    pub(in crate::gateway) identity: &'r Identity,
    pub(in crate::gateway) client: &'r Client,
}

impl Sender<'_> {
    /// Publishes what goes to no channel.
    pub(super) fn publish(self, submission: &Submission) -> Result<Receipt, Rejection> {
        self.check(submission)?;
        self.take(submission.drafts.len())?;
        let connection = &self.client.connection;
        let publisher = connection.publisher(self.identity, &self.context.bus);
        let Submission { drafts, mode, .. } = submission;
        if let (Mode::Batched, _) | (_, []) = (mode, &drafts[..]) {
            return match publisher.publish_all(drafts) {
                Ok(events) => Ok(Receipt::Batch(events.iter().map(Accepted::from).collect())),
                Err((at, error)) => Err(submission.refused(at, error)),
            };
        }
        match publisher.publish(&drafts[0]) {
            Ok(event) => Ok(Receipt::One(Accepted::from(&event))),
            Err(error) => Err(submission.refused(0, error)),
        }
    }

    /// Checks that whoever publishes may publish all of this.
    pub(in crate::gateway) fn check(self, submission: &Submission) -> Result<(), Rejection> {
        let check = |act| self.context.check(self.identity, &act, self.client.address);
        for (at, draft) in submission.drafts.iter().enumerate() {
            let may_append = |()| match &draft.channel {
                Some(channel) => check(Act::Append(channel)),
                None => Ok(()),
            };
            check(Act::Publish(draft.event_type.as_str()))
                .and_then(may_append)
                .map_err(|refused| submission.placed(at, refused))?;
        }
        Ok(())
    }

    /// Takes so many events out of the budget.
    pub(in crate::gateway) fn take(self, events: usize) -> Result<(), Rejection> {
        self.identity.budget().take(events).map_err(|over| {
            self.context.denials.over_budget();
            over.into()
        })
    }
}
