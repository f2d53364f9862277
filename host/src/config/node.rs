//! The configuration of a node, put together from its sources.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;
use std::time::Duration;

use super::cluster::ClusterSettings;
use super::compile::CompileSettings;
use super::environment::Environment;
use super::error::{ConfigError, Place};
use super::file::ConfigFile;
use super::flags::NodeFlags;
use super::http::HttpSettings;
use super::layer::Layer;
use super::limits::PluginLimits;
use super::name::default_node_name;
use super::quarantine::QuarantinePauses;

/// All that a node needs to know before it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeConfig {
    /// Name of the node: 1 to 63 characters of `A-Z a-z 0-9 . _ -`.
    pub node: String,
    /// Folder of the plugins.
    pub plugins: PathBuf,
    /// Folder for what the node keeps: the key-value store, compiled code.
    pub data: PathBuf,
    /// Where HTTP is served; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Whether `listen` may be an address that other machines reach although
    /// nobody is asked for credentials.
    pub allow_unauthenticated: bool,
    /// Names besides `localhost` and its addresses under which the node answers, in lower
    /// case and without port; `*` for every name.
    pub allowed_hosts: Vec<String>,
    /// Largest event in bytes, attributes included; 1 KiB to [`LARGEST_EVENT`](super::LARGEST_EVENT).
    pub max_event_size: usize,
    /// Threads that run plugins; 1 to 1,024.
    pub plugin_threads: usize,
    /// How long a node that starts waits for its plugins before it takes events
    /// without those that are not loaded yet; at most 1 h.
    pub startup_timeout: Duration,
    /// How long a draining node waits for what is in hand; at most 1 h.
    pub shutdown_timeout: Duration,
    /// Limits of plugins whose manifest says nothing else.
    pub limits: PluginLimits,
    /// How plugins are compiled.
    pub compile: CompileSettings,
    /// How long a quarantined plugin rests; not for users to set.
    pub quarantine: QuarantinePauses,
    /// What is logged, and how.
    pub log: LogConfig,
    /// Bounds of HTTP.
    pub http: HttpSettings,
    /// The node's part in a cluster.
    pub cluster: ClusterSettings,
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// How lines look.
    pub format: LogFormat,
    /// Which lines are written, as `tracing_subscriber`'s `EnvFilter` reads it.
    pub filter: String,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// Readable text.
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for LogConfig {
    /// `auto` and `info`, without what the file watcher says about itself.
    fn default() -> Self {
        Self {
            format: LogFormat::Auto,
            filter: "info,notify=error".to_owned(),
        }
    }
}

impl Default for NodeConfig {
    /// A node on 127.0.0.1:7070 that is named after the machine, with its
    /// plugins in `plugins`, its data in `data` and a plugin thread a core.
    fn default() -> Self {
        Self {
            node: default_node_name(),
            plugins: "plugins".into(),
            data: "data".into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 7070)),
            allow_unauthenticated: false,
            allowed_hosts: Vec::new(),
            max_event_size: 1 << 20,
            plugin_threads: available_parallelism().map_or(1, usize::from),
            startup_timeout: Duration::from_secs(30),
            shutdown_timeout: Duration::from_secs(30),
            limits: PluginLimits::default(),
            compile: CompileSettings::default(),
            quarantine: QuarantinePauses::default(),
            log: LogConfig::default(),
            http: HttpSettings::default(),
            cluster: ClusterSettings::default(),
        }
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
        let named = environment.config_file()?;
        let named = flags.config.clone().or(named);
        let file = ConfigFile::find(named, directory)?;
        let layers = [
            file.map(|file| file.layer())
                .transpose()?
                .unwrap_or_default(),
            environment.into_layer()?,
            flags.layer(),
        ];
        let layer = layers
            .into_iter()
            .fold(Layer::default(), |under, over| over.over(under));
        let listen_place = match &layer.listen {
            Some(listen) => listen.place.clone(),
            None => Place::Default,
        };
        let config = layer.onto(Self::default())?;
        config.check(listen_place)?;
        Ok(config)
    }

    /// Checks what holds between values.
    fn check(&self, listen_place: Place) -> Result<(), ConfigError> {
        if !self.listen.ip().is_loopback() && !self.allow_unauthenticated {
            return Err(ConfigError::Exposed {
                place: listen_place,
                listen: self.listen,
            });
        }
        if self.limits.mailbox_bytes < self.max_event_size {
            return Err(ConfigError::MailboxTooSmall {
                mailbox_bytes: self.limits.mailbox_bytes,
                max_event_size: self.max_event_size,
            });
        }
        self.http.check(self.max_event_size)
    }
}
