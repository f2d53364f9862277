//! What is wanted of other nodes, and what of that has changed lately.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use smallvec::SmallVec;

use super::filter::Filter;

/// Most changes that are remembered; who has missed more asks for everything anew.
const MAX_CHANGES: usize = 4096;

/// Most bytes of the texts of changes that are remembered.
const MAX_CHANGES_BYTES: usize = 1 << 20;

/// What some receiver wants of the events of other nodes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wish {
    /// Pattern on the type.
    pub pattern: Arc<str>,
    /// Only events with exactly this subject.
    pub subject: Option<Arc<str>>,
    /// Only events of this channel.
    pub channel: Option<Arc<str>>,
}

/// Who has a wish, by the node whose events they do not want: a session's id excludes
/// no node.
type Wishers = SmallVec<[(Option<Arc<str>>, usize); 1]>;

/// How long a list is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListSize {
    /// Entries.
    pub entries: usize,
    /// Bytes of their texts.
    pub bytes: usize,
}

/// All wishes of a node.
#[derive(Debug, Default)]
pub struct Wishes {
    /// Counts the changes.
    version: u64,
    wanted: BTreeMap<Wish, Wishers>,
    size: ListSize,
    /// How many wishes have a pattern.
    patterns: BTreeMap<Arc<str>, usize>,
    pattern_bytes: usize,
    /// What has changed; oldest first.
    changes: VecDeque<Change>,
    /// How many wishes exclude a node, counted by the node.
    excluding: usize,
    /// Bytes of their texts.
    changes_bytes: usize,
    /// Of changes up to this version some are forgotten.
    forgotten: u64,
}

/// Something that is wanted, or is not, since a version.
#[derive(Debug)]
struct Change {
    version: u64,
    wish: Wish,
    /// Whether its pattern may be wanted, or not, since then.
    pattern_too: bool,
}

impl Wish {
    /// Bytes of its texts.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let bytes = |text: &Option<Arc<str>>| text.as_deref().map_or(0, str::len);
        self.pattern.len() + bytes(&self.subject) + bytes(&self.channel)
    }
}

impl From<&Filter> for Wish {
    fn from(filter: &Filter) -> Self {
        Self {
            pattern: filter.pattern.as_str().into(),
            subject: filter.subject.clone(),
            channel: filter.channel.clone(),
        }
    }
}

impl Wishes {
    /// Counts filters in and out; returns whether anything is wanted, or not wanted,
    /// that was not before.
    pub(super) fn change<'f>(
        &mut self,
        added: impl Iterator<Item = &'f Filter>,
        removed: impl Iterator<Item = &'f Filter>,
    ) -> bool {
        let version = self.version + 1;
        let mut changed = false;
        for filter in added.filter(|filter| !filter.local_only) {
            changed |= self.add(filter.into(), filter.exclude.as_ref(), version);
        }
        for filter in removed.filter(|filter| !filter.local_only) {
            changed |= self.remove(filter.into(), filter.exclude.as_ref(), version);
        }
        if changed {
            self.version = version;
        }
        changed
    }

    fn add(&mut self, wish: Wish, exclude: Option<&Arc<str>>, version: u64) -> bool {
        let wishers = self.wanted.entry(wish.clone()).or_default();
        if let Some((_, count)) = wishers.iter_mut().find(|known| known.0.as_ref() == exclude) {
            *count += 1;
            return false;
        }
        let is_new = wishers.is_empty();
        wishers.push((exclude.cloned(), 1));
        let mut pattern_too = false;
        if is_new {
            self.size.entries += 1;
            self.size.bytes += wish.bytes();
            let alike = self.patterns.entry(Arc::clone(&wish.pattern)).or_default();
            if *alike == 0 {
                self.pattern_bytes += wish.pattern.len();
                pattern_too = true;
            }
            *alike += 1;
        }
        self.excluding += usize::from(exclude.is_some());
        pattern_too |= self.excluding > 0;
        self.remember(Change {
            version,
            wish,
            pattern_too,
        });
        true
    }

    fn remove(&mut self, wish: Wish, exclude: Option<&Arc<str>>, version: u64) -> bool {
        let Some(wishers) = self.wanted.get_mut(&wish) else {
            return false;
        };
        let Some(at) = wishers.iter().position(|known| known.0.as_ref() == exclude) else {
            return false;
        };
        wishers[at].1 -= 1;
        if wishers[at].1 > 0 {
            return false;
        }
        wishers.swap_remove(at);
        let mut pattern_too = self.excluding > 0;
        self.excluding -= usize::from(exclude.is_some());
        if wishers.is_empty() {
            self.wanted.remove(&wish);
            self.size.entries -= 1;
            self.size.bytes -= wish.bytes();
            if let Some(alike) = self.patterns.get_mut(&wish.pattern) {
                *alike -= 1;
                if *alike == 0 {
                    self.patterns.remove(&wish.pattern);
                    self.pattern_bytes -= wish.pattern.len();
                    pattern_too = true;
                }
            }
        }
        self.remember(Change {
            version,
            wish,
            pattern_too,
        });
        true
    }

    fn remember(&mut self, change: Change) {
        self.changes_bytes += change.wish.bytes();
        self.changes.push_back(change);
        while self.changes.len() > MAX_CHANGES || self.changes_bytes > MAX_CHANGES_BYTES {
            let Some(oldest) = self.changes.pop_front() else {
                return;
            };
            self.forgotten = oldest.version;
            self.changes_bytes -= oldest.wish.bytes();
        }
    }

    /// Counts the changes.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Length of the list of all wishes.
    #[must_use]
    pub fn size(&self) -> ListSize {
        self.size
    }

    /// Length of the list of their patterns.
    #[must_use]
    pub fn patterns_size(&self) -> ListSize {
        ListSize {
            entries: self.patterns.len(),
            bytes: self.pattern_bytes,
        }
    }

    /// All that is wanted of a node.
    pub fn of<'w>(&'w self, node: &'w str) -> impl Iterator<Item = &'w Wish> {
        let wanted = self.wanted.iter();
        wanted.filter_map(move |(wish, wishers)| includes(wishers, node).then_some(wish))
    }

    /// The patterns of all that is wanted of a node.
    pub fn patterns_of<'w>(&'w self, node: &'w str) -> impl Iterator<Item = &'w Arc<str>> {
        self.patterns
            .keys()
            .filter(move |pattern| self.is_pattern_wanted(pattern, node))
    }

    /// Whether this is wanted of a node.
    #[must_use]
    pub fn is_wanted(&self, wish: &Wish, node: &str) -> bool {
        self.wanted
            .get(wish)
            .is_some_and(|wishers| includes(wishers, node))
    }

    /// Whether anything with this pattern is wanted of a node.
    #[must_use]
    pub fn is_pattern_wanted(&self, pattern: &Arc<str>, node: &str) -> bool {
        let first = Wish {
            pattern: Arc::clone(pattern),
            subject: None,
            channel: None,
        };
        self.wanted
            .range(first..)
            .take_while(|(wish, _)| wish.pattern == *pattern)
            .any(|(_, wishers)| includes(wishers, node))
    }

    /// What may have changed since a version, each once; nothing when that is no longer
    /// known.
    #[must_use]
    pub fn changed_since(&self, version: u64) -> Option<BTreeSet<&Wish>> {
        let changes = self.changes_since(version)?;
        Some(changes.map(|change| &change.wish).collect())
    }

    /// The patterns that may be wanted, or not, since a version; nothing when that is no
    /// longer known.
    #[must_use]
    pub fn patterns_changed_since(&self, version: u64) -> Option<BTreeSet<&Arc<str>>> {
        let changes = self.changes_since(version)?;
        let changes = changes.filter(|change| change.pattern_too);
        Some(changes.map(|change| &change.wish.pattern).collect())
    }

    fn changes_since(&self, version: u64) -> Option<impl Iterator<Item = &Change>> {
        let changes = self.changes.iter().rev();
        let changes = changes.take_while(move |change| change.version > version);
        (version >= self.forgotten).then_some(changes)
    }
}

fn includes(wishers: &Wishers, node: &str) -> bool {
    wishers
        .iter()
        .any(|(excluded, _)| excluded.as_deref() != Some(node))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::Pattern;

    fn filter(pattern: &str, subject: Option<&str>, exclude: Option<&str>) -> Filter {
        Filter {
            subject: subject.map(Into::into),
            exclude: exclude.map(Into::into),
            ..Filter::new(Pattern::new(pattern).expect("a pattern"))
        }
    }

    fn of(wishes: &Wishes, node: &str) -> BTreeSet<Wish> {
        wishes.of(node).cloned().collect()
    }

    proptest! {
        /// Whoever follows the changes knows what whoever looks at everything does.
        #[test]
        fn the_changes_tell_what_is_wanted(
            steps in proptest::collection::vec(
                (any::<bool>(), "[ab]", proptest::option::of("[xy]"), proptest::option::of("[nm]")),
                1..60),
            looks in proptest::collection::vec(any::<bool>(), 60),
        ) {
            let mut wishes = Wishes::default();
            let mut present: Vec<Filter> = Vec::new();
            let mut known: BTreeSet<Wish> = BTreeSet::new();
            let mut known_patterns: BTreeSet<Arc<str>> = BTreeSet::new();
            let mut version = 0;
            for ((add, pattern, subject, exclude), look) in steps.into_iter().zip(looks) {
                let filter = filter(&pattern, subject.as_deref(), exclude.as_deref());
                if add {
                    wishes.change([&filter].into_iter(), [].into_iter());
                    present.push(filter);
                } else if let Some(at) = present.iter().position(|known| *known == filter) {
                    wishes.change([].into_iter(), [&filter].into_iter());
                    present.swap_remove(at);
                }
                let expected: BTreeSet<Wish> = present
                    .iter()
                    .filter(|filter| filter.exclude.as_deref() != Some("n"))
                    .map(Wish::from)
                    .collect();
                prop_assert_eq!(of(&wishes, "n"), expected.clone());
                let patterns: BTreeSet<&str> =
                    expected.iter().map(|wish| &*wish.pattern).collect();
                prop_assert!(wishes.patterns_of("n").map(|pattern| &**pattern).eq(patterns));
                if look {
                    for wish in wishes.changed_since(version).expect("not so many") {
                        if wishes.is_wanted(wish, "n") {
                            known.insert(wish.clone());
                        } else {
                            known.remove(wish);
                        }
                    }
                    let patterns = wishes.patterns_changed_since(version);
                    for pattern in patterns.expect("not so many") {
                        if wishes.is_pattern_wanted(pattern, "n") {
                            known_patterns.insert(Arc::clone(pattern));
                        } else {
                            known_patterns.remove(pattern);
                        }
                    }
                    version = wishes.version();
                    prop_assert_eq!(&known, &expected);
                    prop_assert!(known_patterns.iter().eq(wishes.patterns_of("n")));
                }
            }
            let removed = std::mem::take(&mut present);
            wishes.change([].into_iter(), removed.iter());
            prop_assert_eq!(wishes.size(), ListSize::default());
            prop_assert_eq!(wishes.patterns_size(), ListSize::default());
        }
    }

    #[test]
    fn who_missed_too_much_is_told_so() {
        let mut wishes = Wishes::default();
        let all: Vec<Filter> = (0..=MAX_CHANGES)
            .map(|number| filter("a", Some(&number.to_string()), None))
            .collect();
        for filter in &all {
            wishes.change([filter].into_iter(), [].into_iter());
        }
        assert_eq!(wishes.changed_since(0), None);
        let since = wishes.changed_since(1).map(|changes| changes.len());
        assert_eq!(since, Some(MAX_CHANGES));
        assert_eq!(wishes.size().entries, MAX_CHANGES + 1);
        assert_eq!(
            wishes.patterns_size(),
            ListSize {
                entries: 1,
                bytes: 1
            }
        );

        // However few they are.
        let long = "s".repeat(MAX_CHANGES_BYTES / 2);
        let long = [
            filter("a", Some(&long), None),
            filter("b", Some(&long), None),
        ];
        let before = wishes.version();
        wishes.change(long.iter(), [].into_iter());
        assert_eq!(wishes.changed_since(before), None);
    }
}
