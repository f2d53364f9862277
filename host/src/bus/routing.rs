//! The routing table: from an event's type and subject to the receivers that
//! want it, at a cost in proportion to the matches and not to the receivers.
//!
//! A glob without `*` is found by one hash look-up. Any other is filed under
//! its literal prefix and, below that, its literal suffix; either may be empty.
//! Only globs that share both (`a*b*c` and `a*d*c`) are tried one by one. Behind
//! each glob, receivers that want one subject are found by hash.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hearken_pattern::Glob;

use super::affixes::{Affixes, End};
use super::filter::Filter;
use super::receiver::Core;

type Map<V> = HashMap<Box<str>, V, RandomState>;

pub(super) struct RoutingTable {
    exact: Map<Routes>,
    /// By prefix.
    open: Affixes<Suffixes>,
}

/// Globs with the same prefix, by suffix.
struct Suffixes(Affixes<Vec<GlobRoutes>>);

impl Default for RoutingTable {
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

struct GlobRoutes {
    glob: Glob,
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

impl RoutingTable {
    pub(super) fn insert(&mut self, route: &Route) {
        for glob in route.filter.pattern.globs() {
            self.routes_mut(glob).insert(route.clone());
        }
    }

    fn routes_mut(&mut self, glob: &Glob) -> &mut Routes {
        let Some((prefix, suffix)) = glob.ends() else {
            return self.exact.entry(glob.as_str().into()).or_default();
        };
        let globs = self.open.entry(prefix).0.entry(suffix);
        let at = globs
            .iter()
            .position(|known| known.glob == *glob)
            .unwrap_or_else(|| {
                globs.push(GlobRoutes {
                    glob: glob.clone(),
                    routes: Routes::default(),
                });
                globs.len() - 1
            });
        &mut globs[at].routes
    }

    /// Removes every route of `receiver` that came from `filter`.
    pub(super) fn remove(&mut self, receiver: &Arc<Core>, filter: &Filter) {
        for glob in filter.pattern.globs() {
            match glob.ends() {
                None => {
                    if let Some(routes) = self.exact.get_mut(glob.as_str())
                        && routes.remove(receiver, filter)
                    {
                        self.exact.remove(glob.as_str());
                    }
                }
                Some((prefix, suffix)) => self.open.remove_if(prefix, |suffixes| {
                    suffixes.0.remove_if(suffix, |globs| {
                        globs.retain_mut(|known| {
                            known.glob != *glob || !known.routes.remove(receiver, filter)
                        });
                        globs.is_empty()
                    });
                    suffixes.0.is_empty()
                }),
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
        self.open.find(event_type, |suffixes| {
            suffixes.0.find(event_type, |globs| {
                find_globs(globs, event_type, subject, found);
            });
        });
    }
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
        if !self.by_subject.is_empty()
            && let Some(routes) = subject.and_then(|subject| self.by_subject.get(subject))
        {
            routes.iter().for_each(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::bus::{Mailbox, MailboxLimits, Overflow, ReceiverKind};
    use crate::event::Pattern;

    fn receiver(name: usize) -> Arc<Core> {
        let mailbox = Mailbox::new(MailboxLimits::default(), Overflow::DropOldest, 1, None);
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
            prop_assert!(table.exact.is_empty() && table.open.is_empty());
        }
    }
}
