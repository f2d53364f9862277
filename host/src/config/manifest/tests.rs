use std::time::Duration;

use super::*;
use crate::bus::Overflow;

fn parse(text: &str) -> Result<Manifest, ConfigError> {
    Manifest::parse(Path::new("plugins/demo.toml"), text)
}

fn error(text: &str) -> String {
    parse(text).expect_err(text).to_string()
}

#[test]
fn an_empty_manifest_changes_nothing() {
    assert_eq!(parse("").unwrap(), Manifest::default());
}

#[test]
fn every_key_is_read() {
    let manifest = parse(
        r#"
        subscribe = ["custom.cart.*", "plugin.{failed,stopped}"]
        concurrency = 4
        [limits]
        memory = "16MiB"
        deadline = "250ms"
        time_slice = "2ms"
        mailbox = 1_000
        overflow = "drop-newest"
        [allow]
        http = ["API.example.com", "localhost:8080", "[::1]:80"]
        keyvalue = ["sessions"]
        publish = ["custom.cart.*"]
        listen = ["custom.cart.*", "plugin.*"]
        append = ["orders"]
        read = ["orders", "chat:*"]
        sessions = ["chat", "game*"]
        [secrets]
        token = { file = "token" }
        [secrets.other]
        env = "TOKEN"
        [config]
        greeting = "hello"
        [config.schema]
        type = "object"
        "#,
    )
    .unwrap();
    let patterns = manifest.subscribe.unwrap();
    assert!(patterns[0].matches("custom.cart.added"));
    assert!(patterns[1].matches("plugin.stopped"));
    assert_eq!(manifest.concurrency, Some(4));
    assert_eq!(
        manifest.limits,
        ManifestLimits {
            memory: Some(16 << 20),
            deadline: Some(Duration::from_millis(250)),
            time_slice: Some(Duration::from_millis(2)),
            mailbox: Some(1000),
            overflow: Some(Overflow::DropNewest),
        }
    );
    let allow = manifest.allow;
    let http: Vec<_> = allow
        .http
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(http, ["api.example.com", "localhost:8080", "[::1]:80"]);
    assert_eq!(allow.keyvalue.unwrap(), ["sessions"]);
    assert_eq!(allow.append.unwrap()[0].as_str(), "orders");
    assert_eq!(allow.read.unwrap()[1].as_str(), "chat:*");
    assert_eq!(allow.sessions.unwrap()[1].as_str(), "game*");
    assert_eq!(allow.publish.unwrap()[0].as_str(), "custom.cart.*");
    assert_eq!(allow.listen.unwrap()[1].as_str(), "plugin.*");
    assert_eq!(
        manifest.secrets["token"],
        SecretSource::File("token".into())
    );
    assert_eq!(
        manifest.secrets["other"],
        SecretSource::Variable("TOKEN".into())
    );
    assert_eq!(manifest.config["greeting"], "hello");
    assert_eq!(manifest.config["schema"], r#"{"type":"object"}"#);
}

#[test]
fn an_unknown_key_is_placed_and_the_nearest_is_named() {
    let message = error("[limits]\nmailbox = 5\nmemroy = \"64MiB\"\n");
    assert!(
        message.starts_with(
            "plugins/demo.toml:3:1: unknown key `limits.memroy`; did you mean `limits.memory`?"
        ),
        "{message}"
    );
    let message = error("subscribes = []\n");
    assert!(message.contains("did you mean `subscribe`?"), "{message}");
    let message = error("zzz = 1\n");
    assert!(!message.contains("did you mean"), "{message}");
    assert!(
        message.contains(
            "subscribe, concurrency, limits, engine, consume, sessions, allow, secrets, config"
        ),
        "{message}"
    );
}

#[test]
fn wrong_values_are_placed_and_the_right_form_is_shown() {
    let secret = |at| format!("s{at:02} = {{ file = \"s\" }}\n");
    let many_secrets = format!("[secrets]\n{}", (0..65).map(secret).collect::<String>());
    for (text, place, parts) in [
        (
            "[limits]\nmemory = \"64\"",
            "2:10",
            ["no unit", "\"64MiB\""],
        ),
        (
            "[limits]\nmemory = 64",
            "2:10",
            ["type integer", "\"64MiB\""],
        ),
        (
            "[limits]\nmemory = \"64 parsecs\"",
            "2:10",
            ["unit", "\"64MiB\""],
        ),
        (
            "[limits]\nmemory = \"1KiB\"",
            "2:10",
            ["less than 64.0 KiB", "64KiB"],
        ),
        (
            "[limits]\nmemory = \"8EiB\"",
            "2:10",
            ["more than 4.0 GiB", "4GiB"],
        ),
        ("[limits]\ndeadline = \"5\"", "2:12", ["no unit", "\"5s\""]),
        (
            "[limits]\ndeadline = \"0s\"",
            "2:12",
            ["less than 1ms", "\"5s\""],
        ),
        (
            "[limits]\ntime_slice = 1",
            "2:14",
            ["type integer", "\"1ms\""],
        ),
        ("[limits]\nmailbox = 0", "2:11", ["less than 1", "1024"]),
        ("[limits]\nmailbox = -1", "2:11", ["whole number", "1024"]),
        ("[limits]\nmailbox = \"1\"", "2:11", ["type string", "1024"]),
        (
            "[limits]\noverflow = \"disconnect\"",
            "2:12",
            ["disconnected", "drop-newest"],
        ),
        ("concurrency = 65", "1:15", ["more than 64", "e.g. 4"]),
        ("limits = 3", "1:10", ["type integer", "table"]),
        ("subscribe = \"a\"", "1:13", ["type string", "list"]),
        ("subscribe = []", "1:13", ["nothing", "at least one"]),
        (
            "subscribe = [\n  \"a\",\n  \"b c\"]",
            "3:3",
            ["' '", "custom.cart.*"],
        ),
        (
            "[allow]\nhttp = [\"https://a\"]",
            "2:9",
            ["scheme", "api.example.com"],
        ),
        (
            "[allow]\nhttp = [\"a:99999\"]",
            "2:9",
            ["port", "api.example.com"],
        ),
        (
            "[allow]\nhttp = [\"*.a\"]",
            "2:9",
            ["wildcards", "api.example.com"],
        ),
        (
            "[allow]\nhttp = [\"u@a\"]",
            "2:9",
            ["not a host", "api.example.com"],
        ),
        (
            "[allow]\nhttp = [\"0177.0.0.1\"]",
            "2:9",
            ["four decimal numbers", "api.example.com"],
        ),
        (
            "[allow]\nhttp = [\"10.0.0.0/33\"]",
            "2:9",
            ["length", "10.1.0.0/16"],
        ),
        (
            "[allow]\nhttp = [\"10.0.0.1 private\"]",
            "2:9",
            ["as they are", "private"],
        ),
        ("[allow]\nkeyvalue = [\"\"]", "2:13", ["empty", "bucket"]),
        ("[allow]\nappend = [\"a b\"]", "2:11", ["' '", "channel"]),
        ("[allow]\nread = [\"\"]", "2:9", ["empty", "chat:*"]),
        ("[allow]\nsessions = [\"a:1\"]", "2:13", ["':'", "\"chat\""]),
        (
            "[sessions.namespaces.chat]\n[sessions.namespaces.subject]",
            "2:22",
            ["reserved", "\"chat\""],
        ),
        (
            "[sessions.namespaces.events]",
            "1:22",
            ["\"events\"", "reserved"],
        ),
        (
            "[sessions.namespaces.default]",
            "1:22",
            ["\"default\"", "reserved"],
        ),
        (
            "[secrets]\ntoken = \"hunter22\"",
            "2:9",
            ["type string", "table"],
        ),
        (
            "[secrets]\ntoken = {}",
            "2:1",
            ["neither", "{ file = \"token\" }"],
        ),
        (
            "[secrets]\ntoken = { file = \"a\", env = \"B\" }",
            "2:1",
            ["both", "{ env = \"TOKEN\" }"],
        ),
        (
            "[secrets]\ntoken = { env = \"A=B\" }",
            "2:17",
            ["no name", "variable"],
        ),
        (
            &*many_secrets,
            "66:1",
            ["more than 64", "{ file = \"token\" }"],
        ),
        (
            "[allow]\nlisten = [\"\"]",
            "2:11",
            ["empty", "custom.cart.*"],
        ),
        (
            "[allow]\npublish = [\"plugin.*\"]",
            "2:11",
            ["under `custom.`", "custom.cart.*"],
        ),
    ] {
        let message = error(text);
        assert!(
            message.starts_with(&format!("plugins/demo.toml:{place}: ")),
            "{message}"
        );
        assert!(!message.contains("hunter22"), "{message}");
        for part in parts {
            assert!(message.contains(part), "{part:?} is not in: {message}");
        }
    }
}

#[test]
fn patterns_are_counted_with_their_alternatives() {
    let letters: Vec<String> = (b'a'..b'q').map(|c| char::from(c).to_string()).collect();
    let sixteen = letters.join(",");
    let of = |patterns: usize| {
        let pattern = |at| format!("\"custom.{at}.{{{sixteen}}}\"");
        let patterns: Vec<String> = (0..patterns).map(pattern).collect();
        format!("subscribe = [{}]", patterns.join(", "))
    };
    assert_eq!(parse(&of(16)).unwrap().subscribe.unwrap().len(), 16);
    let message = error(&of(17));
    assert!(
        message.starts_with("plugins/demo.toml:1:13: ")
            && message.contains("come to 272")
            && message.contains("may have 256"),
        "{message}"
    );
}

#[test]
fn bad_toml_is_placed() {
    let message = error("a = 1\nb = \n");
    assert!(message.starts_with("plugins/demo.toml:2:"), "{message}");
    let message = error("concurrency = 1\nconcurrency = 2\n");
    assert!(message.contains("duplicate"), "{message}");
    error(&format!("a = {}{}", "[".repeat(10_000), "]".repeat(10_000)));
}
