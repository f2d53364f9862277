//! Who is subscribed to a channel.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

/// The subscribers of a channel, by their clients' ids. What is shown of each is an `E`.
///
/// It counts as it goes, so that how many there are is told in no time.
#[derive(Clone, Debug)]
pub struct Presence<E> {
    clients: BTreeMap<Arc<str>, Client<E>>,
    /// Clients of each user that has any.
    users: HashMap<Arc<str>, usize>,
}

#[derive(Clone, Debug)]
struct Client<E> {
    user: Arc<str>,
    shown: E,
}

/// How many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PresenceStats {
    /// Clients.
    pub clients: usize,
    /// Users; all clients without a user are one together, as in Centrifugo.
    pub users: usize,
}

/// Some of the clients, in the order of their ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresencePage<E> {
    /// Their ids and what is shown of them.
    pub clients: Vec<(Arc<str>, E)>,
    /// The id behind which others follow.
    pub next: Option<Arc<str>>,
}

impl<E: Clone> Presence<E> {
    /// Adds a client, or shows something else of it. Tells whether it is the first of its
    /// user.
    pub fn add(&mut self, client: &Arc<str>, user: &Arc<str>, shown: E) -> bool {
        if let Some(there) = self.clients.get_mut(client) {
            if *there.user == **user {
                there.shown = shown;
                return false;
            }
            self.remove(client);
        }
        let user = Arc::clone(user);
        let of_user = self.users.entry(Arc::clone(&user)).or_default();
        *of_user += 1;
        let is_first = *of_user == 1;
        self.clients
            .insert(Arc::clone(client), Client { user, shown });
        is_first
    }

    /// Removes a client. Tells what was shown of it and whether it was the last of its user;
    /// `None` if it was not there.
    pub fn remove(&mut self, client: &str) -> Option<(E, bool)> {
        let Client { user, shown } = self.clients.remove(client)?;
        let of_user = self.users.get_mut(&user);
        let of_user = of_user.expect("a user has as many as there are clients of it");
        *of_user -= 1;
        let was_last = *of_user == 0;
        if was_last {
            self.users.remove(&user);
        }
        Some((shown, was_last))
    }

    /// What is shown of a client.
    #[must_use]
    pub fn get(&self, client: &str) -> Option<&E> {
        self.clients.get(client).map(|client| &client.shown)
    }

    /// How many there are.
    #[must_use]
    pub fn stats(&self) -> PresenceStats {
        PresenceStats {
            clients: self.clients.len(),
            users: self.users.len(),
        }
    }

    /// Whether there is nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// At most `limit` of the clients whose ids are behind `after`.
    #[must_use]
    pub fn page(&self, after: Option<&str>, limit: usize) -> PresencePage<E> {
        let after: Bound<&str> = after.map_or(Bound::Unbounded, Bound::Excluded);
        let all: (Bound<&str>, Bound<&str>) = (after, Bound::Unbounded);
        let mut left = self.clients.range::<str, _>(all);
        let shown = left.by_ref().take(limit);
        let clients: Vec<_> = shown
            .map(|(id, client)| (Arc::clone(id), client.shown.clone()))
            .collect();
        let last = clients.last().map(|(id, _)| Arc::clone(id));
        PresencePage {
            next: last.filter(|_| left.next().is_some()),
            clients,
        }
    }

    /// All of them, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &E)> {
        let clients = self.clients.iter();
        clients.map(|(id, client)| (id, &client.shown))
    }
}

impl<E> Default for Presence<E> {
    fn default() -> Self {
        Self {
            clients: BTreeMap::new(),
            users: HashMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn text(text: &str) -> Arc<str> {
        text.into()
    }

    fn stats(clients: usize, users: usize) -> PresenceStats {
        PresenceStats { clients, users }
    }

    #[test]
    fn users_come_with_their_first_client_and_go_with_their_last() {
        let mut presence = Presence::default();
        let user = text("42");
        assert!(presence.add(&text("a"), &user, 1));
        assert!(!presence.add(&text("b"), &user, 2));
        assert_eq!(presence.stats(), stats(2, 1));
        assert!(!presence.add(&text("b"), &user, 3), "the same anew");
        assert_eq!(presence.stats(), stats(2, 1));
        assert_eq!(presence.get("b"), Some(&3));
        assert_eq!(presence.remove("a"), Some((1, false)));
        assert_eq!(presence.remove("a"), None);
        assert_eq!(presence.remove("b"), Some((3, true)));
        assert!(presence.is_empty());
        assert_eq!(presence.stats(), stats(0, 0));
    }

    #[test]
    fn a_client_may_become_another_users() {
        let mut presence = Presence::default();
        presence.add(&text("a"), &text("42"), 1);
        assert!(presence.add(&text("a"), &text("43"), 2));
        assert_eq!(presence.stats(), stats(1, 1));
        assert_eq!(presence.remove("a"), Some((2, true)));
    }

    #[test]
    fn pages_follow_one_another() {
        let mut presence = Presence::default();
        for id in ["c", "a", "b"] {
            presence.add(&text(id), &text(""), id);
        }
        let page = |after, limit| {
            let page = presence.page(after, limit);
            let clients: Vec<_> = page.clients.iter().map(|(_, shown)| *shown).collect();
            (clients, page.next.as_deref().map(str::to_owned))
        };
        assert_eq!(page(None, 2), (vec!["a", "b"], Some("b".to_owned())));
        assert_eq!(page(Some("b"), 2), (vec!["c"], None));
        assert_eq!(page(None, 3), (vec!["a", "b", "c"], None));
        assert_eq!(page(Some("aa"), 1), (vec!["b"], Some("b".to_owned())));
        assert_eq!(page(Some("c"), 1), (vec![], None));
        assert_eq!(page(None, 0), (vec![], None));
        let all: Vec<_> = presence.iter().map(|(id, _)| &**id).collect();
        assert_eq!(all, ["a", "b", "c"]);
    }

    proptest! {
        #[test]
        fn the_counts_are_those_of_a_plain_table(
            steps in proptest::collection::vec((any::<bool>(), 0..6u8, 0..3u8), 0..60),
        ) {
            let mut presence = Presence::default();
            let mut table: BTreeMap<u8, u8> = BTreeMap::new();
            for (comes, client, user) in steps {
                let id = text(&client.to_string());
                let is_there = |table: &BTreeMap<u8, u8>, user| table.values().any(|its| *its == user);
                if comes {
                    table.remove(&client).inspect(|before| {
                        if *before == user {
                            table.insert(client, user);
                        }
                    });
                    let is_first = !is_there(&table, user);
                    table.insert(client, user);
                    prop_assert_eq!(presence.add(&id, &text(&user.to_string()), user), is_first);
                } else {
                    let expected = table.remove(&client);
                    let expected = expected.map(|user| (user, !is_there(&table, user)));
                    prop_assert_eq!(presence.remove(&id), expected);
                }
                let users: BTreeSet<u8> = table.values().copied().collect();
                prop_assert_eq!(presence.stats(), stats(table.len(), users.len()));
            }
        }
    }
}
