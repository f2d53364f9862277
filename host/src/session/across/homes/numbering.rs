//! Taking publications for a log of this node that were published on others.

use std::sync::Arc;

use hearken_session_protocol::codes::errors;
use tokio::time::{Duration, Instant};

use super::offers::taken;
use super::settling::Needs;
use super::words::position;
use crate::mesh::PeerNode;
use crate::session::across::members::Home;
use crate::session::across::protocol::answer::What;
use crate::session::across::protocol::{Number, Numbered, Publish, Refusal, refusal};
use crate::session::history_settings::HistorySettings;
use crate::session::hub::{Hub, NewPublication, Taken};
use crate::session::name::ChannelName;
use crate::session::namespace::Namespace;
use crate::session::namespaces::Resolved;
use crate::session::refused::Refused;
use crate::session::shared::Shared;
use crate::session::source::Source;

/// How long it may take until the log is this node's.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);

/// Most publications in a request.
const MAX_OFFERS: usize = 256;

impl Shared {
    /// Another node asks to have publications numbered: it is answered at once, or once the log
    /// is this node's.
    pub(in crate::session) fn number(self: &Arc<Self>, from: &PeerNode, id: u64, asked: Publish) {
        let refused = |why: Refusal| self.across.refuse(from, id, why);
        let Ok(name) = ChannelName::new(&asked.channel) else {
            return refused(Refusal::unknown_request());
        };
        let in_use = self.in_use();
        let resolved = match self.resolve(&in_use, &name) {
            Resolved::Namespace(namespace) => Some(namespace),
            _ => None,
        };
        let kept = resolved.and_then(|it| {
            let settings = it.history_in_memory()?;
            Some((it, settings))
        });
        let Some((namespace, settings)) = kept else {
            self.across.homes.lack(&name, from);
            return refused(Refusal::of(refusal::Reason::Unknown));
        };
        if asked.offers.len() > MAX_OFFERS {
            return refused(Refusal::busy());
        }
        let is_owned = || self.hubs.get(&name).is_some_and(|hub| hub.owns_log());
        if is_owned() {
            let numbered = self.number_all(&name, &namespace, settings, asked);
            return self.across.answer(from, id, numbered);
        }
        if self.across.members.home_of(&name) != Home::Here {
            return refused(Refusal::moved());
        }
        let shared = Arc::clone(self);
        self.serve(from, id, async move {
            let deadline = Instant::now() + ACQUIRE_TIMEOUT;
            let settled = shared.settle(&name, &namespace, settings, Needs::Some, deadline);
            match settled.await {
                Ok(()) => shared.number_all(&name, &namespace, settings, asked),
                Err(Refused::Error(error)) if error.code == errors::LIMIT_EXCEEDED.code => {
                    What::Refused(Refusal::error(error))
                }
                Err(_) => What::Refused(Refusal::moved()),
            }
        });
    }

    /// Numbers them, as many as the log is this node's for.
    fn number_all(
        self: &Arc<Self>,
        name: &ChannelName,
        namespace: &Namespace,
        settings: HistorySettings,
        asked: Publish,
    ) -> What {
        let mut numbers = Vec::with_capacity(asked.offers.len());
        for offer in asked.offers {
            let new = match taken(offer, &namespace.tags, settings) {
                Ok(new) => new,
                Err(error) => {
                    tracing::error!(channel = %name, %error, "a publication of another node is left out");
                    break;
                }
            };
            let Some(Taken {
                answered,
                is_duplicate,
            }) = self.number_one(name, namespace, &new)
            else {
                break;
            };
            numbers.push(Number {
                position: answered.position.as_ref().map(position),
                time: answered.time,
                id: answered.id.to_string(),
                duplicate: is_duplicate,
            });
        }
        match numbers.is_empty() {
            true => What::Refused(Refusal::moved()),
            false => What::Numbered(Numbered { numbers }),
        }
    }

    fn number_one(
        self: &Arc<Self>,
        name: &ChannelName,
        namespace: &Namespace,
        new: &NewPublication<'_>,
    ) -> Option<Taken> {
        let made = |hub: &Arc<Hub>| self.look_after(hub);
        let number = |hub: &Arc<Hub>| self.take_in(hub, new, None, || {});
        let taken = self
            .hubs
            .with(name, namespace, &Source::Publishers, made, number);
        taken.ok().flatten()
    }
}
