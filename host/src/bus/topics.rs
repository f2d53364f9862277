//! Who gets the events of a type, remembered for all publishers: patterns are compared
//! with a type once, and not once an event.
//!
//! A change of filters outdates only the topics that it concerns. So that none is missed,
//! a topic is put where changes look for it *before* the routing table is read, and a
//! change is made in the table *before* it looks for topics: either the topic has seen
//! the change, or the change sees the topic.
//!
//! No publisher waits here for another, or for a change: where a lock is taken it finds
//! the receivers by itself, and remembers nothing.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, TryLockError};

use foldhash::fast::RandomState;
use smallvec::SmallVec;

use super::filter::{Filter, RoutingKey};
use super::left_right::LeftRight;
use super::registration::Registration;
use super::routing::{RoutingTable, Tenure};

/// Sets of topics; all topics of a type are in one.
const SETS: usize = 64;

/// Topics of a set: what publishers name in bad faith displaces no more than these.
const WAYS: usize = 32;

/// Bytes of the topics of a set, but for the newest; 32 MiB for all sets.
const SET_BYTES: usize = 512 << 10;

/// State of a topic: lasting receivers may have changed since it was found.
const LASTING_CHANGED: u64 = 1;

/// Passing receivers may have.
const PASSING_CHANGED: u64 = 2;

/// The topic is where changes look for topics no more.
const FORGOTTEN: u64 = 4;

/// Some subject's receivers may have changed, which are not in this topic; a counter.
const SUBJECT_CHANGED: u64 = 8;

/// The topics that were last found.
#[derive(Debug)]
pub(super) struct Topics {
    sets: Box<[RwLock<Set>]>,
    hasher: RandomState,
    /// Comparisons of types with all patterns.
    #[cfg(test)]
    pub(super) searches: AtomicU64,
}

#[derive(Debug, Default)]
struct Set {
    /// With their hashes.
    topics: Vec<(u64, Arc<Topic>)>,
    /// The next to go, unless it was used meanwhile.
    hand: usize,
}

/// A type, alone or with a subject that some filter names, and who wants such events.
#[derive(Debug)]
pub(super) struct Topic {
    type_hash: u64,
    event_type: Box<str>,
    subject: Option<Box<str>>,
    state: AtomicU64,
    used: AtomicBool,
    /// Nothing while they are being found.
    receivers: OnceLock<Receivers>,
}

#[derive(Clone, Debug)]
struct Receivers {
    lasting: Arc<[Candidate]>,
    passing: Arc<[Candidate]>,
}

/// A receiver whose patterns match.
#[derive(Debug)]
struct Candidate {
    receiver: Arc<Registration>,
    /// The filters of which one must be passed; if there are none, nothing else is asked.
    conditions: SmallVec<[Arc<Filter>; 1]>,
}

/// A topic as it was at some time.
#[derive(Clone, Debug)]
pub(super) struct Known {
    topic: Arc<Topic>,
    state: u64,
    /// Whether changes are told to it.
    kept: bool,
}

impl Default for Topics {
    fn default() -> Self {
        Self {
            sets: (0..SETS).map(|_| RwLock::default()).collect(),
            hasher: RandomState::default(),
            #[cfg(test)]
            searches: AtomicU64::new(0),
        }
    }
}

impl Topics {
    /// Who wants events of a type, with a subject that some filter names or without one.
    pub(super) fn get(
        &self,
        table: &LeftRight<RoutingTable>,
        event_type: &str,
        subject: Option<&str>,
    ) -> Known {
        let type_hash = self.hasher.hash_one(event_type);
        let subject_hash = subject.map_or(0, |subject| self.hasher.hash_one(subject));
        let hash = type_hash.wrapping_add(subject_hash);
        let set = self.set(type_hash);
        let old = match set.try_read() {
            Ok(set) => set.get(hash, event_type, subject),
            Err(TryLockError::Poisoned(set)) => set.into_inner().get(hash, event_type, subject),
            Err(TryLockError::WouldBlock) => None,
        };
        if let Some(topic) = &old {
            let state = topic.state.load(Ordering::Acquire);
            if state & (LASTING_CHANGED | PASSING_CHANGED) == 0 && topic.receivers.get().is_some() {
                topic.note_use();
                let topic = Arc::clone(topic);
                return Known {
                    topic,
                    state,
                    kept: true,
                };
            }
        }
        let topic = Arc::new(Topic {
            type_hash,
            event_type: event_type.into(),
            subject: subject.map(Into::into),
            state: AtomicU64::new(0),
            used: AtomicBool::new(false),
            receivers: OnceLock::new(),
        });
        let put = match set.try_write() {
            Ok(mut set) => set.put(hash, &topic),
            Err(TryLockError::Poisoned(set)) => set.into_inner().put(hash, &topic),
            Err(TryLockError::WouldBlock) => false,
        };
        let state = topic.state.load(Ordering::Acquire);
        let kept = put && state & FORGOTTEN == 0;
        self.find(table, &topic, old.as_deref());
        Known { topic, state, kept }
    }

    /// Finds the receivers of a topic, or takes the lasting ones from one that knows them.
    fn find(&self, table: &LeftRight<RoutingTable>, topic: &Topic, old: Option<&Topic>) {
        let table = table.read();
        let find = |tenure| {
            let mut found = Vec::new();
            let subject = topic.subject.as_deref();
            table.find(
                tenure,
                &topic.event_type,
                subject,
                &mut |receiver, filter| {
                    found.push((receiver, filter));
                },
            );
            candidates(found)
        };
        // Looked at only now: a change that did not see the new topic has been told to
        // the old one before.
        let lasting = old.and_then(Topic::lasting).unwrap_or_else(|| {
            #[cfg(test)]
            self.searches.fetch_add(1, Ordering::Relaxed);
            find(Tenure::Lasting)
        });
        let passing = find(Tenure::Passing);
        // Nobody else has it to fill.
        let _ = topic.receivers.set(Receivers { lasting, passing });
    }

    /// A filter of receivers of a tenure was added or removed, in the table already.
    pub(super) fn outdate(&self, filter: &Filter, tenure: Tenure) {
        let globs = filter.pattern.globs();
        if globs.iter().all(|glob| glob.ends().is_none()) {
            for glob in globs {
                let type_hash = self.hasher.hash_one(glob.as_str());
                let concerned = |topic: &Topic| {
                    topic.type_hash == type_hash && *topic.event_type == *glob.as_str()
                };
                lock(self.set(type_hash)).outdate(filter, tenure, concerned);
            }
            return;
        }
        let concerned = |topic: &Topic| filter.pattern.matches(&topic.event_type);
        for set in &self.sets {
            lock(set).outdate(filter, tenure, concerned);
        }
    }

    fn set(&self, type_hash: u64) -> &RwLock<Set> {
        // The upper bits: the lower ones tell the topics of a set apart.
        let set = (type_hash >> 32) % SETS as u64;
        &self.sets[usize::try_from(set).expect("below the number of sets")]
    }
}

#[cfg(test)]
impl Topics {
    /// As a change has them while it looks for topics that it concerns.
    pub(super) fn locked(&self) -> impl Sized + '_ {
        self.sets.iter().map(lock).collect::<Vec<_>>()
    }

    pub(super) fn len(&self) -> usize {
        self.sets.iter().map(|set| lock(set).topics.len()).sum()
    }
}

fn lock(set: &RwLock<Set>) -> RwLockReadGuard<'_, Set> {
    // Nothing in here panics half-way through a change.
    set.read().unwrap_or_else(PoisonError::into_inner)
}

/// Each receiver once, in the order of their registration.
fn candidates(mut found: Vec<(&Arc<Registration>, &Arc<Filter>)>) -> Arc<[Candidate]> {
    found.sort_by_key(|(receiver, _)| receiver.number());
    let by_receiver = found.chunk_by(|(one, _), (other, _)| one.number() == other.number());
    let candidate = |routes: &[(&Arc<Registration>, &Arc<Filter>)]| {
        let conditional = routes.iter().all(|(_, filter)| filter.has_conditions());
        let filters = routes.iter().map(|(_, filter)| Arc::clone(filter));
        Candidate {
            receiver: Arc::clone(routes[0].0),
            conditions: filters.filter(|_| conditional).collect(),
        }
    };
    by_receiver.map(candidate).collect()
}

impl Set {
    fn get(&self, hash: u64, event_type: &str, subject: Option<&str>) -> Option<Arc<Topic>> {
        let same = |(known, topic): &&(u64, Arc<Topic>)| {
            *known == hash
                && *topic.event_type == *event_type
                && topic.subject.as_deref() == subject
        };
        self.topics
            .iter()
            .find(same)
            .map(|(_, topic)| Arc::clone(topic))
    }

    /// Takes a topic in, in the place of an older one of the same name, or of others that
    /// were not used lately. Returns that it did.
    fn put(&mut self, hash: u64, topic: &Arc<Topic>) -> bool {
        let same = |(known, other): &(u64, Arc<Topic>)| {
            *known == hash && other.event_type == topic.event_type && other.subject == topic.subject
        };
        if let Some(at) = self.topics.iter().position(same) {
            std::mem::replace(&mut self.topics[at].1, Arc::clone(topic)).forget();
            return true;
        }
        let mut bytes: usize = self.topics.iter().map(|(_, topic)| topic.bytes()).sum();
        while self.topics.len() >= WAYS || (bytes > SET_BYTES && !self.topics.is_empty()) {
            self.hand %= self.topics.len();
            if self.topics[self.hand].1.used.swap(false, Ordering::Relaxed) {
                self.hand += 1;
            } else {
                let (_, unused) = self.topics.swap_remove(self.hand);
                // It may have been filled since its bytes were counted.
                bytes = bytes.saturating_sub(unused.bytes());
                unused.forget();
            }
        }
        self.topics.push((hash, Arc::clone(topic)));
        true
    }

    fn outdate(&self, filter: &Filter, tenure: Tenure, concerned: impl Fn(&Topic) -> bool) {
        let changed = match tenure {
            Tenure::Lasting => LASTING_CHANGED,
            Tenure::Passing => PASSING_CHANGED,
        };
        for (_, topic) in &self.topics {
            match (&filter.subject, &topic.subject) {
                (Some(subject), Some(own)) if **subject != **own => {}
                _ if !concerned(topic) => {}
                (Some(_), None) => {
                    topic.state.fetch_add(SUBJECT_CHANGED, Ordering::AcqRel);
                }
                _ => {
                    topic.state.fetch_or(changed, Ordering::AcqRel);
                }
            }
        }
    }
}

impl Topic {
    /// The lasting receivers, if they have not changed.
    fn lasting(&self) -> Option<Arc<[Candidate]>> {
        let known = self.receivers.get()?;
        let changed = self.state.load(Ordering::Acquire) & LASTING_CHANGED != 0;
        (!changed).then(|| Arc::clone(&known.lasting))
    }

    /// It is told of no change any more.
    fn forget(&self) {
        self.state.fetch_or(FORGOTTEN, Ordering::AcqRel);
    }

    /// Without writing where that changes nothing: many publishers come here.
    fn note_use(&self) {
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
    }

    /// Bytes that it takes, or nearly so.
    fn bytes(&self) -> usize {
        let texts = self.event_type.len() + self.subject.as_ref().map_or(0, |text| text.len());
        let candidates = self.receivers.get().map_or(0, |receivers| {
            receivers.lasting.len() + receivers.passing.len()
        });
        size_of::<Self>() + texts + candidates * size_of::<Candidate>()
    }
}

impl Known {
    /// Calls `found` once for each receiver that wants an event of the topic.
    pub(super) fn find<'t>(
        &'t self,
        key: &RoutingKey<'_>,
        node: &str,
        publisher: &str,
        mut found: impl FnMut(&'t Arc<Registration>),
    ) {
        let Some(Receivers { lasting, passing }) = self.topic.receivers.get() else {
            return;
        };
        for Candidate {
            receiver,
            conditions,
        } in lasting.iter().chain(passing.iter())
        {
            let passes = |filter: &Arc<Filter>| filter.matches_rest(key, node, publisher);
            if conditions.is_empty() || conditions.iter().any(passes) {
                found(receiver);
            }
        }
    }

    /// Whether the topic will say so when something changes.
    pub(super) fn is_kept(&self) -> bool {
        self.kept
    }

    /// Whether nothing has changed that concerns events of this type.
    #[inline]
    pub(super) fn is_current(&self) -> bool {
        self.topic.state.load(Ordering::Acquire) == self.state
    }
}
