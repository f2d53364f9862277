//! All hubs of a node, by the names of their channels. A hub is made when its channel is first
//! used, and goes when nobody needs it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use foldhash::fast::RandomState;
use tokio::time::Instant;

use super::hub::{Gone, Hub};
use super::name::ChannelName;
use super::namespace::Namespace;
use super::registry::take_one;
use super::source::Source;
use crate::mesh::PeerNode;

/// Before it is looked again for room in a namespace where too little was found.
const ROOM_INTERVAL: Duration = Duration::from_secs(1);

/// Of the channels that a namespace may have, the part that gives way at once.
const ROOM: usize = 8;

/// The hubs of a node.
#[derive(Debug, Default)]
pub(super) struct Hubs {
    state: RwLock<State>,
    room: Mutex<Room>,
}

/// What there is to know of making room in full namespaces.
#[derive(Debug, Default)]
struct Room {
    /// When it is next looked for in those where too little was found.
    next: HashMap<Arc<str>, Instant, RandomState>,
    let_go: Vec<LetGo>,
}

/// A channel that gave way, of which other nodes were to say something.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LetGo {
    pub(super) name: ChannelName,
    /// Whether they were to say who is subscribed.
    pub(super) is_looked_at: bool,
    /// The one that was to send what is published.
    pub(super) followed: Option<PeerNode>,
}

#[derive(Debug, Default)]
struct State {
    all: HashMap<ChannelName, Entry, RandomState>,
    /// How many each namespace has.
    of_namespaces: HashMap<Arc<str>, usize, RandomState>,
    /// Number of the last hub that was made.
    last: u64,
}

#[derive(Debug)]
struct Entry {
    hub: Arc<Hub>,
    namespace: Arc<str>,
}

/// Why there is no hub of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoHub {
    /// The namespace has as many channels as it may have.
    TooManyChannels,
    /// There is one whose publications come from elsewhere, and which is about to go.
    Changing,
}

impl Hubs {
    /// The hub of a channel, if there is one.
    pub(super) fn get(&self, name: &ChannelName) -> Option<Arc<Hub>> {
        let state = self.read();
        state.all.get(name).map(|entry| Arc::clone(&entry.hub))
    }

    /// Does something with the hub of a channel whose publications come from `source`, which
    /// is made if there is none. `made` is told of it then.
    ///
    /// # Errors
    /// [`NoHub`] says why it cannot be.
    pub(super) fn with<T>(
        &self,
        name: &ChannelName,
        namespace: &Namespace,
        source: &Source,
        made: impl Fn(&Arc<Hub>),
        mut work: impl FnMut(&Arc<Hub>) -> Result<T, Gone>,
    ) -> Result<T, NoHub> {
        loop {
            let found = self.get(name);
            let hub = match found {
                Some(hub) => hub,
                None => self.make(name, namespace, source, &made)?,
            };
            if !hub.is_filled_from(source) {
                match self.end(&hub, Hub::end_unused) {
                    true => continue,
                    false => return Err(NoHub::Changing),
                }
            }
            // Otherwise it was ended meanwhile, and taken out before anybody else looks for it.
            if let Ok(done) = work(&hub) {
                return Ok(done);
            }
        }
    }

    /// The same, wherever the publications of the channel come from.
    ///
    /// # Errors
    /// [`NoHub`] says why it cannot be.
    pub(super) fn with_any<T>(
        &self,
        name: &ChannelName,
        namespace: &Namespace,
        made: impl Fn(&Arc<Hub>),
        mut work: impl FnMut(&Arc<Hub>) -> Result<T, Gone>,
    ) -> Result<T, NoHub> {
        loop {
            // One that is made for this is replaced once there is another source.
            let hub = match self.get(name) {
                Some(hub) => hub,
                None => self.make(name, namespace, &Source::Publishers, &made)?,
            };
            if let Ok(done) = work(&hub) {
                return Ok(done);
            }
        }
    }

    fn make(
        &self,
        name: &ChannelName,
        namespace: &Namespace,
        source: &Source,
        made: impl Fn(&Arc<Hub>),
    ) -> Result<Arc<Hub>, NoHub> {
        match self.try_make(name, namespace, source, &made) {
            Err(NoHub::TooManyChannels) if self.make_room(namespace) => {
                self.try_make(name, namespace, source, &made)
            }
            made => made,
        }
    }

    /// Ends what is kept of channels of a namespace that nobody uses, and of which nothing is lost
    /// with that, the oldest first: names can be made up, and are not to keep others out. Whether
    /// any was.
    fn make_room(&self, namespace: &Namespace) -> bool {
        let now = Instant::now();
        {
            // Not again for each one that finds no room: all of them are looked at.
            let mut room = self.room();
            let next = room.next.get(namespace.name.as_str());
            if next.is_some_and(|next| now < *next) {
                return false;
            }
            // Nor by several at once.
            let next = now + ROOM_INTERVAL;
            room.next.insert(namespace.name.as_str().into(), next);
        }
        let mut all: Vec<_> = {
            let state = self.read();
            let all = state.all.values();
            all.filter(|entry| *entry.namespace == *namespace.name)
                .map(|entry| Arc::clone(&entry.hub))
                .collect()
        };
        all.sort_unstable_by_key(|hub| hub.number());
        let wanted = (namespace.max_channels / ROOM).max(1);
        // Looked at before all are kept waiting for it.
        let giving = all.iter().filter(|hub| hub.gives_way());
        let ended = giving.filter(|hub| self.end(hub, Hub::give_way));
        let ended: Vec<_> = ended.take(wanted).collect();
        let mut room = self.room();
        if ended.len() == wanted {
            room.next.remove(namespace.name.as_str());
        }
        let let_go = ended.iter().map(|hub| LetGo {
            name: hub.name().clone(),
            is_looked_at: hub.looks_elsewhere(),
            followed: hub.followed(),
        });
        let is_to_be_told = |one: &LetGo| one.is_looked_at || one.followed.is_some();
        room.let_go.extend(let_go.filter(is_to_be_told));
        !ended.is_empty()
    }

    /// Takes out the channels that gave way to others, of which other nodes were to say something.
    pub(super) fn take_let_go(&self) -> Vec<LetGo> {
        std::mem::take(&mut self.room().let_go)
    }

    /// Says something where there is no hub of that name. None is made meanwhile, so that what it
    /// says comes behind.
    pub(super) fn say_unless_there(&self, name: &ChannelName, say: impl FnOnce()) {
        let state = self.write();
        if !state.all.contains_key(name) {
            say();
        }
    }

    fn try_make(
        &self,
        name: &ChannelName,
        namespace: &Namespace,
        source: &Source,
        made: impl Fn(&Arc<Hub>),
    ) -> Result<Arc<Hub>, NoHub> {
        let hub = {
            let mut state = self.write();
            if let Some(entry) = state.all.get(name) {
                return Ok(Arc::clone(&entry.hub));
            }
            let there = state.of_namespaces.get(namespace.name.as_str());
            if there.is_some_and(|there| *there >= namespace.max_channels) {
                return Err(NoHub::TooManyChannels);
            }
            state.last += 1;
            let hub = Arc::new(Hub::new(name.clone(), state.last, source));
            let entry = Entry {
                hub: Arc::clone(&hub),
                namespace: state.count(&namespace.name),
            };
            state.all.insert(name.clone(), entry);
            hub
        };
        made(&hub);
        Ok(hub)
    }

    /// Ends a hub that nobody needs; whether it has ended.
    pub(super) fn release(&self, hub: &Arc<Hub>, now: u64) -> bool {
        self.end(hub, |hub| hub.end_unneeded(now))
    }

    /// Takes out a hub that `end` ends; whether it is out.
    fn end(&self, hub: &Arc<Hub>, end: impl FnOnce(&Hub) -> bool) -> bool {
        let mut state = self.write();
        let is_it = |entry: &Entry| Arc::ptr_eq(&entry.hub, hub);
        if !state.all.get(hub.name()).is_some_and(is_it) {
            return true;
        }
        if !end(hub) {
            return false;
        }
        if let Some(entry) = state.all.remove(hub.name()) {
            take_one(&mut state.of_namespaces, &entry.namespace);
        }
        true
    }

    /// Those with subscribers and how many each has, in no order.
    pub(super) fn used(&self) -> Vec<(Arc<Hub>, usize)> {
        // None is looked into while all are locked.
        let counted = self.all().into_iter().map(|hub| {
            let subscribers = hub.subscribers();
            (hub, subscribers)
        });
        counted
            .filter(|(_, subscribers)| *subscribers > 0)
            .collect()
    }

    /// The same of those whose names are behind `after`, up to `limit` of them, in the order of
    /// their names.
    pub(super) fn page(&self, after: &str, limit: usize) -> Vec<(Arc<Hub>, usize)> {
        let mut used = self.used();
        used.retain(|(hub, _)| hub.name().as_str() > after);
        let by_name = |(one, _): &(Arc<Hub>, usize), (other, _): &(Arc<Hub>, usize)| {
            one.name().cmp(other.name())
        };
        if used.len() > limit {
            used.select_nth_unstable_by(limit, by_name);
            used.truncate(limit);
        }
        used.sort_by(by_name);
        used
    }

    /// How many there are of a namespace.
    pub(super) fn of_namespace(&self, namespace: &str) -> usize {
        let state = self.read();
        state.of_namespaces.get(namespace).copied().unwrap_or(0)
    }

    /// All of them, in no order.
    pub(super) fn all(&self) -> Vec<Arc<Hub>> {
        let state = self.read();
        let all = state.all.values();
        all.map(|entry| Arc::clone(&entry.hub)).collect()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.read().all.len()
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        // Nothing in here panics half-way.
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        // Nothing in here panics half-way.
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Counts one more of a namespace, and gives back its name.
    fn count(&mut self, namespace: &str) -> Arc<str> {
        let known = self.of_namespaces.get_key_value(namespace);
        let name = known.map_or_else(|| namespace.into(), |(name, _)| Arc::clone(name));
        *self.of_namespaces.entry(Arc::clone(&name)).or_insert(0) += 1;
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::hub::Looks;

    fn name(text: &str) -> ChannelName {
        ChannelName::new(text).unwrap()
    }

    #[test]
    fn a_hub_is_made_once_and_goes_when_it_is_not_needed() {
        let hubs = Hubs::default();
        let namespace = Namespace {
            max_channels: 2,
            ..Namespace::new("chat")
        };
        let source = Source::Publishers;
        let number = |text: &str| {
            let work = |hub: &Arc<Hub>| Ok(hub.number());
            hubs.with(&name(text), &namespace, &source, |_| {}, work)
        };
        assert_eq!(number("chat:1"), Ok(1));
        assert_eq!(number("chat:2"), Ok(2));
        assert_eq!(number("chat:1"), Ok(1));
        // Nobody uses them, and nothing was published to them.
        assert_eq!(number("chat:3"), Ok(3));
        assert_eq!(hubs.len(), 2);
        for text in ["chat:2", "chat:3"] {
            let hub = hubs.get(&name(text)).unwrap();
            assert!(hubs.release(&hub, 0));
            assert!(hubs.release(&hub, 0));
        }
        assert_eq!(hubs.len(), 0);
        // The number of a hub that is gone is not given again.
        assert_eq!(number("chat:1"), Ok(4));
        assert!(hubs.used().is_empty());
    }

    #[test]
    fn the_oldest_give_way_and_it_is_known_of_which_others_were_to_tell() {
        let hubs = Hubs::default();
        let namespace = Namespace {
            max_channels: 2 * ROOM,
            ..Namespace::new("chat")
        };
        let make = |number: usize| {
            let looks = |hub: &Arc<Hub>| hub.look_elsewhere(Looks::Until(0), &[]);
            let name = name(&format!("chat:{number}"));
            hubs.with(&name, &namespace, &Source::Publishers, |_| {}, looks)
        };
        for number in 0..=namespace.max_channels {
            assert_eq!(make(number), Ok(true));
        }
        assert_eq!(hubs.len(), namespace.max_channels - 1);
        assert!(hubs.get(&name("chat:1")).is_none());
        assert!(hubs.get(&name("chat:2")).is_some());
        let let_go = |text: &str| LetGo {
            name: name(text),
            is_looked_at: true,
            followed: None,
        };
        assert_eq!(hubs.take_let_go(), ["chat:0", "chat:1"].map(let_go));
        assert_eq!(hubs.take_let_go(), []);
    }
}
