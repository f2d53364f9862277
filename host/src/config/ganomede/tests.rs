use std::time::Duration;

use super::*;
use crate::config::tests::{file_error, load, variable_error};

#[test]
fn without_a_secret_there_is_no_such_api() {
    let ganomede = load(None, &[], &[]).unwrap().ganomede;
    assert_eq!(ganomede.secret, None);
    assert!(ganomede.create);
    assert_eq!(ganomede.poll_timeout, Duration::from_secs(5));
}

#[test]
fn the_secret_stands_in_the_file_a_variable_or_a_file_of_its_own() {
    let file = "[ganomede]\nsecret = 'hunter22'\ncreate = false\npoll_timeout = '1s'";
    let ganomede = load(Some(file), &[], &[]).unwrap().ganomede;
    let Some(GanomedeSecret::Text(text)) = &ganomede.secret else {
        panic!("{ganomede:?}");
    };
    assert_eq!(text.reveal(), "hunter22");
    assert!(!ganomede.create);
    assert_eq!(ganomede.poll_timeout, Duration::from_secs(1));

    let variables = [("HEARKEN_GANOMEDE_SECRET", "hunter23")];
    let ganomede = load(Some(file), &variables, &[]).unwrap().ganomede;
    assert!(matches!(&ganomede.secret, Some(GanomedeSecret::Text(text)) if text.0 == "hunter23"));

    let file = "[ganomede]\nsecret_file = 'secret'";
    let ganomede = load(Some(file), &[], &[]).unwrap().ganomede;
    assert_eq!(ganomede.secret, Some(GanomedeSecret::File("secret".into())));
}

#[test]
fn two_secrets_are_refused() {
    let error = file_error("[ganomede]\nsecret = 'hunter22'\nsecret_file = 'secret'");
    assert!(error.contains("hearken.toml:3:15: "), "{error}");
    assert!(error.contains("`ganomede.secret_file`"), "{error}");
    assert!(!error.contains("hunter22"), "{error}");
}

#[test]
fn nothing_shows_the_secret() {
    let file = "[ganomede]\nsecret = 'hunter22'";
    let config = load(Some(file), &[], &[]).unwrap();
    assert!(!format!("{config:?}").contains("hunter22"));
    let long = format!("hunter22{}", "x".repeat(MAX_GANOMEDE_SECRET));
    for error in [
        file_error(&format!("[ganomede]\nsecret = '{long}'")),
        file_error("[ganomede]\nsecret = ['hunter22']"),
        variable_error("HEARKEN_GANOMEDE_SECRET", &long),
    ] {
        assert!(error.contains("ganomede.secret"), "{error}");
        assert!(!error.contains("hunter22"), "{error}");
    }
    assert!(file_error("[ganomede]\nsecret = ''").contains("it is empty"));
}

#[test]
fn what_has_changed_is_named_without_its_value() {
    let read = |file| load(Some(file), &[], &[]).unwrap();
    let before = read("[ganomede]\nsecret = 'a'");
    let keys = |file| before.changed_keys(&read(file));
    assert_eq!(keys("[ganomede]\nsecret = 'a'"), [""; 0]);
    assert_eq!(keys("[ganomede]\nsecret_file = 'a'"), ["ganomede.secret"]);
    assert_eq!(
        keys("[ganomede]\npoll_timeout = '1s'\ncreate = false"),
        [
            "ganomede.secret",
            "ganomede.create",
            "ganomede.poll_timeout"
        ]
    );
}
