//! The routing table: from an event's type and subject to the receivers that
//! want it, at a cost in proportion to the matches and not to the receivers.
//!
//! A glob without `*` is found by one hash look-up. Any other is filed under
//! its literal prefix and, below that, its literal suffix; either may be empty.
//! Only globs that share both (`a*b*c` and `a*d*c`) are tried one by one. Filters on
//! one subject are apart from the others, found by the hash of the subject.
//!
//! What is found is remembered as a [`Topic`](super::topics::Topic), so that a glob is
//! tried for a new type and not for every event.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;
use hearken_pattern::Glob;
use smallvec::SmallVec;

use super::affixes::{Affixes, End};
use super::filter::Filter;
use super::registration::{ReceiverKind, Registration};

type Map<V> = HashMap<Box<str>, V, RandomState>;

/// The filters of all receivers.
#[derive(Default)]
pub(super) struct RoutingTable {
    lasting: Filters,
    passing: Filters,
}

/// How often receivers of a kind come and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tenure {
    /// They stay as long as a version of a plugin.
    Lasting,
    /// As often as somebody likes.
    Passing,
}

/// The filters of receivers of one tenure.
#[derive(Default)]
struct Filters {
    of_any_subject: Globs,
    by_subject: Map<Globs>,
}

struct Globs {
    /// Those without `*`.
    exact: Map<Routes>,
    /// By prefix.
    open: Affixes<Suffixes>,
}

/// Globs with the same prefix, by suffix, and then by their text.
struct Suffixes(Affixes<BTreeMap<Box<str>, GlobRoutes>>);

struct GlobRoutes {
    glob: Glob,
    routes: Routes,
}

/// Receivers by their number, each with the filters that brought it here.
type Routes = BTreeMap<u64, (Arc<Registration>, SmallVec<[Arc<Filter>; 1]>)>;

impl Tenure {
    pub(super) fn of(kind: ReceiverKind) -> Self {
        match kind {
            ReceiverKind::Plugin => Self::Lasting,
            ReceiverKind::Stream | ReceiverKind::Waiter | ReceiverKind::Link => Self::Passing,
        }
    }
}

impl RoutingTable {
    /// Adds a filter of a receiver.
    pub(super) fn insert(&mut self, receiver: &Arc<Registration>, filter: &Arc<Filter>) {
        let filters = self.filters_mut(Tenure::of(receiver.kind()));
        let globs = match filter.subject.as_deref() {
            None => &mut filters.of_any_subject,
            Some(subject) => filters.by_subject.entry(subject.into()).or_default(),
        };
        for glob in filter.pattern.globs() {
            let (_, known) = globs
                .routes_mut(glob)
                .entry(receiver.number())
                .or_insert_with(|| (Arc::clone(receiver), SmallVec::new()));
            known.push(Arc::clone(filter));
        }
    }

    /// Removes a filter that was added.
    pub(super) fn remove(&mut self, receiver: &Registration, filter: &Arc<Filter>) {
        let filters = self.filters_mut(Tenure::of(receiver.kind()));
        match filter.subject.as_deref() {
            None => filters.of_any_subject.remove(receiver, filter),
            Some(subject) => {
                if let Some(globs) = filters.by_subject.get_mut(subject) {
                    globs.remove(receiver, filter);
                    if globs.is_empty() {
                        filters.by_subject.remove(subject);
                    }
                }
            }
        }
    }

    /// Calls `found` with every filter of receivers of a tenure whose pattern and subject
    /// match, and with the receiver; one with several such filters is found several times.
    pub(super) fn find<'t>(
        &'t self,
        tenure: Tenure,
        event_type: &str,
        subject: Option<&str>,
        found: &mut impl FnMut(&'t Arc<Registration>, &'t Arc<Filter>),
    ) {
        let filters = match tenure {
            Tenure::Lasting => &self.lasting,
            Tenure::Passing => &self.passing,
        };
        filters.of_any_subject.find(event_type, found);
        if let Some(globs) = subject.and_then(|subject| filters.by_subject.get(subject)) {
            globs.find(event_type, found);
        }
    }

    fn filters_mut(&mut self, tenure: Tenure) -> &mut Filters {
        match tenure {
            Tenure::Lasting => &mut self.lasting,
            Tenure::Passing => &mut self.passing,
        }
    }
}

impl Default for Globs {
    fn default() -> Self {
        Self {
            exact: Map::default(),
            open: Affixes::new(End::Front),
        }
    }
}

impl Default for Suffixes {
    fn default() -> Self {
        Self(Affixes::new(End::Back))
    }
}

impl Globs {
    fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.open.is_empty()
    }

    fn routes_mut(&mut self, glob: &Glob) -> &mut Routes {
        let Some((prefix, suffix)) = glob.ends() else {
            return self.exact.entry(glob.as_str().into()).or_default();
        };
        let globs = self.open.entry(prefix).0.entry(suffix);
        let known = globs
            .entry(glob.as_str().into())
            .or_insert_with(|| GlobRoutes {
                glob: glob.clone(),
                routes: Routes::default(),
            });
        &mut known.routes
    }

    fn remove(&mut self, receiver: &Registration, filter: &Arc<Filter>) {
        for glob in filter.pattern.globs() {
            match glob.ends() {
                None => {
                    if let Some(routes) = self.exact.get_mut(glob.as_str())
                        && remove(routes, receiver, filter)
                    {
                        self.exact.remove(glob.as_str());
                    }
                }
                Some((prefix, suffix)) => self.open.remove_if(prefix, |suffixes| {
                    suffixes.0.remove_if(suffix, |globs| {
                        if let Some(known) = globs.get_mut(glob.as_str())
                            && remove(&mut known.routes, receiver, filter)
                        {
                            globs.remove(glob.as_str());
                        }
                        globs.is_empty()
                    });
                    suffixes.0.is_empty()
                }),
            }
        }
    }

    fn find<'t>(
        &'t self,
        event_type: &str,
        found: &mut impl FnMut(&'t Arc<Registration>, &'t Arc<Filter>),
    ) {
        if let Some(routes) = self.exact.get(event_type) {
            each(routes, found);
        }
        self.open.find(event_type, |suffixes| {
            suffixes.0.find(event_type, |globs| {
                for known in globs.values() {
                    if known.glob.matches(event_type) {
                        each(&known.routes, found);
                    }
                }
            });
        });
    }
}

fn each<'t>(routes: &'t Routes, found: &mut impl FnMut(&'t Arc<Registration>, &'t Arc<Filter>)) {
    for (receiver, filters) in routes.values() {
        for filter in filters {
            found(receiver, filter);
        }
    }
}

/// Returns whether nothing is left.
fn remove(routes: &mut Routes, receiver: &Registration, filter: &Arc<Filter>) -> bool {
    if let Some((_, filters)) = routes.get_mut(&receiver.number()) {
        filters.retain(|known| !Arc::ptr_eq(known, filter));
        if filters.is_empty() {
            routes.remove(&receiver.number());
        }
    }
    routes.is_empty()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::bus::{Mailbox, MailboxLimits, Overflow};
    use crate::event::Pattern;

    const TENURES: [Tenure; 2] = [Tenure::Lasting, Tenure::Passing];

    fn receiver(number: usize) -> Arc<Registration> {
        let mailbox = Mailbox::new(MailboxLimits::default(), Overflow::DropOldest, 1, None);
        let kind = [ReceiverKind::Plugin, ReceiverKind::Stream][number % 2];
        let name = number.to_string();
        Arc::new(Registration::new(number as u64, name.into(), kind, mailbox))
    }

    fn found(table: &RoutingTable, event_type: &str, subject: Option<&str>) -> Vec<u64> {
        let mut numbers = Vec::new();
        for tenure in TENURES {
            table.find(tenure, event_type, subject, &mut |receiver, _| {
                assert_eq!(Tenure::of(receiver.kind()), tenure);
                numbers.push(receiver.number());
            });
        }
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    proptest! {
        #[test]
        fn finds_what_a_scan_finds(
            filters in proptest::collection::vec(
                ("[ab.*]{1,5}|\\{[ab]\\*?,\\*[ab]\\}", proptest::option::of("[xy]")), 0..12),
            removed in proptest::collection::vec(any::<bool>(), 12),
            event_type in "[ab.]{1,5}",
            subject in proptest::option::of("[xy]"),
        ) {
            let mut table = RoutingTable::default();
            let routes: Vec<(Arc<Registration>, Arc<Filter>)> = filters.into_iter().enumerate().map(|(number, (pattern, subject))| {
                let mut filter = Filter::new(Pattern::new(&pattern).expect("valid by its strategy"));
                filter.subject = subject.map(Into::into);
                // Of several filters a receiver now and then.
                (receiver(number / 2), Arc::new(filter))
            }).collect();
            for (receiver, filter) in &routes {
                table.insert(receiver, filter);
            }
            let mut expected = Vec::new();
            for ((receiver, filter), removed) in routes.iter().zip(&removed) {
                if *removed {
                    table.remove(receiver, filter);
                } else if filter.pattern.matches(&event_type)
                    && filter.subject.as_deref().is_none_or(|wanted| subject.as_deref() == Some(wanted))
                {
                    expected.push(receiver.number());
                }
            }
            expected.sort_unstable();
            expected.dedup();
            prop_assert_eq!(found(&table, &event_type, subject.as_deref()), expected);

            for ((receiver, filter), removed) in routes.iter().zip(&removed) {
                if !removed {
                    table.remove(receiver, filter);
                }
            }
            for filters in [&table.lasting, &table.passing] {
                prop_assert!(filters.of_any_subject.is_empty() && filters.by_subject.is_empty());
            }
        }
    }
}
