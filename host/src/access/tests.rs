mod session_tokens;
mod tokens;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hearken_pattern::Glob;
use tokio::time::timeout;

use super::*;
use crate::clock::Clock;
use crate::event::Pattern;

/// 2026-01-01T00:00:00Z in milliseconds.
pub(super) const NOW: u64 = 1_767_225_600_000;

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub(super) struct SetClock(AtomicU64);

impl SetClock {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(NOW)))
    }

    pub(super) fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap();
        self.0.fetch_add(by, Ordering::Relaxed);
    }
}

impl Clock for SetClock {
    fn now_millis(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// No network.
pub(super) struct Unreachable;

impl FetchKeySet for Unreachable {
    fn fetch<'a>(&'a self, _url: &'a str) -> BoxFuture<'a, Result<Bytes, FetchError>> {
        async { Err(FetchError("unreachable".to_owned())) }.boxed()
    }
}

pub(super) fn granted<T>(value: T) -> Granted<T> {
    Granted {
        value,
        place: "hearken.toml:1:1".to_owned(),
    }
}

pub(super) fn names(names: &[&str]) -> Vec<Granted<String>> {
    names
        .iter()
        .map(|name| granted((*name).to_owned()))
        .collect()
}

fn patterns(texts: &[&str]) -> Vec<Granted<Pattern>> {
    let pattern = |text: &&str| granted(Pattern::new(text).unwrap());
    texts.iter().map(pattern).collect()
}

fn globs(texts: &[&str]) -> Vec<Granted<Glob>> {
    let glob = |text: &&str| granted(Glob::new((*text).to_owned()));
    texts.iter().map(glob).collect()
}

pub(super) fn entry(keys: &[&NewKey], roles: &[&str]) -> KeyEntry {
    KeyEntry {
        place: "hearken.toml:9:1".to_owned(),
        keys: keys.iter().map(|key| key.hash()).collect(),
        roles: names(roles),
        expires: None,
    }
}

/// A role `shop`, as the documentation has it.
pub(super) fn shop() -> AccessSettings {
    let role = Role {
        place: "hearken.toml:2:1".to_owned(),
        publish: patterns(&["custom.shop.*"]),
        listen: patterns(&["custom.{shop,order}.*"]),
        append: globs(&["orders"]),
        read: globs(&["orders", "chat:*"]),
        ..Role::default()
    };
    AccessSettings {
        roles: [("shop".to_owned(), role)].into(),
        ..AccessSettings::default()
    }
}

fn with_keys(entries: &[(&str, KeyEntry)]) -> AccessSettings {
    let named = |(name, entry): &(&str, KeyEntry)| ((*name).to_owned(), entry.clone());
    AccessSettings {
        keys: entries.iter().map(named).collect(),
        ..shop()
    }
}

fn access(settings: AccessSettings) -> Access {
    Access::new(settings, SetClock::new(), Arc::new(Unreachable)).unwrap()
}

pub(super) const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

async fn bearer(access: &Access, text: &str) -> Result<Identity, Unauthenticated> {
    access.authenticate(Credential::Bearer(text), HERE).await
}

fn may(identity: &Identity, act: Act<'_>) -> bool {
    identity.check(&act).is_ok()
}

fn listen(identity: &Identity, pattern: &str) -> bool {
    may(identity, Act::Listen(&Pattern::new(pattern).unwrap()))
}

#[tokio::test]
async fn without_any_setting_everybody_is_admin() {
    let access = access(shop());
    assert!(!access.is_configured(), "a role alone asks nobody");
    for credential in [Credential::None, Credential::Bearer("hrk_a_b")] {
        let identity = access.authenticate(credential, HERE).await.unwrap();
        assert_eq!(identity.principal(), &Principal::Anonymous);
        assert!(may(&identity, Act::Operate));
        assert!(may(&identity, Act::Publish("custom.any")));
        assert!(listen(&identity, "*"));
    }
}

#[tokio::test]
async fn a_key_has_the_rights_of_its_roles_and_no_others() {
    let key = NewKey::generate().unwrap();
    let access = access(with_keys(&[("billing", entry(&[&key], &["shop"]))]));
    assert!(access.is_configured());
    let identity = bearer(&access, &key.reveal()).await.unwrap();
    assert_eq!(identity.principal().to_string(), "key:billing");
    assert_eq!(identity.roles(), ["shop"]);
    assert!(may(&identity, Act::Publish("custom.shop.paid")));
    assert!(!may(&identity, Act::Publish("custom.order.paid")));
    assert!(listen(&identity, "custom.order.*"));
    assert!(listen(&identity, "custom.{order,shop}.p*"));
    assert!(!listen(&identity, "custom.{order,cart}.*"));
    assert!(!listen(&identity, "custom.*"));
    assert!(may(&identity, Act::Append("orders")));
    assert!(!may(&identity, Act::Append("chat:1")));
    assert!(may(&identity, Act::Read("chat:1")));
    assert!(may(&identity, Act::Read("chat:*")));
    assert!(!may(&identity, Act::Read("*")));
    assert!(!may(&identity, Act::Observe));
    assert!(!may(&identity, Act::Operate));

    let refused = identity.check(&Act::Publish("custom.a")).unwrap_err();
    assert_eq!(refused.right, "publish custom.a");
    assert!(refused.to_string().contains("`key:billing`"), "{refused}");
    assert_eq!(refused.unauthenticated(), None);
}

#[tokio::test]
async fn the_built_in_roles_are_there() {
    let [admin, observer] = [(); 2].map(|()| NewKey::generate().unwrap());
    let access = access(with_keys(&[
        ("a", entry(&[&admin], &["admin"])),
        ("o", entry(&[&observer], &["observer"])),
    ]));
    let admin = bearer(&access, &admin.reveal()).await.unwrap();
    let observer = bearer(&access, &observer.reveal()).await.unwrap();
    for (act, observers) in [
        (Act::Publish("custom.a"), false),
        (Act::Append("orders"), false),
        (Act::Operate, false),
        (Act::Observe, true),
        (Act::Read("$private:channel,1"), true),
        (Act::Listen(&Pattern::any()), true),
    ] {
        assert!(may(&admin, act), "{act}");
        assert_eq!(may(&observer, act), observers, "{act}");
    }
}

#[tokio::test]
async fn without_credentials_there_are_the_roles_of_anonymous() {
    let key = NewKey::generate().unwrap();
    let only_keys = with_keys(&[("billing", entry(&[&key], &["shop"]))]);
    let access = access(only_keys.clone());
    let nobody = access.authenticate(Credential::None, HERE).await;
    let missing = nobody.unwrap_err();
    assert_eq!(missing, Unauthenticated::Missing);
    assert!(missing.to_string().contains("--key-file"), "{missing}");
    assert!(!may(&access.anonymous(), Act::Observe));

    let settings = AccessSettings {
        anonymous: Some(names(&["observer"])),
        ..only_keys
    };
    access.replace(settings).unwrap();
    let nobody = access.authenticate(Credential::None, HERE).await.unwrap();
    assert!(may(&nobody, Act::Observe));
    let forbidden = nobody.check(&Act::Operate).unwrap_err();
    assert_eq!(forbidden.unauthenticated(), Some(Unauthenticated::Missing));

    let nobody_at_all = AccessSettings {
        anonymous: Some(Vec::new()),
        ..AccessSettings::default()
    };
    access.replace(nobody_at_all).unwrap();
    assert!(access.is_configured());
    assert!(access.authenticate(Credential::None, HERE).await.is_err());
}

#[tokio::test]
async fn wrong_keys_are_refused_without_a_word_of_them() {
    let [mine, theirs] = [(); 2].map(|()| NewKey::generate().unwrap());
    let access = access(with_keys(&[("billing", entry(&[&mine], &["shop"]))]));
    let (mine, theirs) = (mine.reveal(), theirs.reveal());
    let mixed = format!("{}{}", &mine[..17], &theirs[17..]);
    for (text, refused) in [
        (theirs.as_str(), Unauthenticated::WrongKey),
        (&mixed, Unauthenticated::WrongKey),
        (&mine[..mine.len() - 1], Unauthenticated::WrongKey),
        ("hrk_", Unauthenticated::WrongKey),
    ] {
        let error = bearer(&access, text).await.unwrap_err();
        assert_eq!(error, refused);
        let shown = format!("{error} {error:?} {:?}", Credential::Bearer(text));
        assert!(text.len() < 5 || !shown.contains(text), "{shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn too_many_wrong_keys_make_the_wrong_ones_wait_and_never_the_right_one() {
    let [mine, theirs] = [(); 2].map(|()| NewKey::generate().unwrap().reveal());
    let key = NewKey::generate().unwrap();
    let access = access(with_keys(&[("billing", entry(&[&key], &["shop"]))]));
    for _ in 0..10 {
        let wrong = bearer(&access, &theirs).await;
        assert_eq!(wrong.unwrap_err(), Unauthenticated::WrongKey);
    }
    for _ in 0..5 {
        let wrong = bearer(&access, &mine).await.unwrap_err();
        assert!(matches!(wrong, Unauthenticated::TooManyWrong { .. }));
        assert!(bearer(&access, &key.reveal()).await.is_ok());
        let missing = access.authenticate(Credential::None, HERE).await;
        assert_eq!(missing.unwrap_err(), Unauthenticated::Missing);
    }
    tokio::time::advance(Duration::from_secs(10)).await;
    let wrong = bearer(&access, &theirs).await;
    assert_eq!(wrong.unwrap_err(), Unauthenticated::WrongKey);
}

#[tokio::test]
async fn certificates_are_known_by_any_of_their_names() {
    let edge = CertificateEntry {
        place: String::new(),
        subject_alt_name: "edge.example.com".to_owned(),
        roles: names(&["shop"]),
    };
    let settings = AccessSettings {
        certificates: [("edge".to_owned(), edge)].into(),
        ..shop()
    };
    let access = access(settings);
    let with = async |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let credential = Credential::Certificate { names: &names };
        access.authenticate(credential, HERE).await
    };
    let identity = with(&["other.example.com", "EDGE.example.com"])
        .await
        .unwrap();
    assert_eq!(identity.principal().to_string(), "cert:edge");
    assert!(may(&identity, Act::Publish("custom.shop.paid")));
    for names in [&[][..], &["example.com"]] {
        let refused = with(names).await.unwrap_err();
        assert_eq!(refused, Unauthenticated::UnknownCertificate);
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_expires_ends_what_it_began() {
    let key = NewKey::generate().unwrap();
    let expiring = KeyEntry {
        expires: Some(NOW + 5_000),
        ..entry(&[&key], &["shop"])
    };
    let clock = SetClock::new();
    let settings = with_keys(&[("billing", expiring)]);
    let access = Access::new(settings, Arc::clone(&clock) as _, Arc::new(Unreachable)).unwrap();
    let identity = bearer(&access, &key.reveal()).await.unwrap();
    let ended = tokio::spawn(async move { identity.ended().await });
    tokio::time::sleep(Duration::from_millis(4_999)).await;
    assert!(!ended.is_finished());
    clock.advance(Duration::from_secs(5));
    assert_eq!(ended.await.unwrap(), Ended::KeyExpired);
    let refused = bearer(&access, &key.reveal()).await.unwrap_err();
    assert_eq!(refused, Unauthenticated::KeyExpired);
}

#[tokio::test]
async fn identities_end_when_their_keys_or_rights_go_and_not_otherwise() {
    let [old, new] = [(); 2].map(|()| NewKey::generate().unwrap());
    let both = with_keys(&[("billing", entry(&[&old, &new], &["shop"]))]);
    let access = access(both.clone());
    let by_old = bearer(&access, &old.reveal()).await.unwrap();
    let by_new = bearer(&access, &new.reveal()).await.unwrap();
    assert_eq!(by_old.principal(), by_new.principal());
    let goes_on = async |identity: &Identity| {
        let waited = timeout(Duration::from_millis(20), identity.ended()).await;
        waited.is_err()
    };

    let wider = with_keys(&[
        ("billing", entry(&[&old, &new], &["shop", "observer"])),
        ("other", entry(&[&NewKey::generate().unwrap()], &[])),
    ]);
    access.replace(wider).unwrap();
    assert!(goes_on(&by_old).await);
    let observing = bearer(&access, &new.reveal()).await.unwrap();
    assert!(may(&observing, Act::Observe));

    let rotated = with_keys(&[("billing", entry(&[&new], &["shop"]))]);
    access.replace(rotated).unwrap();
    assert_eq!(by_old.ended().await, Ended::KeyRemoved);
    assert_eq!(observing.ended().await, Ended::Narrowed);
    assert!(goes_on(&by_new).await);

    let without_role = AccessSettings {
        roles: Default::default(),
        ..with_keys(&[("billing", entry(&[&new], &["shop"]))])
    };
    let waiting = tokio::spawn({
        let by_new = by_new.clone();
        async move { by_new.ended().await }
    });
    access.replace(without_role).unwrap();
    assert_eq!(waiting.await.unwrap(), Ended::Narrowed);
}

#[tokio::test]
async fn an_open_node_that_begins_to_ask_ends_what_was_open() {
    let access = access(AccessSettings::default());
    let everybody = access.authenticate(Credential::None, HERE).await.unwrap();
    let key = NewKey::generate().unwrap();
    let settings = with_keys(&[("billing", entry(&[&key], &["shop"]))]);
    access.replace(settings).unwrap();
    assert_eq!(everybody.ended().await, Ended::CredentialsAsked);
}

#[tokio::test]
async fn whether_somebody_still_holds_can_be_asked() {
    let [one, two] = [(); 2].map(|()| NewKey::generate().unwrap());
    let expiring = KeyEntry {
        expires: Some(NOW + 5_000),
        ..entry(&[&two], &["shop"])
    };
    let settings = with_keys(&[("a", entry(&[&one], &["shop"])), ("b", expiring)]);
    let clock = SetClock::new();
    let access = Access::new(
        settings.clone(),
        Arc::clone(&clock) as _,
        Arc::new(Unreachable),
    );
    let access = access.unwrap();
    let a = bearer(&access, &one.reveal()).await.unwrap();
    let b = bearer(&access, &two.reveal()).await.unwrap();
    access.replace(settings.clone()).unwrap();
    assert_eq!((a.check_holds(), b.check_holds()), (Ok(()), Ok(())));
    clock.advance(Duration::from_secs(5));
    assert_eq!(a.check_holds(), Ok(()));
    assert_eq!(b.check_holds(), Err(Ended::KeyExpired));
    let mut narrower = settings.clone();
    narrower.roles.get_mut("shop").unwrap().listen.clear();
    access.replace(narrower).unwrap();
    assert_eq!(a.check_holds(), Err(Ended::Narrowed));
    access.replace(shop()).unwrap();
    assert_eq!(a.check_holds(), Err(Ended::KeyRemoved));
    let everybody = Access::open(clock);
    let everybody_then = everybody.anonymous();
    assert_eq!(everybody_then.check_holds(), Ok(()));
    everybody.replace(settings).unwrap();
    assert_eq!(everybody_then.check_holds(), Err(Ended::CredentialsAsked));
}

#[tokio::test]
async fn budgets_are_shared_by_all_who_are_the_same_principal() {
    let [one, two] = [(); 2].map(|()| NewKey::generate().unwrap());
    let mut settings = with_keys(&[("billing", entry(&[&one, &two], &["shop", "slow"]))]);
    let limits = |rate: &str, streams| BudgetLimits {
        rate: Some(rate.parse().unwrap()),
        streams,
        connections: None,
    };
    let slow = Role {
        limits: limits("1/m", None),
        ..Role::default()
    };
    settings.roles.insert("slow".to_owned(), slow);
    settings.roles.get_mut("shop").unwrap().limits = limits("2/m", Some(1));
    let access = access(settings.clone());
    let one = bearer(&access, &one.reveal()).await.unwrap();
    let key_of_two = two.reveal();
    let two = bearer(&access, &key_of_two).await.unwrap();
    one.budget().take(1).unwrap();
    two.budget().take(1).unwrap();
    assert!(one.budget().take(1).is_err(), "the largest rate holds");
    let _stream = one.budget().stream().unwrap();
    assert!(two.budget().stream().is_err());
    assert!(two.budget().connection().is_ok());

    settings.roles.get_mut("shop").unwrap().limits = limits("2/m", Some(2));
    access.replace(settings).unwrap();
    let two = bearer(&access, &key_of_two).await.unwrap();
    assert!(
        two.budget().stream().is_ok(),
        "a changed bound holds for the next request"
    );
    assert!(two.budget().take(1).is_err(), "and forgets nothing");
}

#[test]
fn an_expired_key_is_explained_as_such() {
    let key = NewKey::generate().unwrap();
    let explain = |expires| {
        let entry = KeyEntry {
            expires: Some(expires),
            ..entry(&[&key], &["shop"])
        };
        let billing = Principal::parse("billing").unwrap();
        let act = Act::Publish("custom.shop.paid");
        access(with_keys(&[("billing", entry)])).explain(&billing, &act)
    };
    assert!(explain(NOW + 1).allowed);
    let over = explain(NOW);
    assert!(!over.allowed);
    let text = over.to_string();
    assert!(text.starts_with("no\nhearken.toml:9:1: "), "{text}");
    assert!(text.contains("expired at 2026-01-01T00:00:00Z"), "{text}");
}

#[tokio::test]
async fn settings_that_contradict_themselves_change_nothing() {
    let key = NewKey::generate().unwrap();
    let mut twice = with_keys(&[
        ("a", entry(&[&key], &["admin", "shop"])),
        ("b", entry(&[&key], &["shop"])),
    ]);
    twice.roles.get_mut("shop").unwrap().limits.rate = Some("1/h".parse().unwrap());
    let access = access(with_keys(&[("a", entry(&[&key], &["shop"]))]));
    let error = access.replace(twice).unwrap_err().to_string();
    assert!(error.starts_with("hearken.toml:9:1: "), "{error}");
    assert!(error.contains("`access.keys.a`"), "{error}");
    let identity = bearer(&access, &key.reveal()).await.unwrap();
    assert!(!may(&identity, Act::Operate));
    identity.budget().take(2).unwrap();
    identity.budget().take(1).unwrap();
}

#[test]
fn that_everybody_is_admin_is_not_said_of_plugins() {
    let observes = |principal: Principal| {
        let explanation = Explanation::of(
            &AccessSettings::default(),
            &principal,
            &[],
            &Act::Observe,
            NOW,
        );
        (explanation.allowed, explanation.to_string())
    };
    let (allowed, text) = observes(Principal::Anonymous);
    assert!(allowed && text.contains("everybody is admin"), "{text}");
    let (allowed, text) = observes(Principal::Plugin("stranger".into()));
    assert!(!allowed && text.contains("`[policy]`"), "{text}");
}

#[test]
fn an_explanation_says_which_line_decides() {
    let key = NewKey::generate().unwrap();
    let access = access(with_keys(&[("billing", entry(&[&key], &["shop"]))]));
    let explain = |principal: &str, act: &Act<'_>| {
        let principal = Principal::parse(principal).unwrap();
        let explanation = access.explain(&principal, act);
        (explanation.allowed, explanation.to_string())
    };
    let (allowed, text) = explain("billing", &Act::Publish("custom.shop.paid"));
    assert!(allowed);
    assert_eq!(
        text,
        "yes\nhearken.toml:1:1: access.roles.shop.publish has custom.shop.*"
    );
    let both = Pattern::new("custom.{shop,cart}.*").unwrap();
    let (allowed, text) = explain("key:billing", &Act::Listen(&both));
    assert!(!allowed);
    assert!(text.starts_with("no\n"), "{text}");
    assert!(text.contains("listen custom.cart.*"), "{text}");
    let (allowed, text) = explain("billing", &Act::Operate);
    assert!(!allowed && text.contains("`operate = true`"), "{text}");
    let (_, text) = explain("biling", &Act::Operate);
    assert!(text.contains("`billing`"), "{text}");
    let (allowed, text) = explain("user:42", &Act::Observe);
    assert!(!allowed && text.contains("--role"), "{text}");
    let (allowed, text) = explain("plugin:billing", &Act::Observe);
    assert!(!allowed && text.contains("plugin show"), "{text}");
}
