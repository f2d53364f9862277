use super::*;
use crate::config::ConfigError;
use crate::config::tests::{file_error, flag_error, load, variable_error};

fn cluster(
    file: Option<&str>,
    variables: &[(&str, &str)],
    arguments: &[&str],
) -> Result<ClusterSettings, ConfigError> {
    load(file, variables, arguments).map(|config| config.cluster)
}

fn files(name: &str) -> TlsFiles {
    TlsFiles {
        ca: "ca.crt".into(),
        certificate: format!("{name}.crt").into(),
        key: format!("{name}.key").into(),
        crl: Some(format!("{name}.crl").into()),
    }
}

#[test]
fn a_node_that_is_told_nothing_is_alone_on_loopback() {
    let settings = cluster(None, &[], &[]).unwrap();
    assert_eq!(settings, ClusterSettings::default());
    assert_eq!(settings.listen.to_string(), "127.0.0.1:7071");
    assert_eq!(settings.name, "hearken");
}

#[test]
fn every_variable_and_every_flag_is_read_and_flags_win() {
    let variables = [
        ("HEARKEN_CLUSTER_NAME", "v"),
        ("HEARKEN_CLUSTER_LISTEN", "127.0.0.1:1"),
        ("HEARKEN_CLUSTER_ADVERTISE", "v.example:1"),
        ("HEARKEN_JOIN", "a.example, [fd00::1]:8"),
        ("HEARKEN_CLUSTER_ALLOW_PLAINTEXT", "true"),
        ("HEARKEN_CLUSTER_CA", "ca.crt"),
        ("HEARKEN_CLUSTER_CERT", "v.crt"),
        ("HEARKEN_CLUSTER_KEY", "v.key"),
        ("HEARKEN_CLUSTER_CRL", "v.crl"),
    ];
    let settings = cluster(None, &variables, &[]).unwrap();
    let expected = ClusterSettings {
        name: "v".to_owned(),
        listen: "127.0.0.1:1".parse().unwrap(),
        advertise: Some("v.example:1".to_owned()),
        join: vec!["a.example:7071".to_owned(), "[fd00::1]:8".to_owned()],
        allow_plaintext: true,
        tls: Some(files("v")),
    };
    assert_eq!(settings, expected);

    let arguments = [
        "--cluster-name=f",
        "--cluster-listen=[::]:2",
        "--cluster-advertise=[fd00::2]:2",
        "--join=b.example:2",
        "--join=c.example",
        "--cluster-cert=f.crt",
        "--cluster-key=f.key",
        "--cluster-crl=f.crl",
    ];
    let settings = cluster(None, &variables, &arguments).unwrap();
    let expected = ClusterSettings {
        name: "f".to_owned(),
        listen: "[::]:2".parse().unwrap(),
        advertise: Some("[fd00::2]:2".to_owned()),
        join: vec!["b.example:2".to_owned(), "c.example:7071".to_owned()],
        tls: Some(files("f")),
        ..expected
    };
    assert_eq!(settings, expected);
    let allowed = cluster(None, &[], &["--cluster-allow-plaintext"]).unwrap();
    assert!(allowed.allow_plaintext);
    let ca = cluster(None, &variables, &["--cluster-ca=other.crt"]).unwrap();
    assert_eq!(ca.tls.unwrap().ca.to_str(), Some("other.crt"));
}

#[test]
fn who_may_be_reached_listens_everywhere() {
    let tls = ["--cluster-ca=c", "--cluster-cert=c", "--cluster-key=k"];
    for arguments in [&tls[..], &["--cluster-allow-plaintext"]] {
        let settings = cluster(None, &[], arguments).unwrap();
        assert_eq!(settings.listen.to_string(), "0.0.0.0:7071");
    }
    let listen = [&tls[..], &["--cluster-listen", "127.0.0.1:5"]].concat();
    let settings = cluster(None, &[], &listen).unwrap();
    assert_eq!(settings.listen.to_string(), "127.0.0.1:5");
}

#[test]
fn nodes_to_join_are_hosts_with_or_without_port() {
    for (written, read) in [
        ("a", "a:7071"),
        ("A.Example.COM:1", "a.example.com:1"),
        ("hearken.default.svc.", "hearken.default.svc.:7071"),
        ("node_1:65535", "node_1:65535"),
        ("127.0.0.1", "127.0.0.1:7071"),
        ("127.0.0.1:8", "127.0.0.1:8"),
        ("::1", "[::1]:7071"),
        ("[::1]", "[::1]:7071"),
        ("[::1]:8", "[::1]:8"),
    ] {
        let settings = cluster(None, &[], &["--join", written]).expect(written);
        assert_eq!(settings.join, [read]);
    }
    for (written, problem) in [
        ("", "names no host"),
        (":7071", "names no host"),
        ("a:0", "port"),
        ("a:", "port"),
        ("a:70710", "port"),
        ("127.0.0.1:0", "port 0"),
        ("0.0.0.0:7071", "unspecified"),
        ("[::]", "unspecified"),
        ("10.0.0.300", "neither"),
        ("a..b", "neither"),
        ("http://a:7071", "it is a URL"),
        ("a:b:7071", "':' is not part"),
        ("me@a", "'@'"),
        (&*"x".repeat(254), "254 characters"),
    ] {
        let error = variable_error("HEARKEN_JOIN", written);
        assert!(error.contains(problem), "{written}: {error}");
    }
    let error = file_error("[cluster]\njoin = ['a', 'b c']");
    for part in ["hearken.toml:2:14: `cluster.join`", "' '", "a.example.com"] {
        assert!(error.contains(part), "{error}");
    }
    let error = flag_error(&["--join", "a b"]);
    assert!(error.contains("--join") && error.contains("' '"), "{error}");
}

#[test]
fn what_is_advertised_has_a_port_and_can_be_reached() {
    for (written, problem) in [
        ("a.example", "no port"),
        ("127.0.0.1", "no port"),
        ("::1", "no port"),
        ("0.0.0.0:1", "unspecified"),
        ("a.example:0", "port"),
    ] {
        let error = variable_error("HEARKEN_CLUSTER_ADVERTISE", written);
        assert!(error.contains(problem), "{written}: {error}");
    }
}

#[test]
fn names_of_clusters_are_formed_as_those_of_nodes() {
    let error = file_error("cluster.name = 'a b'");
    assert!(
        error.contains("`cluster.name` is 'a b': it has ' '"),
        "{error}"
    );
    let error = flag_error(&["--cluster-name", ""]);
    assert!(error.contains("1 to 63 characters"), "{error}");
}

#[test]
fn without_tls_nothing_leaves_the_machine_unless_allowed() {
    for (error, place) in [
        (
            cluster(Some("[cluster]\nlisten = '0.0.0.0:7071'"), &[], &[]),
            "hearken.toml:2:10: `cluster.listen` is 0.0.0.0:7071",
        ),
        (
            cluster(Some("[cluster]\njoin = ['a', '192.0.2.1']"), &[], &[]),
            "hearken.toml:2:14: `cluster.join` is 192.0.2.1:7071",
        ),
        (
            cluster(None, &[("HEARKEN_JOIN", "[fd00::1]")], &[]),
            "HEARKEN_JOIN: `cluster.join` is [fd00::1]:7071",
        ),
        (
            cluster(None, &[], &["--cluster-listen", "[::]:0"]),
            "flag --cluster-listen: `cluster.listen` is [::]:0",
        ),
    ] {
        let message = error.expect_err(place).to_string();
        for part in [
            place,
            "`hearken cluster ca`",
            "--cluster-ca",
            "--cluster-allow-plaintext",
            "HEARKEN_CLUSTER_ALLOW_PLAINTEXT",
        ] {
            assert!(message.contains(part), "{part} in {message}");
        }
    }
    let elsewhere = ["--cluster-listen=0.0.0.0:1", "--join=192.0.2.1"];
    let tls = ["--cluster-ca=c", "--cluster-cert=c", "--cluster-key=k"];
    for allowance in [&tls[..], &["--cluster-allow-plaintext"]] {
        let arguments = [&elsewhere, allowance].concat();
        cluster(None, &[], &arguments).expect("it is allowed");
    }
    for local in ["127.0.0.2", "[::1]:8", "a.example"] {
        cluster(None, &[], &["--join", local]).expect(local);
    }
}

#[test]
fn tls_takes_all_three_files() {
    let error = file_error("[cluster.tls]\ncertificate = 'a.crt'");
    for part in [
        "hearken.toml:2:15: ",
        "`cluster.tls.ca` (--cluster-ca, HEARKEN_CLUSTER_CA) and \
         `cluster.tls.key` (--cluster-key, HEARKEN_CLUSTER_KEY)",
    ] {
        assert!(error.contains(part), "{part} in {error}");
    }
    assert!(!error.contains("--cluster-cert"), "{error}");
    let arguments = ["--cluster-ca=c", "--cluster-key=k"];
    let error = cluster(None, &[], &arguments).unwrap_err().to_string();
    assert!(error.starts_with("flag --cluster-ca: "), "{error}");
    assert!(error.contains("name `cluster.tls.certificate`"), "{error}");
    let error = file_error("[cluster.tls]\nca = 'c'\nkey = 'k'\ncertifikate = 'a.crt'");
    let suggestion = "hearken.toml:4:1: unknown key `cluster.tls.certifikate`";
    assert!(
        error.contains(suggestion),
        "the reason comes first: {error}"
    );
    // Wherever they come from.
    let file = "[cluster.tls]\ncertificate = 'a.crt'";
    let settings = cluster(Some(file), &[], &arguments).unwrap();
    assert_eq!(settings.tls.unwrap().certificate.to_str(), Some("a.crt"));
}

#[test]
fn mistakes_in_keys_get_the_nearest_name() {
    for (file, nearest) in [
        ("[cluster]\nlissten = ''", "`cluster.listen`"),
        (
            "[cluster.tls]\ncertifikate = ''",
            "`cluster.tls.certificate`",
        ),
        ("[cluster.tlss]\nca = ''", "`cluster.tls`"),
        ("[clusters]", "`cluster`"),
    ] {
        let error = file_error(file);
        let suggestion = format!("did you mean {nearest}?");
        assert!(error.contains(&suggestion), "{error}");
    }
    let error = variable_error("HEARKEN_CLUSTER_CERTS", "a");
    assert!(error.contains("`HEARKEN_CLUSTER_CERT`"), "{error}");
}
