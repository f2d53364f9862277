//! Coming and going.

use std::sync::Arc;

use super::channel_hub::{Gone, Hub};
use super::item::Item;
use super::member::MemberChange;
use super::state::Filling;
use super::subscriber::{NewSubscriber, Reading, Subscriber};
use crate::session::history::{Position, Recovered};
use crate::session::history_settings::HistorySettings;
use crate::session::publication::StoredPublication;

/// How a subscription begins.
#[derive(Debug)]
pub(in crate::session) struct Begin<'b> {
    /// What the history keeps to, if there is one and the subscriber has a position in it or
    /// wants something of it.
    pub(in crate::session) history: Option<HistorySettings>,
    /// What it wants of that.
    pub(in crate::session) wants: Wants<'b>,
    /// From where it reads, where publications come from a log.
    pub(in crate::session) reads: Option<Reads>,
}

/// From where a subscriber reads a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::session) struct Reads {
    /// Number of the publication after which it begins.
    pub(in crate::session) after: u64,
    /// Number of the last that was there when that was found out.
    pub(in crate::session) last: u64,
}

/// What a subscriber wants of the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::session) enum Wants<'b> {
    /// Only what comes.
    New,
    /// All behind an offset of an epoch, if that is not more than so many.
    Since(u64, &'b str, usize),
    /// The latest, unless it is at that offset of that epoch.
    Latest(u64, &'b str),
}

/// Somebody is subscribed.
#[derive(Debug)]
pub(in crate::session) struct Subscribed {
    /// Held until it is opened.
    pub(in crate::session) subscriber: Arc<Subscriber>,
    /// Where the history ended then, if it was asked for.
    pub(in crate::session) top: Option<Position>,
    /// What it gets of the history, if it wanted any.
    pub(in crate::session) recovered: Option<Recovered<StoredPublication>>,
}

/// What became of somebody who was to be subscribed.
#[derive(Debug)]
pub(in crate::session) enum Subscribing {
    /// It is.
    Subscribed(Subscribed),
    /// It is not, for what it gets of the history.
    NotAdmitted,
    /// It is not, since the history is another node's and not known here.
    Unsettled,
}

impl Hub {
    /// Subscribes somebody: from now on it gets, once it is opened, all that is published.
    /// `admit` looks at what it gets of the history, and may say that it is not subscribed
    /// then.
    ///
    /// # Errors
    /// [`Gone`] when nobody subscribes to this hub any more; what came is left.
    ///
    /// # Panics
    /// When there is no `new` subscriber.
    pub(in crate::session) fn subscribe(
        &self,
        new: &mut Option<NewSubscriber>,
        begin: &Begin<'_>,
        admit: impl FnOnce(&mut Recovered<StoredPublication>) -> bool,
        random: u64,
        now: u64,
    ) -> Result<Subscribing, Gone> {
        let mut state = self.entered()?;
        let history = match begin.history {
            Some(settings) => match state.history(settings, random, now) {
                Some(history) => Some(history),
                None => return Ok(Subscribing::Unsettled),
            },
            None => None,
        };
        let (top, mut recovered) = match (history, begin.wants) {
            (None, _) => (None, None),
            (Some(history), Wants::New) => (Some(history.top()), None),
            (Some(history), Wants::Since(offset, epoch, limit)) => {
                let recovered = history.recover(offset, epoch, limit, now);
                (Some(recovered.top.clone()), Some(recovered))
            }
            (Some(history), Wants::Latest(offset, epoch)) => {
                let recovered = history.recover_latest(offset, epoch, now);
                (Some(recovered.top.clone()), Some(recovered))
            }
        };
        if let Some(recovered) = &mut recovered
            && !admit(recovered)
        {
            return Ok(Subscribing::NotAdmitted);
        }
        let new = new.take().expect("there is one until it is subscribed");
        state.deltas += usize::from(new.form.delta);
        if self.filled.is_some() && state.filling == Filling::None {
            state.filling = Filling::Due;
            if let Some(reads) = begin.reads {
                // What follows on that is read for all; what is before, by each alone.
                state.serial = reads.last;
            }
        }
        let place = state.subscribers.len();
        let reading = begin.reads.map(|reads| Reading {
            after: reads.after,
            lags: reads.after < state.serial,
        });
        let after = reading.map_or(state.serial, |reading| reading.after);
        let subscriber = Arc::new(Subscriber::new(new, after, place, reading));
        Arc::make_mut(&mut state.subscribers).push(Arc::clone(&subscriber));
        if let Some(member) = &subscriber.new.member {
            let NewSubscriber { client, user, .. } = &subscriber.new;
            if member.is_present {
                state.presence.add(client, user, Arc::clone(&member.info));
            }
            if member.is_told {
                state.push(Item::Join(Arc::clone(&member.info)));
            }
            state.changes.push(MemberChange::Came(member.clone()));
        }
        Ok(Subscribing::Subscribed(Subscribed {
            subscriber,
            top,
            recovered,
        }))
    }

    /// Ends a subscription, unless it has ended; whether it ended now. What it is sent is up
    /// to [`Subscriber::close`].
    pub(in crate::session) fn unsubscribe(&self, subscriber: &Arc<Subscriber>) -> bool {
        let mut state = self.lock();
        if !state.take_out(subscriber) {
            return false;
        }
        if let Some(filled) = &self.filled
            && state.subscribers.is_empty()
        {
            filled.emptied.notify_one();
        }
        if let Some(member) = &subscriber.new.member {
            let client = Arc::clone(subscriber.client());
            if member.is_present {
                state.presence.remove(&client);
            }
            if member.is_told {
                state.push(Item::Leave(Arc::clone(&member.info)));
            }
            state.changes.push(MemberChange::Went(client));
        }
        true
    }
}
