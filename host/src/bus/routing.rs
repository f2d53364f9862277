//! The routing table: from an event's type and subject to the receivers that
//! want it, at a cost in proportion to the matches and not to the receivers.
//!
//! A glob without `*` is found by one hash look-up. Any other is filed under
//! the longer of its literal prefix and its literal suffix, in a Patricia tree
//! that one walk along the type searches. Only globs with neither (`*`, `*x*`)
//! are tried one by one. Behind each glob, receivers that want one subject are
//! found by hash.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use patricia_tree::PatriciaMap;

use super::filter::Filter;
use super::receiver::Core;
use crate::event::Pattern;

type Map<V> = HashMap<Box<str>, V, RandomState>;

#[derive(Default)]
pub(super) struct RoutingTable {
    exact: Map<Routes>,
    prefixes: PatriciaMap<Vec<GlobRoutes>>,
    /// Keyed by the reversed suffix.
    suffixes: PatriciaMap<Vec<GlobRoutes>>,
    floating: Vec<GlobRoutes>,
}

struct GlobRoutes {
    /// A pattern without alternatives.
    glob: Pattern,
    routes: Routes,
}

#[derive(Default)]
struct Routes {
    any_subject: Vec<Route>,
    by_subject: Map<Vec<Route>>,
}

/// One filter of one receiver.
#[derive(Clone)]
pub(super) struct Route {
    pub(super) receiver: Arc<Core>,
    pub(super) filter: Arc<Filter>,
}

enum Place<'g> {
    Exact,
    Prefix(&'g str),
    Suffix(Vec<u8>),
    Floating,
}

fn place(glob: &str) -> Place<'_> {
    let Some((prefix, rest)) = glob.split_once('*') else {
        return Place::Exact;
    };
    let suffix = rest.rsplit('*').next().unwrap_or_default();
    match (prefix.len(), suffix.len()) {
        (0, 0) => Place::Floating,
        (prefix_len, suffix_len) if prefix_len >= suffix_len => Place::Prefix(prefix),
        _ => Place::Suffix(suffix.bytes().rev().collect()),
    }
}

impl RoutingTable {
    pub(super) fn insert(&mut self, route: &Route) {
        for glob in route.filter.pattern.globs() {
            self.routes_mut(glob.as_str()).insert(route.clone());
        }
    }

    fn routes_mut(&mut self, glob: &str) -> &mut Routes {
        let globs = match place(glob) {
            Place::Exact => return self.exact.entry(glob.into()).or_default(),
            Place::Prefix(prefix) => entry(&mut self.prefixes, prefix.as_bytes()),
            Place::Suffix(suffix) => entry(&mut self.suffixes, &suffix),
            Place::Floating => &mut self.floating,
        };
        let at = globs
            .iter()
            .position(|known| known.glob.as_str() == glob)
            .unwrap_or_else(|| {
                globs.push(GlobRoutes {
                    glob: Pattern::new(glob).expect("a glob of a valid pattern is one"),
                    routes: Routes::default(),
                });
                globs.len() - 1
            });
        &mut globs[at].routes
    }

    /// Removes every route of `receiver` that came from `filter`.
    pub(super) fn remove(&mut self, receiver: &Arc<Core>, filter: &Filter) {
        for glob in filter.pattern.globs() {
            let glob = glob.as_str();
            match place(glob) {
                Place::Exact => {
                    if let Some(routes) = self.exact.get_mut(glob) {
                        if routes.remove(receiver, filter) {
                            self.exact.remove(glob);
                        }
                    }
                }
                Place::Prefix(prefix) => {
                    remove_glob(
                        &mut self.prefixes,
                        prefix.as_bytes(),
                        glob,
                        receiver,
                        filter,
                    );
                }
                Place::Suffix(suffix) => {
                    remove_glob(&mut self.suffixes, &suffix, glob, receiver, filter);
                }
                Place::Floating => retain_glob(&mut self.floating, glob, receiver, filter),
            }
        }
    }

    /// Calls `found` with every route whose pattern and subject match; a
    /// receiver with several matching filters is found several times.
    pub(super) fn find<'t>(
        &'t self,
        event_type: &str,
        subject: Option<&str>,
        found: &mut impl FnMut(&'t Route),
    ) {
        if let Some(routes) = self.exact.get(event_type) {
            routes.find(subject, found);
        }
        if !self.prefixes.is_empty() {
            for (_, globs) in self.prefixes.common_prefixes(event_type.as_bytes()) {
                find_globs(globs, event_type, subject, found);
            }
        }
        if !self.suffixes.is_empty() {
            let reversed: smallvec::SmallVec<[u8; 256]> = event_type.bytes().rev().collect();
            for (_, globs) in self.suffixes.common_prefixes(&reversed) {
                find_globs(globs, event_type, subject, found);
            }
        }
        find_globs(&self.floating, event_type, subject, found);
    }
}

fn entry<'m>(map: &'m mut PatriciaMap<Vec<GlobRoutes>>, key: &[u8]) -> &'m mut Vec<GlobRoutes> {
    if map.get(key).is_none() {
        map.insert(key, Vec::new());
    }
    map.get_mut(key).expect("just inserted")
}

fn find_globs<'t>(
    globs: &'t [GlobRoutes],
    event_type: &str,
    subject: Option<&str>,
    found: &mut impl FnMut(&'t Route),
) {
    for known in globs {
        if known.glob.matches(event_type) {
            known.routes.find(subject, found);
        }
    }
}

fn remove_glob(
    map: &mut PatriciaMap<Vec<GlobRoutes>>,
    key: &[u8],
    glob: &str,
    receiver: &Arc<Core>,
    filter: &Filter,
) {
    if let Some(globs) = map.get_mut(key) {
        retain_glob(globs, glob, receiver, filter);
        if globs.is_empty() {
            map.remove(key);
        }
    }
}

fn retain_glob(globs: &mut Vec<GlobRoutes>, glob: &str, receiver: &Arc<Core>, filter: &Filter) {
    globs.retain_mut(|known| known.glob.as_str() != glob || !known.routes.remove(receiver, filter));
}

impl Routes {
    fn insert(&mut self, route: Route) {
        match &route.filter.subject {
            None => self.any_subject.push(route),
            Some(subject) => self
                .by_subject
                .entry(subject.as_ref().into())
                .or_default()
                .push(route),
        }
    }

    /// Returns whether nothing is left.
    fn remove(&mut self, receiver: &Arc<Core>, filter: &Filter) -> bool {
        let keep = |route: &Route| {
            !Arc::ptr_eq(&route.receiver, receiver) || route.filter.as_ref() != filter
        };
        match filter.subject.as_deref() {
            None => self.any_subject.retain(keep),
            Some(subject) => {
                if let Some(routes) = self.by_subject.get_mut(subject) {
                    routes.retain(keep);
                    if routes.is_empty() {
                        self.by_subject.remove(subject);
                    }
                }
            }
        }
        self.any_subject.is_empty() && self.by_subject.is_empty()
    }

    fn find<'t>(&'t self, subject: Option<&str>, found: &mut impl FnMut(&'t Route)) {
        self.any_subject.iter().for_each(&mut *found);
        if !self.by_subject.is_empty() {
            if let Some(routes) = subject.and_then(|subject| self.by_subject.get(subject)) {
                routes.iter().for_each(found);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::bus::{Mailbox, MailboxLimits, Overflow, ReceiverKind};

    fn receiver(name: usize) -> Arc<Core> {
        let mailbox = Mailbox::new(MailboxLimits::default(), Overflow::DropOldest, 1);
        Arc::new(Core::new(
            name.to_string().into(),
            ReceiverKind::Stream,
            mailbox,
        ))
    }

    fn found(table: &RoutingTable, event_type: &str, subject: Option<&str>) -> Vec<String> {
        let mut names = Vec::new();
        table.find(event_type, subject, &mut |route: &Route| {
            names.push(route.receiver.name().to_owned());
        });
        names.sort();
        names.dedup();
        names
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
            let routes: Vec<Route> = filters.into_iter().enumerate().map(|(name, (pattern, subject))| {
                let mut filter = Filter::new(Pattern::new(&pattern).expect("valid by its strategy"));
                filter.subject = subject.map(Into::into);
                Route { receiver: receiver(name), filter: Arc::new(filter) }
            }).collect();
            for route in &routes {
                table.insert(route);
            }
            let mut expected = Vec::new();
            for (route, removed) in routes.iter().zip(&removed) {
                let filter = &route.filter;
                if *removed {
                    table.remove(&route.receiver, filter);
                } else if filter.pattern.matches(&event_type)
                    && filter.subject.as_deref().is_none_or(|wanted| subject.as_deref() == Some(wanted))
                {
                    expected.push(route.receiver.name().to_owned());
                }
            }
            expected.sort();
            prop_assert_eq!(found(&table, &event_type, subject.as_deref()), expected);

            for (route, removed) in routes.iter().zip(&removed) {
                if !removed {
                    table.remove(&route.receiver, &route.filter);
                }
            }
            prop_assert!(table.exact.is_empty() && table.prefixes.is_empty());
            prop_assert!(table.suffixes.is_empty() && table.floating.is_empty());
        }
    }
}
