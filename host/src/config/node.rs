//! The configuration of a node, put together from its sources.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;
use std::time::Duration;

use super::address::{HOST_NAME, LISTEN};
use super::channels::ChannelsSettings;
use super::cluster::ClusterSettings;
use super::compile::CompileSettings;
use super::environment::Environment;
use super::error::ConfigError;
use super::file::{CONFIG, ConfigFile};
use super::flags::NodeFlags;
use super::form::{Form, Kind, PATH, SWITCH, count, duration, size};
use super::ganomede::GanomedeSettings;
use super::http::HttpSettings;
use super::limits::PluginLimits;
use super::log::LogConfig;
use super::name::{NODE_NAME, default_node_name};
use super::place::{Place, Places};
use super::policy::Policy;
use super::quarantine::QuarantinePauses;
use super::sessions;
use super::sources::Sources;
use super::table::{Settings, settings};
use crate::access::AccessSettings;
use crate::session::SessionsSettings;

/// The largest value of `max_event_size`, in bytes (64 MiB).
pub const LARGEST_EVENT: usize = 64 << 20;

settings! {
    /// All that a node needs to know before it starts.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct NodeConfig in "" {
        /// Folder of the plugins; made if missing
        plugins: PathBuf = value(PATH, "plugins"), flag "--plugins DIR";

        /// Folder for the node's own data; made if missing
        ///
        /// The key-value store, channels and compiled code.
        data: PathBuf = value(PATH, "data"), flag "--data DIR";

        /// Address to serve HTTP on; port 0 takes any free one
        listen: SocketAddr = value(LISTEN, "127.0.0.1:7070"), flag "--listen HOST:PORT";

        /// Name of the node
        ///
        /// 1 to 63 characters of `A-Z a-z 0-9 . _ -`.
        node: String = computed(NODE_NAME, "the machine's name", default_node_name()),
            flag "--node NAME";

        /// Serve other machines without asking for credentials
        ///
        /// Whether `listen` may be an address that other machines reach.
        allow_unauthenticated: bool = value(SWITCH, "false"), flag "--allow-unauthenticated";

        /// Answer to this name too, besides localhost and the node's addresses, `*` to every
        /// name
        ///
        /// In lower case and without port.
        allowed_hosts: Vec<String> = list(HOST_NAME, "none"),
            flag "--allow-host NAME";

        /// Largest event, attributes included; at most `limits.mailbox_bytes`
        ///
        /// In bytes; 1 KiB to [`LARGEST_EVENT`].
        max_event_size: usize = value(MAX_EVENT_SIZE, "1MiB"), flag "--max-event-size SIZE";

        /// Threads that run plugins in the foreground; there are as many of either kind in the
        /// background
        ///
        /// 1 to 1,024.
        plugin_threads: usize =
            computed(PLUGIN_THREADS, "one per core", available_parallelism().map_or(1, usize::from)),
            flag "--plugin-threads N";

        /// How long a node that starts waits for its plugins before it takes events
        ///
        /// It takes them without those that are not loaded yet; at most 1 h.
        startup_timeout: Duration = value(TIMEOUT, "30s"), flag "--startup-timeout DURATION";

        /// How long a node that is told to stop waits for what is in hand
        ///
        /// At most 1 h.
        shutdown_timeout: Duration = value(TIMEOUT, "30s"), flag "--shutdown-timeout DURATION";
    }
    tables {
        /// What is logged, and how.
        log: LogConfig;
        /// Bounds of HTTP.
        http: HttpSettings;
        /// Who may do what.
        access: AccessSettings;
        /// Limits of plugins whose manifest says nothing else.
        limits: PluginLimits;
        /// How plugins are compiled.
        compile: CompileSettings;
        /// Channels that the node makes, and what all may take.
        channels: ChannelsSettings;
        /// Sessions of clients.
        sessions: SessionsSettings;
        /// The API of ganomede-events.
        ganomede: GanomedeSettings;
        /// The node's part in a cluster.
        cluster: ClusterSettings;
        /// What plugins may do at most.
        policy: Policy;
    }
    besides {
        /// How long a quarantined plugin rests; not for users to set.
        quarantine: QuarantinePauses = QuarantinePauses::default();
    }
}

impl NodeConfig {
    /// Loads the configuration of this process: the defaults, then the file
    /// that `--config` or `HEARKEN_CONFIG` names (otherwise `hearken.toml` in
    /// the working directory, if there is one), then `HEARKEN_*` variables, then
    /// `flags`; what comes later wins. Relative paths start at the working
    /// directory wherever they are written.
    ///
    /// # Errors
    /// [`ConfigError`] says which value is wrong, where, and what is right.
    pub fn load(flags: &NodeFlags) -> Result<Self, ConfigError> {
        Self::from_sources(flags, std::env::vars_os(), Path::new(""))
    }

    /// [`load`](Self::load) with the environment as an argument and `directory`
    /// as the place where `hearken.toml` is looked for.
    ///
    /// # Errors
    /// [`ConfigError`] says which value is wrong, where, and what is right.
    pub fn from_sources(
        flags: &NodeFlags,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        directory: &Path,
    ) -> Result<Self, ConfigError> {
        let mut environment = Environment::new(variables);
        let named = environment.placed(&CONFIG, &PATH)?;
        let named = flags.config.clone().or(named.map(|named| named.value));
        let file = ConfigFile::find(named, directory)?;
        let mut sources = Sources::new(flags, environment, file.as_ref())?;
        let mut config = Self::read(&mut sources)?;
        let places = sources.finish()?;
        config.cluster.settle(&places)?;
        config.check(&places)?;
        Ok(config)
    }

    /// The keys that have other values in `other`.
    #[must_use]
    pub fn changed_keys(&self, other: &Self) -> Vec<&'static str> {
        let changed = self.changed(other).into_iter();
        changed.map(|setting| setting.key).collect()
    }

    /// Checks what holds between values.
    fn check(&self, places: &Places) -> Result<(), ConfigError> {
        let place = || places.of(&Self::listen).cloned().unwrap_or(Place::Default);
        let is_reached = !self.listen.ip().is_loopback();
        if is_reached && !self.allow_unauthenticated && !self.access.is_configured() {
            return Err(ConfigError::Exposed {
                place: place(),
                listen: self.listen,
            });
        }
        if is_reached && self.http.tls.is_none() && !self.http.allow_plaintext {
            return Err(ConfigError::Unencrypted {
                place: place(),
                listen: self.listen,
            });
        }
        let mut declared = self.channels.declared.iter();
        let unplaced = declared.find(|(_, channel)| channel.settings.node.is_none());
        if let Some((name, channel)) = unplaced.filter(|_| self.cluster.is_shared()) {
            return Err(ConfigError::ChannelWithoutNode {
                place: channel.place.clone(),
                channel: name.to_string(),
                node: self.node.clone(),
            });
        }
        if self.limits.mailbox_bytes < self.max_event_size {
            return Err(ConfigError::MailboxTooSmall {
                mailbox_bytes: self.limits.mailbox_bytes,
                max_event_size: self.max_event_size,
            });
        }
        sessions::check(&self.sessions, &self.access, &self.channels, places)?;
        self.http.check(self.max_event_size)
    }
}

const MAX_EVENT_SIZE: Form<usize> = Form::new(
    Kind::String,
    "a size from 1KiB to 64MiB, e.g. \"1MiB\"",
    |text| {
        let bytes = size(text, 1 << 10, LARGEST_EVENT as u64)?;
        Ok(usize::try_from(bytes).expect("at most LARGEST_EVENT, a usize"))
    },
);

const PLUGIN_THREADS: Form<usize> = Form::new(
    Kind::Integer,
    "a whole number of threads from 1 to 1024, e.g. 4",
    |text| count(text, 1, 1024),
);

const TIMEOUT: Form<Duration> = Form::new(
    Kind::String,
    "a duration from 0s to 1h, e.g. \"30s\"",
    |text| duration(text, Duration::ZERO, Duration::from_secs(3600)),
);
