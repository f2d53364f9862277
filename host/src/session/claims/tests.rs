use serde_json::json;

use super::*;
use crate::session::name::ChannelName;
use crate::session::verb::Verb;

fn connection(claims: Value) -> Result<ConnectionClaims, ClaimsError> {
    ConnectionClaims::read(claims.as_object().expect("an object"))
}

fn subscription(claims: Value) -> Result<SubscriptionClaims, ClaimsError> {
    SubscriptionClaims::read(claims.as_object().expect("an object"))
}

fn bytes(text: &str) -> Option<Bytes> {
    Some(Bytes::copy_from_slice(text.as_bytes()))
}

#[test]
fn a_connection_token_may_claim_nothing() {
    let claims = connection(json!({})).unwrap();
    assert_eq!(claims, ConnectionClaims::default());
    let nulls = json!({ "sub": null, "info": null, "subs": null, "caps": null, "exp": null });
    assert_eq!(connection(nulls).unwrap(), ConnectionClaims::default());
}

#[test]
fn a_connection_token_claims_all_of_this() {
    let claims = connection(json!({
        "sub": "42",
        "exp": 2_000_000_000.5,
        "info": { "name": "Ada" },
        "meta": { "plan": "free" },
        "jti": "t1",
        "caps": [{ "channels": ["news"], "allow": ["pub"] }],
        "channels": ["ignored"],
        "subs": {
            "news": {},
            "chat:42": {
                "info": [1],
                "b64data": "aGk=",
                "override": {
                    "presence": { "value": true },
                    "join_leave": {},
                    "force_recovery": { "value": false },
                },
            },
        },
    }))
    .unwrap();
    assert_eq!(claims.user, "42");
    assert_eq!(claims.expire_at, Some(2_000_000_000));
    assert_eq!(claims.info, bytes(r#"{"name":"Ada"}"#));
    assert_eq!(claims.meta, Some(json!({ "plan": "free" })));
    assert_eq!(claims.id.as_deref(), Some("t1"));
    let news = ChannelName::new("news").unwrap();
    assert!(claims.capabilities.allow(Verb::Publish, &news));
    let channels: Vec<_> = claims.subs.keys().map(String::as_str).collect();
    assert_eq!(channels, ["chat:42", "news"]);
    let grant = &claims.subs["chat:42"];
    assert_eq!(grant.info, bytes("[1]"));
    assert_eq!(grant.data, bytes("hi"));
    assert_eq!(
        grant.overrides,
        Overrides {
            presence: Some(true),
            join_leave: Some(false),
            force_recovery: Some(false),
            ..Overrides::default()
        }
    );
    assert_eq!(claims.subs["news"], SubscriptionGrant::default());
}

#[test]
fn channels_are_subscriptions_without_options() {
    let claims = connection(json!({ "channels": ["b", "a"], "subs": {} })).unwrap();
    let channels: Vec<_> = claims.subs.keys().map(String::as_str).collect();
    assert_eq!(channels, ["a", "b"]);
}

#[test]
fn a_connection_may_outlive_its_token() {
    for (claims, expected) in [
        (json!({ "exp": 10 }), Some(10)),
        (json!({ "exp": 10, "expire_at": 20 }), Some(20)),
        (json!({ "exp": 10, "expire_at": 0 }), None),
        (json!({ "exp": 10, "expire_at": -1 }), None),
        (json!({ "expire_at": 20 }), Some(20)),
        (json!({ "exp": 10, "expire_at": null }), Some(10)),
    ] {
        assert_eq!(connection(claims.clone()).unwrap().expire_at, expected);
        let mut claims = claims;
        claims["channel"] = json!("news");
        assert_eq!(subscription(claims).unwrap().expire_at, expected);
    }
}

#[test]
fn a_subscription_token_is_for_a_channel_a_user_and_perhaps_a_client() {
    let claims = json!({
        "sub": "42",
        "channel": "$chat:1",
        "client": "c1",
        "info": 7,
        "data": { "a": "b" },
        "b64info": "aGk=",
        "override": { "force_positioning": { "value": true } },
        "allow": ["pub", "hst", "fly"],
    });
    let read = subscription(claims.clone()).unwrap();
    assert_eq!(read.grant.info, bytes("hi"), "Base64 counts");
    assert_eq!(read.grant.data, bytes(r#"{"a":"b"}"#));
    assert_eq!(read.grant.overrides.force_positioning, Some(true));
    assert!(read.allow.has(Verb::Publish) && read.allow.has(Verb::History));
    assert!(!read.allow.has(Verb::Presence));
    assert_eq!(read.check("$chat:1", "42", "c1"), Ok(()));
    assert_eq!(read.check("$chat:2", "42", "c1"), Err(Mismatch::Channel));
    assert_eq!(read.check("$chat:1", "43", "c1"), Err(Mismatch::User));
    assert_eq!(read.check("$chat:1", "", "c1"), Err(Mismatch::User));
    assert_eq!(read.check("$chat:1", "42", "c2"), Err(Mismatch::Client));
    let mut of_all = claims;
    of_all["client"] = json!("");
    let read = subscription(of_all).unwrap();
    assert_eq!(read.check("$chat:1", "42", "c2"), Ok(()));
}

#[test]
fn each_token_is_good_for_its_own_end() {
    assert_eq!(
        connection(json!({ "sub": "42", "channel": "news" })),
        Err(ClaimsError::Subscription)
    );
    for claims in [json!({ "sub": "42" }), json!({ "channel": "" })] {
        assert_eq!(subscription(claims), Err(ClaimsError::NoChannel));
    }
}

#[test]
fn a_claim_of_the_wrong_form_is_named() {
    for (claims, claim) in [
        (json!({ "sub": 42 }), "`sub`"),
        (json!({ "exp": "soon" }), "`exp`"),
        (json!({ "expire_at": "never" }), "`expire_at`"),
        (json!({ "b64info": "?" }), "`b64info`"),
        (json!({ "channels": "news" }), "`channels`"),
        (json!({ "subs": ["news"] }), "`subs`"),
        (
            json!({ "subs": { "news": { "b64data": "?" } } }),
            "`b64data`",
        ),
        (json!({ "caps": {} }), "`caps`"),
        (json!({ "channel": 1 }), "`channel`"),
        (json!({ "jti": 1 }), "`jti`"),
    ] {
        let error = connection(claims).unwrap_err().to_string();
        assert!(error.contains(claim), "{claim}: {error}");
    }
    for (claims, claim) in [
        (json!({ "channel": "a", "override": 1 }), "`override`"),
        (json!({ "channel": "a", "allow": "pub" }), "`allow`"),
        (json!({ "channel": "a", "client": 1 }), "`client`"),
    ] {
        let error = subscription(claims).unwrap_err().to_string();
        assert!(error.contains(claim), "{claim}: {error}");
    }
}
