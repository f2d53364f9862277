//! The forms of the cluster's values.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;

use crate::config::address;
use crate::config::form::{Form, Kind};

/// Port at which a node takes other nodes' connections, and at which it looks for
/// others unless told.
pub const CLUSTER_PORT: u16 = 7071;

/// Longest name of a host in the DNS, in bytes.
const MAX_HOST_BYTES: usize = 253;

pub(super) const LISTEN: Form<SocketAddr> = Form::new(
    Kind::String,
    "an IP address and a port, e.g. \"0.0.0.0:7071\" or \"[::]:7071\"",
    address::LISTEN.parse,
);

pub(super) const ADVERTISE: Form<String> = Form::new(
    Kind::String,
    "a host and a port, e.g. \"a.example.com:7071\" or \"192.0.2.1:7071\"",
    |text| host_and_port(text, None),
);

pub(super) const JOIN: Form<String> = Form::new(
    Kind::String,
    "a host with or without port, e.g. \"a.example.com\" or \"192.0.2.1:7071\"",
    |text| host_and_port(text, NonZeroU16::new(CLUSTER_PORT)),
);

/// `HOST:PORT`, in lower case, an IPv6 address in brackets.
fn host_and_port(text: &str, default_port: Option<NonZeroU16>) -> Result<String, String> {
    let without_port = || default_port.ok_or_else(|| "it has no port".to_owned());
    // Before anything is cut off at a colon: an IPv6 address is full of them.
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    if let Ok(address) = bare.unwrap_or(text).parse::<IpAddr>() {
        return literal(SocketAddr::new(address, without_port()?.get()));
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return literal(address);
    }
    if text.contains("://") {
        return Err("it is a URL, not just a host".to_owned());
    }
    let (host, port) = match text.rsplit_once(':') {
        None => (text, without_port()?),
        Some((host, port)) => {
            let port = port
                .parse()
                .map_err(|_| "its port is not a number from 1 to 65535".to_owned())?;
            (host, port)
        }
    };
    Ok(format!("{}:{port}", host_name(host)?))
}

fn literal(address: SocketAddr) -> Result<String, String> {
    if address.ip().is_unspecified() {
        Err("nobody can connect to an unspecified address".to_owned())
    } else if address.port() == 0 {
        Err("nobody can connect to port 0".to_owned())
    } else {
        Ok(address.to_string())
    }
}

fn host_name(host: &str) -> Result<String, String> {
    let is_part_of_one = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    // What ends in a number can only be meant as an address, and is none.
    let last = host.trim_end_matches('.').rsplit('.').next();
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if host.is_empty() {
        Err("it names no host".to_owned())
    } else if let Some(character) = host.chars().find(|c| !is_part_of_one(*c)) {
        Err(format!("{character:?} is not part of a host's name"))
    } else if host.starts_with('.') || host.contains("..") || last.is_some_and(is_number) {
        Err("it is neither the name of a host nor an IP address".to_owned())
    } else if host.len() > MAX_HOST_BYTES {
        Err(format!("the host's name has {} characters", host.len()))
    } else {
        Ok(host.to_ascii_lowercase())
    }
}
