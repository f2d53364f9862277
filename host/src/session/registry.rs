//! Which sessions a node has, by their ids, users and addresses.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;

/// How many sessions there may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bounds {
    /// In all.
    pub(super) max: usize,
    /// Of one user that is known; `None` as many as there are.
    pub(super) per_user: Option<usize>,
    /// From one address; `None` as many as there are.
    pub(super) per_address: Option<usize>,
}

/// There are as many sessions as there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TooMany {
    InAll,
    FromAddress,
    OfUser,
}

/// The sessions of a node, whatever they consist of.
#[derive(Debug)]
pub(super) struct Registry<C>(Mutex<State<C>>);

/// When a session began, in an order that all nodes agree on: by the time, then by the id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Began {
    /// Milliseconds since the Unix epoch, and later than that of each session of which its node
    /// had heard: whoever comes later is later, whatever the clocks of their nodes say.
    pub time: u64,
    /// Its id.
    pub client: Arc<str>,
}

#[derive(Debug)]
struct State<C> {
    /// Those that came and are not gone, whether they are known or not.
    here: usize,
    by_address: HashMap<IpAddr, usize, RandomState>,
    /// Those that are known, by their ids.
    known: BTreeMap<Arc<str>, Arc<C>>,
    /// Users and ids of those that are known.
    of_users: BTreeSet<(Arc<str>, Arc<str>)>,
    /// How many each user has.
    users: HashMap<Arc<str>, usize, RandomState>,
    /// When the latest session began of which is known, here or on another node.
    latest: u64,
}

impl<C> Registry<C> {
    /// One without sessions.
    pub(super) fn new() -> Self {
        Self(Mutex::new(State {
            here: 0,
            by_address: HashMap::default(),
            known: BTreeMap::new(),
            of_users: BTreeSet::new(),
            users: HashMap::default(),
            latest: 0,
        }))
    }

    /// Counts a connection, which [`Registry::depart`] takes back.
    ///
    /// # Errors
    /// [`TooMany`]: then it is not counted.
    pub(super) fn arrive(&self, address: IpAddr, bounds: &Bounds) -> Result<(), TooMany> {
        let address = one_party(address);
        let mut state = self.lock();
        let there = state.by_address.get(&address).copied().unwrap_or(0);
        if state.here >= bounds.max {
            return Err(TooMany::InAll);
        }
        if bounds.per_address.is_some_and(|most| there >= most) {
            return Err(TooMany::FromAddress);
        }
        state.here += 1;
        state.by_address.insert(address, there + 1);
        Ok(())
    }

    /// A connection that was counted is gone.
    pub(super) fn depart(&self, address: IpAddr) {
        let mut state = self.lock();
        state.here = state.here.saturating_sub(1);
        take_one(&mut state.by_address, &one_party(address));
    }

    /// Enters a session that is known now, which [`Registry::leave`] takes out. It is `now`, in
    /// milliseconds since the Unix epoch. Returns when it began.
    ///
    /// # Errors
    /// [`TooMany`]: then it is not entered.
    pub(super) fn enter(
        &self,
        client: &Arc<str>,
        user: &Arc<str>,
        session: Arc<C>,
        bounds: &Bounds,
        now: u64,
    ) -> Result<Began, TooMany> {
        let mut state = self.lock();
        let there = state.users.get(user).copied().unwrap_or(0);
        // Who has not said who they are is not one user.
        if !user.is_empty() && bounds.per_user.is_some_and(|most| there >= most) {
            return Err(TooMany::OfUser);
        }
        state.users.insert(Arc::clone(user), there + 1);
        state
            .of_users
            .insert((Arc::clone(user), Arc::clone(client)));
        state.known.insert(Arc::clone(client), session);
        // As it is entered, so that whoever hears of a later one finds this one here.
        state.latest = now.max(state.latest.saturating_add(1));
        Ok(Began {
            time: state.latest,
            client: Arc::clone(client),
        })
    }

    /// A session has begun then, wherever: what begins here from now on is later.
    pub(super) fn note(&self, began: &Began) {
        let mut state = self.lock();
        state.latest = state.latest.max(began.time);
    }

    /// Takes a session out; whether it was there.
    pub(super) fn leave(&self, client: &Arc<str>, user: &Arc<str>) -> bool {
        let mut state = self.lock();
        if state.known.remove(client).is_none() {
            return false;
        }
        state
            .of_users
            .remove(&(Arc::clone(user), Arc::clone(client)));
        take_one(&mut state.users, user);
        true
    }

    /// The session with this id.
    pub(super) fn get(&self, client: &str) -> Option<Arc<C>> {
        self.lock().known.get(client).map(Arc::clone)
    }

    /// Up to `limit` sessions behind the id `after`, of a user if one is given, in the order
    /// of their ids.
    pub(super) fn list(&self, user: Option<&str>, after: &str, limit: usize) -> Vec<Arc<C>> {
        let state = self.lock();
        let Some(user) = user else {
            let behind = state.known.range::<str, _>((Excluded(after), Unbounded));
            return behind
                .map(|(_, session)| Arc::clone(session))
                .take(limit)
                .collect();
        };
        let from = (Arc::<str>::from(user), Arc::<str>::from(after));
        let behind = state.of_users.range((Excluded(from), Unbounded));
        let own = behind.take_while(|(of, _)| &**of == user);
        own.filter_map(|(_, client)| state.known.get(client).map(Arc::clone))
            .take(limit)
            .collect()
    }

    /// How many sessions are known.
    pub(super) fn sessions(&self) -> usize {
        self.lock().known.len()
    }

    /// How many users have a session that is known.
    pub(super) fn users(&self) -> usize {
        self.lock().users.len()
    }

    fn lock(&self) -> MutexGuard<'_, State<C>> {
        // Nothing in here panics half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is counted as one address: of IPv6 a network of 64 bits, which is what one customer
/// gets.
fn one_party(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address => address,
    }
}

/// Counts one off, and forgets what there is none of.
pub(super) fn take_one<K: std::hash::Hash + Eq>(
    counts: &mut HashMap<K, usize, RandomState>,
    key: &K,
) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V4(Ipv4Addr::BROADCAST);

    fn bounds() -> Bounds {
        Bounds {
            max: 3,
            per_user: Some(2),
            per_address: Some(2),
        }
    }

    #[test]
    fn connections_are_counted_by_address_and_in_all() {
        let registry = Registry::<()>::new();
        let arrive = |address| registry.arrive(address, &bounds());
        assert_eq!(
            [HERE, HERE, HERE, THERE, THERE].map(arrive),
            [
                Ok(()),
                Ok(()),
                Err(TooMany::FromAddress),
                Ok(()),
                Err(TooMany::InAll)
            ]
        );
        registry.depart(HERE);
        let all = Err(TooMany::InAll);
        assert_eq!([THERE, HERE].map(arrive), [Ok(()), all]);
    }

    #[test]
    fn who_has_a_network_has_one_address() {
        let registry = Registry::<()>::new();
        let arrive = |text: &str| registry.arrive(text.parse().unwrap(), &bounds());
        arrive("2001:db8::1").unwrap();
        arrive("2001:db8::2").unwrap();
        arrive("2001:db8::3").unwrap_err();
        registry.depart("2001:db8::9".parse().unwrap());
        arrive("2001:db8::3").unwrap();
        arrive("2001:db8:0:1::3").unwrap();
    }

    #[test]
    fn sessions_are_found_by_id_and_by_user() {
        let registry = Registry::new();
        let enter = |client: &str, user: &str| {
            let (id, user) = (client.into(), user.into());
            let entered = registry.enter(&id, &user, Arc::new(client.to_owned()), &bounds(), 0);
            entered.map(|_| ())
        };
        for (client, user) in [("1", ""), ("3", "a"), ("2", "a"), ("4", "b"), ("5", "")] {
            enter(client, user).unwrap();
        }
        // A user has its bound, and anonymous sessions none.
        assert_eq!(enter("6", "a"), Err(TooMany::OfUser));
        enter("7", "").unwrap();
        let list = |user, after, limit| -> String {
            let found = registry.list(user, after, limit);
            found.iter().map(|client| client.as_str()).collect()
        };
        assert_eq!(list(None, "", 10), "123457");
        assert_eq!(list(None, "3", 2), "45");
        assert_eq!(list(Some("a"), "", 10), "23");
        assert_eq!(list(Some("a"), "2", 10), "3");
        assert_eq!(list(Some("c"), "", 10), "");
        assert_eq!((registry.sessions(), registry.users()), (6, 3));
        assert!(registry.leave(&"2".into(), &"a".into()));
        assert!(!registry.leave(&"2".into(), &"a".into()));
        assert_eq!(registry.get("2"), None);
        assert_eq!(registry.get("3").as_deref(), Some(&"3".to_owned()));
        enter("6", "a").unwrap();
        registry.leave(&"4".into(), &"b".into());
        assert_eq!((registry.sessions(), registry.users()), (5, 2));
    }

    #[test]
    fn who_comes_later_is_later_whatever_the_clock_says() {
        let registry = Registry::<()>::new();
        let enter = |client: &str, now| {
            let entered = registry.enter(&client.into(), &"".into(), Arc::new(()), &bounds(), now);
            entered.unwrap()
        };
        let (first, second, third) = (enter("3", 10), enter("2", 10), enter("1", 5));
        assert!(first < second && second < third);
        // Of another node, whose clock is ahead.
        let there = Began {
            time: 100,
            client: "4".into(),
        };
        registry.note(&there);
        assert!(enter("0", 20) > there);
        assert_eq!(enter("5", 500).time, 500);
    }
}
