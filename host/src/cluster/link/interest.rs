//! Interest on the wire: what a node wants of another's events, so that it is sent
//! nothing else. Lists are bounded in entries and bytes; a node whose receivers want
//! more asks for a wider and shorter list.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::bus::{Filter, ListSize, Wish, Wishes};
use crate::cluster::wire::handshake::INTEREST_CHANGE_SINCE;
use crate::cluster::wire::protocol;
use crate::cluster::wire::protocol::frame::Kind;
use crate::cluster::wire::protocol::{Interest, InterestChange};
use crate::event::{MAX_ATTRIBUTE_BYTES, Pattern, PatternError};

/// Most filters that a node asks another for.
const MAX_FILTERS: usize = 1000;

/// Most bytes of texts of filters that a node asks another for: far less than the
/// largest frame that any node takes.
const MAX_BYTES: usize = 256 << 10;

/// The same on the way to a link, for which the other side waits: what a slow line
/// carries in a fraction of that time.
const MAX_RESUME_BYTES: usize = 16 << 10;

/// Most bytes of texts of filters that are kept for another node: whoever says at once
/// that it wants more is sent everything.
const MAX_KEPT_BYTES: usize = 1 << 20;

/// The interest is larger than any node sends.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InterestError {
    /// There are too many filters.
    #[error("it wants {0} filters; at most {MAX_FILTERS} are allowed")]
    TooMany(usize),
    /// Their texts are too long.
    #[error("what it wants has {0} bytes; at most {MAX_KEPT_BYTES} are allowed")]
    TooLarge(usize),
    /// A filter's pattern is none.
    #[error("it wants the pattern {pattern:?}: {error}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        error: PatternError,
    },
}

/// How exactly a node says what it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Width {
    /// As it is.
    Exact,
    /// By the patterns alone.
    Patterns,
    /// Everything.
    All,
}

impl Width {
    /// The narrowest that keeps within the bounds. One that is narrower than the
    /// present one needs room to spare, lest every other wish changes it back.
    fn of(wishes: &Wishes, max_bytes: usize, present: Option<Self>) -> Self {
        let fits = |size: ListSize, is_narrower: bool| {
            let (entries, bytes) = if is_narrower {
                (MAX_FILTERS - MAX_FILTERS / 4, max_bytes - max_bytes / 4)
            } else {
                (MAX_FILTERS, max_bytes)
            };
            size.entries <= entries && size.bytes <= bytes
        };
        let was_wider = |than: &[Self]| present.is_some_and(|width| than.contains(&width));
        if fits(wishes.size(), was_wider(&[Self::Patterns, Self::All])) {
            Self::Exact
        } else if fits(wishes.patterns_size(), was_wider(&[Self::All])) {
            Self::Patterns
        } else {
            Self::All
        }
    }

    /// All that is wanted of a node.
    fn whole(self, wishes: &Wishes, node: &str) -> Interest {
        let filters = match self {
            Self::Exact => wishes.of(node).map(exactly).collect(),
            Self::Patterns => wishes
                .patterns_of(node)
                .map(|pattern| by_pattern(pattern))
                .collect(),
            Self::All => vec![by_pattern("*")],
        };
        Interest {
            version: wishes.version(),
            filters,
        }
    }

    /// What has changed since a version; nothing when that is no longer known, or more
    /// than all that is wanted may be.
    fn changes(self, wishes: &Wishes, node: &str, since: u64) -> Option<InterestChange> {
        let mut change = InterestChange {
            version: wishes.version(),
            ..InterestChange::default()
        };
        let mut size = ListSize::default();
        let mut note = |is_wanted: bool, filter: protocol::Filter, bytes: usize| {
            size.entries += 1;
            size.bytes += bytes;
            let list = if is_wanted {
                &mut change.added
            } else {
                &mut change.removed
            };
            list.push(filter);
        };
        match self {
            Self::Exact => {
                for wish in wishes.changed_since(since)? {
                    note(wishes.is_wanted(wish, node), exactly(wish), wish.bytes());
                }
            }
            Self::Patterns => {
                for pattern in wishes.patterns_changed_since(since)? {
                    let is_wanted = wishes.is_pattern_wanted(pattern, node);
                    note(is_wanted, by_pattern(pattern), pattern.len());
                }
            }
            Self::All => {}
        }
        (size.entries <= MAX_FILTERS && size.bytes <= MAX_BYTES).then_some(change)
    }
}

fn exactly(wish: &Wish) -> protocol::Filter {
    let text = |text: &Arc<str>| text.to_string();
    protocol::Filter {
        pattern: text(&wish.pattern),
        subject: wish.subject.as_ref().map(text),
        channel: wish.channel.as_ref().map(text),
    }
}

fn by_pattern(pattern: &str) -> protocol::Filter {
    protocol::Filter {
        pattern: pattern.to_owned(),
        ..protocol::Filter::default()
    }
}

/// What another node was asked for over the present connection.
#[derive(Debug)]
pub(in crate::cluster) struct Asked {
    /// Name of the node.
    node: Arc<str>,
    takes_changes: bool,
    width: Width,
    /// Version of the wishes that it was told all of.
    version: u64,
    /// Version in the last frame that told it some.
    told: u64,
    /// Whether it has said that it knows.
    confirmed: bool,
}

impl Asked {
    /// What to ask `node` for on the way to a link that speaks this minor version.
    pub(in crate::cluster) fn resume(
        node: &Arc<str>,
        minor: u32,
        wishes: &Wishes,
    ) -> (Self, Interest) {
        let width = Width::of(wishes, MAX_RESUME_BYTES, None);
        let asked = Self {
            node: Arc::clone(node),
            takes_changes: minor >= INTEREST_CHANGE_SINCE,
            width,
            version: wishes.version(),
            told: wishes.version(),
            confirmed: false,
        };
        (asked, width.whole(wishes, node))
    }

    /// What there is to tell it now, if anything.
    pub(in crate::cluster) fn ask(&mut self, wishes: &Wishes) -> Option<Kind> {
        let width = Width::of(wishes, MAX_BYTES, Some(self.width));
        if width == self.width && wishes.version() == self.version {
            return None;
        }
        let changes = (width == self.width)
            .then(|| width.changes(wishes, &self.node, self.version))
            .flatten();
        self.width = width;
        self.version = wishes.version();
        let kind = match changes {
            // What has changed does not concern it.
            Some(change) if change.added.is_empty() && change.removed.is_empty() => return None,
            Some(change) if self.takes_changes => Kind::InterestChange(change),
            _ => Kind::Interest(width.whole(wishes, &self.node)),
        };
        self.told = self.version;
        self.confirmed = false;
        Some(kind)
    }

    /// It says that it knows what it was told with this version.
    pub(in crate::cluster) fn confirm(&mut self, version: u64) -> u64 {
        if version != self.told {
            return version;
        }
        self.confirmed = true;
        self.version
    }

    /// The version of the wishes all of which it knows, if it has confirmed the last that
    /// it was told.
    pub(in crate::cluster) fn known(&self) -> Option<u64> {
        self.confirmed.then_some(self.version)
    }
}

/// What another node wants of this one's events: the filters of the link to it.
#[derive(Clone, Debug, Default)]
pub struct LinkFilters {
    filters: BTreeMap<Wish, Arc<Filter>>,
    bytes: usize,
}

/// What has become of the filters of a link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rerouted {
    /// Those that were.
    pub removed: Vec<Arc<Filter>>,
    /// Those that are new.
    pub added: Vec<Arc<Filter>>,
}

impl LinkFilters {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.filters.len()
    }

    /// Whether nothing is wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.filters.is_empty()
    }

    /// The other node wants this and nothing else.
    ///
    /// # Errors
    /// [`InterestError`] when no node would send that; then nothing changes.
    pub fn replace(&mut self, wanted: &[protocol::Filter]) -> Result<Rerouted, InterestError> {
        if wanted.len() > MAX_FILTERS {
            return Err(InterestError::TooMany(wanted.len()));
        }
        let mut next = Self::default();
        for filter in wanted {
            next.add(filter, Some(&*self))?;
        }
        let next = next.widened()?;
        let absent = |from: &Self, filters: &Self| -> Vec<Arc<Filter>> {
            let filters = filters.filters.iter();
            let absent = filters.filter(|(wish, _)| !from.filters.contains_key(wish));
            absent.map(|(_, filter)| Arc::clone(filter)).collect()
        };
        let rerouted = Rerouted {
            removed: absent(&next, self),
            added: absent(self, &next),
        };
        *self = next;
        Ok(rerouted)
    }

    /// What the other node wants has changed.
    ///
    /// # Errors
    /// [`InterestError`] when no node would send that; then nothing changes.
    pub fn change(&mut self, change: &InterestChange) -> Result<Rerouted, InterestError> {
        // Before anything is compiled: no node changes more at once.
        let changed = change.added.len().saturating_add(change.removed.len());
        if changed > MAX_FILTERS {
            return Err(InterestError::TooMany(changed));
        }
        let mut next = Self::default();
        for filter in &change.added {
            next.add(filter, None)?;
        }
        let removed: BTreeSet<Wish> = change.removed.iter().map(wish).collect();
        let is_removed = |wish: &Wish| removed.contains(wish) && !next.filters.contains_key(wish);
        let stays = self.filters.keys().filter(|wish| !is_removed(wish));
        let (mut count, mut bytes) = (next.len(), next.bytes);
        for wish in stays.filter(|wish| !next.filters.contains_key(wish)) {
            count += 1;
            bytes += wish.bytes();
        }
        if count > MAX_FILTERS {
            return Err(InterestError::TooMany(count));
        }
        if bytes > MAX_KEPT_BYTES {
            return Err(InterestError::TooLarge(bytes));
        }
        let mut rerouted = Rerouted::default();
        for wish in removed.iter().filter(|wish| is_removed(wish)) {
            rerouted.removed.extend(self.filters.remove(wish));
        }
        for (wish, filter) in next.filters {
            if let Entry::Vacant(place) = self.filters.entry(wish) {
                rerouted.added.push(Arc::clone(place.insert(filter)));
            }
        }
        self.bytes = bytes;
        Ok(rerouted)
    }

    /// Adds a filter, the one that `present` has if it has it.
    fn add(
        &mut self,
        wanted: &protocol::Filter,
        present: Option<&Self>,
    ) -> Result<(), InterestError> {
        let wish = wish(wanted);
        let texts = [wish.subject.as_deref(), wish.channel.as_deref()];
        if texts
            .into_iter()
            .flatten()
            .any(|text| text.len() > MAX_ATTRIBUTE_BYTES)
        {
            // No event has it.
            return Ok(());
        }
        let filter = match present.and_then(|present| present.filters.get(&wish)) {
            Some(filter) => Arc::clone(filter),
            None => Arc::new(link_filter(&wish)?),
        };
        let bytes = wish.bytes();
        if let Entry::Vacant(place) = self.filters.entry(wish) {
            place.insert(filter);
            self.bytes += bytes;
        }
        Ok(())
    }

    fn widened(self) -> Result<Self, InterestError> {
        if self.bytes > MAX_KEPT_BYTES {
            return Self::everything();
        }
        Ok(self)
    }

    fn everything() -> Result<Self, InterestError> {
        let mut everything = Self::default();
        everything.add(&by_pattern("*"), None)?;
        Ok(everything)
    }
}

fn wish(wanted: &protocol::Filter) -> Wish {
    Wish {
        pattern: wanted.pattern.as_str().into(),
        subject: wanted.subject.as_deref().map(Into::into),
        channel: wanted.channel.as_deref().map(Into::into),
    }
}

fn link_filter(wish: &Wish) -> Result<Filter, InterestError> {
    let pattern = Pattern::new(&wish.pattern).map_err(|error| InterestError::Pattern {
        pattern: wish.pattern.to_string(),
        error,
    })?;
    Ok(Filter {
        subject: wish.subject.clone(),
        channel: wish.channel.clone(),
        // Its own events only: so nothing loops.
        local_only: true,
        distributed_only: true,
        ..Filter::new(pattern)
    })
}

#[cfg(test)]
mod tests;
