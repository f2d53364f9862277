//! `systemd/`.

use std::path::{Path, PathBuf};

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

/// What the page on clusters has installed for a node: files and folders.
fn installed() -> Vec<PathBuf> {
    let page = read("../docs/cluster.md");
    let (_, section) = page
        .split_once("\n## With systemd\n")
        .expect("it has a section on systemd");
    let section = section.split("\n## ").next().expect("a first part");
    let installs = section
        .lines()
        .filter_map(|line| line.strip_prefix("sudo install "));
    installs.flat_map(targets).collect()
}

/// What is there after `install` with these arguments.
fn targets(arguments: &str) -> Vec<PathBuf> {
    let arguments = arguments.split(" #").next().expect("a first part");
    let mut words = arguments.split_whitespace();
    let (mut folder, mut named) = (None, Vec::new());
    while let Some(word) = words.next() {
        match word {
            "-t" => folder = words.next().map(Path::new),
            // A mode; a group.
            "-m" | "-g" => assert!(words.next().is_some(), "{arguments}"),
            // Makes the folders that a file needs; makes folders.
            "-D" | "-d" => {}
            _ => named.push(Path::new(word)),
        }
    }
    let target = |path: &Path| match folder {
        Some(folder) => folder.join(path.file_name().expect("a file")),
        None => path.to_owned(),
    };
    named.into_iter().map(target).collect()
}

#[test]
fn whatever_the_unit_and_the_configuration_name_is_installed() {
    let unit = unit();
    let program = unit.service("ExecStart").split(' ').next();
    let config = configured(&unit);
    let http = config.http.tls.expect("HTTP leaves the machine");
    let links = config.cluster.tls.expect("links leave the machine");
    let installed = installed();
    for path in [
        Path::new(program.expect("a program")),
        Path::new("/etc/systemd/system/hearken.service"),
        Path::new("/etc/hearken/hearken.toml"),
        config.plugins.as_path(),
        http.certificate.as_path(),
        http.key.as_path(),
        links.ca.as_path(),
        links.certificate.as_path(),
        links.key.as_path(),
    ] {
        let is_there = installed.iter().any(|installed| installed == path);
        assert!(is_there, "{} is not in {installed:?}", path.display());
    }
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
