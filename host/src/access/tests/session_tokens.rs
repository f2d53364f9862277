use serde_json::{Value, json};

use super::tokens::{Server, Signer, at, issued_by, of_secret, with};
use super::*;

/// A token with these claims changed; `null` takes one out.
fn signed(changes: &Value) -> String {
    Signer::secret().token(json!({ "alg": "HS256" }), &with(changes))
}

async fn verified(access: &Access, changes: &Value) -> Result<VerifiedClaims, Unauthenticated> {
    access.verify("main", &signed(changes)).await
}

#[tokio::test]
async fn a_sessions_token_need_not_expire_and_may_be_nobodys() {
    let (access, _directory) = of_secret();
    let whole = verified(&access, &json!({ "channels": ["news"] })).await;
    let whole = whole.unwrap();
    assert_eq!(whole.user, "42");
    assert_eq!(whole.roles, ["shop"]);
    assert_eq!(whole.claims["channels"], json!(["news"]));
    assert_eq!(whole.claims["exp"], json!(at(3600)));
    for nobody in [json!({ "sub": null }), json!({ "sub": "" })] {
        let nobody = verified(&access, &nobody).await.unwrap();
        assert_eq!(nobody.user, "");
    }
    let endless = json!({ "exp": null, "roles": null });
    let endless = verified(&access, &endless).await.unwrap();
    assert_eq!(endless.roles, [""; 0]);
    let shown = format!("{endless:?}");
    assert!(shown.contains("42") && !shown.contains("iss"), "{shown}");
}

#[tokio::test]
async fn an_expired_token_is_told_from_a_wrong_one_to_the_second() {
    let (access, _directory) = of_secret();
    use Unauthenticated as U;
    for (changes, refused) in [
        (json!({ "exp": at(0) }), U::TokenExpired),
        (json!({ "exp": at(-1_000_000) }), U::TokenExpired),
        (json!({ "exp": 0 }), U::TokenExpired),
        (json!({ "exp": "soon" }), U::WrongClaim { claim: "exp" }),
        (json!({ "nbf": at(31) }), U::NotYetValid),
        (json!({ "sub": 42 }), U::WrongClaim { claim: "sub" }),
        (json!({ "sub": "a\nb" }), U::WrongClaim { claim: "sub" }),
        (json!({ "aud": "others" }), U::WrongAudience),
        (json!({ "iss": "https://other.example" }), U::UnknownIssuer),
    ] {
        assert_eq!(verified(&access, &changes).await, Err(refused), "{changes}");
    }
    verified(&access, &json!({ "exp": at(1) })).await.unwrap();
    let stranger = Signer::Secret(vec![7; 32]).good("HS256");
    let refused = access.verify("main", &stranger).await;
    assert_eq!(refused, Err(U::WrongSignature));
    // Who has signed an expired token matters more than that it has expired.
    let old = with(&json!({ "exp": 1 }));
    let forged = Signer::Secret(vec![7; 32]).token(json!({ "alg": "HS256" }), &old);
    let refused = access.verify("main", &forged).await;
    assert_eq!(refused, Err(U::WrongSignature));
    let refused = access.verify("other", &signed(&json!({}))).await;
    assert_eq!(refused, Err(U::NoTokens));
}

#[tokio::test]
async fn one_issuer_alone_signs_the_tokens_of_sessions() {
    let directory = tempfile::tempdir().unwrap();
    let secret = |name: &str, byte: u8| {
        let file = directory.path().join(name);
        std::fs::write(&file, [byte; 32]).unwrap();
        issued_by(TokenSource::HmacSecretFile(file)).tokens["main"].clone()
    };
    let other = TokenIssuer {
        issuer: Some("https://other.example".to_owned()),
        ..secret("other", 2)
    };
    let settings = AccessSettings {
        tokens: [
            ("main".to_owned(), secret("main", 1)),
            ("other".to_owned(), other),
        ]
        .into(),
        ..shop()
    };
    let access = access(settings);
    let claims = with(&json!({ "iss": "https://other.example" }));
    let token = Signer::Secret(vec![2; 32]).token(json!({ "alg": "HS256" }), &claims);
    access.verify("other", &token).await.unwrap();
    let refused = access.verify("main", &token).await;
    assert_eq!(refused, Err(Unauthenticated::UnknownIssuer));
}

#[tokio::test]
async fn the_keys_of_a_set_are_fetched_for_sessions_too() {
    let signer = Signer::ed();
    let server = Server::with(&[signer.jwk("a")]);
    let (access, _clock) = server.access();
    let token = signer.token(json!({ "alg": "EdDSA", "kid": "a" }), &with(&json!({})));
    assert_eq!(access.verify("main", &token).await.unwrap().user, "42");
    let gone = Server::with(&[]);
    gone.is_gone();
    let (access, _clock) = gone.access();
    let refused = access.verify("main", &token).await;
    assert_eq!(refused, Err(Unauthenticated::KeysUnavailable));
}

#[tokio::test]
async fn the_roles_of_a_token_are_an_identity_until_they_allow_less() {
    let (access, directory) = of_secret();
    let roles = ["shop".to_owned(), "unknown".to_owned()];
    let identity = access.identity_of("42", &roles);
    assert_eq!(identity.principal().to_string(), "user:42");
    assert!(may(&identity, Act::Read("chat:1")) && !may(&identity, Act::Operate));
    assert!(identity.rights().may_hear_any());
    assert!(identity.rights().may_hear("custom.shop.paid"));
    assert!(!identity.rights().may_hear("custom.else"));
    let nobody = access.identity_of("", &[]);
    assert_eq!(nobody.principal(), &Principal::Anonymous);
    assert!(!may(&nobody, Act::Read("chat:1")) && !nobody.rights().may_hear_any());
    assert_eq!(identity.check_holds(), Ok(()));
    let secret = TokenSource::HmacSecretFile(directory.path().join("secret"));
    let narrower = AccessSettings {
        roles: [("shop".to_owned(), Role::default())].into(),
        ..issued_by(secret)
    };
    access.replace(narrower).unwrap();
    assert_eq!(identity.check_holds(), Err(Ended::Narrowed));
    assert_eq!(identity.ended().await, Ended::Narrowed);
    assert_eq!(nobody.check_holds(), Ok(()));
    let again = access.identity_of("42", &roles);
    assert!(!may(&again, Act::Read("chat:1")));
}
