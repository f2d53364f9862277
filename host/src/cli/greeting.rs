//! What a node that has started says to the person who started it.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use super::render::printable;
use crate::admin::{PluginAdmin, PluginState, PluginStatus};
use crate::config::NodeConfig;
use crate::node::Node;

/// Says what runs and how to send the first event.
pub(super) fn greet(node: &Node, entrance: &Entrance) {
    let mut text = String::new();
    let plugins = node.plugins().list();
    if plugins.is_empty() {
        text.push_str("No plugins yet: drop a .js, .ts or .wasm file into the plugins folder.\n");
    } else {
        text.push_str("Plugins:\n");
        for plugin in &plugins {
            text.push_str(&format!("  {}\n", line(plugin)));
        }
    }
    let address = node.address();
    let reached = reached_at(address);
    let hearken = program();
    let Entrance {
        scheme,
        flags,
        curl,
    } = entrance;
    let host = if address == NodeConfig::default().listen && *scheme == HTTP {
        String::new()
    } else {
        format!(" --host {scheme}://{reached}")
    };
    text.push_str(&format!(
        "\nListening on {scheme}://{address}. In another terminal:\n\
         \x20 {hearken}{host}{flags} listen '*'\n\
         \x20 {hearken}{host}{flags} send hello.world --subject you --data '{{\"greeting\":\"hi\"}}'\n\
         or\n\
         \x20 curl {curl}-H 'content-type: application/json' {scheme}://{reached}/v1/events -d '{{\"type\":\"hello.world\",\"subject\":\"you\"}}'\n"
    ));
    say(&text);
}

/// Says that a node is there but has to wait for its plugins to be built.
pub(super) fn greet_builder(address: SocketAddr, entrance: &Entrance, plugins: &Path) {
    let scheme = entrance.scheme;
    say(&format!(
        "Hearken {} serves on {scheme}://{address} and builds the plugins in {} first.\n\
         Until they run it takes no events. What they depend on is compiled once, which can take minutes.\n",
        env!("CARGO_PKG_VERSION"),
        plugins.display(),
    ));
}

const HTTP: &str = "http";

/// How clients come in.
pub(super) struct Entrance {
    /// What addresses begin with.
    scheme: &'static str,
    /// What `hearken` has to be told, and `curl`.
    flags: String,
    curl: String,
}

impl Entrance {
    /// Of a node of this configuration.
    pub(super) fn of(config: &NodeConfig) -> Self {
        let mut entrance = Self {
            scheme: HTTP,
            flags: String::new(),
            curl: String::new(),
        };
        if config.http.tls.is_some() {
            entrance.scheme = "https";
            entrance.flags.push_str(" --ca CA.crt");
            entrance.curl.push_str("--cacert CA.crt ");
        }
        if config.access.is_configured() {
            entrance.flags.push_str(" --key-file KEY");
            entrance
                .curl
                .push_str("-H \"authorization: Bearer $(cat KEY)\" ");
        }
        entrance
    }
}

/// Where this machine reaches a node that listens on `address`.
fn reached_at(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Says something on stdout. The node runs all the same when nobody reads that.
pub(super) fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// This program as it was called, which is how it can be called again: one that
/// was just built is not on the `PATH`.
pub(super) fn program() -> String {
    let called = std::env::args_os().next();
    called.map_or_else(
        || "hearken".to_owned(),
        |called| called.to_string_lossy().into_owned(),
    )
}

fn line(plugin: &PluginStatus) -> String {
    let version = plugin.version.as_deref().unwrap_or("-");
    let name = &plugin.name;
    if plugin.state == PluginState::Failed {
        let error = plugin.last_error.as_deref().unwrap_or("unknown reason");
        return format!("{name:<16} failed: {error}");
    }
    if plugin.state == PluginState::Loading {
        return format!("{name:<16} is still loading: it takes events once it runs");
    }
    let listeners = plugin.listeners.iter();
    let patterns: Vec<&str> = listeners.map(|it| it.pattern.as_str()).collect();
    let answers = plugin.answers.as_ref();
    let does = match (patterns.is_empty(), answers) {
        (true, Some(answers)) => format!("answers {answers}"),
        (false, Some(answers)) => {
            format!("listens to {}; answers {answers}", patterns.join(", "))
        }
        (true, None) => "listens to nothing".to_owned(),
        (false, None) => format!("listens to {}", patterns.join(", ")),
    };
    // The component says itself what it answers for.
    printable(&format!("{name:<16} {version:<8} {does}")).into_owned()
}
