use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::timeout;

use super::*;
use crate::access::{Credential, Ended, Identity, NewKey, Principal};
use crate::clock::{Clock, SystemClock};
use crate::config::NodeFlags;
use crate::node::key_sets::KeySetClient;
use crate::tls::make_host;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Longer than a change takes to be seen on a busy machine.
const LONG: Duration = Duration::from_secs(30);

/// A file, and who follows it.
struct Followed {
    access: Access,
    follower: Follower,
    /// The policies that plugins were told of.
    policies: Arc<Mutex<Vec<Policy>>>,
    /// The namespaces that sessions were told of.
    namespaces: Arc<Mutex<Vec<BTreeMap<String, Namespace>>>>,
    tls: Option<HttpTls>,
}

fn followed(file: &Path) -> Followed {
    let source = ConfigSource::of(&NodeFlags::of_file(Some(file.to_owned())));
    let config = source.read().unwrap();
    let key_sets = Arc::new(KeySetClient::new());
    let access = Access::new(config.access.clone(), Arc::new(SystemClock), key_sets).unwrap();
    let policies = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&policies);
    let namespaces = Arc::new(Mutex::new(Vec::new()));
    let spaces = Arc::clone(&namespaces);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let tls = crate::node::http::tls(config.http.tls.as_ref(), &clock).unwrap();
    let parts = Parts {
        access: access.clone(),
        http_tls: tls.clone(),
        set_policy: Box::new(move |policy| told.lock().unwrap().push(policy)),
        set_namespaces: Box::new(move |own| spaces.lock().unwrap().push(own)),
    };
    Followed {
        follower: Follower::new(source, config, parts),
        access,
        policies,
        namespaces,
        tls,
    }
}

fn of_key(key: &NewKey) -> String {
    format!(
        "access.keys.a = {{ keys = ['{}'], roles = ['admin'] }}\n",
        key.hash()
    )
}

async fn identity(access: &Access, key: &NewKey) -> Option<Identity> {
    let key = key.reveal();
    access
        .authenticate(Credential::Bearer(&key), HERE)
        .await
        .ok()
}

fn said(follower: &Follower) -> Option<Said> {
    follower.read_again();
    follower.state.lock().unwrap().said.clone()
}

#[tokio::test]
async fn what_can_change_does_and_the_rest_is_said() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("hearken.toml");
    let [one, two] = [(); 2].map(|()| NewKey::generate().unwrap());
    std::fs::write(&file, of_key(&one)).unwrap();
    let Followed {
        access, follower, ..
    } = followed(&file);
    assert_eq!(said(&follower), None);
    assert!(identity(&access, &one).await.is_some());

    std::fs::write(
        &file,
        of_key(&two) + "limits.memory = '1MiB'\nnode = 'other'\n",
    )
    .unwrap();
    let restart = Said::Restart(vec!["node", "limits.memory"]);
    assert_eq!(said(&follower), Some(restart));
    assert!(identity(&access, &one).await.is_none());
    assert!(identity(&access, &two).await.is_some());

    std::fs::write(&file, of_key(&two)).unwrap();
    assert_eq!(said(&follower), None);
}

#[tokio::test]
async fn plugins_are_told_of_another_policy_and_only_then() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("hearken.toml");
    std::fs::write(&file, "policy.default.http = []\n").unwrap();
    let Followed {
        follower, policies, ..
    } = followed(&file);
    assert_eq!(said(&follower), None);
    assert_eq!(policies.lock().unwrap().len(), 0, "it is the same");
    std::fs::write(&file, "policy.plugin.a.listen = ['custom.a']\n").unwrap();
    assert_eq!(said(&follower), None);
    assert_eq!(said(&follower), None);
    let told = std::mem::take(&mut *policies.lock().unwrap());
    let [policy] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(policy.of("a").allow.listen.as_ref().map(Vec::len), Some(1));
    assert_eq!(policy.of("b").allow.http, None);
    std::fs::write(&file, "policy.plugin.a.listne = []\n").unwrap();
    assert!(matches!(said(&follower), Some(Said::Refused(_))));
    assert_eq!(policies.lock().unwrap().len(), 0, "it is not valid");
}

#[tokio::test]
async fn sessions_are_told_of_other_namespaces_and_of_the_rest_it_is_said() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("hearken.toml");
    std::fs::write(&file, "sessions.namespaces.chat = {}\n").unwrap();
    let Followed {
        follower,
        namespaces,
        ..
    } = followed(&file);
    assert_eq!(said(&follower), None);
    let other = "sessions.namespaces.chat = { presence = true }\n";
    std::fs::write(&file, format!("{other}sessions.connect = 'a'\n")).unwrap();
    let restart = Said::Restart(vec!["sessions.connect"]);
    assert_eq!(said(&follower), Some(restart));
    let told = std::mem::take(&mut *namespaces.lock().unwrap());
    let [told] = &told[..] else {
        panic!("{told:?}");
    };
    assert!(told["chat"].presence);
    std::fs::write(&file, other).unwrap();
    assert_eq!(said(&follower), None);
    assert!(namespaces.lock().unwrap().is_empty(), "they are the same");
}

#[tokio::test]
async fn tls_does_not_begin_without_a_restart() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("hearken.toml");
    std::fs::write(&file, "").unwrap();
    let Followed { follower, .. } = followed(&file);
    std::fs::write(&file, "http.tls = { certificate = 'a', key = 'b' }\n").unwrap();
    let Some(Said::Restart(keys)) = said(&follower) else {
        panic!("it began");
    };
    assert!(keys.contains(&"http.tls.certificate"), "{keys:?}");
}

#[tokio::test]
async fn what_is_not_valid_or_not_there_changes_nothing() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("hearken.toml");
    let key = NewKey::generate().unwrap();
    std::fs::write(&file, of_key(&key)).unwrap();
    let Followed {
        access, follower, ..
    } = followed(&file);
    let twice = of_key(&key) + &of_key(&key).replace("keys.a", "keys.b");
    for (text, told) in [
        (Some("access.key = 1"), "hearken.toml:1:8"),
        (Some("access.anonymous = ['amdin']"), "`admin`"),
        (Some(twice.as_str()), "access.keys.b"),
        (
            Some("access.tokens.a.hmac_secret_file = '/nonexistent'"),
            "/nonexistent",
        ),
        (Some(""), "restart it"),
        (Some("access.roles.a.observe = true"), "restart it"),
        (None, "cannot read"),
    ] {
        match text {
            Some(text) => std::fs::write(&file, text).unwrap(),
            None => std::fs::remove_file(&file).unwrap(),
        }
        let Some(Said::Refused(error)) = said(&follower) else {
            panic!("{text:?} is taken");
        };
        assert!(error.contains(told), "{told}: {error}");
        assert!(access.is_configured());
        assert!(identity(&access, &key).await.is_some());
    }
}

#[tokio::test]
async fn a_changed_file_is_seen_and_so_is_a_changed_secret() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("hearken.toml");
    let secrets = TempDir::new().unwrap();
    let secret = secrets.path().join("secret");
    std::fs::write(&secret, [b'a'; 32]).unwrap();
    let key = NewKey::generate().unwrap();
    std::fs::write(&file, of_key(&key)).unwrap();
    let Followed {
        access, follower, ..
    } = followed(&file);
    let before = identity(&access, &key).await.unwrap();
    let _running = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(follower.run()));
    let issuer = format!(
        "access.tokens.a.hmac_secret_file = '{}'\n",
        secret.display()
    );
    std::fs::write(&file, &issuer).unwrap();
    assert_eq!(
        timeout(LONG, before.ended()).await.unwrap(),
        Ended::KeyRemoved
    );

    let token = crate::access::NewToken {
        subject: "me",
        roles: &[],
        issued: 0,
        expires: u64::from(u32::MAX),
        channel: None,
    };
    let issuers = ConfigSource::of(&NodeFlags::of_file(Some(file)))
        .read()
        .unwrap();
    let token = token.sign("a", &issuers.access.tokens["a"]).unwrap();
    let me = access
        .authenticate(Credential::Bearer(&token), HERE)
        .await
        .unwrap();
    assert_eq!(me.principal(), &Principal::User("me".into()));
    std::fs::write(&secret, [b'b'; 32]).unwrap();
    assert_eq!(
        timeout(LONG, me.ended()).await.unwrap(),
        Ended::IssuerRemoved
    );
}

/// Kubernetes puts files behind a link that it swaps for another when they change.
#[cfg(unix)]
#[tokio::test]
async fn a_swapped_link_is_seen() {
    use std::os::unix::fs::symlink;
    let directory = TempDir::new().unwrap();
    let at = |name: &str| directory.path().join(name);
    let [one, two] = [(); 2].map(|()| NewKey::generate().unwrap());
    for (version, key) in [("..1", &one), ("..2", &two)] {
        std::fs::create_dir(at(version)).unwrap();
        std::fs::write(at(version).join("hearken.toml"), of_key(key)).unwrap();
    }
    symlink("..1", at("..data")).unwrap();
    symlink("..data/hearken.toml", at("hearken.toml")).unwrap();
    let Followed {
        access, follower, ..
    } = followed(&at("hearken.toml"));
    let before = identity(&access, &one).await.unwrap();
    let _running = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(follower.run()));
    symlink("..2", at("..data_tmp")).unwrap();
    std::fs::rename(at("..data_tmp"), at("..data")).unwrap();
    assert_eq!(
        timeout(LONG, before.ended()).await.unwrap(),
        Ended::KeyRemoved
    );
    assert!(identity(&access, &two).await.is_some());
}

/// Makes the certificate of a host, and says what names it.
fn certificate(folder: &Path, host: &str) -> String {
    make_host(
        &[host.to_owned()],
        folder,
        folder,
        30,
        SystemClock.now_millis(),
    )
    .unwrap();
    let path = |ending| folder.join(format!("{host}.{ending}"));
    let (certificate, key) = (path("crt"), path("key"));
    let (certificate, key) = (certificate.display(), key.display());
    format!("http.tls = {{ certificate = '{certificate}', key = '{key}' }}\n")
}

#[tokio::test]
async fn http_takes_other_certificates_but_not_whether_it_has_any() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("hearken.toml");
    let [one, other] =
        ["one.example", "other.example"].map(|host| certificate(directory.path(), host));
    std::fs::write(&file, &one).unwrap();
    let Followed { follower, tls, .. } = followed(&file);
    let mut reloads = tls.unwrap().reloads();

    assert_eq!(said(&follower), None);
    assert!(!reloads.has_changed().unwrap());
    std::fs::write(&file, &other).unwrap();
    assert_eq!(said(&follower), None);
    assert!(reloads.has_changed().unwrap());
    reloads.borrow_and_update();

    std::fs::write(&file, one.replace("one.example.key", "none.key")).unwrap();
    assert!(matches!(said(&follower), Some(Said::Refused(error)) if error.contains("none.key")));
    std::fs::write(&file, "").unwrap();
    // The table comes and goes as a whole.
    let keys = vec!["http.tls.certificate", "http.tls.key", "http.tls.client_ca"];
    assert_eq!(said(&follower), Some(Said::Restart(keys)));
    assert!(!reloads.has_changed().unwrap());
}

#[tokio::test]
async fn a_file_is_taken_whole_or_not_at_all() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("hearken.toml");
    let [one, two] = [(); 2].map(|()| NewKey::generate().unwrap());
    let [cert, other] =
        ["one.example", "other.example"].map(|host| certificate(directory.path(), host));
    std::fs::write(&file, of_key(&one) + &cert).unwrap();
    let Followed {
        access,
        follower,
        policies,
        tls,
        ..
    } = followed(&file);
    let reloads = tls.unwrap().reloads();
    let missing = other.replace("other.example.key", "none.key");
    let twice = of_key(&two) + &of_key(&two).replace("keys.a", "keys.b");
    let policy = "policy.default.http = []\n".to_owned();
    for (text, told) in [
        (policy.clone() + &of_key(&two) + &missing, "none.key"),
        (policy.clone() + &twice + &other, "access.keys.b"),
        (policy.clone() + &other, "restart"),
    ] {
        std::fs::write(&file, text).unwrap();
        let Some(Said::Refused(error)) = said(&follower) else {
            panic!("{told} is taken");
        };
        assert!(error.contains(told), "{told}: {error}");
        assert!(identity(&access, &one).await.is_some(), "{told}");
        assert!(identity(&access, &two).await.is_none(), "{told}");
        assert!(!reloads.has_changed().unwrap(), "{told}");
        assert_eq!(policies.lock().unwrap().len(), 0, "{told}");
    }
    std::fs::write(&file, policy + &of_key(&two) + &other).unwrap();
    assert_eq!(said(&follower), None);
    assert!(identity(&access, &two).await.is_some());
    assert!(reloads.has_changed().unwrap());
    assert_eq!(policies.lock().unwrap().len(), 1);
}
