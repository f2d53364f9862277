//! The settings of HTTP.

mod tls;

use ipnet::IpNet;

use super::error::ConfigError;
use super::form::{Form, Kind, SWITCH, bytes, count};
use super::table::settings;

pub use tls::HttpTlsFiles;

/// Bytes that an open connection may take while nothing happens on it, with a stream on it
/// too; `hearken-bench streams` shows what it does take.
const CONNECTION_BYTES: usize = 12 << 10;

/// The same of a connection with TLS, and with HTTP/2: about 30 KiB where nothing was asked yet,
/// 51 with HTTP/2, and up to 61 with a stream, or once large bodies have come.
const TLS_CONNECTION_BYTES: usize = 64 << 10;

/// Connections besides those of streams and waits.
const SHORT_REQUESTS: usize = 512;

/// Least memory unless told, in bytes (256 MiB).
const DEFAULT_MEMORY: usize = 256 << 20;

/// Largest events for which there must be room: a batch of some is a request, and others
/// wait in streams meanwhile.
const LARGEST_EVENTS: usize = 16;

settings! {
    /// The bounds of what HTTP clients may take.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct HttpSettings in "http." {
        /// Connections at a time; each takes a file descriptor and 12 KiB, with TLS 64 KiB
        ///
        /// 1 to 1,000,000.
        max_connections: Option<usize> = optional(PLACES, "streams and waits, and 512");

        /// Event streams at a time
        ///
        /// 1 to 1,000,000.
        max_streams: usize = value(PLACES, "256");

        /// Waits at a time
        ///
        /// 1 to 1,000,000.
        max_waits: usize = value(PLACES, "256");

        /// Percentage of connections, streams and waits, and of the memory for requests,
        /// that one address (of IPv6, one /64) may have
        ///
        /// 1 to 100.
        address_share: usize = value(PERCENT, "50");

        /// Memory for connections, for bodies and large heads of requests, and for what waits in
        /// streams
        ///
        /// In bytes; 16 MiB to 1 TiB.
        memory: Option<usize> = optional(MEMORY, "256MiB, or what the others need");

        /// Proxies whose `X-Forwarded-For` says where a request comes from
        trusted_proxies: Vec<IpNet> = list(NETWORK, "none");

        /// Serve other machines although what they send can be read and changed on the way
        ///
        /// Whether `listen` may be an address that other machines reach without `http.tls`.
        allow_plaintext: bool = value(SWITCH, "false"), flag "--http-allow-plaintext";
    }
    tables {
        /// What connections are encrypted with. Default: none is.
        tls: Option<HttpTlsFiles>;
    }
}

impl HttpSettings {
    /// Connections at a time.
    #[must_use]
    pub fn connections(&self) -> usize {
        let long = self.max_streams + self.max_waits;
        self.max_connections.unwrap_or(long + SHORT_REQUESTS)
    }

    /// Bytes for all of HTTP, on a node that takes events of that size.
    #[must_use]
    pub fn total_memory(&self, max_event_size: usize) -> usize {
        let needed = self.needed(max_event_size);
        self.memory.unwrap_or(needed.max(DEFAULT_MEMORY))
    }

    /// The same without what connections take while nothing happens on them.
    #[must_use]
    pub fn spare_memory(&self, max_event_size: usize) -> usize {
        self.total_memory(max_event_size)
            .saturating_sub(self.connection_memory())
    }

    fn connection_memory(&self) -> usize {
        let each = match self.tls {
            Some(_) => TLS_CONNECTION_BYTES,
            None => CONNECTION_BYTES,
        };
        self.connections().saturating_mul(each)
    }

    fn needed(&self, max_event_size: usize) -> usize {
        let events = max_event_size.saturating_mul(LARGEST_EVENTS);
        self.connection_memory().saturating_add(events)
    }

    /// Checks that the memory that was named is enough.
    pub(super) fn check(&self, max_event_size: usize) -> Result<(), ConfigError> {
        let needed = self.needed(max_event_size);
        match self.memory {
            Some(memory) if memory < needed => Err(ConfigError::HttpMemoryTooSmall {
                memory,
                connections: self.connections(),
                max_event_size,
                needed,
            }),
            _ => Ok(()),
        }
    }
}

const PLACES: Form<usize> = Form::new(
    Kind::Integer,
    "a whole number from 1 to 1000000, e.g. 10000",
    |text| count(text, 1, 1_000_000),
);

const PERCENT: Form<usize> = Form::new(
    Kind::Integer,
    "a whole number from 1 to 100, e.g. 50",
    |text| count(text, 1, 100),
);

const MEMORY: Form<usize> = Form::new(
    Kind::String,
    "a size from 16MiB to 1TiB, e.g. \"256MiB\"",
    |text| bytes(text, 16 << 20, 1 << 40),
);

const NETWORK: Form<IpNet> = Form::new(
    Kind::String,
    "an IP address or a network, e.g. \"192.0.2.1\" or \"10.0.0.0/8\"",
    |text| {
        let address = || text.parse().map(|address: std::net::IpAddr| address.into());
        let network = text.parse().or_else(|_| address());
        network.map_err(|_| "it is neither an address nor a network".to_owned())
    },
);

#[cfg(test)]
mod tests {
    use crate::config::tests::{file_error, load, variable_error};

    #[test]
    fn bounds_are_read_from_file_and_variables() {
        let file = r#"
            [http]
            max_connections = 12000
            max_streams = 10000
            max_waits = 100
            address_share = 100
            memory = "512MiB"
            trusted_proxies = ["10.0.0.0/8", "::1"]
        "#;
        let variables = [
            ("HEARKEN_HTTP_MAX_WAITS", "7"),
            ("HEARKEN_HTTP_TRUSTED_PROXIES", "192.0.2.1, fd00::/8"),
        ];
        let http = load(Some(file), &[], &[]).unwrap().http;
        assert_eq!(http.connections(), 12_000);
        assert_eq!((http.max_streams, http.max_waits), (10_000, 100));
        assert_eq!(http.address_share, 100);
        assert_eq!(http.total_memory(1 << 20), 512 << 20);
        let proxies: Vec<_> = http
            .trusted_proxies
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(proxies, ["10.0.0.0/8", "::1/128"]);

        let http = load(Some(file), &variables, &[]).unwrap().http;
        assert_eq!((http.max_streams, http.max_waits), (10_000, 7));
        let proxies: Vec<_> = http
            .trusted_proxies
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(proxies, ["192.0.2.1/32", "fd00::/8"]);
    }

    #[test]
    fn what_is_not_set_follows_from_what_is() {
        let http = load(None, &[], &[]).unwrap().http;
        assert_eq!(http.connections(), 1024);
        assert_eq!(http.total_memory(1 << 20), 256 << 20);
        let http = load(Some("[http]\nmax_streams = 10000"), &[], &[])
            .unwrap()
            .http;
        assert_eq!(http.connections(), 10_000 + 256 + 512);
        assert_eq!(
            http.total_memory(1 << 20),
            256 << 20,
            "enough for all of them idle"
        );
        let large = "max_event_size = '64MiB'\n[limits]\nmailbox_bytes = '64MiB'";
        let config = load(Some(large), &[], &[]).unwrap();
        assert!(config.http.total_memory(config.max_event_size) > 1 << 30);
    }

    #[test]
    fn memory_that_is_not_enough_is_refused() {
        let error = file_error("[http]\nmemory = '64MiB'\nmax_streams = 10000");
        for part in ["64.0 MiB", "10768", "http.max_connections", "at least 14"] {
            assert!(error.contains(part), "{part}: {error}");
        }
        let error = file_error("max_event_size = '8MiB'\n[http]\nmemory = '100MiB'");
        assert!(error.contains("max_event_size"), "{error}");
    }

    #[test]
    fn tls_takes_a_certificate_and_its_key() {
        let file = "[http.tls]\ncertificate = 'a.crt'\nkey = 'a.key'\nclient_ca = 'ca.crt'";
        let http = load(Some(file), &[], &["--http-cert=b.crt"]).unwrap().http;
        let tls = http.tls.as_ref().unwrap();
        assert_eq!(tls.certificate.to_str(), Some("b.crt"));
        assert_eq!(tls.client_ca.as_deref(), Some("ca.crt".as_ref()));
        assert!(http.spare_memory(1 << 20) < 256 << 20, "TLS takes its part");

        let error = file_error("[http.tls]\nclient_ca = 'ca.crt'");
        for part in [
            "hearken.toml:2:13: ",
            "`http.tls.certificate` (--http-cert, HEARKEN_HTTP_TLS_CERTIFICATE) and \
             `http.tls.key` (--http-key, HEARKEN_HTTP_TLS_KEY)",
        ] {
            assert!(error.contains(part), "{part} in {error}");
        }
        let error = file_error("[http.tls]\ncertifikate = 'a.crt'");
        assert!(
            error.contains("did you mean `http.tls.certificate`?"),
            "{error}"
        );
    }

    #[test]
    fn nonsense_is_explained() {
        for (file, part) in [
            ("[http]\nmax_streams = 0", "less than 1"),
            ("[http]\naddress_share = 101", "more than 100"),
            ("[http]\nmemory = '1MiB'", "less than 16"),
            (
                "[http]\ntrusted_proxies = ['10.0.0.0/33']",
                "neither an address",
            ),
            ("[http]\nmax_stream = 1", "http.max_streams"),
        ] {
            let error = file_error(file);
            assert!(error.contains(part), "{error}");
        }
        let error = variable_error("HEARKEN_HTTP_TRUSTED_PROXIES", "10.0.0.0/8,proxy");
        assert!(error.contains("neither an address"), "{error}");
    }
}
