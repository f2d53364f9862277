use std::collections::BTreeSet;

use super::field::FIELDS;
use crate::access::{AccessSettings, NewKey, TokenSource};
use crate::config::tests::{file_error, load, variable_error};

fn read(file: &str) -> AccessSettings {
    load(Some(file), &[], &[]).unwrap().access
}

/// The file of the documentation, with a key.
fn file() -> String {
    format!(
        r#"
        [access]
        anonymous = ["observer"]
        allowed_origins = ["https://App.example.com", "http://localhost:3000", "https://a.example:443"]
        [access.roles.shop]
        publish = ["custom.shop.*"]
        listen = ["custom.{{shop,order}}.*", "plugin.*"]
        append = ["orders"]
        read = ["orders", "chat:*"]
        observe = true
        operate = false
        rate = "1000/s"
        connections = 10
        streams = 5
        [access.keys.billing]
        keys = ["{}", "{}"]
        roles = ["shop", "observer"]
        expires = "2027-12-31T00:00:00Z"
        [access.tokens.main]
        jwks_url = "https://id.example.com/jwks.json"
        issuer = "https://id.example.com"
        audience = "hearken"
        [access.certificates.edge]
        subject_alt_name = "edge.example.com"
        roles = ["shop"]
        "#,
        NewKey::generate().unwrap().hash(),
        NewKey::generate().unwrap().hash(),
    )
}

#[test]
fn everything_is_read_with_its_place() {
    let access = read(&file());
    assert!(access.is_configured());
    let anonymous = access.anonymous.unwrap();
    assert_eq!(anonymous[0].value, "observer");
    assert!(
        anonymous[0].place.ends_with("hearken.toml:3:22"),
        "{anonymous:?}"
    );
    assert_eq!(
        access.allowed_origins,
        [
            "https://app.example.com",
            "http://localhost:3000",
            "https://a.example"
        ]
    );
    let shop = &access.roles["shop"];
    assert!(shop.place.ends_with(":5:23"), "{}", shop.place);
    assert_eq!(shop.listen[1].value.as_str(), "plugin.*");
    assert!(
        shop.listen[1].place.ends_with(":7:44"),
        "{:?}",
        shop.listen[1]
    );
    assert_eq!(shop.read[1].value.as_str(), "chat:*");
    assert!(shop.observe.is_some() && shop.operate.is_none());
    assert_eq!(shop.limits.rate, Some("1000/s".parse().unwrap()));
    assert_eq!(
        (shop.limits.connections, shop.limits.streams),
        (Some(10), Some(5))
    );
    let main = &access.tokens["main"];
    let url = "https://id.example.com/jwks.json".to_owned();
    assert_eq!(main.source.value, TokenSource::JwksUrl(url));
    assert_eq!(main.issuer.as_deref(), Some("https://id.example.com"));
    assert_eq!(main.audience.as_deref(), Some("hearken"));
    assert_eq!(main.roles_claim, "roles");
    let billing = &access.keys["billing"];
    assert_eq!(billing.keys.len(), 2);
    assert_eq!(billing.expires, Some(1_830_211_200_000));
    assert_eq!(
        access.certificates["edge"].subject_alt_name,
        "edge.example.com"
    );
}

#[test]
fn only_what_gives_rights_to_somebody_makes_a_node_ask() {
    for file in [
        "",
        "[access]\nallowed_origins = ['https://a.example']",
        "[access.roles.a]",
    ] {
        assert!(!read(file).is_configured(), "{file}");
    }
    let none = read("access.anonymous = []");
    assert_eq!(none.anonymous, Some(Vec::new()));
    assert!(none.is_configured());
    let variables = [("HEARKEN_ACCESS_ANONYMOUS", "observer")];
    let access = load(None, &variables, &[]).unwrap().access;
    let anonymous = access.anonymous.unwrap();
    assert!(anonymous[0].place.contains("HEARKEN_ACCESS_ANONYMOUS"));
    let error = variable_error("HEARKEN_ACCESS_ANONYMOUS", "observr");
    assert!(error.contains("did you mean `observer`?"), "{error}");
}

#[test]
fn mistakes_are_placed_and_the_nearest_is_named() {
    let key = NewKey::generate().unwrap().hash();
    for (file, place, told) in [
        (
            "[access.roles.a]\npublsh = ['custom.*']",
            "2:1",
            "did you mean `access.roles.a.publish`?",
        ),
        (
            "[access.roles.a]\nobserve = ['*']",
            "2:11",
            "`true` or `false`",
        ),
        (
            "[access.roles.a]\nlisten = ['custom.*', 'a{b']",
            "2:23",
            "brace",
        ),
        ("[access.roles.a]\nread = ['a b']", "2:9", "' '"),
        ("[access.roles.a]\nrate = '1000'", "2:8", "no `/`"),
        ("[access.roles.a]\nrate = '0/s'", "2:8", "from 1 to"),
        ("[access.roles.a]\nrate = '1/d'", "2:8", "unit"),
        ("[access.roles.a]\nstreams = 0", "2:11", "less than 1"),
        ("[access.roles.admin]", "1:15", "built in"),
        ("[access.roles.'a b']", "1:15", "' '"),
        ("[access]\nanonymous = ['shop']", "2:14", "no such role"),
        ("[access.roles]\na = 1", "2:5", "a table"),
        ("[access.key.a]", "1:9", "did you mean `access.keys`?"),
        ("[access.keys.a]\nroles = ['admin']", "1:14", "0 `keys`"),
        ("[access.keys.a]\nkeys = ['x']", "2:9", "three parts"),
        (
            "[access.keys.a]\nkeys = []\nroles = ['amdin']",
            "3:10",
            "did you mean `admin`?",
        ),
        (
            "[access.certificates.a]\nroles = []",
            "1:22",
            "subject_alt_name",
        ),
        (
            "[access]\nallowed_origins = ['https://a.example/x']",
            "2:20",
            "path",
        ),
        (
            "[access]\nallowed_origins = ['https://a.example/']",
            "2:20",
            "path",
        ),
        (
            "[access]\nallowed_origins = ['a.example']",
            "2:20",
            "no origin",
        ),
        (
            "[access]\nallowed_origins = ['ftp://a.example']",
            "2:20",
            "scheme",
        ),
        (
            "[access]\nallowed_origins = ['*']",
            "2:20",
            "name every origin",
        ),
    ] {
        let error = file_error(file);
        assert!(
            error.contains(&format!("hearken.toml:{place}: ")),
            "{error}"
        );
        assert!(error.contains(told), "{told}: {error}");
    }
    for (key_lines, told) in [
        (
            format!("'{key}', '{key}', '{key}', '{key}', '{key}'"),
            "5 `keys`",
        ),
        (format!("'{key}0'"), "64 hexadecimal"),
    ] {
        let error = file_error(&format!("[access.keys.a]\nkeys = [{key_lines}]"));
        assert!(error.contains(told), "{error}");
    }
    for expires in [
        "'tomorrow'",
        "2027-12-31T00:00:00Z",
        "'1960-01-01T00:00:00Z'",
    ] {
        let error = file_error(&format!(
            "[access.keys.a]\nkeys = ['{key}']\nexpires = {expires}"
        ));
        assert!(error.contains(":3:11: `access.keys.a.expires`"), "{error}");
    }
}

#[test]
fn an_issuer_has_one_way_to_check_its_tokens() {
    for (lines, place, told) in [
        ("issuer = 'b'", "1:16", "nowhere"),
        (
            "hmac_secret_file = 'b'\njwks_url = 'https://c'",
            "3:12",
            "twice",
        ),
        (
            "jwks_url = 'http://id.example.com/'",
            "2:12",
            "not on this machine",
        ),
        (
            "jwks_url = 'https://a:b@id.example.com/'",
            "2:12",
            "password",
        ),
        ("jwks_url = 'file:///a'", "2:12", "URL"),
        ("jwks_url = 'ftp://a/b'", "2:12", "scheme"),
        (
            "jwks = 'https://a'",
            "2:1",
            "did you mean `access.tokens.a.jwks_url`?",
        ),
        ("issuer = ''", "2:10", "empty"),
    ] {
        let error = file_error(&format!("[access.tokens.a]\n{lines}"));
        assert!(
            error.contains(&format!("hearken.toml:{place}: ")),
            "{error}"
        );
        assert!(error.contains(told), "{told}: {error}");
    }
    for url in [
        "http://localhost:1/a",
        "http://127.0.0.1/a",
        "http://[::1]:2/a",
    ] {
        assert!(read(&format!("[access.tokens.a]\njwks_url = '{url}'")).is_configured());
    }
}

#[test]
fn a_key_in_the_place_of_its_hash_is_not_repeated() {
    let key = NewKey::generate().unwrap().reveal();
    let error = file_error(&format!("[access.keys.a]\nkeys = ['{key}']"));
    assert!(
        error.contains("hearken.toml:2:9: `access.keys.a.keys`"),
        "{error}"
    );
    assert!(error.contains("key itself"), "{error}");
    assert_not_told(&error, &key);
}

/// Checks that an error has no part of a secret.
fn assert_not_told(error: &str, secret: &str) {
    let part = |at: usize| secret.get(at..at + 8);
    for part in (0..secret.len()).filter_map(part) {
        assert!(!error.contains(part), "{part} in {error}");
    }
}

#[test]
fn what_is_secret_is_repeated_nowhere() {
    let key = NewKey::generate().unwrap().reveal();
    let secret = &key[key.len() - 43..];
    let url = format!("https://me:{secret}@id.example.com/jwks.json");
    for (text, secret) in [
        (format!("[access.keys.a]\nkeys = '{key}'"), &*key),
        (format!("[access.keys.a]\nkeys = '{secret}'"), secret),
        (format!("[access.keys.a]\nkeys = ['{secret}']"), secret),
        (format!("[access.keys.a]\nkeys = [['{secret}']]"), secret),
        (format!("[access.keys.a]\nroles = '{key}'"), &*key),
        (format!("[access.keys.{key}]\nroles = []"), &*key),
        (format!("[access.roles.a]\nrate = '{key}'"), &*key),
        (format!("[access.tokens.a]\njwks_url = '{url}'"), secret),
        (format!("listen = '{key}'"), &*key),
    ] {
        assert_not_told(&file_error(&text), secret);
    }
}

#[test]
fn a_role_has_a_bounded_number_of_patterns() {
    let many: Vec<String> = (0..257).map(|n| format!("'a{n}'")).collect();
    for act in ["publish", "listen", "append", "read"] {
        let error = file_error(&format!("[access.roles.a]\n{act} = [{}]", many.join(", ")));
        assert!(error.contains("come to 257"), "{error}");
    }
}

#[test]
fn the_page_has_every_key_of_the_tables() {
    let known = |table: &str| {
        let error = file_error(&format!("[access.{table}.NAME]\nzzz = 1"));
        let (_, known) = error.split_once("(known here: ").expect("they are named");
        let known = known.trim_end_matches(')').split(", ").map(str::to_owned);
        known.collect::<BTreeSet<String>>()
    };
    let of_page = |table: &str| {
        let prefix = format!("access.{table}.NAME.");
        let keys = FIELDS.iter().map(|field| field.key.to_owned());
        keys.filter(|key| key.starts_with(&prefix))
            .collect::<BTreeSet<String>>()
    };
    for table in ["roles", "keys", "tokens", "certificates"] {
        assert_eq!(known(table), of_page(table));
    }
}
