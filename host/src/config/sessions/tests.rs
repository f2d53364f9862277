use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use super::field::FIELDS;
use super::*;
use crate::config::Manifest;
use crate::config::tests::{file_error, load};
use crate::session::{DEFAULT_META_TTL, DataFormat, DeltaType, Namespace, RecoveryMode};

const ISSUER: &str = "[access.tokens.main]\nhmac_secret_file = 's'\n";

fn sessions(file: &str) -> SessionsSettings {
    load(Some(file), &[], &[]).expect(file).sessions
}

#[test]
fn all_of_sessions_is_set_by_the_file() {
    let file = r#"
        [sessions]
        anonymous = true
        token = "main"
        ping_interval = "10s"
        pong_timeout = "3s"
        queue_max_size = "64KiB"
        max_message = "4KiB"
        channel_limit = 3
        max = 7
        per_user = 2
        per_address = 4
        rate = "50/s"
        connect_rate = "100/m"
        connect = "doorman"
        refresh = "doorman"
        hook_headers = ["Cookie", "X-Trace"]
        personal_channel = true
        personal_channel_namespace = "user"
        single_connection = true
        [sessions.api]
        key_file = "api.key"
        [sessions.rpc]
        "shop.*" = "shop"
        [sessions.namespaces.chat]
    "#;
    let settings = sessions(&format!("{ISSUER}{file}"));
    let chat = ("chat".to_owned(), Namespace::new("chat"));
    assert_eq!(
        settings,
        SessionsSettings {
            anonymous: true,
            token: Some("main".to_owned()),
            ping_interval: Duration::from_secs(10),
            pong_timeout: Duration::from_secs(3),
            queue_max_size: 64 << 10,
            max_message: 4 << 10,
            channel_limit: 3,
            max: 7,
            per_user: Some(2),
            per_address: Some(4),
            rate: Some("50/s".parse().unwrap()),
            connect_rate: Some("100/m".parse().unwrap()),
            connect: Some("doorman".to_owned()),
            refresh: Some("doorman".to_owned()),
            rpc: vec![RpcRule {
                methods: hearken_pattern::Glob::new("shop.*".to_owned()),
                plugin: "shop".to_owned(),
            }],
            hook_headers: vec!["cookie".to_owned(), "x-trace".to_owned()],
            personal_channel: true,
            personal_channel_namespace: Some("user".to_owned()),
            single_connection: true,
            api: ServerApiSettings {
                key_file: Some("api.key".into()),
            },
            namespaces: [chat].into(),
        }
    );
}

#[test]
fn what_has_no_name_of_its_own_stands_in_variables_too() {
    let variables = [
        ("HEARKEN_SESSIONS_ANONYMOUS", "true"),
        ("HEARKEN_SESSIONS_MAX", "9"),
        ("HEARKEN_SESSIONS_HOOK_HEADERS", "cookie,origin"),
        ("HEARKEN_SESSIONS_API_KEY_FILE", "k"),
    ];
    let file = "[sessions.namespaces.chat]\npresence = true";
    let settings = load(Some(file), &variables, &[]).unwrap().sessions;
    assert!(settings.anonymous && settings.are_on());
    assert_eq!(settings.max, 9);
    assert_eq!(settings.hook_headers, ["cookie", "origin"]);
    assert_eq!(settings.api.key_file, Some("k".into()));
    assert!(settings.namespaces["chat"].presence);
}

#[test]
fn all_of_a_namespace_is_set_by_its_table() {
    let file = r#"
        [sessions.namespaces.chat]
        presence = true
        join_leave = true
        force_push_join_leave = true
        history_size = 100
        history_ttl = "300s"
        history_meta_ttl = "48h"
        allow_positioning = true
        force_positioning = true
        allow_recovery = true
        force_recovery = true
        force_recovery_mode = "cache"
        auto_cache_recover = true
        allowed_delta_types = ["fossil"]
        delta_publish = true
        allow_tags_filter = true
        channel_regex = "^[0-9]+$"
        publication_data_format = "json_object"
        allow_user_limited_channels = true
        allow_subscribe_for_client = true
        allow_subscribe_for_anonymous = true
        allow_publish_for_client = true
        allow_publish_for_subscriber = true
        allow_publish_for_anonymous = true
        allow_history_for_client = true
        allow_history_for_subscriber = true
        allow_history_for_anonymous = true
        allow_presence_for_client = true
        allow_presence_for_subscriber = true
        allow_presence_for_anonymous = true
        durable = true
        max_channels = 5
        event_type = "chat.message"
        tags = ["source", "type", "source"]
        hooks = "filter"
        authorize = "judge"
        echo = false
    "#;
    let all = |client, subscriber, anonymous| crate::session::AllowedFor {
        client,
        subscriber,
        anonymous,
    };
    assert_eq!(
        sessions(file).namespaces["chat"],
        Namespace {
            name: "chat".to_owned(),
            presence: true,
            join_leave: true,
            force_push_join_leave: true,
            history_size: 100,
            history_ttl: Duration::from_secs(300),
            history_meta_ttl: Duration::from_secs(48 * 3600),
            allow_positioning: true,
            force_positioning: true,
            allow_recovery: true,
            force_recovery: true,
            force_recovery_mode: RecoveryMode::Cache,
            auto_cache_recover: true,
            allowed_delta_types: vec![DeltaType::Fossil],
            delta_publish: true,
            allow_tags_filter: true,
            channel_regex: Some(crate::session::ChannelRegex::new("^[0-9]+$").unwrap()),
            publication_data_format: Some(DataFormat::JsonObject),
            allow_user_limited_channels: true,
            subscribe: all(true, false, true),
            publish: all(true, true, true),
            history: all(true, true, true),
            see_presence: all(true, true, true),
            durable: true,
            max_channels: 5,
            event_type: "custom.chat.message".to_owned(),
            tags: ["type", "subject", "source"].map(str::to_owned).to_vec(),
            hooks: Some("filter".to_owned()),
            authorize: Some("judge".to_owned()),
            echo: false,
        }
    );
}

#[test]
fn each_switch_of_a_namespace_is_its_own() {
    let plain = sessions("[sessions.namespaces.a]").namespaces["a"].clone();
    let switches = FIELDS
        .iter()
        .filter(|field| field.expected == SWITCH.expected);
    let mut seen = Vec::new();
    for field in switches {
        let key = field.key.rsplit('.').next().unwrap();
        // A recovery needs something to recover from.
        let besides = match key {
            "force_recovery" => "history_size = 1\nhistory_ttl = '1s'\n",
            _ => "",
        };
        let other = field.default == "`false`";
        let text = format!("[sessions.namespaces.a]\n{besides}{key} = {other}");
        let changed = sessions(&text).namespaces["a"].clone();
        assert_ne!(changed, plain, "{key}");
        assert!(!seen.contains(&changed), "{key} is another's too");
        seen.push(changed);
    }
    assert_eq!(seen.len(), 24);
}

#[test]
fn what_a_table_does_not_say_depends_on_what_it_says() {
    let of = |text: &str| {
        let text = format!("[sessions.namespaces.a]\n{text}");
        sessions(&text).namespaces["a"].clone()
    };
    assert_eq!(of(""), Namespace::new("a"));
    assert_eq!(of("durable = true").max_channels, 1_000);
    assert_eq!(of("durable = true\nmax_channels = 9").max_channels, 9);
    assert_eq!(of("").history_meta_ttl, DEFAULT_META_TTL);
    let long = of("history_size = 1\nhistory_ttl = '1000h'");
    assert_eq!(long.history_meta_ttl, Duration::from_secs(1_000 * 3600));
    assert_eq!(of("tags = []").tags, [""; 0]);
    // What durable channels keep may be bounded by one of both.
    assert_eq!(of("durable = true\nhistory_size = 5").history_size, 5);
    let default = sessions("[sessions.namespaces.default]");
    let event_type = &default.namespaces["default"].event_type;
    assert_eq!(event_type, "custom.channel.published");
}

#[test]
fn mistakes_are_placed_and_the_nearest_is_named() {
    for (file, place, told) in [
        (
            "[sessions]\nanonymus = true",
            "2:1",
            "did you mean `sessions.anonymous`?",
        ),
        ("[sessions]\nping_interval = 25", "2:17", "type integer"),
        ("[sessions]\nmax_message = '12'", "2:15", "no unit"),
        ("[sessions]\nrate = 'fast'", "2:8", "`/`"),
        ("[sessions]\nconnect = 'a/b'", "2:11", "no plugin's name"),
        ("[sessions]\nhook_headers = ['a b']", "2:17", "header"),
        (
            "[sessions]\npong_timeout = '25s'",
            "2:16",
            "not shorter than `sessions.ping_interval`",
        ),
        (
            "[sessions]\nping_interval = '8s'",
            "2:17",
            "not longer than `sessions.pong_timeout`",
        ),
        ("[sessions]\ntoken = 'man'", "2:9", "none is allowed here"),
        (
            "[sessions]\ntoken = 'man'\n[access.tokens.main]\nhmac_secret_file = 's'",
            "2:9",
            "did you mean `main`?",
        ),
        ("[sessions.rpc]\n'' = 'a'", "2:1", "it is empty"),
        ("[sessions.rpc]\na = 'a.wasm'", "2:5", "no plugin's name"),
        ("[sessions.namespaces.'a b']", "1:22", "' '"),
        ("[sessions.namespaces]\nchat = true", "2:8", "type boolean"),
        (
            "[sessions.namespaces.chat]\npresense = true",
            "2:1",
            "did you mean `sessions.namespaces.chat.presence`?",
        ),
        (
            "[sessions.namespaces.chat]\nhistory_size = -1",
            "2:16",
            "whole number",
        ),
        (
            "[sessions.namespaces.chat]\nhistory_size = 10",
            "1:22",
            "a history needs both",
        ),
        (
            "[sessions.namespaces.chat]\nhistory_ttl = '1m'",
            "1:22",
            "a history needs both",
        ),
        (
            "[sessions.namespaces.chat]\nhistory_size = 1\nhistory_ttl = '2m'\nhistory_meta_ttl = '1m'",
            "1:22",
            "is shorter than its `history_ttl`",
        ),
        (
            "[sessions.namespaces.chat]\nforce_recovery = true",
            "1:22",
            "no history to recover from",
        ),
        (
            "[sessions.namespaces.chat]\nforce_recovery_mode = 'all'",
            "2:23",
            "no such mode",
        ),
        (
            "[sessions.namespaces.chat]\nallowed_delta_types = ['xdelta']",
            "2:24",
            "no such deltas",
        ),
        (
            "[sessions.namespaces.chat]\npublication_data_format = 'xml'",
            "2:27",
            "no such format",
        ),
        (
            "[sessions.namespaces.chat]\nchannel_regex = '('",
            "2:17",
            "no regular expression",
        ),
        (
            "[sessions.namespaces.chat]\nevent_type = 'a b'",
            "2:14",
            "' '",
        ),
        ("[sessions.namespaces.chat]\ntags = ['Type']", "2:9", "'T'"),
        (
            "[sessions.namespaces.chat]\ntags = ['a','b','c','d','e','f','g','h','i','j','k','l','m','n','o','p','q']",
            "2:8",
            "it names 17 attributes",
        ),
        (
            "[channels.'chat:42']\n[sessions.namespaces.chat]",
            "1:11",
            "`[sessions.namespaces.chat]` has all channels",
        ),
    ] {
        let error = file_error(file);
        assert!(
            error.contains(&format!("hearken.toml:{place}: ")),
            "{file}: {error}"
        );
        assert!(error.contains(told), "{told}: {error}");
    }
}

#[test]
fn a_declared_channel_beside_a_namespace_is_no_mistake() {
    let file = "[channels.chat]\n[channels.'chats:1']\n[sessions.namespaces.chat]";
    load(Some(file), &[], &[]).expect("other names");
}

#[test]
fn what_has_changed_is_told_apart() {
    let read = |file| load(Some(file), &[], &[]).unwrap();
    let before = read("[sessions.namespaces.a]");
    let keys = |file| before.changed_keys(&read(file));
    assert_eq!(keys("[sessions.namespaces.a]"), [""; 0]);
    assert_eq!(
        keys("[sessions.namespaces.a]\necho = false"),
        ["sessions.namespaces.NAME"]
    );
    assert_eq!(
        keys("[sessions]\nmax = 3\n[sessions.rpc]\na = 'b'\n[sessions.api]\nkey_file = 'k'"),
        [
            "sessions.max",
            "sessions.api.key_file",
            "sessions.rpc",
            "sessions.namespaces.NAME"
        ]
    );
}

#[test]
fn the_page_has_every_key_of_the_table() {
    let error = file_error("[sessions.namespaces.NAME]\nzzz = 1");
    let (_, known) = error.split_once("(known here: ").expect("they are named");
    let known = known.trim_end_matches(')').split(", ");
    let known: BTreeSet<String> = known.map(str::to_owned).collect();
    let of_page = FIELDS.iter().map(|field| field.key.to_owned());
    assert_eq!(known, of_page.collect());
}

#[test]
fn a_manifest_brings_namespaces() {
    let parse = |text: &str| Manifest::parse(Path::new("chat.toml"), text);
    let manifest = parse("[sessions.namespaces.chat]\npresence = true").unwrap();
    assert!(manifest.namespaces["chat"].presence);
    let error = parse("[sessions.namespaces.chat]\nhistory_size = 1").unwrap_err();
    let error = error.to_string();
    assert!(error.starts_with("chat.toml:1:22: "), "{error}");
    let error = parse("[sessions]\nanonymous = true")
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("chat.toml:2:1: unknown key `sessions.anonymous`"),
        "{error}"
    );
}
