//! One entry of `[allow] http`: where a plugin's outgoing HTTP may go.

use std::fmt;
use std::net::IpAddr;

use http::uri::Authority;
use ipnet::IpNet;

use super::form::{Form, Kind};

/// What follows the name of a host that may have a private address.
const PRIVATE: &str = " private";

/// The name of this machine (RFC 6761, section 6.3), and what names under it end with.
const LOCALHOST: &str = "localhost";

/// Where outgoing HTTP may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpGrant {
    to: HttpHost<IpNet>,
    /// `None` for any.
    port: Option<u16>,
    /// Whether a name may lead to an address of a private network.
    is_private: bool,
}

/// A host by its name, in lower case and without a dot at the end, or by what an address is
/// taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpHost<A = IpAddr> {
    /// A name.
    Name(String),
    /// An address, never an IPv4 address in the form of IPv6.
    Address(A),
}

impl HttpHost {
    /// Reads the host of a URI. IPv4 addresses count as such only as four decimal numbers:
    /// nothing is made of the octal, hexadecimal or shortened ones that some systems read.
    ///
    /// # Errors
    /// Says why it is none that a request may have.
    pub fn parse(host: &str) -> Result<Self, String> {
        let bracketed = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let address: Option<IpAddr> = match bracketed {
            Some(address) => Some(
                (address.parse().map(IpAddr::V6))
                    .map_err(|_| "it is not an IPv6 address".to_owned())?,
            ),
            None => host.parse().map(IpAddr::V4).ok(),
        };
        if let Some(address) = address {
            return Ok(Self::Address(address.to_canonical()));
        }
        let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let last = name.rsplit('.').next().unwrap_or_default();
        match () {
            () if name.is_empty() => Err("it is not a host".to_owned()),
            // As the URL standard tells names and addresses apart.
            () if last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x") => {
                Err("an IPv4 address is written as four decimal numbers, e.g. 127.0.0.1".to_owned())
            }
            () => Ok(Self::Name(name)),
        }
    }

    /// Whether it is a name of this machine.
    #[must_use]
    pub fn is_localhost(&self) -> bool {
        match self {
            Self::Name(name) => {
                let above = name.strip_suffix(LOCALHOST);
                above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
            }
            Self::Address(_) => false,
        }
    }
}

impl fmt::Display for HttpHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

impl HttpGrant {
    /// Whether it names the host and the port of a request.
    #[must_use]
    pub fn names(&self, host: &HttpHost, port: u16) -> bool {
        let same_host = match (&self.to, host) {
            (HttpHost::Name(granted), HttpHost::Name(name)) => granted == name,
            (HttpHost::Address(network), HttpHost::Address(address)) => network.contains(address),
            (HttpHost::Name(_), HttpHost::Address(_))
            | (HttpHost::Address(_), HttpHost::Name(_)) => false,
        };
        same_host && self.port.is_none_or(|granted| granted == port)
    }

    /// Whether what it names may have an address of a private network.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.is_private
    }

    /// What is left of it within others.
    pub(super) fn within(&self, others: &[Self]) -> Vec<Self> {
        let mut left: Vec<Self> = others.iter().filter_map(|other| self.and(other)).collect();
        if left.contains(self) {
            return vec![self.clone()];
        }
        left.dedup();
        left
    }

    fn and(&self, other: &Self) -> Option<Self> {
        let to = match (&self.to, &other.to) {
            (HttpHost::Name(name), HttpHost::Name(same)) if name == same => self.to.clone(),
            (HttpHost::Address(one), HttpHost::Address(other)) if other.contains(one) => {
                HttpHost::Address(*one)
            }
            (HttpHost::Address(one), HttpHost::Address(other)) if one.contains(other) => {
                HttpHost::Address(*other)
            }
            _ => return None,
        };
        let port = match (self.port, other.port) {
            (Some(one), Some(other)) if one != other => return None,
            (one, other) => one.or(other),
        };
        let is_private = self.is_private && other.is_private;
        Some(Self {
            to,
            port,
            is_private,
        })
    }
}

impl fmt::Display for HttpGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.to {
            HttpHost::Name(name) => f.write_str(name)?,
            HttpHost::Address(network) if network.prefix_len() < network.max_prefix_len() => {
                network.fmt(f)?;
            }
            HttpHost::Address(IpNet::V4(address)) => address.addr().fmt(f)?,
            HttpHost::Address(IpNet::V6(address)) => write!(f, "[{}]", address.addr())?,
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(if self.is_private { PRIVATE } else { "" })
    }
}

pub(super) const HTTP_GRANT: Form<HttpGrant> = Form::new(
    Kind::String,
    "a host or host:port, \"private\" after it if its address may be a private one, or a network, \
     e.g. \"api.example.com\", \"localhost:8080\", \"db.internal:80 private\" or \"10.1.0.0/16\"",
    |text| {
        let (text, is_private) = match text.strip_suffix(PRIVATE) {
            Some(text) => (text, true),
            None => (text, false),
        };
        if text.contains("://") {
            return Err("it has a scheme or a path".to_owned());
        }
        if text.contains('*') {
            return Err("wildcards are not supported; name every host".to_owned());
        }
        let (to, port) = match text.split_once('/') {
            Some((address, _)) if address.parse::<IpAddr>().is_ok() => (network(text)?, None),
            Some(_) => return Err("it has a scheme or a path".to_owned()),
            None => authority(text)?,
        };
        if is_private && matches!(to, HttpHost::Address(_)) {
            return Err("addresses are granted as they are, without \"private\"".to_owned());
        }
        Ok(HttpGrant {
            to,
            port,
            is_private,
        })
    },
);

fn network(text: &str) -> Result<HttpHost<IpNet>, String> {
    let network: IpNet = text
        .parse()
        .map_err(|_| "the length of the network's prefix is wrong".to_owned())?;
    Ok(HttpHost::Address(network.trunc()))
}

fn authority(text: &str) -> Result<(HttpHost<IpNet>, Option<u16>), String> {
    let authority: Authority = text.parse().map_err(|_| "it is not a host".to_owned())?;
    let after_host = &text[text.len().min(authority.host().len())..];
    if text.contains('@') {
        return Err("it is not a host".to_owned());
    }
    if !after_host.is_empty() && authority.port_u16().is_none() {
        return Err("the port is not a number from 0 to 65535".to_owned());
    }
    let to = match HttpHost::parse(authority.host())? {
        HttpHost::Name(name) => HttpHost::Name(name),
        HttpHost::Address(address) => HttpHost::Address(address.into()),
    };
    Ok((to, authority.port_u16()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(text: &str) -> HttpGrant {
        (HTTP_GRANT.parse)(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn names(granted: &str, authority: &str) -> bool {
        let authority: Authority = authority.parse().unwrap();
        let host = HttpHost::parse(authority.host()).unwrap();
        grant(granted).names(&host, authority.port_u16().unwrap_or(443))
    }

    #[test]
    fn hosts_are_named_with_and_without_a_port() {
        assert!(names("api.example.com", "API.example.com:8443"));
        assert!(names("API.example.com", "api.example.com."));
        assert!(names("127.0.0.1:8080", "127.0.0.1:8080"));
        assert!(!names("127.0.0.1:8080", "127.0.0.1"));
        assert!(!names("127.0.0.1:8080", "127.0.0.1:80"));
        assert!(!names("api.example.com", "example.com"));
        assert!(!names("api.example.com", "evil-api.example.com"));
        assert!(!names("api.example.com", "api.example.com@evil.com"));
        assert!(
            names("api.example.com", "evil.com@api.example.com"),
            "the host is what follows the @"
        );
    }

    #[test]
    fn addresses_are_named_in_every_form_and_by_their_network() {
        assert!(names("127.0.0.1", "[::ffff:127.0.0.1]"));
        assert!(names("[::ffff:127.0.0.1]:443", "127.0.0.1"));
        assert!(names("10.1.0.0/16", "10.1.2.3:99"));
        assert!(!names("10.1.0.0/16", "10.2.0.1"));
        assert!(names("[fd00::1]", "[fd00:0::1]"));
        assert!(!names("10.1.0.0/16", "example.com"));
    }

    #[test]
    fn no_other_spelling_of_an_address_is_a_host() {
        for host in [
            "2130706433",
            "0177.0.0.1",
            "127.1",
            "0x7f.0.0.1",
            "0x7f000001",
            "1.2.3.4.",
        ] {
            assert!(HttpHost::parse(host).is_err(), "{host}");
            assert!((HTTP_GRANT.parse)(host).is_err(), "{host}");
        }
        assert!(HttpHost::parse("[::1%25eth0]").is_err());
    }

    #[test]
    fn a_grant_is_written_as_it_is_read() {
        for text in [
            "api.example.com",
            "localhost:8080",
            "[::1]:80",
            "10.1.0.0/16",
            "fd00::/8",
            "db.internal:80 private",
        ] {
            assert_eq!(grant(text).to_string(), text);
        }
        assert_eq!(grant("10.1.2.3/16").to_string(), "10.1.0.0/16");
    }

    #[test]
    fn this_machine_has_several_names() {
        let is_localhost = |host: &str| HttpHost::parse(host).unwrap().is_localhost();
        assert!(is_localhost("localhost") && is_localhost("a.LOCALHOST."));
        assert!(!is_localhost("notlocalhost") && !is_localhost("127.0.0.1"));
    }

    #[test]
    fn what_is_left_is_what_both_name() {
        let left = |asked: &str, bounds: &[&str]| {
            let bounds: Vec<HttpGrant> = bounds.iter().map(|text| grant(text)).collect();
            let left = grant(asked).within(&bounds);
            left.iter().map(HttpGrant::to_string).collect::<Vec<_>>()
        };
        assert_eq!(
            left("a.example", &["b.example", "a.example"]),
            ["a.example"]
        );
        assert_eq!(
            left("a.example", &["a.example:80", "a.example:81"]),
            ["a.example:80", "a.example:81"]
        );
        assert_eq!(left("a.example:80", &["a.example"]), ["a.example:80"]);
        assert_eq!(left("a.example:80", &["a.example:81"]), [""; 0]);
        assert_eq!(left("10.0.0.0/8", &["10.1.0.0/16"]), ["10.1.0.0/16"]);
        assert_eq!(left("10.1.0.1:80", &["10.1.0.0/16"]), ["10.1.0.1:80"]);
        assert_eq!(left("db private", &["db"]), ["db"]);
        assert_eq!(left("db private", &["10.0.0.0/8"]), [""; 0]);
    }
}
