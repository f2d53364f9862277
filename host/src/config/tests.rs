use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use clap::Parser;

use super::*;
use crate::bus::Overflow;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    flags: NodeFlags,
}

fn flags(arguments: &[&str]) -> NodeFlags {
    let arguments = ["hearken"].iter().chain(arguments);
    Command::try_parse_from(arguments)
        .expect("valid flags")
        .flags
}

pub(super) fn flag_error(arguments: &[&str]) -> String {
    let arguments = ["hearken"].iter().chain(arguments);
    match Command::try_parse_from(arguments) {
        Ok(_) => panic!("accepted"),
        Err(error) => error.to_string(),
    }
}

/// Loads with `file` as the content of `hearken.toml`.
pub(super) fn load(
    file: Option<&str>,
    variables: &[(&str, &str)],
    arguments: &[&str],
) -> Result<NodeConfig, ConfigError> {
    let directory = tempfile::tempdir().expect("a temporary folder");
    if let Some(text) = file {
        std::fs::write(directory.path().join("hearken.toml"), text).expect("a written file");
    }
    let variables = variables
        .iter()
        .map(|(name, value)| (OsString::from(name), OsString::from(value)));
    NodeConfig::from_sources(&flags(arguments), variables, directory.path())
}

pub(super) fn file_error(text: &str) -> String {
    load(Some(text), &[], &[]).expect_err(text).to_string()
}

pub(super) fn variable_error(name: &str, value: &str) -> String {
    load(None, &[(name, value)], &[])
        .expect_err(name)
        .to_string()
}

#[test]
fn without_any_source_the_defaults_hold() {
    let config = load(None, &[], &[]).unwrap();
    assert_eq!(config, NodeConfig::default());
    assert_eq!(config.listen.to_string(), "127.0.0.1:7070");
    assert_eq!(config.max_event_size, 1 << 20);
    assert_eq!(config.limits.memory, 64 << 20);
    assert!(!config.node.is_empty());
}

#[test]
fn flags_win_over_variables_and_those_over_the_file() {
    let file = "node = 'file'\ndata = 'file'\nplugins = 'file'\nplugin_threads = 1\n";
    let variables = [
        ("HEARKEN_NODE", "variable"),
        ("HEARKEN_DATA", "variable"),
        ("HEARKEN_PLUGIN_THREADS", "2"),
    ];
    let config = load(Some(file), &variables, &["--node", "flag"]).unwrap();
    assert_eq!(config.node, "flag");
    assert_eq!(config.data, Path::new("variable"));
    assert_eq!(config.plugins, Path::new("file"));
    assert_eq!(config.plugin_threads, 2);
}

#[test]
fn the_file_sets_everything() {
    let config = load(
        Some(
            r#"
            node = "a-1.b_c"
            plugins = "p"
            data = "d"
            listen = "0.0.0.0:80"
            allow_unauthenticated = true
            allowed_hosts = ["Hearken.example", "10.0.0.1"]
            max_event_size = "2MiB"
            plugin_threads = 3
            startup_timeout = "5s"
            shutdown_timeout = "1m 30s"
            [compile]
            timeout = "9s"
            memory = "1GiB"
            [limits]
            memory = "1MiB"
            deadline = "2s"
            time_slice = "500us"
            mailbox = 7
            mailbox_bytes = "4MiB"
            http_requests = 8
            http_bytes = "1MiB"
            overflow = "drop-newest"
            [channels]
            max_bytes = "2GiB"
            max_channels = 7
            [log]
            format = "json"
            filter = "warn,hearken=debug"
            [http]
            allow_plaintext = true
            [cluster]
            name = "c"
            listen = "192.0.2.1:1"
            advertise = "A.example:2"
            join = ["b.example", "192.0.2.2:3"]
            allow_plaintext = true
            [cluster.tls]
            ca = "ca.crt"
            certificate = "a.crt"
            key = "a.key"
            crl = "a.crl"
            "#,
        ),
        &[],
        &[],
    )
    .unwrap();
    assert_eq!(
        config,
        NodeConfig {
            node: "a-1.b_c".to_owned(),
            plugins: "p".into(),
            data: "d".into(),
            listen: "0.0.0.0:80".parse().unwrap(),
            allow_unauthenticated: true,
            allowed_hosts: vec!["hearken.example".to_owned(), "10.0.0.1".to_owned()],
            max_event_size: 2 << 20,
            plugin_threads: 3,
            startup_timeout: Duration::from_secs(5),
            shutdown_timeout: Duration::from_secs(90),
            channels: ChannelsSettings {
                max_bytes: 2 << 30,
                max_channels: 7,
                ..ChannelsSettings::default()
            },
            compile: CompileSettings {
                timeout: Duration::from_secs(9),
                memory: 1 << 30,
                ..CompileSettings::default()
            },
            limits: PluginLimits {
                memory: 1 << 20,
                deadline: Duration::from_secs(2),
                time_slice: Duration::from_micros(500),
                mailbox: 7,
                mailbox_bytes: 4 << 20,
                http_requests: 8,
                http_bytes: 1 << 20,
                overflow: Overflow::DropNewest,
            },
            policy: Policy::default(),
            quarantine: QuarantinePauses::default(),
            log: LogConfig {
                format: LogFormat::Json,
                filter: "warn,hearken=debug".to_owned(),
            },
            http: HttpSettings {
                allow_plaintext: true,
                ..HttpSettings::default()
            },
            access: Default::default(),
            sessions: Default::default(),
            ganomede: Default::default(),
            cluster: ClusterSettings {
                name: "c".to_owned(),
                listen: "192.0.2.1:1".parse().unwrap(),
                advertise: Some("a.example:2".to_owned()),
                join: vec!["b.example:7071".to_owned(), "192.0.2.2:3".to_owned()],
                allow_plaintext: true,
                tls: Some(TlsFiles {
                    ca: "ca.crt".into(),
                    certificate: "a.crt".into(),
                    key: "a.key".into(),
                    crl: Some("a.crl".into()),
                }),
            },
        }
    );
}

#[test]
fn bounds_of_compiling_have_ranges() {
    let variables = [
        ("HEARKEN_COMPILE_TIMEOUT", "1h"),
        ("HEARKEN_COMPILE_MEMORY", "256MiB"),
        ("HEARKEN_STARTUP_TIMEOUT", "0s"),
    ];
    let config = load(None, &variables, &["--startup-timeout", "7s"]).unwrap();
    assert_eq!(config.compile.timeout, Duration::from_secs(3600));
    assert_eq!(config.compile.memory, 256 << 20);
    assert_eq!(config.startup_timeout, Duration::from_secs(7));

    let error = file_error("[compile]\ntimeout = \"10ms\"");
    assert!(
        error.contains("2:11") && error.contains("from 1s to 1h"),
        "{error}"
    );
    let error = variable_error("HEARKEN_COMPILE_MEMORY", "1MiB");
    assert!(error.contains("from 256MiB to 64GiB"), "{error}");
    let error = flag_error(&["--startup-timeout", "2h"]);
    assert!(error.contains("from 0s to 1h"), "{error}");
    let error = file_error("[compile]\nmemroy = \"1GiB\"");
    assert!(error.contains("compile.memory"), "{error}");
}

#[test]
fn variables_reach_the_tables_too() {
    let variables = [
        ("HEARKEN_LIMITS_MEMORY", "1MiB"),
        ("HEARKEN_LIMITS_MAILBOX", "5"),
        ("HEARKEN_LOG_FORMAT", "text"),
        ("HEARKEN_ALLOW_UNAUTHENTICATED", "true"),
        ("HEARKEN_HTTP_ALLOW_PLAINTEXT", "true"),
        ("HEARKEN_LISTEN", "[::]:0"),
    ];
    let config = load(
        Some("[limits]\nmailbox = 6\ndeadline = '1s'"),
        &variables,
        &[],
    )
    .unwrap();
    assert_eq!(config.limits.memory, 1 << 20);
    assert_eq!(config.limits.mailbox, 5);
    assert_eq!(config.limits.deadline, Duration::from_secs(1));
    assert_eq!(config.log.format, LogFormat::Text);
    assert_eq!(config.listen.to_string(), "[::]:0");
}

#[test]
fn hosts_are_listed_in_each_source_and_the_nearest_list_wins() {
    let file = "allowed_hosts = ['file.example']";
    let variables = [("HEARKEN_ALLOWED_HOSTS", "a.example, [fd00::1]")];
    let config = load(Some(file), &variables, &[]).unwrap();
    assert_eq!(config.allowed_hosts, ["a.example", "[fd00::1]"]);
    let arguments = ["--allow-host", "b.example", "--allow-host", "c.example"];
    let config = load(Some(file), &variables, &arguments).unwrap();
    assert_eq!(config.allowed_hosts, ["b.example", "c.example"]);

    let every = load(Some("allowed_hosts = ['*']"), &[], &[]).unwrap();
    assert_eq!(every.allowed_hosts, [crate::gateway::ANY_HOST]);

    let error = file_error("allowed_hosts = ['a.example', 'http://b.example']");
    for part in ["1:31", "http://b.example", "without port"] {
        assert!(error.contains(part), "{error}");
    }
    let error = variable_error("HEARKEN_ALLOWED_HOSTS", "a.example:7070");
    assert!(error.contains("without port"), "{error}");
    let error = flag_error(&["--allow-host", "me@a.example"]);
    assert!(error.contains("without port"), "{error}");
}

#[test]
fn other_peoples_variables_are_left_alone() {
    let variables = [
        ("HEARKEN_HOST", "http://elsewhere:7070"),
        ("HEARKEN_SERVICE_HOST", "10.0.0.1"),
        ("HEARKEN_SERVICE_PORT_HTTP", "7070"),
        ("HEARKEN_PORT", "tcp://10.0.0.1:7070"),
        ("HEARKEN_PORT_7070_TCP_ADDR", "10.0.0.1"),
        ("PATH", "/bin"),
    ];
    assert_eq!(load(None, &variables, &[]).unwrap(), NodeConfig::default());
}

#[test]
fn a_named_file_must_exist_and_the_flag_wins() {
    let directory = tempfile::tempdir().unwrap();
    let named = directory.path().join("named.toml");
    std::fs::write(&named, "node = 'named'").unwrap();
    let named = named.to_str().unwrap();
    let other = "node = 'default-place'";
    let missing = "/nonexistent/hearken.toml";

    let config = load(Some(other), &[], &["--config", named]).unwrap();
    assert_eq!(config.node, "named");
    let config = load(Some(other), &[("HEARKEN_CONFIG", named)], &[]).unwrap();
    assert_eq!(config.node, "named");
    let variables = [("HEARKEN_CONFIG", missing)];
    let config = load(None, &variables, &["--config", named]).unwrap();
    assert_eq!(config.node, "named");
    let error = load(None, &[], &["--config", missing]).unwrap_err();
    assert!(error.to_string().contains(missing), "{error}");
}

#[test]
fn mistakes_in_the_file_are_placed() {
    let message = file_error("node = 'a'\nlissten = '127.0.0.1:1'\n");
    assert!(
        message.contains("hearken.toml:2:1: unknown key `lissten`; did you mean `listen`?"),
        "{message}"
    );
    let message = file_error("[log]\n  fromat = 'json'\n");
    assert!(
        message.contains("hearken.toml:2:3: unknown key `log.fromat`; did you mean `log.format`?"),
        "{message}"
    );
    let message = file_error("max_event_size = \"1\"\n");
    assert!(
        message.contains(
            "hearken.toml:1:18: `max_event_size` is \"1\": it has no unit; expected a size from 1KiB to 64MiB, e.g. \"1MiB\""
        ),
        "{message}"
    );
    let message = file_error("allow_unauthenticated = 'yes'\n");
    assert!(
        message.contains("type string; expected `true` or `false`"),
        "{message}"
    );
    let message = file_error("[log]\nfilter = 'hearken=loud'\n");
    assert!(message.contains("`log.filter`"), "{message}");
}

#[test]
fn mistakes_in_variables_name_the_variable() {
    let message = variable_error("HEARKEN_LISTN", "127.0.0.1:1");
    assert!(
        message.starts_with(
            "unknown environment variable HEARKEN_LISTN; did you mean `HEARKEN_LISTEN`?"
        ),
        "{message}"
    );
    let message = variable_error("HEARKEN_SHUTDOWN_TIMEOUT", "30");
    assert_eq!(
        message,
        "environment variable HEARKEN_SHUTDOWN_TIMEOUT: `shutdown_timeout` is \"30\": it has no unit; expected a duration from 0s to 1h, e.g. \"30s\""
    );
    let message = variable_error("HEARKEN_LIMITS_MAILBOX", "many");
    assert!(message.contains("HEARKEN_LIMITS_MAILBOX"), "{message}");
}

#[test]
fn mistakes_in_flags_name_the_flag() {
    let message = flag_error(&["--max-event-size", "5"]);
    assert!(message.contains("--max-event-size"), "{message}");
    assert!(message.contains("no unit; expected a size"), "{message}");
    let message = flag_error(&["--lissten", "127.0.0.1:1"]);
    assert!(message.contains("--listen"), "{message}");
}

#[test]
fn node_names_are_checked() {
    for (name, problem) in [
        ("", "empty"),
        ("a/b", "'/'"),
        ("-a", "begin"),
        ("ä", "'ä'"),
        (&*"x".repeat(64), "64 characters"),
    ] {
        let message = variable_error("HEARKEN_NODE", name);
        assert!(message.contains(problem), "{message}");
    }
}

#[test]
fn beyond_loopback_needs_the_explicit_permission() {
    for (error, place) in [
        (
            load(Some("listen = '0.0.0.0:7070'"), &[], &[]),
            "hearken.toml:1:10",
        ),
        (
            load(None, &[("HEARKEN_LISTEN", "[::]:1")], &[]),
            "HEARKEN_LISTEN",
        ),
        (
            load(None, &[], &["--listen", "192.0.2.1:1"]),
            "flag --listen",
        ),
    ] {
        let message = error.expect_err(place).to_string();
        assert!(message.contains(place), "{message}");
        assert!(message.contains("--allow-unauthenticated"), "{message}");
    }
    for loopback in ["127.0.0.2:1", "[::1]:1", "localhost:1"] {
        load(None, &[], &["--listen", loopback]).expect(loopback);
    }
    let told = ["--listen", "0.0.0.0:1", "--allow-unauthenticated"];
    let error = load(None, &[], &told).unwrap_err().to_string();
    for part in [
        "flag --listen",
        "`hearken access certificate HOST`",
        "--http-cert",
        "--http-allow-plaintext",
        "HEARKEN_HTTP_ALLOW_PLAINTEXT",
    ] {
        assert!(error.contains(part), "{part} in {error}");
    }
    let tls = ["--http-cert=a.crt", "--http-key=a.key"];
    for allowance in [&tls[..], &["--http-allow-plaintext"]] {
        load(None, &[], &[&told, allowance].concat()).expect("it is allowed");
    }
}

#[test]
fn a_mailbox_holds_the_largest_event() {
    let message = file_error("max_event_size = '16MiB'");
    assert!(message.contains("`limits.mailbox_bytes`"), "{message}");
    assert!(
        load(
            Some("max_event_size = '16MiB'\nlimits.mailbox_bytes = '16MiB'"),
            &[],
            &[]
        )
        .is_ok()
    );
}

#[cfg(unix)]
#[test]
fn a_path_need_not_be_utf_8() {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::OsStr::from_bytes(b"d\xe4ta");
    let given = |flag: &str| {
        let arguments = ["hearken".into(), flag.into(), path.to_owned()];
        Command::try_parse_from(arguments).expect("valid").flags
    };
    assert_eq!(given("--config").config.as_deref(), Some(Path::new(path)));
    let flags = given("--data");
    let nowhere = Path::new("/nonexistent");
    let config = NodeConfig::from_sources(&flags, [], nowhere).unwrap();
    assert_eq!(config.data, Path::new(path));
    let variables = [("HEARKEN_DATA".into(), path.to_owned())];
    let config = NodeConfig::from_sources(&NodeFlags::default(), variables, nowhere).unwrap();
    assert_eq!(config.data, Path::new(path));

    let variables = [("HEARKEN_NODE".into(), path.to_owned())];
    let error = NodeConfig::from_sources(&NodeFlags::default(), variables, nowhere).unwrap_err();
    assert!(error.to_string().contains("it is not UTF-8"), "{error}");
}

#[test]
fn the_help_says_what_the_table_says() {
    let help = flag_error(&["--help"]);
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "--config <FILE> Configuration file; it must exist [default: hearken.toml if there is one]",
        "--max-event-size <SIZE> Largest event, attributes included; at most \
         `limits.mailbox_bytes` [default: 1MiB]",
        "--allow-unauthenticated Serve other machines without asking for credentials \
         --allow-host <NAME>",
        "Cluster: --join <HOST:PORT>",
        "through any one all are found; may be given again --cluster-name",
        "--cluster-ca <FILE> Certificate of the cluster's authority, as `hearken cluster ca` \
         makes it --cluster-cert",
    ] {
        assert!(help.contains(part), "{part:?} is not in {help}");
    }
}
