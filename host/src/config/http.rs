//! The settings of HTTP.

use ipnet::IpNet;

use super::error::ConfigError;
use super::form::{Form, Kind, count, size};
use super::layer::Source;

/// Bytes that an open connection may take while nothing happens on it, with a stream on it
/// too; `hearken-bench streams` shows what it does take.
const CONNECTION_BYTES: usize = 12 << 10;

/// Connections besides those of streams and waits.
const SHORT_REQUESTS: usize = 512;

/// Least memory unless told, in bytes (256 MiB).
const DEFAULT_MEMORY: usize = 256 << 20;

/// Largest events for which there must be room: a batch of some is a request, and others
/// wait in streams meanwhile.
const LARGEST_EVENTS: usize = 16;

/// The bounds of what HTTP clients may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSettings {
    /// Connections at a time; 1 to 1,000,000. Default: streams and waits, and 512.
    pub max_connections: Option<usize>,
    /// Event streams at a time; 1 to 1,000,000. Default 256.
    pub max_streams: usize,
    /// Waits at a time; 1 to 1,000,000. Default 256.
    pub max_waits: usize,
    /// Part in 100 of connections, streams and waits that one address may have; 1 to 100.
    /// Default 50.
    pub address_share: usize,
    /// Bytes for connections, for what requests bring and for what waits in streams; 16 MiB to
    /// 1 TiB. Default: 256 MiB, or what the other settings need.
    pub memory: Option<usize>,
    /// Proxies whose `X-Forwarded-For` counts. Default none.
    pub trusted_proxies: Vec<IpNet>,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            max_connections: None,
            max_streams: 256,
            max_waits: 256,
            address_share: 50,
            memory: None,
            trusted_proxies: Vec::new(),
        }
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
    pub fn memory(&self, max_event_size: usize) -> usize {
        let needed = self.needed(max_event_size);
        self.memory.unwrap_or(needed.max(DEFAULT_MEMORY))
    }

    /// The same without what connections take while nothing happens on them.
    #[must_use]
    pub fn spare_memory(&self, max_event_size: usize) -> usize {
        self.memory(max_event_size)
            .saturating_sub(self.connections().saturating_mul(CONNECTION_BYTES))
    }

    fn needed(&self, max_event_size: usize) -> usize {
        let connections = self.connections().saturating_mul(CONNECTION_BYTES);
        connections.saturating_add(max_event_size.saturating_mul(LARGEST_EVENTS))
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

/// The settings of HTTP that one source has.
#[derive(Clone, Debug, Default)]
pub(super) struct HttpLayer {
    max_connections: Option<usize>,
    max_streams: Option<usize>,
    max_waits: Option<usize>,
    address_share: Option<usize>,
    memory: Option<usize>,
    trusted_proxies: Option<Vec<IpNet>>,
}

impl HttpLayer {
    /// Takes every setting that there is out of `source`.
    pub(super) fn read(source: &mut impl Source) -> Result<Self, ConfigError> {
        let trusted_proxies = source.list("http.trusted_proxies", &NETWORK)?;
        Ok(Self {
            max_connections: source.value("http.max_connections", &PLACES)?,
            max_streams: source.value("http.max_streams", &PLACES)?,
            max_waits: source.value("http.max_waits", &PLACES)?,
            address_share: source.value("http.address_share", &PERCENT)?,
            memory: source.value("http.memory", &MEMORY)?,
            trusted_proxies: trusted_proxies
                .map(|proxies| proxies.into_iter().map(|proxy| proxy.value).collect()),
        })
    }

    /// This layer where it has a setting, `under` elsewhere.
    pub(super) fn over(self, under: Self) -> Self {
        Self {
            max_connections: self.max_connections.or(under.max_connections),
            max_streams: self.max_streams.or(under.max_streams),
            max_waits: self.max_waits.or(under.max_waits),
            address_share: self.address_share.or(under.address_share),
            memory: self.memory.or(under.memory),
            trusted_proxies: self.trusted_proxies.or(under.trusted_proxies),
        }
    }

    /// The settings: this layer where it has one, `defaults` elsewhere.
    pub(super) fn onto(self, defaults: HttpSettings) -> HttpSettings {
        HttpSettings {
            max_connections: self.max_connections.or(defaults.max_connections),
            max_streams: self.max_streams.unwrap_or(defaults.max_streams),
            max_waits: self.max_waits.unwrap_or(defaults.max_waits),
            address_share: self.address_share.unwrap_or(defaults.address_share),
            memory: self.memory.or(defaults.memory),
            trusted_proxies: self.trusted_proxies.unwrap_or(defaults.trusted_proxies),
        }
    }
}

const PLACES: Form<usize> = Form {
    kind: Kind::Integer,
    expected: "a whole number from 1 to 1000000, e.g. 10000",
    parse: |text| count(text, 1, 1_000_000),
};

const PERCENT: Form<usize> = Form {
    kind: Kind::Integer,
    expected: "a whole number from 1 to 100, e.g. 50",
    parse: |text| count(text, 1, 100),
};

const MEMORY: Form<usize> = Form {
    kind: Kind::String,
    expected: "a size from 16MiB to 1TiB, e.g. \"256MiB\"",
    parse: |text| {
        let bytes = size(text, 16 << 20, 1 << 40)?;
        usize::try_from(bytes).map_err(|_| "this machine cannot address it".to_owned())
    },
};

const NETWORK: Form<IpNet> = Form {
    kind: Kind::String,
    expected: "an IP address or a network, e.g. \"192.0.2.1\" or \"10.0.0.0/8\"",
    parse: |text| {
        let address = || text.parse().map(|address: std::net::IpAddr| address.into());
        let network = text.parse().or_else(|_| address());
        network.map_err(|_| "it is neither an address nor a network".to_owned())
    },
};

#[cfg(test)]
mod tests {
    use super::super::tests::{file_error, load, variable_error};

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
        assert_eq!(http.memory(1 << 20), 512 << 20);
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
        assert_eq!(http.memory(1 << 20), 256 << 20);
        let http = load(Some("[http]\nmax_streams = 10000"), &[], &[])
            .unwrap()
            .http;
        assert_eq!(http.connections(), 10_000 + 256 + 512);
        assert_eq!(
            http.memory(1 << 20),
            256 << 20,
            "enough for all of them idle"
        );
        let large = "max_event_size = '64MiB'\n[limits]\nmailbox_bytes = '64MiB'";
        let config = load(Some(large), &[], &[]).unwrap();
        assert!(config.http.memory(config.max_event_size) > 1 << 30);
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
