//! Why a plugin's files cannot be loaded.

use std::path::{Path, PathBuf};

use bytesize::ByteSize;

use super::files::TwoOfOneName;
use super::texts::TextError;
use crate::config::ConfigError;
use crate::plugin::code::compile::CompileError;
use crate::plugin::code::disk::DiskError;
use crate::plugin::code::engines::EngineError;
use crate::plugin::guest::batch::cut;
use crate::plugin::guest::death::Death;
use crate::plugin::guest::secrets::vault::SecretError;
use crate::plugin::run::blanking::{BlankError, Problem};
use crate::script::{Language, Place, Script, Trace, excerpt};

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
    #[error(transparent)]
    Ambiguous(TwoOfOneName),
    #[error("{}: {source}", path.display())]
    Text { path: PathBuf, source: TextError },
    #[error("{}: {source}", path.display())]
    Engine { path: PathBuf, source: EngineError },
    /// A text is not valid; the place is in the trace.
    #[error("{}", .0.message)]
    Syntax(Box<Trace>),
    #[error("{}: {source}", path.display())]
    Secret {
        /// The manifest.
        path: PathBuf,
        source: SecretError,
    },
    /// Its engine does not even start with that.
    #[error(
        "{}: the engine of {} needs at least {}, and `memory` in `[limits]` leaves it {}",
        path.display(), language.title(), ByteSize(*needed).display().iec(),
        ByteSize(*memory).display().iec()
    )]
    Memory {
        path: PathBuf,
        language: Language,
        /// Bytes that it needs.
        needed: u64,
        /// Bytes that it may have.
        memory: u64,
    },
    /// The manifest says of its engine what that has no use for.
    #[error(
        "{}: `{key}` in `[engine]` is for plugins in JavaScript and TypeScript, and this one is in {}; \
         take it out",
        path.display(), language.title()
    )]
    Setting {
        /// The manifest.
        path: PathBuf,
        language: Language,
        key: &'static str,
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
    /// Why the types could not be taken out of the texts of the plugin at `path`.
    pub(crate) fn types(path: &Path, error: BlankError, script: &Script) -> Self {
        match error {
            BlankError::Problem { name, problem } => {
                Self::Syntax(Box::new(trace(&name, problem, script)))
            }
            BlankError::Died(death) => Self::Start(death),
            BlankError::Compile(source) => Self::Component {
                path: path.to_owned(),
                source,
            },
        }
    }

    /// Whether the plugin's file is simply not there.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Component { source, .. } if source.is_missing())
    }

    /// As it is reported, cut: a component chooses the names that it imports, and a
    /// manifest its keys.
    pub(crate) fn into_death(self) -> Death {
        let reason = cut(&self.to_string()).to_owned();
        match self {
            Self::Start(death) => Death { reason, ..death },
            Self::Syntax(trace) => Death::told(reason).at(trace),
            _ => Death::told(reason),
        }
    }

    /// Whether the files could not be loaded for a reason that may pass by itself: what
    /// the system says of them, be it that too many files are open, that the disk has
    /// failed or does not answer, or that a folder is being put in the place of another;
    /// or that it lets no process start which compiles them; or that the engine of a language
    /// is still to be added.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Component {
                source: CompileError::Read { source, .. },
                ..
            }
            | Self::ReadManifest { source, .. }
            | Self::Text {
                source: TextError::Read(source),
                ..
            } => source.raw_os_error().is_some(),
            Self::Component {
                source: CompileError::WorkerStart { .. } | CompileError::Silent { .. },
                ..
            }
            | Self::Engine {
                source: EngineError::Missing { .. },
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
            } | Self::Text {
                source: TextError::Empty,
                ..
            }
        )
    }
}

/// A problem in a text as its engine would have told it.
fn trace(name: &str, problem: Problem, script: &Script) -> Trace {
    let Problem {
        line,
        column,
        message,
    } = problem;
    let place = format!("{name}:{line}:{column}");
    Trace {
        message,
        frames: format!("at {place}"),
        place: Some(place),
        excerpt: excerpt(script, Place { name, line, column }),
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
