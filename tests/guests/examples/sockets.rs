//! Tries to connect to the `address` of its configuration, to bind and to resolve a name, and reports the errors.
#![cfg(target_family = "wasm")]

use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};

use hearken_guests::{Event, config, plugin, report};
use serde_json::{Value, json};

fn error<T>(outcome: std::io::Result<T>) -> Value {
    outcome.map_or_else(|error| json!(error.to_string()), |_| Value::Null)
}

fn attempt(_: Event) -> Result<(), String> {
    let address = config("address").unwrap_or_else(|| "127.0.0.1:7070".to_owned());
    report(
        "report.sockets",
        json!({
            "connect": error(TcpStream::connect(&*address)),
            "listen": error(TcpListener::bind("127.0.0.1:0")),
            "udp": error(UdpSocket::bind("127.0.0.1:0")),
            "resolve": error(("localhost", 80).to_socket_addrs()),
        }),
    )
}

plugin!("custom.sockets.*", attempt);
