use std::path::Path;

use super::*;
use crate::config::Allow;

fn allow(text: &str) -> Allow {
    manifest(&format!("[allow]\n{text}")).allow
}

fn manifest(text: &str) -> Manifest {
    let manifest = Manifest::parse(Path::new("a.toml"), text);
    manifest.expect("a valid manifest")
}

fn rights(asked: Allow, bounds: Allow) -> Rights {
    let manifest = Manifest {
        allow: asked,
        ..Manifest::default()
    };
    let bounds = Bounds {
        allow: bounds,
        secrets: None,
    };
    Rights::of(&manifest, &bounds)
}

fn shown(withheld: &Withheld) -> String {
    let Withheld {
        right,
        asked,
        granted,
    } = withheld;
    format!("{right} {asked}, of which {}", granted.join(" and "))
}

fn texts<T: ToString>(list: &[T]) -> Vec<String> {
    list.iter().map(T::to_string).collect()
}

#[test]
fn without_a_policy_a_manifest_gets_what_it_asks_for() {
    let asked = allow("publish = [\"custom.a\"]\nhttp = [\"a.example\"]\nkeyvalue = [\"b\"]");
    let rights = rights(asked, Allow::default());
    assert!(rights.may_publish("custom.a") && !rights.may_publish("custom.b"));
    assert_eq!(rights.listen, None);
    assert_eq!(texts(&rights.http), ["a.example"]);
    assert_eq!(rights.keyvalue, ["b"]);
    assert_eq!(rights.withheld, []);
}

#[test]
fn without_a_manifest_the_policy_bounds_what_needs_no_grant_and_grants_nothing() {
    let bounds = allow("publish = []\nlisten = [\"custom.a.*\"]\nhttp = [\"a.example\"]");
    let rights = rights(Allow::default(), bounds);
    assert!(!rights.may_publish("custom.a"));
    assert_eq!(texts(&rights.listen.unwrap()), ["custom.a.*"]);
    assert_eq!(texts(&rights.http), Vec::<String>::new());
    assert_eq!(rights.withheld, []);
}

#[test]
fn what_lies_outside_of_the_policy_is_withheld_and_told() {
    let asked = allow(
        "publish = [\"custom.*\", \"custom.b\"]\nlisten = [\"custom.c\"]\n\
         http = [\"a.example\", \"b.example:80\"]\nkeyvalue = [\"x\", \"y\"]",
    );
    let bounds = allow(
        "publish = [\"custom.a.*\"]\nlisten = [\"custom.*\"]\n\
         http = [\"a.example:443\", \"b.example\"]\nkeyvalue = [\"y\"]",
    );
    let rights = rights(asked, bounds);
    assert_eq!(texts(&rights.publish.clone().unwrap()), ["custom.a.*"]);
    assert_eq!(texts(&rights.listen.clone().unwrap()), ["custom.c"]);
    assert_eq!(texts(&rights.http), ["a.example:443", "b.example:80"]);
    assert_eq!(rights.keyvalue, ["y"]);
    assert_eq!(
        rights.withheld.iter().map(shown).collect::<Vec<_>>(),
        [
            "publish custom.*, of which custom.a.*",
            "publish custom.b, of which ",
            "http a.example, of which a.example:443",
            "keyvalue x, of which ",
        ]
    );
}

#[test]
fn channels_are_those_that_both_name() {
    let asked = allow("append = [\"orders\", \"chat:*\"]\nread = [\"*\"]");
    let all = rights(asked.clone(), Allow::default());
    assert!(all.may_append("orders") && all.may_append("chat:42"));
    assert!(!all.may_append("order") && all.may_read("anything"));
    assert_eq!(all.withheld, []);
    let none = rights(Allow::default(), asked.clone());
    assert!(!none.may_append("orders"));
    let bounds = allow("append = [\"chat:4*\", \"order\"]\nread = [\"orders\", \"dead.*\"]");
    let some = rights(asked, bounds);
    assert_eq!(texts(&some.append), ["chat:4*"]);
    assert_eq!(texts(&some.read), ["orders", "dead.*"]);
    assert_eq!(
        some.withheld.iter().map(shown).collect::<Vec<_>>(),
        [
            "append orders, of which ",
            "append chat:*, of which chat:4*",
            "read *, of which orders and dead.*",
        ]
    );
}

#[test]
fn a_listener_is_narrowed_to_what_may_be_heard() {
    let rights = rights(allow("listen = [\"custom.a.*\"]"), Allow::default());
    let heard = |source: &str| {
        let (left, missing) = rights.heard(&Pattern::new(source).unwrap());
        (texts(&left), missing.as_ref().map(shown))
    };
    assert_eq!(
        heard("custom.a.{b,c}"),
        (vec!["custom.a.{b,c}".into()], None)
    );
    let told = Some("listen custom.*, of which custom.a.*".to_owned());
    assert_eq!(heard("custom.*"), (vec!["custom.a.*".into()], told));
    let told = Some("listen plugin.*, of which ".to_owned());
    assert_eq!(heard("plugin.*"), (Vec::new(), told));
}

#[test]
fn secrets_are_where_the_policy_lets_them_be() {
    let asked = manifest(
        "[secrets]\na = { file = \"/etc/shadow\" }\nb = { env = \"TOKEN\" }\n\
         c = { file = \"/run/x/c\" }\nd = { env = \"OTHER\" }\n",
    );
    let all = Rights::of(&asked, &Bounds::default());
    assert_eq!(all.secrets.len(), 4);
    assert_eq!(all.withheld, []);
    let bounds = Bounds {
        allow: Allow::default(),
        secrets: Some(vec![
            SecretBound::Variable("TOKEN".to_owned()),
            SecretBound::Path("/run/x".into()),
            SecretBound::Path("/run/x/c".into()),
        ]),
    };
    let rights = Rights::of(&asked, &bounds);
    assert_eq!(rights.secrets.keys().collect::<Vec<_>>(), ["b", "c"]);
    assert_eq!(rights.secrets["c"].within, None, "it is granted by itself");
    assert_eq!(
        rights.withheld.iter().map(shown).collect::<Vec<_>>(),
        [
            "secrets a (file /etc/shadow), of which ",
            "secrets d (env OTHER), of which ",
        ]
    );
}

#[test]
fn a_namespace_is_granted_whose_clients_do_what_the_plugin_may() {
    let text = "[allow]\npublish = [\"custom.chat.*\"]\nappend = [\"log:*\"]\n\
        [sessions.namespaces.chat]\n[sessions.namespaces.game]\n\
        [sessions.namespaces.shop]\nevent_type = \"chat.shop\"\n\
        [sessions.namespaces.log]\ndurable = true\nevent_type = \"chat.log\"\n\
        [sessions.namespaces.logs]\ndurable = true\nevent_type = \"chat.logs\"\n";
    let rights = Rights::of(&manifest(text), &Bounds::default());
    let granted: Vec<_> = rights.namespaces.names().collect();
    assert_eq!(granted, ["chat", "log", "shop"]);
    assert_eq!(
        rights.withheld.iter().map(shown).collect::<Vec<_>>(),
        [
            "publish custom.game.published (sessions.namespaces.game), of which ",
            "append logs:* (sessions.namespaces.logs), of which ",
        ]
    );
    let plain = manifest("[sessions.namespaces.game]");
    let rights = Rights::of(&plain, &Bounds::default());
    assert_eq!(
        rights.namespaces.names().count(),
        1,
        "all under `custom.` may be published"
    );
    let bounds = Bounds {
        allow: allow("publish = [\"custom.chat.*\"]"),
        secrets: None,
    };
    let rights = Rights::of(&plain, &bounds);
    assert_eq!(rights.namespaces.names().count(), 0, "the policy says less");
    assert_eq!(rights.withheld.len(), 1);
}

#[test]
fn the_policy_says_which_namespaces_a_manifest_may_bring() {
    let brings = manifest("[sessions.namespaces.chat]\n[sessions.namespaces.game]\n");
    let bounds = Bounds {
        allow: allow("sessions = [\"ch*\"]"),
        secrets: None,
    };
    let rights = Rights::of(&brings, &bounds);
    let granted: Vec<_> = rights.namespaces.names().collect();
    assert_eq!(granted, ["chat"]);
    assert_eq!(
        rights.withheld.iter().map(shown).collect::<Vec<_>>(),
        ["sessions game (sessions.namespaces.game), of which "]
    );
}
