//! A hub's part in a log that several nodes have: what is done with it under the hub's lock,
//! so that sessions and other nodes get publications in the log's order.

use std::sync::Arc;

use super::answered::Answered;
use super::channel_hub::{Gone, Hub};
use super::item::Item;
use super::seen::{FOLLOWED_ON, LogWord, Seen};
use super::state::State;
use crate::mesh::PeerNode;
use crate::session::history::Position;
use crate::session::homed::{Entry, Homed, KeptKey, Manner, Standing, Todo, View, Word};
use crate::session::publication::StoredPublication;

/// Bytes of keys that are handed over with a log, about; the oldest are left behind.
const KEY_BYTES: usize = 32 << 10;

impl Hub {
    /// Does something with the log, as the node sees the others then, and what is to be done;
    /// `send` sends to another node, and waits for nothing. Who has the log is to be
    /// [`stirred`](Self::stirred) then. Returns also whether the log has to be looked at soon.
    ///
    /// # Errors
    /// [`Gone`] when nobody uses this hub any more.
    pub(in crate::session) fn with_log<T>(
        &self,
        seen: impl FnOnce() -> Seen,
        send: impl Fn(&[PeerNode], LogWord),
        work: impl FnOnce(
            &mut Homed<StoredPublication>,
            &View<'_>,
            &mut Vec<Todo<StoredPublication>>,
        ) -> T,
    ) -> Result<(T, bool), Gone> {
        let mut state = self.entered()?;
        // Under the lock: who goes is told to each log, and not to be asked by one behind that.
        let seen = seen();
        let view = View {
            home: seen.home.as_ref(),
            is_home_linked: seen.is_home_linked,
            others: &seen.others,
            settings: seen.settings,
            is_used: state.needs_log(seen.now),
            under_way: seen.under_way,
            random: seen.random,
            now: seen.now,
            time: seen.time,
        };
        let mut todo = Vec::new();
        let done = work(&mut state.homed, &view, &mut todo);
        if state.carry_out(todo, seen.now, send) {
            self.settled.notify_waiters();
        }
        Ok((done, state.homed.is_unsettled(seen.home.is_none())))
    }

    /// Somebody here needs the log for a while.
    pub(in crate::session) fn need_log(&self, now: u64) {
        let mut state = self.lock();
        state.needed = state.needed.max(now.saturating_add(FOLLOWED_ON));
    }

    /// Whether somebody here needs the log.
    pub(in crate::session) fn needs_log(&self, now: u64) -> bool {
        self.lock().needs_log(now)
    }

    /// How the log stands, and where it ends as far as it is here.
    pub(in crate::session) fn standing(&self) -> (Standing, Option<Position>) {
        let state = self.lock();
        let top = state.homed.kept().map(|(_, history)| history.top());
        (state.homed.standing(), top)
    }

    /// Whether this node has the log, and numbers its publications.
    pub(in crate::session) fn owns_log(&self) -> bool {
        let state = self.lock();
        state.homed.is_owned() && state.homed.kept().is_some()
    }

    /// Whether it has, or is handing it over, or is being handed it.
    pub(in crate::session) fn has_log(&self) -> bool {
        let state = self.lock();
        state.homed.has_log()
    }

    /// Waits until how the log stands has changed, from when this is called on.
    pub(in crate::session) fn settled(&self) -> tokio::sync::futures::Notified<'_> {
        self.settled.notified()
    }
}

impl State {
    /// Whether somebody here needs the log.
    pub(super) fn needs_log(&self, now: u64) -> bool {
        !self.subscribers.is_empty() || self.needed > now
    }

    /// Does what is to be done; whether whoever waits for the log is to be told.
    pub(super) fn carry_out(
        &mut self,
        todo: Vec<Todo<StoredPublication>>,
        now: u64,
        send: impl Fn(&[PeerNode], LogWord),
    ) -> bool {
        let mut tells = false;
        for one in todo {
            match one {
                Todo::Send(to, word) => {
                    let word = self.with_keys(word, now);
                    send(std::slice::from_ref(&to), word);
                }
                Todo::Spread(all, word) => send(&all, word),
                Todo::Deliver(entry, manner) => self.deliver(entry, manner),
                Todo::Lose => {
                    self.serial += 1;
                    self.lose();
                }
                Todo::Remember(keys) => self.remember(keys, now),
                Todo::Tell => tells = true,
            }
        }
        tells
    }

    /// Hands on what was numbered elsewhere.
    fn deliver(&mut self, entry: Entry<StoredPublication>, manner: Manner) {
        let publication = entry.publication;
        self.last_time = self.last_time.max(publication.event().recorded_time());
        self.serial += 1;
        let serial = self.serial;
        self.push(Item::Publication {
            serial,
            publication,
            exclude: manner.exclude,
            as_delta: manner.as_delta,
        });
    }

    /// With the last part of a log goes what its publications are known by.
    fn with_keys(&self, word: LogWord, now: u64) -> LogWord {
        let Word::Hand {
            serial,
            is_first,
            is_last: true,
            part,
            ..
        } = word
        else {
            return word;
        };
        let mut bytes = 0;
        let kept = self.keys.latest(now).map(|(key, answered, lasts)| KeptKey {
            key: Arc::clone(key),
            id: Arc::clone(&answered.id),
            time: answered.time,
            position: answered.position.clone(),
            lasts,
        });
        let fits = |kept: &KeptKey| {
            bytes += kept.key.len() + kept.id.len();
            bytes <= KEY_BYTES
        };
        let mut keys: Vec<_> = kept.take_while(fits).collect();
        keys.reverse();
        Word::Hand {
            serial,
            is_first,
            is_last: true,
            part,
            keys,
        }
    }

    fn remember(&mut self, keys: Vec<KeptKey>, now: u64) {
        for kept in keys {
            let answered = Answered {
                id: kept.id,
                time: kept.time,
                position: kept.position,
            };
            self.keys.insert_for(&kept.key, answered, kept.lasts, now);
        }
    }
}
