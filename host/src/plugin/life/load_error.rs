//! Why a plugin's files cannot be loaded.

use std::path::PathBuf;

use crate::config::ConfigError;
use crate::plugin::code::compile::CompileError;
use crate::plugin::code::disk::DiskError;
use crate::plugin::guest::batch::cut;
use crate::plugin::guest::death::Death;
use crate::plugin::guest::secrets::vault::SecretError;

/// Why a plugin's files cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// The component is simply not there any more.
    #[error("the component has been removed")]
    Removed,
    /// The disk that the files are on does not answer.
    #[error(transparent)]
    Silent(DiskError),
    #[error("cannot read the manifest {}: {source}", path.display())]
    ReadManifest {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(transparent)]
    Manifest(#[from] ConfigError),
    #[error("{}: {source}", path.display())]
    Component { path: PathBuf, source: CompileError },
    #[error("{}: {source}", path.display())]
    Secret {
        /// The manifest.
        path: PathBuf,
        source: SecretError,
    },
    #[error("{}: {reason}", path.display())]
    Link { path: PathBuf, reason: String },
    #[error("failed to start: {}", .0.reason)]
    Start(Death),
    #[error("listener `{listener}`: {reason}")]
    Listener { listener: String, reason: String },
    #[error("listens to nothing: {0}")]
    NoListener(String),
    /// A mistake of this host, which the files have found.
    #[error("the host failed: {0}")]
    Host(String),
}

impl LoadError {
    /// As it is reported, cut: a component chooses the names that it imports, and a
    /// manifest its keys.
    pub(crate) fn into_death(self) -> Death {
        let reason = cut(&self.to_string()).to_owned();
        match self {
            Self::Start(death) => Death { reason, ..death },
            _ => Death {
                reason,
                backtrace: None,
                blameless: false,
            },
        }
    }

    /// Whether the files could not be loaded for a reason that may pass by itself: what
    /// the system says of them, be it that too many files are open, that the disk has
    /// failed or does not answer, or that a folder is being put in the place of another;
    /// or that it lets no process start which compiles them.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Component {
                source: CompileError::Read { source, .. },
                ..
            }
            | Self::ReadManifest { source, .. } => source.raw_os_error().is_some(),
            Self::Component {
                source: CompileError::WorkerStart { .. } | CompileError::Silent { .. },
                ..
            }
            | Self::Silent(_) => true,
            Self::Secret { source, .. } => source.may_come,
            _ => false,
        }
    }

    /// Whether the file looks as if somebody had not finished writing it.
    pub(crate) fn is_half_written(&self) -> bool {
        matches!(
            self,
            Self::Component {
                source: CompileError::Empty | CompileError::CutOff,
                ..
            }
        )
    }
}

impl From<DiskError> for LoadError {
    fn from(error: DiskError) -> Self {
        match error {
            DiskError::Silent { .. } => Self::Silent(error),
            DiskError::Panicked(_) | DiskError::Stopping => Self::Host(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_long_the_names_in_a_component_are_the_report_is_short() {
        let long = LoadError::Link {
            path: "plugins/a.wasm".into(),
            reason: "it imports ".to_owned() + &"x".repeat(1 << 20),
        };
        let Death { reason, .. } = long.into_death();
        assert!(reason.starts_with("plugins/a.wasm: it imports x"));
        assert!(reason.len() < 8 << 10, "{} bytes", reason.len());
    }
}
