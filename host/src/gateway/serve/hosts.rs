//! The names under which a node answers.
//!
//! A web page can have the name of its own site lead to this machine (DNS
//! rebinding): to the visitor's browser the node is then of the page's own origin,
//! so that the page may ask it anything. But the browser says which name it was
//! given, in `host`. An address in the place of a name is nobody's site but the
//! node's own, and which other names are its own, its operator says.

use std::net::{IpAddr, Ipv6Addr};

use axum::extract::Request;
use axum::http::{HeaderValue, Version, header};

/// Among the names of a node: every name is its own.
pub const ANY_HOST: &str = "*";

/// The names that a request's `host` may have; its port does not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHosts {
    /// In lower case; none: every name.
    names: Option<Vec<String>>,
    /// Whether every address is allowed, and not only those of loopback.
    addresses: bool,
}

/// What is wrong with a request's `host`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::gateway) enum HostError {
    #[error("the request has no `Host`, which HTTP/1.1 requires")]
    Missing,
    #[error("the request has {0} `Host` headers")]
    Several(usize),
    #[error(
        "`Host` is {0:?}, which is not a host with or without a port from 0 to 65535, e.g. `localhost:7070`"
    )]
    Malformed(String),
    #[error(
        "this node does not answer to the name `{0}`; use its address or localhost, or if the name is yours start the node with `--allow-host {0}` (`allowed_hosts`)"
    )]
    Foreign(String),
}

impl AllowedHosts {
    /// Every name.
    #[must_use]
    pub fn any() -> Self {
        Self {
            names: None,
            addresses: true,
        }
    }

    /// For a node that listens on `address` and that its operator says is called
    /// `names`, in lower case and without port: these and `localhost`, and the
    /// addresses of loopback, for a node that other machines reach every address. With
    /// [`ANY_HOST`] among the names, every name.
    #[must_use]
    pub fn of(address: IpAddr, names: Vec<String>) -> Self {
        if names.iter().any(|name| name == ANY_HOST) {
            return Self::any();
        }
        Self {
            names: Some(names),
            addresses: !address.is_loopback(),
        }
    }

    fn allow(&self, host: &str) -> bool {
        let Some(names) = &self.names else {
            return true;
        };
        let host = host.to_ascii_lowercase();
        // Browsers take 0.0.0.0 for this machine, but do not say then who asks.
        let is_node = |address: IpAddr| self.addresses && !address.is_unspecified();
        is_loopback(&host) || names.contains(&host) || address(&host).is_some_and(is_node)
    }

    /// Checks the names that a request was sent to.
    ///
    /// # Errors
    /// [`HostError`] when there is none, or more than one, or one that is not allowed.
    pub(super) fn check(&self, request: &Request) -> Result<(), HostError> {
        if let Some(target) = request.uri().authority() {
            self.check_one(target.as_str())?;
        }
        let mut given = request.headers().get_all(header::HOST).into_iter();
        match (given.next(), given.count()) {
            (Some(host), 0) => self.check_one(&text(host)),
            (Some(_), more) => Err(HostError::Several(more + 1)),
            (None, _) if request.version() < Version::HTTP_11 => Ok(()),
            // HTTP/2 says it in the target (RFC 9113, section 8.3.1).
            (None, _) if request.uri().authority().is_some() => Ok(()),
            (None, _) => Err(HostError::Missing),
        }
    }

    fn check_one(&self, authority: &str) -> Result<(), HostError> {
        match host(authority) {
            None => Err(HostError::Malformed(authority.to_owned())),
            Some(host) if self.allow(host) => Ok(()),
            Some(host) => Err(HostError::Foreign(host.to_owned())),
        }
    }
}

/// Whether a host, as it stands in a URL or a `Host` header, leads nowhere but to this
/// machine: `localhost`, or an address of loopback.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || address(host).is_some_and(|address| address.is_loopback())
}

/// The address that a host is, if it is no name; of IPv6 with or without brackets.
fn address(host: &str) -> Option<IpAddr> {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let address: IpAddr = address.parse().ok()?;
    Some(address.to_canonical())
}

fn text(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

/// The host of `HOST` or `HOST:PORT` (RFC 9110, section 7.2), with the brackets of an IPv6
/// address.
fn host(authority: &str) -> Option<&str> {
    let end = if authority.starts_with('[') {
        let end = authority.find(']')? + 1;
        authority[1..end - 1].parse::<Ipv6Addr>().ok()?;
        end
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    let (host, port) = authority.split_at(end);
    let is_of_host = |byte: u8| {
        // RFC 3986: unreserved characters, percent signs and sub-delimiters.
        byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(&byte)
    };
    let is_host = host.starts_with('[') || (!host.is_empty() && host.bytes().all(is_of_host));
    let is_port = match port.strip_prefix(':') {
        None => port.is_empty(),
        Some(digits) => {
            digits.bytes().all(|byte| byte.is_ascii_digit())
                && (digits.is_empty() || digits.parse::<u16>().is_ok())
        }
    };
    (is_host && is_port).then_some(host)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    const LOOPBACK: [u8; 4] = [127, 0, 0, 1];
    const EVERYWHERE: [u8; 4] = [0, 0, 0, 0];

    fn check(hosts: &AllowedHosts, uri: &str, headers: &[&str]) -> Result<(), HostError> {
        let request = headers
            .iter()
            .fold(Request::get(uri), |request, host| {
                request.header(header::HOST, *host)
            })
            .body(Body::empty())
            .expect("a request");
        hosts.check(&request)
    }

    fn foreign(host: &str) -> Result<(), HostError> {
        Err(HostError::Foreign(host.to_owned()))
    }

    #[test]
    fn on_loopback_only_its_names_and_those_told_are_answered() {
        let names = vec!["hearken.test".to_owned()];
        let hosts = AllowedHosts::of(LOOPBACK.into(), names);
        for host in [
            "127.0.0.1:7070",
            "127.0.0.1",
            "127.8.0.1:1",
            "[::1]:7070",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "localhost:7070",
            "localhost:",
            "LocalHost",
            "hearken.test",
            "Hearken.Test:443",
        ] {
            assert_eq!(check(&hosts, "/", &[host]), Ok(()), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "192.168.1.1",
            "0.0.0.0",
            "[::]",
            "[2001:db8::1]",
        ] {
            let asked = format!("{host}:7070");
            assert_eq!(check(&hosts, "/", &[&asked]), foreign(host), "{host}");
        }
        let target = check(&hosts, "http://evil.example/", &["localhost"]);
        assert_eq!(target, foreign("evil.example"));
    }

    #[test]
    fn a_request_names_one_host_properly() {
        let hosts = AllowedHosts::any();
        for host in [
            "[::1]evil.com",
            "[::1].evil.com",
            "[::1]:80x",
            "[::1",
            "[]",
            "[1.2.3.4]",
            "127.0.0.1:80x",
            "localhost:99999",
            "localhost:-1",
            "localhost:80:80",
            "localhost@evil.example",
            "",
            ":80",
            "a b",
            "a/b",
        ] {
            let malformed = Err(HostError::Malformed(host.to_owned()));
            assert_eq!(check(&hosts, "/", &[host]), malformed, "{host}");
        }
        assert_eq!(check(&hosts, "/", &[]), Err(HostError::Missing));
        let two = check(&hosts, "/", &["localhost", "localhost"]);
        assert_eq!(two, Err(HostError::Several(2)));
        let userinfo = check(&hosts, "http://a@localhost/", &["localhost"]);
        assert!(matches!(userinfo, Err(HostError::Malformed(_))));

        assert_eq!(
            check(&hosts, "https://localhost/", &[]),
            Ok(()),
            "as HTTP/2 has it"
        );

        let mut old = Request::new(Body::empty());
        *old.version_mut() = Version::HTTP_10;
        assert_eq!(hosts.check(&old), Ok(()), "HTTP/1.0 has no `Host`");
    }

    #[test]
    fn a_node_for_others_answers_to_addresses_and_to_names_that_it_was_told() {
        let hosts = AllowedHosts::of(EVERYWHERE.into(), vec!["hearken.test".to_owned()]);
        for host in [
            "192.168.1.1:7070",
            "[2001:db8::1]:7070",
            "hearken.test:80",
            "localhost",
        ] {
            assert_eq!(check(&hosts, "/", &[host]), Ok(()), "{host}");
        }
        for host in ["any.example", "0.0.0.0", "[::]"] {
            assert_eq!(check(&hosts, "/", &[host]), foreign(host));
        }
        let any = AllowedHosts::of(EVERYWHERE.into(), vec![ANY_HOST.to_owned()]);
        assert_eq!(check(&any, "/", &["any.example"]), Ok(()));
    }
}
