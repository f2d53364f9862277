//! What goes over the links between nodes: messages of sessions as the nodes count them, and
//! bytes as Linux does.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::client;

/// Messages that a node has sent to the sessions of others, as it names them.
const MESSAGES: &str = "hearken_session_node_messages_sent_total ";

/// Longest wait for what a node shows.
const DEADLINE: Duration = Duration::from_secs(10);

/// Messages that nodes have sent to each other's sessions since they started, all together.
/// `secret` signs who may ask them.
///
/// # Errors
/// When one does not say.
pub(super) fn messages(nodes: &[SocketAddr], secret: &Path) -> Result<f64, String> {
    let token = client::admin_token(secret)?;
    let sent = nodes.iter().map(|node| {
        let shown = metrics(*node, &token);
        let shown = shown.map_err(|error| format!("a node does not show its metrics: {error}"))?;
        let line = shown.lines().find_map(|line| line.strip_prefix(MESSAGES));
        let count = line.and_then(|count| count.trim().parse::<f64>().ok());
        let status = shown.lines().next().unwrap_or_default();
        count.ok_or_else(|| format!("a node does not say what it has sent to others: {status}"))
    });
    sent.sum()
}

fn metrics(node: SocketAddr, token: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(node)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.set_write_timeout(Some(DEADLINE))?;
    let request = format!(
        "GET /metrics HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
         connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Bytes that these processes have sent to each other over the connections that they have.
///
/// # Errors
/// When Linux does not say.
pub(super) fn bytes(processes: &[u32]) -> Result<f64, String> {
    let shown = Command::new("ss")
        .args(["-H", "-O", "-t", "-i", "-n", "-p"])
        .output();
    let shown = shown.map_err(|error| {
        format!("`ss` cannot be run: {error}; it comes with `apt-get install iproute2`")
    })?;
    let shown = String::from_utf8_lossy(&shown.stdout);
    let all = shown.lines().filter_map(Socket::of);
    let own: Vec<Socket> = all.filter(|it| processes.contains(&it.process)).collect();
    sent_between(&own).ok_or_else(|| "`ss` shows no link between the nodes".to_owned())
}

/// Bytes that were sent by these to others of them; `None` if none is linked to another.
fn sent_between(sockets: &[Socket]) -> Option<f64> {
    let ends: HashSet<SocketAddr> = sockets.iter().map(|it| it.local).collect();
    let links = sockets.iter().filter(|it| ends.contains(&it.peer));
    let sent: Vec<u64> = links.map(|link| link.sent).collect();
    (!sent.is_empty()).then_some(sent.iter().sum::<u64>() as f64)
}

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Socket {
    process: u32,
    local: SocketAddr,
    peer: SocketAddr,
    /// Bytes.
    sent: u64,
}

impl Socket {
    /// As `ss` writes it, with its process and what was sent.
    fn of(line: &str) -> Option<Self> {
        let words = || line.split_whitespace();
        let mut addresses = words().filter_map(|word| word.parse::<SocketAddr>().ok());
        let (local, peer) = (addresses.next()?, addresses.next()?);
        let (_, users) = line.split_once("pid=")?;
        let process = users.split(',').next()?.parse::<u32>().ok()?;
        let mut sent = words().filter_map(|word| word.strip_prefix("bytes_sent:"));
        // Left out where it is nothing.
        let sent = sent
            .next()
            .map_or(Some(0), |sent| sent.parse::<u64>().ok())?;
        Some(Self {
            process,
            local,
            peer,
            sent,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(process: u32, local: u16, peer: u16, sent: u64) -> Socket {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Socket {
            process,
            local: at(local),
            peer: at(peer),
            sent,
        }
    }

    #[test]
    fn sockets_are_read_as_ss_writes_them() {
        let line = "ESTAB 0      0          127.0.0.1:44330    127.0.0.1:35441 \
                    users:((\"hearken-bench\",pid=71,fd=9)) bbr wscale:10,10 rto:204 \
                    bytes_sent:131 bytes_acked:132 bytes_received:192 segs_out:4";
        assert_eq!(Socket::of(line), Some(socket(71, 44330, 35441, 131)));
        let idle = "ESTAB 0 0 127.0.0.1:1 127.0.0.1:2 users:((\"a\",pid=1,fd=9)) bbr rto:204";
        assert_eq!(Socket::of(idle), Some(socket(1, 1, 2, 0)));
        assert_eq!(Socket::of("ESTAB 0 0 127.0.0.1:1 127.0.0.1:2 bbr"), None);
    }

    #[test]
    fn what_is_sent_to_clients_does_not_count() {
        let (one, other) = (socket(1, 10, 20, 5), socket(2, 20, 10, 7));
        let to_client = socket(1, 11, 30, 1000);
        assert_eq!(sent_between(&[one, other, to_client]), Some(12.0));
        assert_eq!(sent_between(&[one, to_client]), None);
    }
}
