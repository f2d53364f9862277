//! Why a command failed, and the exit code for it.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use super::access::AccessCommandError;
use super::channel::ChannelCommandError;
use super::client::ClientError;
use super::data::DataError;
use super::engine::EngineCommandError;
use super::sessions::SessionsCommandError;
use crate::authoring::{
    BuildError, CheckError, DevError, ProjectError, ScaffoldError, ToolchainError,
};
use crate::cluster::certificates::CertificatesError;
use crate::config::ConfigError;
use crate::logging::LoggingError;
use crate::node::{ListenError, NodeError};
use crate::plugin::{CarryError, WorkerError};
use crate::tls::{HostCertificateError, MakeError};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// The node could not be asked, or refused.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The event's data cannot be sent.
    #[error(transparent)]
    Data(#[from] DataError),
    /// What was waited for did not happen in time.
    #[error("no `{event_type}` came within {}", humantime::format_duration(*timeout))]
    TimedOut {
        /// Type that was waited for.
        event_type: String,
        /// How long.
        timeout: Duration,
    },
    /// Nobody reads stdout any more.
    #[error("stdout is closed")]
    OutputClosed,
    /// The answer could not be written.
    #[error("cannot write to stdout: {0}")]
    Output(io::Error),
    /// The configuration is not valid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The log cannot be set up.
    #[error(transparent)]
    Logging(#[from] LoggingError),
    /// The address to serve on cannot be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The Rust target for plugins cannot be had.
    #[error(transparent)]
    Toolchain(#[from] ToolchainError),
    /// The sources of plugins cannot be watched.
    #[error(transparent)]
    Dev(#[from] DevError),
    /// A plugin crate cannot be made.
    #[error(transparent)]
    Scaffold(#[from] ScaffoldError),
    /// A plugin crate does not build.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A file cannot be looked at.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// A file is no plugin for this host; the report says why.
    #[error("this host cannot run {}", .0.display())]
    NotRunnable(PathBuf),
    /// A text cannot be made a component.
    #[error("{}: {source}", file.display())]
    Carry {
        /// The text.
        file: PathBuf,
        /// Why not.
        source: CarryError,
    },
    /// No text can be made of a project.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// What is compiled is not evaluated.
    #[error(
        "{} is no text: `--snapshot` evaluates JavaScript and TypeScript ahead; crates start as fast without",
        .0.display()
    )]
    NoSnapshot(PathBuf),
    /// There is nothing in a folder that makes it a plugin.
    #[error(
        "{} is no plugin: it has no Cargo.toml, no package.json, and no main.js, main.ts or main.py",
        .0.display()
    )]
    NoPlugin(PathBuf),
    /// A crate is not what runs.
    #[error(
        "{folder} is a crate: give the component that `hearken plugin build {folder}` makes of it",
        folder = .0.display()
    )]
    NotBuilt(PathBuf),
    /// A component cannot be written.
    #[error("cannot write {}: {source}", file.display())]
    Write {
        /// The component.
        file: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// There is no event in a file.
    #[error("{}: {reason}", file.display())]
    NoEvent {
        /// The file.
        file: PathBuf,
        /// What is in there.
        reason: String,
    },
    /// A plugin did not get an event, or failed on it.
    #[error("{0}")]
    Attempt(String),
    /// There is no other engine of a language.
    #[error(transparent)]
    Engine(#[from] EngineCommandError),
    /// What is asked of access cannot be answered.
    #[error(transparent)]
    Access(#[from] AccessCommandError),
    /// What is asked of sessions cannot be answered.
    #[error(transparent)]
    Sessions(#[from] SessionsCommandError),
    /// What is asked of a channel cannot be done.
    #[error(transparent)]
    Channel(#[from] ChannelCommandError),
    /// Somebody may not do something; the answer says why.
    #[error("`{principal}` may not `{right}`")]
    NotAllowed {
        /// Who.
        principal: String,
        /// The right that is missing.
        right: String,
    },
    /// The certificates of a cluster cannot be made.
    #[error(transparent)]
    Certificates(#[from] CertificatesError),
    /// A certificate for HTTP cannot be made.
    #[error(transparent)]
    HostCertificate(#[from] HostCertificateError),
    /// The node does not run, or did not end well.
    #[error(transparent)]
    Node(Box<NodeError>),
    /// The process cannot compile for a node.
    #[error(transparent)]
    CompileWorker(#[from] WorkerError),
    /// The system gives the process too little to start.
    #[error("cannot start: {0}")]
    Runtime(io::Error),
}

impl From<NodeError> for CliError {
    fn from(error: NodeError) -> Self {
        Self::Node(Box::new(error))
    }
}

impl CliError {
    /// The exit code: 2 for a command line that makes no sense, 3 for a time-out, 4 for a
    /// conflict, else 1.
    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Client(
                ClientError::BadHost { .. }
                | ClientError::KeyFile { .. }
                | ClientError::BadKey { .. }
                | ClientError::Plaintext { .. }
                | ClientError::Certificate(_),
            )
            | Self::Data(_)
            | Self::Config(_)
            | Self::Certificates(
                CertificatesError::Name(_) | CertificatesError::Make(MakeError::Validity(_)),
            )
            | Self::HostCertificate(
                HostCertificateError::Name(_) | HostCertificateError::Make(MakeError::Validity(_)),
            ) => ExitCode::from(2),
            Self::Access(error) if error.is_senseless() => ExitCode::from(2),
            Self::Channel(error) if error.is_senseless() => ExitCode::from(2),
            Self::Sessions(error) if error.is_senseless() => ExitCode::from(2),
            Self::TimedOut { .. } => ExitCode::from(3),
            Self::Client(error) if error.is_conflict() => ExitCode::from(4),
            _ => ExitCode::FAILURE,
        }
    }
}
