//! `systemd/`.

use std::path::Path;

use hearken::config::NodeConfig;

use crate::program::{config, folder, read};

/// A unit file: its settings in order, as section, name and value.
struct Unit(Vec<(String, String, String)>);

impl Unit {
    fn parse(text: &str) -> Self {
        let mut section = String::new();
        let mut settings = Vec::new();
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let name = line.strip_prefix('[');
            if let Some(name) = name.and_then(|line| line.strip_suffix(']')) {
                section = name.to_owned();
                continue;
            }
            let (name, value) = line.split_once('=').expect(line);
            settings.push((section.clone(), name.to_owned(), value.to_owned()));
        }
        Self(settings)
    }

    /// The setting of `[Service]` that is there once.
    fn service(&self, name: &str) -> &str {
        let mut values = self
            .0
            .iter()
            .filter(|(section, setting, _)| section == "Service" && setting == name);
        let (_, _, value) = values.next().expect(name);
        assert!(values.next().is_none(), "{name} twice");
        value
    }
}

fn unit() -> Unit {
    Unit::parse(&read("systemd/hearken.service"))
}

/// What the unit's command line makes of the configuration beside it.
fn configured(unit: &Unit) -> NodeConfig {
    let mut words = unit.service("ExecStart").split(' ').map(str::to_owned);
    let program = words.next().expect("a program");
    assert!(Path::new(&program).is_absolute() && program.ends_with("/hearken"));
    let arguments: Vec<String> = words.collect();
    config(&arguments, &[], |path| {
        assert_eq!(path, Path::new("/etc/hearken/hearken.toml"));
        folder().join("systemd/hearken.toml")
    })
}

#[test]
fn the_unit_runs_the_program_with_the_configuration_beside_it() {
    let config = configured(&unit());
    let default = NodeConfig::default();
    assert_eq!(config.node, "a");
    assert_eq!(config.listen.port(), default.listen.port());
    assert!(config.listen.ip().is_unspecified());
    assert!(!config.allow_unauthenticated && !config.http.allow_plaintext);
    let http = config.http.tls.expect("HTTP leaves the machine");
    assert_eq!(http.key, Path::new("/etc/hearken/tls/a.example.com.key"));
    assert_eq!(config.access.keys["ops"].roles[0].value, "admin");
    assert_eq!(config.cluster.name, default.cluster.name);
    assert_eq!(config.cluster.listen.port(), default.cluster.listen.port());
    assert!(config.cluster.listen.ip().is_unspecified());
    let hosts = ["a", "b", "c"].map(|node| format!("{node}.example.com:7071"));
    assert_eq!(config.cluster.join, hosts);
    let tls = config.cluster.tls.expect("links leave the machine");
    assert_eq!(tls.ca, Path::new("/etc/hearken/tls/ca.crt"));
    assert_eq!(tls.certificate, Path::new("/etc/hearken/tls/a.crt"));
    assert_eq!(tls.key, Path::new("/etc/hearken/tls/a.key"));
}

#[test]
fn the_node_may_write_its_data_and_nothing_else() {
    let unit = unit();
    let config = configured(&unit);
    assert_eq!(unit.service("ProtectSystem"), "strict");
    let state = Path::new("/var/lib").join(unit.service("StateDirectory"));
    assert_eq!(config.data, state);
    assert_eq!(
        unit.service("WorkingDirectory"),
        config.data.to_str().unwrap()
    );
    assert!(config.plugins.is_absolute() && !config.plugins.starts_with(&state));
    // Compiled guests need memory that was written and then made executable.
    let names = unit.0.iter().map(|(_, name, _)| name.as_str());
    assert!(
        names
            .into_iter()
            .all(|name| name != "MemoryDenyWriteExecute")
    );
}

#[test]
fn a_node_outlives_a_process_that_compiles_and_runs_out_of_memory() {
    assert_eq!(unit().service("OOMPolicy"), "continue");
}

#[test]
fn a_node_has_the_time_to_drain() {
    let unit = unit();
    let stop = humantime::parse_duration(unit.service("TimeoutStopSec")).expect("a duration");
    assert!(stop > configured(&unit).shutdown_timeout, "{stop:?}");
}
