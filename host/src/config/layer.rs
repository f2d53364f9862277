//! One source's part of a node's configuration. The list of all settings is
//! here, and for the cluster in [`ClusterLayer`]: the file and the environment
//! are read by it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::uri::Authority;
use tracing_subscriber::EnvFilter;

use super::cluster::ClusterLayer;
use super::compile::{self, CompileLayer};
use super::error::{ConfigError, Place};
use super::form::{Form, Kind, SWITCH, TEXT, count, duration, size};
use super::http::HttpLayer;
use super::limits::{self, ManifestLimits};
use super::name::NODE_NAME;
use super::node::{LogConfig, LogFormat, NodeConfig};

/// The largest value of `max_event_size`, in bytes (64 MiB).
pub const LARGEST_EVENT: usize = 64 << 20;

/// The settings that one source has.
#[derive(Clone, Debug, Default)]
pub(super) struct Layer {
    pub(super) node: Option<String>,
    pub(super) plugins: Option<PathBuf>,
    pub(super) data: Option<PathBuf>,
    pub(super) listen: Option<Placed<SocketAddr>>,
    pub(super) allow_unauthenticated: Option<bool>,
    pub(super) allowed_hosts: Option<Vec<String>>,
    pub(super) max_event_size: Option<usize>,
    pub(super) plugin_threads: Option<usize>,
    pub(super) startup_timeout: Option<Duration>,
    pub(super) shutdown_timeout: Option<Duration>,
    pub(super) limits: ManifestLimits,
    pub(super) mailbox_bytes: Option<usize>,
    pub(super) compile: CompileLayer,
    pub(super) log_format: Option<LogFormat>,
    pub(super) log_filter: Option<String>,
    pub(super) http: HttpLayer,
    pub(super) cluster: ClusterLayer,
}

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

/// Where settings are read from. Keys are written with their table and a dot.
pub(super) trait Source {
    /// Takes the setting out, if it is there.
    fn placed<T>(
        &mut self,
        key: &'static str,
        form: &Form<T>,
    ) -> Result<Option<Placed<T>>, ConfigError>;

    /// Takes a setting of several values out, if it is there.
    fn list<T>(
        &mut self,
        key: &'static str,
        form: &Form<T>,
    ) -> Result<Option<Vec<Placed<T>>>, ConfigError>;

    /// [`placed`](Self::placed) for settings whose place does not matter later.
    fn value<T>(&mut self, key: &'static str, form: &Form<T>) -> Result<Option<T>, ConfigError> {
        Ok(self.placed(key, form)?.map(|placed| placed.value))
    }
}

impl Layer {
    /// Takes every setting that there is out of `source`.
    pub(super) fn read(source: &mut impl Source) -> Result<Self, ConfigError> {
        Ok(Self {
            node: source.value("node", &NODE_NAME)?,
            plugins: source.value("plugins", &TEXT)?.map(PathBuf::from),
            data: source.value("data", &TEXT)?.map(PathBuf::from),
            listen: source.placed("listen", &LISTEN)?,
            allow_unauthenticated: source.value("allow_unauthenticated", &SWITCH)?,
            allowed_hosts: source
                .list("allowed_hosts", &HOST_NAME)?
                .map(|hosts| hosts.into_iter().map(|host| host.value).collect()),
            max_event_size: source.value("max_event_size", &MAX_EVENT_SIZE)?,
            plugin_threads: source.value("plugin_threads", &PLUGIN_THREADS)?,
            startup_timeout: source.value("startup_timeout", &STARTUP_TIMEOUT)?,
            shutdown_timeout: source.value("shutdown_timeout", &SHUTDOWN_TIMEOUT)?,
            limits: ManifestLimits {
                memory: source.value("limits.memory", &limits::MEMORY)?,
                deadline: source.value("limits.deadline", &limits::DEADLINE)?,
                time_slice: source.value("limits.time_slice", &limits::TIME_SLICE)?,
                mailbox: source.value("limits.mailbox", &limits::MAILBOX)?,
                overflow: source.value("limits.overflow", &limits::OVERFLOW)?,
            },
            mailbox_bytes: source.value("limits.mailbox_bytes", &limits::MAILBOX_BYTES)?,
            compile: CompileLayer {
                timeout: source.value("compile.timeout", &compile::TIMEOUT)?,
                memory: source.value("compile.memory", &compile::MEMORY)?,
            },
            log_format: source.value("log.format", &LOG_FORMAT)?,
            log_filter: source.value("log.filter", &LOG_FILTER)?,
            http: HttpLayer::read(source)?,
            cluster: ClusterLayer::read(source)?,
        })
    }

    /// This layer where it has a setting, `under` elsewhere.
    pub(super) fn over(self, under: Self) -> Self {
        Self {
            node: self.node.or(under.node),
            plugins: self.plugins.or(under.plugins),
            data: self.data.or(under.data),
            listen: self.listen.or(under.listen),
            allow_unauthenticated: self.allow_unauthenticated.or(under.allow_unauthenticated),
            allowed_hosts: self.allowed_hosts.or(under.allowed_hosts),
            max_event_size: self.max_event_size.or(under.max_event_size),
            plugin_threads: self.plugin_threads.or(under.plugin_threads),
            startup_timeout: self.startup_timeout.or(under.startup_timeout),
            shutdown_timeout: self.shutdown_timeout.or(under.shutdown_timeout),
            limits: ManifestLimits {
                memory: self.limits.memory.or(under.limits.memory),
                deadline: self.limits.deadline.or(under.limits.deadline),
                time_slice: self.limits.time_slice.or(under.limits.time_slice),
                mailbox: self.limits.mailbox.or(under.limits.mailbox),
                overflow: self.limits.overflow.or(under.limits.overflow),
            },
            mailbox_bytes: self.mailbox_bytes.or(under.mailbox_bytes),
            compile: self.compile.over(under.compile),
            log_format: self.log_format.or(under.log_format),
            log_filter: self.log_filter.or(under.log_filter),
            http: self.http.over(under.http),
            cluster: self.cluster.over(under.cluster),
        }
    }

    /// The configuration: this layer where it has a setting, `defaults` elsewhere.
    pub(super) fn onto(self, defaults: NodeConfig) -> Result<NodeConfig, ConfigError> {
        let mut limits = self.limits.over(&defaults.limits);
        if let Some(bytes) = self.mailbox_bytes {
            limits.mailbox_bytes = bytes;
        }
        Ok(NodeConfig {
            node: self.node.unwrap_or(defaults.node),
            plugins: self.plugins.unwrap_or(defaults.plugins),
            data: self.data.unwrap_or(defaults.data),
            listen: self.listen.map_or(defaults.listen, |listen| listen.value),
            allow_unauthenticated: self
                .allow_unauthenticated
                .unwrap_or(defaults.allow_unauthenticated),
            allowed_hosts: self.allowed_hosts.unwrap_or(defaults.allowed_hosts),
            max_event_size: self.max_event_size.unwrap_or(defaults.max_event_size),
            plugin_threads: self.plugin_threads.unwrap_or(defaults.plugin_threads),
            startup_timeout: self.startup_timeout.unwrap_or(defaults.startup_timeout),
            shutdown_timeout: self.shutdown_timeout.unwrap_or(defaults.shutdown_timeout),
            limits,
            compile: self.compile.onto(defaults.compile),
            quarantine: defaults.quarantine,
            log: LogConfig {
                format: self.log_format.unwrap_or(defaults.log.format),
                filter: self.log_filter.unwrap_or(defaults.log.filter),
            },
            http: self.http.onto(defaults.http),
            cluster: self.cluster.onto(defaults.cluster)?,
        })
    }
}

pub(super) const LISTEN: Form<SocketAddr> = Form {
    kind: Kind::String,
    expected: "an IP address and a port, e.g. \"127.0.0.1:7070\" or \"[::1]:7070\"",
    parse: |text| {
        let text = match text.strip_prefix("localhost:") {
            Some(port) => &format!("127.0.0.1:{port}"),
            None => text,
        };
        text.parse()
            .map_err(|_| "it is not an address to listen on".to_owned())
    },
};

pub(super) const HOST_NAME: Form<String> = Form {
    kind: Kind::String,
    expected: "a host's name or IP address without port, e.g. \"hearken.example.com\", or \"*\" for every name",
    parse: |text| match text.parse::<Authority>() {
        Ok(authority) if authority.host() == text => Ok(text.to_ascii_lowercase()),
        _ => Err("it is not the name of a host".to_owned()),
    },
};

pub(super) const MAX_EVENT_SIZE: Form<usize> = Form {
    kind: Kind::String,
    expected: "a size from 1KiB to 64MiB, e.g. \"1MiB\"",
    parse: |text| {
        let bytes = size(text, 1 << 10, LARGEST_EVENT as u64)?;
        Ok(usize::try_from(bytes).expect("at most LARGEST_EVENT, a usize"))
    },
};

pub(super) const PLUGIN_THREADS: Form<usize> = Form {
    kind: Kind::Integer,
    expected: "a whole number of threads from 1 to 1024, e.g. 4",
    parse: |text| count(text, 1, 1024),
};

pub(super) const STARTUP_TIMEOUT: Form<Duration> = Form {
    kind: Kind::String,
    expected: "a duration from 0s to 1h, e.g. \"30s\"",
    parse: |text| duration(text, Duration::ZERO, Duration::from_secs(3600)),
};

pub(super) const SHUTDOWN_TIMEOUT: Form<Duration> = Form {
    kind: Kind::String,
    expected: "a duration from 0s to 1h, e.g. \"30s\"",
    parse: |text| duration(text, Duration::ZERO, Duration::from_secs(3600)),
};

pub(super) const LOG_FORMAT: Form<LogFormat> = Form {
    kind: Kind::String,
    expected: "\"auto\", \"text\" or \"json\"",
    parse: |text| match text {
        "auto" => Ok(LogFormat::Auto),
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("there is no such format".to_owned()),
    },
};

pub(super) const LOG_FILTER: Form<String> = Form {
    kind: Kind::String,
    expected: "levels, for all or by target, e.g. \"info\" or \"warn,hearken=debug\"",
    parse: |text| match EnvFilter::try_new(text) {
        Ok(_) if !text.trim().is_empty() => Ok(text.to_owned()),
        Ok(_) => Err("it is empty".to_owned()),
        Err(error) => Err(error.to_string()),
    },
};
