//! The forms of addresses and of hosts' names.

use std::net::SocketAddr;

use http::uri::Authority;

use super::form::{Form, Kind};

pub(super) const LISTEN: Form<SocketAddr> = Form::new(
    Kind::String,
    "an IP address and a port, e.g. \"127.0.0.1:7070\" or \"[::1]:7070\"",
    |text| {
        let text = match text.strip_prefix("localhost:") {
            Some(port) => &format!("127.0.0.1:{port}"),
            None => text,
        };
        text.parse()
            .map_err(|_| "it is not an address to listen on".to_owned())
    },
);

pub(super) const HOST_NAME: Form<String> = Form::new(
    Kind::String,
    "a host's name or IP address without port, e.g. \"hearken.example.com\", or \"*\" for every name",
    |text| match text.parse::<Authority>() {
        Ok(authority) if authority.host() == text => Ok(text.to_ascii_lowercase()),
        _ => Err("it is not the name of a host".to_owned()),
    },
);
