use std::net::Ipv4Addr;

use super::*;
use crate::access::{AccessSettings, BudgetLimits, Credential, Granted, KeyEntry, NewKey, Role};
use crate::gateway::test_support::access;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn connection() -> Connection {
    Connection::new(HERE, None)
}

/// So many principals that may have one connection each.
async fn principals(count: usize) -> Vec<Identity> {
    let mut settings = AccessSettings::default();
    let limits = BudgetLimits {
        connections: Some(1),
        ..BudgetLimits::default()
    };
    let role = Role {
        limits,
        ..Role::default()
    };
    settings.roles.insert("one".to_owned(), role);
    let keys: Vec<_> = (0..count).map(|_| NewKey::generate().unwrap()).collect();
    for (number, key) in keys.iter().enumerate() {
        let role = Granted {
            value: "one".to_owned(),
            place: String::new(),
        };
        let entry = KeyEntry {
            place: String::new(),
            keys: vec![key.hash()],
            roles: vec![role],
            expires: None,
        };
        settings.keys.insert(number.to_string(), entry);
    }
    let access = access(settings);
    let mut principals = Vec::new();
    for key in keys {
        let key = key.reveal();
        let known = access.authenticate(Credential::Bearer(&key), HERE).await;
        principals.push(known.unwrap());
    }
    principals
}

#[tokio::test]
async fn whoever_has_a_request_in_hand_keeps_the_place_in_the_budget() {
    let principals = principals(40).await;
    let (first, others) = principals.split_first().unwrap();
    let shared = connection();
    let streaming = shared.another();
    streaming.admit(first).unwrap();
    for other in others {
        shared.another().admit(other).unwrap();
    }
    assert!(connection().admit(first).is_err(), "it has a stream there");
    let again = shared.another();
    again.admit(first).expect("it is the same connection");
    drop((streaming, again));
    for other in others {
        shared.another().admit(other).unwrap();
    }
    assert!(connection().admit(first).is_ok(), "it is forgotten there");
}

#[tokio::test]
async fn of_several_requests_one_is_cut_alone() {
    let shared = connection();
    let (one, other) = (shared.another(), shared.another());
    let ending = CancellationToken::new();
    one.end_alone(ending.clone());
    other.end_alone(CancellationToken::new());
    one.cut();
    assert!(ending.is_cancelled() && one.is_cut() && !other.is_cut());
    let mut all = std::pin::pin!(shared.to_be_cut());
    assert!(futures_util::poll!(all.as_mut()).is_pending());
    one.cut_all();
    all.await;
}
