//! Who uses a connection: one principal as a rule, several behind a proxy.

use std::sync::Arc;

use crate::access::{Held, Identity, Principal, RetryAfter};
use crate::bus::{Bus, Publisher};

/// Principals of one connection that are known although none of their requests is in hand. One
/// more takes the place of that which has been silent for longest.
const MAX_GUESTS: usize = 16;

/// The principals of a connection, the last one first.
#[derive(Debug, Default)]
pub(super) struct Guests(Vec<Guest>);

#[derive(Debug)]
struct Guest {
    principal: Principal,
    /// The connection's place in its budget; each of its requests in hand has it too.
    held: Arc<Held>,
    /// Made by the first event that it publishes, since most publish none.
    publisher: Option<Arc<Publisher>>,
}

impl Guests {
    /// Lets somebody use the connection. Whoever has what is returned has a request in hand,
    /// and is not forgotten: they would count as gone while their stream goes on, and what
    /// they publish would be in no order with what they publish next.
    ///
    /// # Errors
    /// [`RetryAfter`] when they have all the connections that they may have.
    pub(super) fn admit(&mut self, identity: &Identity) -> Result<Arc<Held>, RetryAfter> {
        if let Some(guest) = self.find(identity.principal()) {
            return Ok(Arc::clone(&guest.held));
        }
        let held = Arc::new(identity.budget().connection()?);
        self.put(identity.principal().clone(), Arc::clone(&held));
        Ok(held)
    }

    fn put(&mut self, principal: Principal, held: Arc<Held>) {
        // Of a connection on which several are busy there are at most as many as it may have
        // requests in hand.
        while self.0.len() >= MAX_GUESTS {
            let is_silent = |guest: &Guest| Arc::strong_count(&guest.held) == 1;
            let Some(at) = self.0.iter().rposition(is_silent) else {
                break;
            };
            self.0.remove(at);
        }
        let guest = Guest {
            principal,
            held,
            publisher: None,
        };
        self.0.insert(0, guest);
    }

    /// Publishes what somebody sends over the connection, in the order in which it comes.
    pub(super) fn publisher(&mut self, principal: &Principal, bus: &Bus) -> Arc<Publisher> {
        let make = || {
            let source = principal.source(bus.node());
            Arc::new(bus.publisher(source, principal.to_string()))
        };
        match self.find(principal) {
            Some(guest) => Arc::clone(guest.publisher.get_or_insert_with(make)),
            // Others have used the connection meanwhile.
            None => make(),
        }
    }

    /// The guest of this name, who is the last one then.
    fn find(&mut self, principal: &Principal) -> Option<&mut Guest> {
        let at = self
            .0
            .iter()
            .position(|guest| guest.principal == *principal)?;
        self.0[..=at].rotate_right(1);
        self.0.first_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::test_support::bus;

    #[test]
    fn a_connection_knows_so_many_principals_and_forgets_the_one_that_is_silent_for_longest() {
        let bus = bus();
        let mut guests = Guests::default();
        let budget = Identity::admin_of_an_open_node();
        let enter = |guests: &mut Guests, name: &str| {
            let principal = Principal::User(name.into());
            if guests.find(&principal).is_none() {
                let held = budget.budget().connection().unwrap();
                guests.put(principal.clone(), Arc::new(held));
            }
            guests.publisher(&principal, &bus)
        };
        let first = enter(&mut guests, "first");
        for n in 1..MAX_GUESTS {
            enter(&mut guests, &n.to_string());
        }
        assert!(
            Arc::ptr_eq(&first, &enter(&mut guests, "first")),
            "one publisher"
        );
        enter(&mut guests, "more");
        assert_eq!(guests.0.len(), MAX_GUESTS);
        assert!(guests.find(&Principal::User("1".into())).is_none());
        assert!(guests.find(&Principal::User("first".into())).is_some());
    }

    #[test]
    fn whoever_has_a_request_in_hand_is_not_forgotten() {
        let bus = bus();
        let budget = Identity::admin_of_an_open_node();
        let user = |n: usize| Principal::User(n.to_string().into());
        let mut guests = Guests::default();
        let busy: Vec<_> = (0..MAX_GUESTS + 4)
            .map(|n| {
                let held = Arc::new(budget.budget().connection().unwrap());
                guests.put(user(n), Arc::clone(&held));
                held
            })
            .collect();
        let publisher = guests.publisher(&user(0), &bus);
        let enter = |guests: &mut Guests, n: usize| {
            let held = budget.budget().connection().unwrap();
            guests.put(user(n), Arc::new(held));
        };
        enter(&mut guests, 100);
        enter(&mut guests, 101);
        assert_eq!(guests.0.len(), busy.len() + 1, "the silent one made room");
        assert!(Arc::ptr_eq(&publisher, &guests.publisher(&user(0), &bus)));
        drop(busy);
        enter(&mut guests, 102);
        assert_eq!(guests.0.len(), MAX_GUESTS, "all have");
        assert!(guests.find(&user(0)).is_some(), "the last one that spoke");
    }
}
