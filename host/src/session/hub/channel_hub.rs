//! One channel of sessions.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hearken_session_protocol::ClientInfo;
use tokio::sync::Notify;

use super::batch::Batch;
use super::item::Item;
use super::seen::LogWord;
use super::state::{Filling, State, forgotten};
use crate::mesh::PeerNode;
use crate::session::history::{HistoryError, Page, PageRequest};
use crate::session::history_settings::HistorySettings;
use crate::session::name::ChannelName;
use crate::session::pace::OnceASecond;
use crate::session::presence::PresenceStats;
use crate::session::publication::StoredPublication;
use crate::session::source::Source;

/// A channel: its history, who is subscribed, and what waits to be handed to them. Times are
/// milliseconds of the node's wheel.
pub(in crate::session) struct Hub {
    pub(super) name: ChannelName,
    /// What sessions may call it by instead of its name.
    pub(super) number: u64,
    /// Where its publications come from, where that is not from publishers.
    pub(super) filled: Option<Box<Filled>>,
    /// Tells that how its log stands has changed.
    pub(super) settled: Notify,
    /// Held by whoever tells other nodes who is subscribed, so that they hear it in its order.
    telling: Mutex<()>,
    state: Mutex<State>,
}

/// What a hub has to do with the task that fills it with publications from elsewhere.
#[derive(Debug)]
pub(super) struct Filled {
    source: Source,
    /// Tells that nobody is subscribed any more.
    pub(super) emptied: Notify,
    /// Tells that what waited is being handed on.
    pub(super) taken: Notify,
    /// Lines of the log about what it cannot be filled with, of which each of its subscribers
    /// that lags may have one.
    complaints: OnceASecond,
}

/// The hub is used no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::session) struct Gone;

/// What became of a hub that was looked after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::session) struct Tended {
    pub(in crate::session) is_needed: bool,
    /// Whether what other nodes say of its members is looked at no more.
    pub(in crate::session) looks_away: bool,
    /// When it is to be looked after again.
    pub(in crate::session) again: u64,
}

/// What is to be done for a hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::session) struct Stirred {
    /// Whether something is to be handed on and nobody does: then whoever asked has to, by
    /// [`Hub::hand_on`].
    pub(in crate::session) begins: bool,
    /// Whether it is to be filled from elsewhere and nobody does: then whoever asked has to.
    pub(in crate::session) is_unfilled: bool,
    /// Whether other nodes are to be told who came and went.
    pub(in crate::session) has_changes: bool,
    /// When it is to be looked after, where that is earlier than was asked for.
    pub(in crate::session) reminder: Option<u64>,
}

/// The turn of whoever hands on what waits.
pub(super) struct Turn<'h>(pub(super) &'h Hub);

impl Hub {
    pub(in crate::session) fn new(name: ChannelName, number: u64, source: &Source) -> Self {
        let filled = match source {
            Source::Publishers => None,
            source => Some(Box::new(Filled {
                source: source.clone(),
                emptied: Notify::new(),
                taken: Notify::new(),
                complaints: OnceASecond::default(),
            })),
        };
        Self {
            name,
            number,
            filled,
            settled: Notify::new(),
            telling: Mutex::new(()),
            state: Mutex::default(),
        }
    }

    /// Name of the channel.
    pub(in crate::session) fn name(&self) -> &ChannelName {
        &self.name
    }

    /// What sessions may call it by.
    pub(in crate::session) fn number(&self) -> u64 {
        self.number
    }

    /// Where its publications come from.
    pub(in crate::session) fn source(&self) -> &Source {
        match &self.filled {
            Some(filled) => &filled.source,
            None => &Source::Publishers,
        }
    }

    /// Whether it is to be said now that what it is filled with cannot be read.
    pub(in crate::session) fn may_complain(&self) -> bool {
        let filled = self.filled.as_ref();
        filled.is_some_and(|filled| filled.complaints.may())
    }

    /// Whether its publications come from there.
    pub(in crate::session) fn is_filled_from(&self, source: &Source) -> bool {
        self.source().is(source)
    }

    /// How many sessions are subscribed.
    pub(in crate::session) fn subscribers(&self) -> usize {
        self.lock().subscribers.len()
    }

    /// The ids of all sessions that are subscribed.
    pub(in crate::session) fn clients(&self) -> Vec<Arc<str>> {
        let subscribers = Arc::clone(&self.lock().subscribers);
        let clients = subscribers.iter().map(|subscriber| subscriber.client());
        clients.map(Arc::clone).collect()
    }

    /// Things that were dropped because more was published than could be handed on, since it
    /// was asked for the last time.
    pub(in crate::session) fn take_dropped(&self) -> u64 {
        std::mem::take(&mut self.lock().dropped)
    }

    /// A part of its history; `None` where that is not here.
    ///
    /// # Errors
    /// What is wrong with what was asked for.
    pub(in crate::session) fn page(
        &self,
        asked: &PageRequest<'_>,
        settings: HistorySettings,
        random: u64,
        now: u64,
    ) -> Result<Option<Result<Page<StoredPublication>, HistoryError>>, Gone> {
        let mut state = self.entered()?;
        let history = state.history(settings, random, now);
        Ok(history.map(|history| history.page(asked, now)))
    }

    /// Who is subscribed, here and on other nodes, as far as that is kept.
    pub(in crate::session) fn present(&self) -> Vec<Arc<ClientInfo>> {
        let state = self.lock();
        let infos = state.presence.iter().map(|(_, info)| info);
        infos.map(Arc::clone).collect()
    }

    /// How many are subscribed, as far as that is kept.
    pub(in crate::session) fn presence_stats(&self) -> PresenceStats {
        self.lock().presence.stats()
    }

    /// Drops what is not kept any longer, when it is time for that; `settings` are what the
    /// history is to keep to, if the channel has any, and `send` tells other nodes. Whether the
    /// hub is still needed, and when it is to be looked after again.
    pub(in crate::session) fn tend(
        &self,
        settings: Option<HistorySettings>,
        now: u64,
        send: impl Fn(&[PeerNode], LogWord),
    ) -> Option<Tended> {
        let mut state = self.lock();
        if state.reminded.is_some_and(|reminded| reminded > now) {
            return None;
        }
        state.keep_to(settings, now);
        let (is_used, is_owned) = (state.is_read(), state.homed.is_owned());
        if let Some((kept_to, history)) = state.homed.kept_mut() {
            history.expire(now);
            if is_used {
                // Whoever has a position there reads on.
                history.read(now);
            } else if forgotten(kept_to, history) <= now && is_owned {
                state.homed.forget();
            }
        }
        let mut todo = Vec::new();
        if settings.is_none() {
            state.homed.abandon(&mut todo);
        } else if !state.needs_log(now) && state.homed.may_leave() {
            state.homed.leave(&mut todo);
        }
        state.carry_out(todo, now, send);
        let looks_away = state.look_away(now);
        let again = state.due(now);
        state.reminded = Some(again);
        Some(Tended {
            looks_away,
            is_needed: !state.is_unneeded(now),
            again,
        })
    }

    /// Ends it unless it is needed; whether it has ended.
    pub(in crate::session) fn end_unneeded(&self, now: u64) -> bool {
        let mut state = self.lock();
        if state.is_unneeded(now) {
            state.gone = true;
        }
        state.gone
    }

    /// Ends it although it may be needed later, where nobody uses it now; whether it has
    /// ended.
    pub(in crate::session) fn end_unused(&self) -> bool {
        let mut state = self.lock();
        state.gone |= state.is_unused();
        state.gone
    }

    /// Whether nobody uses it, and nothing is lost with it that is not on another node.
    pub(in crate::session) fn gives_way(&self) -> bool {
        self.lock().gives_way()
    }

    /// Ends it although it may be asked for later, where it gives way; whether it has ended.
    pub(in crate::session) fn give_way(&self) -> bool {
        let mut state = self.lock();
        state.gone |= state.gives_way();
        state.gone
    }

    /// What is to be done after something has changed.
    pub(in crate::session) fn stirred(&self, now: u64) -> Stirred {
        let mut state = self.lock();
        let waits = state.lost.is_some() || !state.pending.is_empty();
        let begins = waits && !state.handing_on;
        state.handing_on |= begins;
        let is_unfilled = state.filling == Filling::Due;
        if is_unfilled {
            state.filling = Filling::Done;
        }
        let due = state.due(now);
        let is_earlier = state.reminded.is_none_or(|reminded| due < reminded);
        let reminder = is_earlier.then_some(due);
        state.reminded = reminder.or(state.reminded);
        Stirred {
            begins,
            is_unfilled,
            has_changes: !state.changes.is_empty(),
            reminder,
        }
    }

    /// The turn of whoever tells other nodes who is subscribed.
    pub(in crate::session) fn telling(&self) -> MutexGuard<'_, ()> {
        self.telling.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, unless the hub is gone.
    pub(super) fn entered(&self) -> Result<MutexGuard<'_, State>, Gone> {
        let state = self.lock();
        if state.gone { Err(Gone) } else { Ok(state) }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that panics leaves anything half done in it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// What waits. Nothing ends the turn.
    pub(super) fn take(&self) -> Option<Batch> {
        let mut state = self.0.lock();
        let items = state.pending.take();
        let lost = state.lost.take();
        if let Some(filled) = &self.0.filled {
            filled.taken.notify_waiters();
        }
        if items.is_empty() && lost.is_none() {
            state.handing_on = false;
            return None;
        }
        let latest = items.iter().rev().find_map(|item| match item {
            Item::Publication { publication, .. } => Some(Arc::clone(publication)),
            Item::Join(_) | Item::Leave(_) => None,
        });
        let previous = match latest {
            Some(latest) => {
                let kept = (state.deltas > 0).then_some(latest);
                std::mem::replace(&mut state.previous, kept)
            }
            None => state.previous.clone(),
        };
        Some(Batch {
            channel: self.0.name.clone(),
            number: self.0.number,
            items,
            previous,
            subscribers: Arc::clone(&state.subscribers),
            lost,
        })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.handing_on = false;
        // What was being handed on came to some of them.
        state.lose();
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
