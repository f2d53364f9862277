use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaKeyPair, RsaPublicKeyComponents,
};
use serde_json::{Value, json};

use super::*;

const ISSUER: &str = "https://id.example.com";
const URL: &str = "https://id.example.com/jwks.json";
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

/// Who signs in the tests.
pub(super) enum Signer {
    Secret(Vec<u8>),
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl Signer {
    pub(super) fn secret() -> Self {
        Self::Secret(SECRET.to_vec())
    }

    /// A key that is made for these tests and used for nothing else.
    fn rsa() -> Self {
        let text: String = include_str!("rsa_key.base64").split_whitespace().collect();
        Self::Rsa(RsaKeyPair::from_pkcs8(&STANDARD.decode(text).unwrap()).unwrap())
    }

    fn p256() -> Self {
        let (curve, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let key = EcdsaKeyPair::generate_pkcs8(curve, &random).unwrap();
        Self::P256(EcdsaKeyPair::from_pkcs8(curve, key.as_ref(), &random).unwrap())
    }

    fn p384() -> Self {
        let (curve, random) = (&ECDSA_P384_SHA384_FIXED_SIGNING, SystemRandom::new());
        let key = EcdsaKeyPair::generate_pkcs8(curve, &random).unwrap();
        Self::P384(EcdsaKeyPair::from_pkcs8(curve, key.as_ref(), &random).unwrap())
    }

    pub(super) fn ed() -> Self {
        let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self::Ed(Ed25519KeyPair::from_pkcs8(key.as_ref()).unwrap())
    }

    fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Secret(secret) => {
                let hash = match algorithm {
                    "HS384" => hmac::HMAC_SHA384,
                    "HS512" => hmac::HMAC_SHA512,
                    _ => hmac::HMAC_SHA256,
                };
                let key = hmac::Key::new(hash, secret);
                hmac::sign(&key, message).as_ref().to_vec()
            }
            Self::Rsa(key) => {
                let padding: &dyn ring::signature::RsaEncoding = match algorithm {
                    "RS384" => &RSA_PKCS1_SHA384,
                    "RS512" => &RSA_PKCS1_SHA512,
                    "PS256" => &RSA_PSS_SHA256,
                    "PS384" => &RSA_PSS_SHA384,
                    "PS512" => &RSA_PSS_SHA512,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(padding, &random, message, &mut signature).unwrap();
                signature
            }
            Self::P256(key) | Self::P384(key) => {
                key.sign(&random, message).unwrap().as_ref().to_vec()
            }
            Self::Ed(key) => key.sign(message).as_ref().to_vec(),
        }
    }

    fn pem(&self) -> String {
        let hex = |text: &str, point: &[u8]| {
            let prefix = (0..text.len()).step_by(2);
            let prefix = prefix.map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap());
            STANDARD.encode(prefix.chain(point.iter().copied()).collect::<Vec<u8>>())
        };
        let (kind, der) = match self {
            Self::Secret(_) => panic!("a secret has no public key"),
            Self::Rsa(key) => {
                let key = key.public_key().as_ref();
                let length =
                    |prefix: &str, more: usize| format!("{prefix}82{:04x}", key.len() + more);
                let prefix =
                    length("30", 20) + "300d06092a864886f70d0101010500" + &length("03", 1) + "00";
                ("PUBLIC KEY", hex(&prefix, key))
            }
            Self::P256(key) => (
                "PUBLIC KEY",
                hex(
                    "3059301306072a8648ce3d020106082a8648ce3d030107034200",
                    key.public_key().as_ref(),
                ),
            ),
            Self::P384(key) => (
                "PUBLIC KEY",
                hex(
                    "3076301006072a8648ce3d020106052b81040022036200",
                    key.public_key().as_ref(),
                ),
            ),
            Self::Ed(key) => (
                "PUBLIC KEY",
                hex("302a300506032b6570032100", key.public_key().as_ref()),
            ),
        };
        format!("-----BEGIN {kind}-----\n{der}\n-----END {kind}-----\n")
    }

    pub(super) fn jwk(&self, id: &str) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let ec = |curve: &str, point: &[u8]| {
            let (x, y) = point[1..].split_at(point.len() / 2);
            json!({ "kty": "EC", "crv": curve, "x": text(x), "y": text(y), "kid": id })
        };
        match self {
            Self::Secret(secret) => json!({ "kty": "oct", "k": text(secret), "kid": id }),
            Self::Rsa(key) => {
                let public: RsaPublicKeyComponents<Vec<u8>> = key.public().into();
                let (n, e) = (text(&public.n), text(&public.e));
                json!({ "kty": "RSA", "n": n, "e": e, "kid": id })
            }
            Self::P256(key) => ec("P-256", key.public_key().as_ref()),
            Self::P384(key) => ec("P-384", key.public_key().as_ref()),
            Self::Ed(key) => {
                let x = text(key.public_key().as_ref());
                json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": id })
            }
        }
    }

    pub(super) fn token(&self, header: Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(claims));
        let algorithm = header["alg"].as_str().unwrap_or_default();
        let signature = self.sign(algorithm, message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    pub(super) fn good(&self, algorithm: &str) -> String {
        self.token(json!({ "alg": algorithm }), &claims())
    }
}

/// In seconds.
pub(super) fn at(seconds: i64) -> i64 {
    i64::try_from(NOW / 1000).unwrap() + seconds
}

/// Claims that are right.
fn claims() -> Value {
    json!({
        "iss": ISSUER,
        "aud": ["others", "hearken"],
        "sub": "42",
        "exp": at(3600),
        "roles": ["shop"],
    })
}

/// Those with some of them changed; `null` takes one out.
pub(super) fn with(changes: &Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims
                .as_object_mut()
                .unwrap()
                .insert(name.clone(), value.clone()),
        };
    }
    claims
}

pub(super) fn issued_by(source: TokenSource) -> AccessSettings {
    let issuer = TokenIssuer {
        place: "hearken.toml:7:1".to_owned(),
        source: granted(source),
        issuer: Some(ISSUER.to_owned()),
        audience: Some("hearken".to_owned()),
        roles_claim: "roles".to_owned(),
    };
    AccessSettings {
        tokens: [("main".to_owned(), issuer)].into(),
        ..shop()
    }
}

fn file(directory: &tempfile::TempDir, name: &str, content: &[u8]) -> std::path::PathBuf {
    let path = directory.path().join(name);
    std::fs::write(&path, content).unwrap();
    path
}

pub(super) fn of_secret() -> (Access, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let secret = file(&directory, "secret", &[SECRET, b"\n"].concat());
    let access = access(issued_by(TokenSource::HmacSecretFile(secret)));
    (access, directory)
}

fn of_public_key(pem: &str) -> Access {
    let directory = tempfile::tempdir().unwrap();
    let public = file(&directory, "public.pem", pem.as_bytes());
    access(issued_by(TokenSource::PublicKeyFile(public)))
}

/// A server of keys, of which everything can be told.
#[derive(Clone)]
pub(super) struct Server(Arc<ServerState>);

struct ServerState {
    answer: Mutex<Result<String, FetchError>>,
    /// How long an answer takes.
    takes: Mutex<Duration>,
    asked: AtomicUsize,
}

impl Server {
    pub(super) fn with(keys: &[Value]) -> Self {
        let server = Self(Arc::new(ServerState {
            answer: Mutex::new(Err(FetchError("gone".to_owned()))),
            takes: Mutex::default(),
            asked: AtomicUsize::new(0),
        }));
        server.has(keys);
        server
    }

    fn has(&self, keys: &[Value]) {
        *self.0.answer.lock().unwrap() = Ok(json!({ "keys": keys }).to_string());
    }

    fn says(&self, text: String) {
        *self.0.answer.lock().unwrap() = Ok(text);
    }

    pub(super) fn is_gone(&self) {
        *self.0.answer.lock().unwrap() = Err(FetchError("gone".to_owned()));
    }

    fn takes(&self, time: Duration) {
        *self.0.takes.lock().unwrap() = time;
    }

    fn asked(&self) -> usize {
        self.0.asked.load(Ordering::Relaxed)
    }

    pub(super) fn access(&self) -> (Access, Arc<SetClock>) {
        let settings = issued_by(TokenSource::JwksUrl(URL.to_owned()));
        let clock = SetClock::new();
        let server = Arc::new(self.clone());
        let access = Access::new(settings, Arc::clone(&clock) as _, server).unwrap();
        (access, clock)
    }
}

impl FetchKeySet for Server {
    fn fetch<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Bytes, FetchError>> {
        assert_eq!(url, URL);
        self.0.asked.fetch_add(1, Ordering::Relaxed);
        let (takes, answer) = (
            *self.0.takes.lock().unwrap(),
            self.0.answer.lock().unwrap().clone(),
        );
        async move {
            tokio::time::sleep(takes).await;
            answer.map(Bytes::from)
        }
        .boxed()
    }
}

const ALGORITHMS: [&str; 12] = [
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
    "ES384", "EdDSA",
];

#[tokio::test]
async fn every_key_takes_its_own_algorithms_and_no_other() {
    for (signer, own) in [
        (Signer::secret(), &["HS256", "HS384", "HS512"][..]),
        (
            Signer::rsa(),
            &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
        ),
        (Signer::p256(), &["ES256"]),
        (Signer::p384(), &["ES384"]),
        (Signer::ed(), &["EdDSA"]),
    ] {
        let mut nodes = Vec::new();
        let _directory = match &signer {
            Signer::Secret(_) => {
                let (access, directory) = of_secret();
                nodes.push(access);
                Some(directory)
            }
            signer => {
                nodes.push(of_public_key(&signer.pem()));
                nodes.push(Server::with(&[signer.jwk("a")]).access().0);
                None
            }
        };
        for access in &nodes {
            for algorithm in ALGORITHMS {
                let token = signer.token(json!({ "alg": algorithm, "kid": "a" }), &claims());
                let known = bearer(access, &token).await;
                if own.contains(&algorithm) {
                    let identity = known.expect(algorithm);
                    assert_eq!(identity.principal().to_string(), "user:42");
                    assert!(may(&identity, Act::Publish("custom.shop.paid")));
                    assert!(!may(&identity, Act::Operate));
                } else {
                    known.expect_err(algorithm);
                }
            }
        }
    }
}

#[tokio::test]
async fn bad_tokens_get_what_they_deserve() {
    let (access, _directory) = of_secret();
    let signer = Signer::secret();
    let head = json!({ "alg": "HS256" });
    let good = signer.good("HS256");
    bearer(&access, &good).await.unwrap();
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let forged = {
        let claims = with(&json!({ "roles": ["admin"] }));
        let payload = URL_SAFE_NO_PAD.encode(claims.to_string());
        let head = signed.split('.').next().unwrap();
        format!("{head}.{payload}.{signature}")
    };
    let unsigned = {
        let head = URL_SAFE_NO_PAD.encode(json!({ "alg": "none" }).to_string());
        let payload = signed.split('.').nth(1).unwrap();
        format!("{head}.{payload}.")
    };
    let claiming = |changes: Value| signer.token(head.clone(), &with(&changes));
    let stranger = Signer::Secret(vec![7; 32]).good("HS256");
    let critical = json!({ "alg": "HS256", "crit": ["b64"], "b64": false });
    use Unauthenticated as U;
    for (token, refused) in [
        (claiming(json!({ "exp": at(-31) })), U::TokenExpired),
        (
            claiming(json!({ "exp": null })),
            U::WrongClaim { claim: "exp" },
        ),
        (
            claiming(json!({ "exp": "tomorrow" })),
            U::WrongClaim { claim: "exp" },
        ),
        (
            claiming(json!({ "exp": -1 })),
            U::WrongClaim { claim: "exp" },
        ),
        (claiming(json!({ "nbf": at(31) })), U::NotYetValid),
        (
            claiming(json!({ "nbf": "now" })),
            U::WrongClaim { claim: "nbf" },
        ),
        (
            claiming(json!({ "iss": "https://other.example" })),
            U::UnknownIssuer,
        ),
        (claiming(json!({ "iss": null })), U::UnknownIssuer),
        (claiming(json!({ "iss": [ISSUER] })), U::UnknownIssuer),
        (claiming(json!({ "aud": "others" })), U::WrongAudience),
        (claiming(json!({ "aud": null })), U::WrongAudience),
        (
            claiming(json!({ "sub": null })),
            U::WrongClaim { claim: "sub" },
        ),
        (
            claiming(json!({ "sub": "" })),
            U::WrongClaim { claim: "sub" },
        ),
        (
            claiming(json!({ "sub": "a\nb" })),
            U::WrongClaim { claim: "sub" },
        ),
        (
            claiming(json!({ "sub": "x".repeat(256) })),
            U::WrongClaim { claim: "sub" },
        ),
        (
            claiming(json!({ "more": "x".repeat(64 << 10) })),
            U::TokenTooLong,
        ),
        (stranger, U::WrongSignature),
        (forged, U::WrongSignature),
        (format!("{signed}."), U::WrongSignature),
        (unsigned, U::WrongAlgorithm),
        (signer.good("NONE"), U::WrongAlgorithm),
        (signer.good("HS1"), U::WrongAlgorithm),
        (signer.token(critical, &claims()), U::Malformed),
        (signed.to_owned(), U::Malformed),
        (format!("{good}.{signature}"), U::Malformed),
        ("..".to_owned(), U::Malformed),
        ("a.b.c".to_owned(), U::Malformed),
        (String::new(), U::Malformed),
    ] {
        // Each from an address of its own, so that none is refused for the others.
        static FROM: AtomicUsize = AtomicUsize::new(0);
        let from = u32::try_from(FROM.fetch_add(1, Ordering::Relaxed)).unwrap();
        let from = Ipv4Addr::from_bits(from).into();
        let error = access.authenticate(Credential::Bearer(&token), from).await;
        let error = error.expect_err(&token);
        assert_eq!(error, refused, "{token}");
        let shown = format!("{error} {error:?}");
        for part in token.split('.').filter(|part| part.len() > 4) {
            assert!(!shown.contains(part), "{shown}");
        }
    }
}

#[tokio::test]
async fn what_else_stands_in_a_header_matters_to_nobody() {
    let (access, _directory) = of_secret();
    let more = json!({ "typ": "at+jwt", "exp": 1, "own": { "a": [true, null] } });
    let mut header = json!({ "alg": "HS256" });
    header
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let token = Signer::secret().token(header, &claims());
    bearer(&access, &token).await.unwrap();
}

#[tokio::test]
async fn clocks_may_differ_by_half_a_minute() {
    let (access, _directory) = of_secret();
    let head = json!({ "alg": "HS256" });
    for changes in [
        json!({ "exp": at(-29) }),
        json!({ "nbf": at(29) }),
        json!({ "exp": at(10) as f64 + 0.5 }),
    ] {
        let token = Signer::secret().token(head.clone(), &with(&changes));
        let taken = bearer(&access, &token).await;
        assert!(taken.is_ok(), "{changes}: {taken:?}");
    }
}

#[tokio::test]
async fn a_public_key_is_no_shared_secret() {
    let rsa = Signer::rsa();
    let pem = rsa.pem();
    let by_set = Server::with(&[rsa.jwk("a")]).access().0;
    for access in [of_public_key(&pem), by_set] {
        let Signer::Rsa(key) = &rsa else {
            unreachable!()
        };
        for secret in [
            pem.as_bytes(),
            key.public_key().as_ref(),
            pem.trim().as_bytes(),
        ] {
            let forger = Signer::Secret(secret.to_vec());
            let token = forger.token(json!({ "alg": "HS256", "kid": "a" }), &claims());
            bearer(&access, &token).await.unwrap_err();
        }
    }
}

#[tokio::test]
async fn roles_stand_in_a_list_or_a_text_and_unknown_ones_give_nothing() {
    let (access, _directory) = of_secret();
    for (roles, publishes, observes) in [
        (json!(["shop", "observer"]), true, true),
        (json!("observer  shop"), true, true),
        (json!(["no-such-role", "shop"]), true, false),
        (json!(["no-such-role"]), false, false),
        (json!([1, null, {"shop": true}]), false, false),
        (json!({"shop": true}), false, false),
        (json!(null), false, false),
    ] {
        let claims = with(&json!({ "roles": roles }));
        let token = Signer::secret().token(json!({ "alg": "HS256" }), &claims);
        let identity = bearer(&access, &token).await.unwrap();
        assert_eq!(
            may(&identity, Act::Publish("custom.shop.a")),
            publishes,
            "{roles}"
        );
        assert_eq!(may(&identity, Act::Observe), observes, "{roles}");
    }
}

#[tokio::test]
async fn of_several_issuers_the_one_that_is_named_decides() {
    let directory = tempfile::tempdir().unwrap();
    let other_secret = [9; 40];
    let mut settings = issued_by(TokenSource::HmacSecretFile(file(&directory, "a", SECRET)));
    let unnamed = TokenIssuer {
        source: granted(TokenSource::HmacSecretFile(file(
            &directory,
            "b",
            &other_secret,
        ))),
        issuer: None,
        audience: None,
        roles_claim: "scope".to_owned(),
        ..settings.tokens["main"].clone()
    };
    settings.tokens.insert("other".to_owned(), unnamed.clone());
    let access = access(settings.clone());
    let other = Signer::Secret(other_secret.to_vec());
    let claims = with(&json!({ "iss": "b", "aud": null, "scope": "observer" }));
    let token = other.token(json!({ "alg": "HS256" }), &claims);
    let identity = bearer(&access, &token).await.unwrap();
    assert!(may(&identity, Act::Observe) && !may(&identity, Act::Publish("custom.shop.a")));
    let error = bearer(&access, &other.good("HS256")).await.unwrap_err();
    assert_eq!(
        error,
        Unauthenticated::WrongSignature,
        "its secret is for others"
    );
    let for_somebody = other.token(json!({ "alg": "HS256" }), &with(&json!({ "iss": null })));
    let error = bearer(&access, &for_somebody).await.unwrap_err();
    assert_eq!(error, Unauthenticated::WrongAudience);

    settings.tokens.insert("third".to_owned(), unnamed);
    let error = access.replace(settings).unwrap_err();
    assert!(matches!(error, AccessError::SameIssuer { .. }), "{error}");
}

#[test]
fn files_that_cannot_be_used_are_named_with_the_line_that_names_them() {
    let directory = tempfile::tempdir().unwrap();
    let new = |source| {
        let settings = issued_by(source);
        Access::new(settings, SetClock::new(), Arc::new(Unreachable))
            .unwrap_err()
            .to_string()
    };
    let private = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----";
    for (error, told) in [
        (
            new(TokenSource::HmacSecretFile("/nonexistent".into())),
            "No such file",
        ),
        (
            new(TokenSource::HmacSecretFile(file(
                &directory, "short", b"1234",
            ))),
            "has 4 bytes",
        ),
        (
            new(TokenSource::HmacSecretFile(file(
                &directory,
                "long",
                &[0; 70_000],
            ))),
            "70000 bytes",
        ),
        (
            new(TokenSource::PublicKeyFile("/nonexistent".into())),
            "No such file",
        ),
        (
            new(TokenSource::PublicKeyFile(file(&directory, "text", b"abc"))),
            "PUBLIC KEY",
        ),
        (
            new(TokenSource::PublicKeyFile(file(
                &directory,
                "private",
                private.as_bytes(),
            ))),
            "PUBLIC KEY",
        ),
        (
            new(TokenSource::PublicKeyFile(file(
                &directory,
                "empty",
                b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
            ))),
            "Ed25519",
        ),
    ] {
        assert!(
            error.starts_with("hearken.toml:1:1: `access.tokens.main` cannot use"),
            "{error}"
        );
        assert!(error.contains(told), "{told}: {error}");
        assert!(!error.contains("1234"), "{error}");
    }
}

fn of_key(id: &str, signer: &Signer) -> String {
    let algorithm = match signer {
        Signer::Rsa(_) => "RS256",
        Signer::P256(_) => "ES256",
        _ => "EdDSA",
    };
    signer.token(json!({ "alg": algorithm, "kid": id }), &claims())
}

#[tokio::test(start_paused = true)]
async fn unknown_key_ids_fetch_a_set_at_most_once_in_ten_seconds() {
    let (one, two) = (Signer::ed(), Signer::ed());
    let server = Server::with(&[one.jwk("1")]);
    let (access, _) = server.access();
    for _ in 0..3 {
        bearer(&access, &of_key("1", &one)).await.unwrap();
    }
    assert_eq!(server.asked(), 1);
    server.has(&[one.jwk("1"), two.jwk("2")]);
    let refused = bearer(&access, &of_key("2", &two)).await.unwrap_err();
    assert_eq!(
        refused,
        Unauthenticated::UnknownKeyId,
        "it was asked just now"
    );
    tokio::time::advance(Duration::from_secs(10)).await;
    bearer(&access, &of_key("2", &two)).await.unwrap();
    assert_eq!(server.asked(), 2);
    for id in 0..5 {
        let token = of_key(&format!("made-up-{id}"), &two);
        assert!(bearer(&access, &token).await.is_err());
    }
    assert_eq!(server.asked(), 2);
    tokio::time::advance(Duration::from_secs(10)).await;
    let all = (0..5).map(|id| {
        let (access, token) = (access.clone(), of_key(&format!("more-{id}"), &two));
        async move { bearer(&access, &token).await.is_err() }
    });
    server.takes(Duration::from_secs(1));
    assert!(
        futures_util::future::join_all(all)
            .await
            .into_iter()
            .all(|refused| refused)
    );
    assert_eq!(server.asked(), 3, "those who come together wait together");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_gone_slow_or_wrong_takes_nothing_away() {
    let (one, two) = (Signer::ed(), Signer::ed());
    let server = Server::with(&[]);
    server.is_gone();
    let (access, clock) = server.access();
    let refused = bearer(&access, &of_key("1", &one)).await.unwrap_err();
    assert_eq!(refused, Unauthenticated::KeysUnavailable);
    tokio::time::advance(Duration::from_secs(10)).await;
    server.has(&[one.jwk("1")]);
    let identity = bearer(&access, &of_key("1", &one)).await.unwrap();

    let fresh = |n: u64| {
        let claims = with(&json!({ "jti": n }));
        one.token(json!({ "alg": "EdDSA", "kid": "1" }), &claims)
    };
    let huge = format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(MAX_KEY_SET));
    for (n, answer) in [
        None,
        Some("not json".to_owned()),
        Some(huge),
        Some("{\"keys\":[]}".to_owned()),
    ]
    .into_iter()
    .enumerate()
    {
        match answer {
            None => server.is_gone(),
            Some(text) => server.says(text),
        }
        tokio::time::advance(Duration::from_secs(3600)).await;
        let asked = server.asked();
        assert!(bearer(&access, &of_key("2", &two)).await.is_err());
        assert_eq!(server.asked(), asked + 1);
        bearer(&access, &fresh(n as u64))
            .await
            .expect("its key is known");
    }
    server.has(&[one.jwk("1"), two.jwk("2")]);
    server.takes(Duration::from_secs(3600));
    tokio::time::advance(Duration::from_secs(3600)).await;
    let began = tokio::time::Instant::now();
    bearer(&access, &fresh(100)).await.unwrap();
    assert!(
        began.elapsed() < Duration::from_millis(1),
        "known keys wait for nobody"
    );
    assert!(bearer(&access, &of_key("2", &two)).await.is_err());
    assert_eq!(began.elapsed().as_secs(), 5, "a fetch has a deadline");
    assert!(
        timeout(Duration::from_millis(1), identity.ended())
            .await
            .is_err()
    );
    // With the leeway, since nobody waited while it expired.
    clock.advance(Duration::from_secs(3600 + 30));
    assert_eq!(identity.ended().await, Ended::TokenExpired);
}

#[tokio::test(start_paused = true)]
async fn an_old_set_is_fetched_again_although_no_other_tokens_come() {
    let (one, two) = (Signer::ed(), Signer::ed());
    let server = Server::with(&[one.jwk("1")]);
    let (access, _) = server.access();
    let token = of_key("1", &one);
    let identity = bearer(&access, &token).await.unwrap();
    tokio::time::advance(Duration::from_secs(599)).await;
    bearer(&access, &token).await.unwrap();
    assert_eq!(server.asked(), 1);
    server.has(&[two.jwk("2")]);
    tokio::time::advance(Duration::from_secs(1)).await;
    bearer(&access, &token).await.expect("it waits for nobody");
    assert_eq!(identity.ended().await, Ended::IssuersKeyRemoved);
    assert_eq!(server.asked(), 2);
    let refused = bearer(&access, &token).await.unwrap_err();
    assert_eq!(refused, Unauthenticated::UnknownKeyId);
}

#[tokio::test(start_paused = true)]
async fn an_old_set_is_fetched_again_for_what_lasts() {
    let (one, two) = (Signer::ed(), Signer::ed());
    let server = Server::with(&[one.jwk("1")]);
    let (access, _) = server.access();
    let identity = bearer(&access, &of_key("1", &one)).await.unwrap();
    server.has(&[two.jwk("2")]);
    let ended = timeout(Duration::from_secs(700), identity.ended()).await;
    assert_eq!(ended.unwrap(), Ended::IssuersKeyRemoved);
    assert_eq!(server.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_its_issuer_takes_back_ends_what_it_began() {
    let (one, two) = (Signer::ed(), Signer::ed());
    let server = Server::with(&[one.jwk("1")]);
    let (access, _) = server.access();
    let token = of_key("1", &one);
    let identity = bearer(&access, &token).await.unwrap();
    let ended = tokio::spawn(async move { identity.ended().await });
    server.has(&[two.jwk("2")]);
    tokio::time::advance(Duration::from_secs(10)).await;
    bearer(&access, &of_key("2", &two)).await.unwrap();
    assert_eq!(ended.await.unwrap(), Ended::IssuersKeyRemoved);
    let refused = bearer(&access, &token).await.unwrap_err();
    assert_eq!(
        refused,
        Unauthenticated::UnknownKeyId,
        "what was checked is checked again"
    );
}

#[tokio::test(start_paused = true)]
async fn keys_for_other_purposes_check_no_signatures() {
    let (rsa, ed) = (Signer::rsa(), Signer::ed());
    let changed = |signer: &Signer, name: &str, value: Value| {
        let mut jwk = signer.jwk("a");
        jwk[name] = value;
        jwk
    };
    for (jwk, signer) in [
        (changed(&rsa, "use", json!("enc")), &rsa),
        (changed(&rsa, "key_ops", json!(["encrypt"])), &rsa),
        (changed(&rsa, "alg", json!("PS256")), &rsa),
        (changed(&rsa, "alg", json!("RSA-OAEP")), &rsa),
        (changed(&rsa, "alg", json!("HS256")), &rsa),
        (changed(&rsa, "kty", json!("oct")), &rsa),
        (changed(&ed, "crv", json!("X25519")), &ed),
        (Signer::secret().jwk("a"), &rsa),
        (json!("text"), &rsa),
    ] {
        let spare = Signer::p256().jwk("spare");
        let (access, _) = Server::with(&[jwk.clone(), spare]).access();
        let refused = bearer(&access, &of_key("a", signer)).await.unwrap_err();
        assert_eq!(refused, Unauthenticated::UnknownKeyId, "{jwk}");
    }
    let good = changed(&rsa, "use", json!("sig"));
    let (access, _) = Server::with(&[json!({ "kty": "new" }), good]).access();
    bearer(&access, &of_key("a", &rsa)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_token_without_a_key_id_means_the_only_key() {
    let (one, two) = (Signer::ed(), Signer::ed());
    let server = Server::with(&[one.jwk("1"), Signer::p256().jwk("2")]);
    let (access, _) = server.access();
    bearer(&access, &one.good("EdDSA")).await.unwrap();
    server.has(&[one.jwk("1"), two.jwk("2")]);
    let (access, _) = server.access();
    let refused = bearer(&access, &one.good("EdDSA")).await.unwrap_err();
    assert_eq!(refused, Unauthenticated::UnknownKeyId);
}

#[tokio::test(start_paused = true)]
async fn what_a_token_began_ends_with_it_or_with_its_issuer() {
    let (access, directory) = of_secret();
    let claims = with(&json!({ "roles": ["shop", "observer"] }));
    let token = Signer::secret().token(json!({ "alg": "HS256" }), &claims);
    let identity = bearer(&access, &token).await.unwrap();
    let again = bearer(&access, &token).await.unwrap();
    assert_eq!(again.principal(), identity.principal());
    let settings = |secret: &Path| issued_by(TokenSource::HmacSecretFile(secret.to_owned()));
    let secret = directory.path().join("secret");
    access.replace(settings(&secret)).unwrap();
    assert!(
        timeout(Duration::from_millis(1), identity.ended())
            .await
            .is_err()
    );

    let mut without_shop = settings(&secret);
    without_shop.roles.clear();
    access.replace(without_shop).unwrap();
    assert_eq!(identity.ended().await, Ended::Narrowed);
    let identity = bearer(&access, &token).await.unwrap();
    assert!(
        !may(&identity, Act::Publish("custom.shop.a")),
        "nothing old is remembered"
    );

    std::fs::write(&secret, [8; 32]).unwrap();
    access.replace(settings(&secret)).unwrap();
    assert_eq!(identity.ended().await, Ended::IssuerRemoved);
    let refused = bearer(&access, &token).await.unwrap_err();
    assert_eq!(refused, Unauthenticated::WrongSignature);
}

#[tokio::test(start_paused = true)]
async fn what_was_begun_within_the_leeway_lasts_as_long_as_that() {
    let directory = tempfile::tempdir().unwrap();
    let secret = file(&directory, "secret", SECRET);
    let clock = SetClock::new();
    let settings = issued_by(TokenSource::HmacSecretFile(secret));
    let access = Access::new(settings, Arc::clone(&clock) as _, Arc::new(Unreachable)).unwrap();
    let claims = with(&json!({ "exp": at(-10) }));
    let token = Signer::secret().token(json!({ "alg": "HS256" }), &claims);
    let identity = bearer(&access, &token).await.unwrap();
    assert!(
        timeout(Duration::from_secs(19), identity.ended())
            .await
            .is_err()
    );
    clock.advance(Duration::from_secs(20));
    assert_eq!(identity.ended().await, Ended::TokenExpired);
    let refused = bearer(&access, &token).await.unwrap_err();
    assert_eq!(
        refused,
        Unauthenticated::TokenExpired,
        "nor is it taken by memory"
    );
}

#[tokio::test]
async fn a_token_for_development_is_taken_by_who_has_the_secret() {
    let (access, directory) = of_secret();
    let secret = TokenSource::HmacSecretFile(directory.path().join("secret"));
    let issuer = issued_by(secret).tokens["main"].clone();
    let roles = ["shop".to_owned()];
    let token = NewToken {
        subject: "me",
        roles: &roles,
        issued: NOW / 1000,
        expires: NOW / 1000 + 60,
        channel: None,
    };
    let identity = bearer(&access, &token.sign("main", &issuer).unwrap())
        .await
        .unwrap();
    assert_eq!(identity.principal().to_string(), "user:me");
    assert!(may(&identity, Act::Append("orders")));

    let public = issued_by(TokenSource::JwksUrl(URL.to_owned())).tokens["main"].clone();
    let error = token.sign("main", &public).unwrap_err().to_string();
    assert!(
        error.contains("`access.tokens.main` has no `hmac_secret_file`"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn wrong_tokens_count_as_wrong_keys_do() {
    let (access, _directory) = of_secret();
    for _ in 0..10 {
        bearer(&access, "a.b.c").await.unwrap_err();
    }
    let refused = bearer(&access, "a.b.c").await.unwrap_err();
    assert!(
        matches!(refused, Unauthenticated::TooManyWrong { .. }),
        "{refused}"
    );
    bearer(&access, &Signer::secret().good("HS256"))
        .await
        .unwrap();
}
