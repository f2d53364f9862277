//! Taking publications, and handing them on.

use std::collections::BTreeMap;
use std::sync::Arc;

use hearken_session_protocol::ClientInfo;

use super::answered::Answered;
use super::channel_hub::{Gone, Hub, Turn};
use super::item::{Exclude, Item};
use super::seen::LogWord;
use super::state::State;
use super::subscriber::Subscriber;
use crate::bus::Publisher;
use crate::event::Event;
use crate::mesh::PeerNode;
use crate::session::history::Position;
use crate::session::history_settings::HistorySettings;
use crate::session::homed::{Manner, Todo};
use crate::session::publication::StoredPublication;

/// Subscribers that are handed something before others get the thread.
const YIELD_EVERY: usize = 256;

/// What is published.
#[derive(Debug)]
pub(in crate::session) struct NewPublication<'p> {
    /// The event, which gets its number if there is a history.
    pub(in crate::session) event: Event,
    /// The session that publishes it.
    pub(in crate::session) info: Option<ClientInfo>,
    /// Tags that the publisher gives.
    pub(in crate::session) tags: BTreeMap<String, String>,
    /// Attributes of the event that are tags too.
    pub(in crate::session) tagged: &'p [String],
    /// Who does not get it.
    pub(in crate::session) exclude: Option<Exclude>,
    /// What the same is known by when it is sent again.
    pub(in crate::session) key: Option<String>,
    /// Whether it goes out as what differs from the one before, to those who want that.
    pub(in crate::session) as_delta: bool,
    /// Whether the history passes it over.
    pub(in crate::session) skips_history: bool,
    /// What the history keeps to, if there is one.
    pub(in crate::session) history: Option<HistorySettings>,
}

/// What became of a publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::session) struct Taken {
    pub(in crate::session) answered: Answered,
    /// Whether it was taken before and was not again.
    pub(in crate::session) is_duplicate: bool,
}

impl Hub {
    /// Takes a publication and has it delivered on the bus by `publisher`, if it was published
    /// on this node, in the order in which the hub takes them; sessions are handed it by
    /// [`Hub::hand_on`]. `beyond` is told in that order too, for sessions of other nodes, if it
    /// has no place in a log; those that follow the log get it by `send`, which waits for
    /// nothing. `None` if it has a place in a log that is not owned here; then nothing is done.
    ///
    /// # Errors
    /// [`Gone`] when this hub takes none any more.
    pub(in crate::session) fn publish(
        &self,
        new: &NewPublication<'_>,
        publisher: Option<&Publisher>,
        random: u64,
        now: u64,
        send: impl Fn(&[PeerNode], LogWord),
        beyond: impl FnOnce(),
    ) -> Result<Option<Taken>, Gone> {
        if self.filled.is_some() {
            // What it hands on comes from elsewhere: its channel was another one before.
            return Err(Gone);
        }
        let mut state = self.entered()?;
        if let Some(key) = &new.key
            && let Some(answered) = state.keys.get(key, now)
        {
            return Ok(Some(Taken {
                answered: answered.clone(),
                is_duplicate: true,
            }));
        }
        let mut todo = Vec::new();
        let Some((publication, position)) = state.keep(new, random, now, &mut todo) else {
            return Ok(None);
        };
        // Under the lock, so that plugins and streams get the channel's events in its order,
        // and each publisher's in the order in which they come. Nothing there waits.
        if let Some(publisher) = publisher {
            publisher.publish_stored(std::slice::from_ref(publication.event()));
        }
        match position {
            Some(_) => _ = state.carry_out(todo, now, send),
            None => beyond(),
        }
        let answered = Answered {
            id: publication.event().id().into(),
            time: publication.event().recorded_time(),
            position,
        };
        if let Some(key) = &new.key {
            state.keys.insert(key, answered.clone(), now);
        }
        let serial = state.serial;
        state.push(Item::Publication {
            serial,
            publication,
            exclude: new.exclude.clone(),
            as_delta: new.as_delta,
        });
        Ok(Some(Taken {
            answered,
            is_duplicate: false,
        }))
    }

    /// Hands on what waits, until nothing does. For whoever was told to by [`Hub::stirred`].
    /// `missed` is told of each subscriber that has a position and may have missed something,
    /// and `lags` of each that has no room, and has to be brought on from the log.
    pub(in crate::session) async fn hand_on(
        &self,
        missed: impl Fn(&Arc<Subscriber>),
        lags: impl Fn(&Arc<Subscriber>),
    ) {
        let turn = Turn(self);
        while let Some(batch) = turn.take() {
            let mut encodings = batch.encodings();
            for (at, subscriber) in batch.subscribers.iter().enumerate() {
                if at % YIELD_EVERY == YIELD_EVERY - 1 {
                    tokio::task::yield_now().await;
                }
                let has_missed = batch.lost.is_some_and(|lost| subscriber.after < lost);
                if has_missed && subscriber.new.positioned {
                    missed(subscriber);
                } else if encodings.deliver(subscriber) {
                    lags(subscriber);
                }
            }
        }
        // The turn ended when nothing was left, and may be another's by now.
        std::mem::forget(turn);
    }
}

impl State {
    /// Makes a publication of an event, and keeps it where there is a history. `None` where
    /// another node does that.
    fn keep(
        &mut self,
        new: &NewPublication<'_>,
        random: u64,
        now: u64,
        todo: &mut Vec<Todo<StoredPublication>>,
    ) -> Option<(Arc<StoredPublication>, Option<Position>)> {
        let make = |event, offset| {
            let (info, tags) = (new.info.clone(), new.tags.clone());
            StoredPublication::new(event, offset, info, tags, new.tagged)
        };
        let Some(settings) = new.history.filter(|_| !new.skips_history) else {
            self.serial += 1;
            return Some((Arc::new(make(new.event.clone(), 0)), None));
        };
        self.keep_to(Some(settings), now);
        let time = self.last_time.max(new.event.recorded_time());
        let bytes = StoredPublication::bytes_of(&new.event, new.info.as_ref(), &new.tags);
        let manner = Manner {
            exclude: new.exclude.clone(),
            as_delta: new.as_delta,
        };
        let make = |offset| make(new.event.clone().placed(offset, time), offset);
        let given = (settings, random, now);
        let appended = self.homed.append(given, bytes, &manner, make, todo);
        let (publication, position) = appended?;
        self.last_time = time;
        self.serial += 1;
        Some((publication, Some(position)))
    }
}
