//! What other nodes say of logs.

use std::sync::Arc;

use super::words::decoded;
use crate::mesh::PeerNode;
use crate::session::across::protocol;
use crate::session::across::wire::Unreadable;
use crate::session::homed::{Word, are_all};
use crate::session::hub::{Hub, LogWord};
use crate::session::name::ChannelName;
use crate::session::namespaces::Resolved;
use crate::session::shared::Shared;
use crate::session::source::Source;

impl Shared {
    /// Another node says something of a log.
    ///
    /// # Errors
    /// [`Unreadable`] when no node says that.
    pub(in crate::session) fn hear_of_log(
        self: &Arc<Self>,
        from: &PeerNode,
        home: protocol::Home,
    ) -> Result<(), Unreadable> {
        let Some((name, word)) = decoded(home)? else {
            return Ok(());
        };
        let settings = self.history_settings(&name);
        let hub = settings.and_then(|_| self.hub_for(&name, &word));
        if settings.is_none() && matches!(word, Word::Follow { .. }) {
            self.across.homes.lack(&name, from);
        }
        let (Some(hub), Some(settings)) = (hub, settings) else {
            self.say_without_log(from, &name, &word);
            return Ok(());
        };
        let heard = self.on_log(&hub, settings, |log, view, todo| {
            log.hear(from, word, view, todo);
        });
        if heard.is_err() {
            // It ended just now. Whoever follows asks again.
            self.say_of_log(&name, std::slice::from_ref(from), Word::Moved);
        }
        Ok(())
    }

    /// The hub that a word is for, which is made where the word may make it needed.
    fn hub_for(self: &Arc<Self>, name: &ChannelName, word: &LogWord) -> Option<Arc<Hub>> {
        let may_need = matches!(
            word,
            Word::Follow { .. } | Word::Hand { .. } | Word::Keys { .. }
        );
        if !may_need {
            return self.hubs.get(name);
        }
        let in_use = self.in_use();
        let Resolved::Namespace(namespace) = self.resolve(&in_use, name) else {
            return None;
        };
        let made = |hub: &Arc<Hub>| self.look_after(hub);
        let itself = |hub: &Arc<Hub>| Ok(Arc::clone(hub));
        let source = Source::Publishers;
        let hub = self.hubs.with(name, &namespace, &source, made, itself);
        hub.ok()
    }

    /// What is said to another node of a log of which nothing is known here.
    fn say_without_log(&self, to: &PeerNode, name: &ChannelName, heard: &LogWord) {
        let word = match heard {
            Word::Follow { .. } => Word::Moved,
            Word::Followed { is_all: true, .. } | Word::Published { .. } => Word::Unfollow,
            Word::Take { asked } => Word::NotMine {
                agrees: self.across.members.is_home(to, name)
                    && are_all(asked, &self.across.members.peers(), to),
                rank: 0,
            },
            Word::Hand {
                serial,
                is_last: false,
                ..
            } => Word::Handed {
                serial: *serial,
                is_wanted: false,
            },
            _ => return,
        };
        self.say_of_log(name, std::slice::from_ref(to), word);
    }
}
