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

/// Bytes of keys that are handed over with a log in one message, about: with a part of the log
/// that is less than any node takes.
const KEY_BYTES: usize = 32 << 10;

/// Bytes of a key beyond its texts, about.
const AROUND_KEY: usize = 24;

/// Bytes of a key of the usual length.
const KEY_LENGTH: usize = 128;

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

    /// The node that sends what is published to it, where this one follows.
    pub(in crate::session) fn followed(&self) -> Option<PeerNode> {
        self.lock().homed.followed_node().cloned()
    }

    /// Bytes of the keys that go along with the log, about.
    pub(in crate::session) fn key_bytes(&self) -> usize {
        self.lock().keys.count().saturating_mul(KEY_LENGTH)
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
                    for word in self.with_keys(word, now) {
                        send(std::slice::from_ref(&to), word);
                    }
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

    /// With the last part of a log goes what its publications are known by: the latest in it,
    /// and those before them ahead of it.
    fn with_keys(&self, word: LogWord, now: u64) -> Vec<LogWord> {
        let Word::Hand {
            serial,
            is_first,
            is_last: true,
            part,
            ..
        } = word
        else {
            return vec![word];
        };
        let mut pages = self.pages_of_keys(now);
        let latest = pages.pop().unwrap_or_default();
        let ahead = pages.into_iter().map(|keys| Word::Keys {
            epoch: Arc::clone(&part.epoch),
            rank: part.rank,
            keys,
        });
        let mut words: Vec<_> = ahead.collect();
        words.push(Word::Hand {
            serial,
            is_first,
            is_last: true,
            part,
            keys: latest,
        });
        words
    }

    /// All keys, the oldest first, in pages of which the last is the fullest.
    fn pages_of_keys(&self, now: u64) -> Vec<Vec<KeptKey>> {
        let (mut pages, mut page, mut bytes) = (Vec::new(), Vec::new(), 0);
        for (key, answered, lasts) in self.keys.latest(now) {
            let epoch = answered.position.as_ref().map_or(0, |it| it.epoch.len());
            let more = key.len() + answered.id.len() + epoch + AROUND_KEY;
            if bytes + more > KEY_BYTES && !page.is_empty() {
                pages.push(std::mem::take(&mut page));
                bytes = 0;
            }
            bytes += more;
            page.push(KeptKey {
                key: Arc::clone(key),
                id: Arc::clone(&answered.id),
                time: answered.time,
                position: answered.position.clone(),
                lasts,
            });
        }
        pages.push(page);
        for page in &mut pages {
            page.reverse();
        }
        pages.reverse();
        pages
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
