//! Explains a file that is, or should be, a plugin: what it is, what it asks of
//! the host and gives to it, and whether this host can run it.
//!
//! Nothing of the file is run, so what a component listens to is not known here;
//! [`CheckReport::set_listeners`] adds it once something has asked the component. And
//! nothing of it is parsed here, which [`examine`] does in a process that a file may
//! break.

mod component;
mod core_module;
mod display;
mod examination;
mod file_kind;
mod shape;
mod text;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::admin::{ListenerStatus, RightsStatus};
use crate::interfaces::{self, Export, Handler, Provision, Support};
use crate::script::Language;

pub use examination::{Examination, examine};
pub use file_kind::{FileKind, MAX_FILE_BYTES};
pub use shape::{ExportReport, Shape};

/// What the manifest must say for a component that does not say what it listens to.
const SUBSCRIBE: &str = "subscribe = [\"custom.example.*\"]";

/// Why a file could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// It is a folder, a device or a pipe.
    #[error("{} is not a file", .0.display())]
    NotAFile(PathBuf),
    /// It cannot be read.
    #[error("cannot read {}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// What a file is and whether this host can run it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// Name of the file, as it was given.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// What kind of file it is.
    #[serde(flatten)]
    pub kind: FileKind,
    /// What the plugin is written in.
    pub language: Language,
    /// What evaluates it, if it is a text; null if that is not there, or it is none.
    pub engine: Option<EngineReport>,
    /// What a component asks of its host.
    pub imports: Vec<ImportReport>,
    /// What a component gives to its host.
    pub exports: Vec<ExportReport>,
    /// The export by which this host would hand events over.
    pub handler: Option<Handler>,
    /// Whether this host would ask it about sessions of clients.
    pub session_hooks: bool,
    /// What the component says that it listens to, as far as it may; null when it was not asked.
    pub listeners: Option<Vec<ListenerStatus>>,
    /// What the plugin may do, by its manifest and the node's policy; null when it was not
    /// asked.
    pub rights: Option<RightsStatus>,
    /// The line that its manifest must have before this host can run it; null when
    /// there is none, or no telling.
    pub missing_manifest_line: Option<&'static str>,
    /// Everything that keeps this host from running it, and what to do about it.
    pub problems: Vec<String>,
    /// Whether this host can run it, once its manifest says what is missing: there
    /// are no problems.
    pub runnable: bool,
}

/// What evaluates a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EngineReport {
    /// Its name.
    pub name: String,
    /// BLAKE3 of the component, in hexadecimal.
    pub hash: String,
    /// Whether it is part of this program.
    pub built_in: bool,
}

/// One thing that a component asks of its host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// The interface with its version, e.g. `wasi:http/types@0.2.3`.
    pub name: String,
    /// Whether this host has it.
    #[serde(flatten)]
    pub availability: Availability,
}

/// Whether this host has what a component asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "availability")]
pub enum Availability {
    /// It does.
    Provided,
    /// It does, as far as the plugin's manifest says so.
    ByGrant {
        /// The line to add to the manifest's table `[allow]`.
        manifest_line: String,
    },
    /// It does, for those that the plugin's manifest names in `[secrets]`.
    BySecret,
    /// The component loads, and is refused whatever it asks of the interface.
    RefusedWhenUsed {
        /// Why.
        reason: &'static str,
    },
    /// It has another version only.
    OtherVersion {
        /// That version.
        spoken: &'static str,
    },
    /// It does not.
    Unknown {
        /// What it has of the same package.
        same_package: Vec<String>,
    },
}

/// Looks at a file and says what it is. `examine` has what may be a component or a
/// module parsed: as [`examine`] does it, but where that can do no harm; or says why
/// that was not possible.
///
/// # Errors
/// When the file cannot be read; whatever is wrong with what it contains is in the
/// report instead.
pub async fn check(
    file: &Path,
    examine: impl AsyncFnOnce(&[u8]) -> Result<Examination, String>,
) -> Result<CheckReport, CheckError> {
    let path = file.to_owned();
    // A large file takes its time to read, and must not hold up other tasks.
    let read = tokio::task::spawn_blocking(move || read(&path)).await;
    let content = read.map_err(|panic| CheckError::Read {
        file: file.to_owned(),
        source: io::Error::other(panic),
    })??;
    let name = file.display().to_string();
    match content {
        Content::Told { length, kind } => Ok(CheckReport::without_contents(name, length, kind)),
        Content::Read(bytes) => {
            let examined = examine(&bytes).await;
            Ok(CheckReport::new(name, bytes.len() as u64, examined))
        }
    }
}

/// A file's content, unless its head and size tell enough.
enum Content {
    Told { length: u64, kind: FileKind },
    Read(Vec<u8>),
}

fn read(path: &Path) -> Result<Content, CheckError> {
    let unread = |source| CheckError::Read {
        file: path.to_owned(),
        source,
    };
    let metadata = std::fs::metadata(path).map_err(unread)?;
    if !metadata.is_file() {
        return Err(CheckError::NotAFile(path.to_owned()));
    }
    let length = metadata.len();
    let mut file = File::open(path).map_err(unread)?;
    let mut bytes = Vec::new();
    let mut read = |limit: u64, bytes: &mut Vec<u8>| file.by_ref().take(limit).read_to_end(bytes);
    read(file_kind::HEAD_BYTES, &mut bytes).map_err(unread)?;
    if let Some(kind) = FileKind::of_head(&bytes, length) {
        return Ok(Content::Told { length, kind });
    }
    read(MAX_FILE_BYTES - file_kind::HEAD_BYTES, &mut bytes).map_err(unread)?;
    Ok(Content::Read(bytes))
}

impl ExportReport {
    fn as_export(&self) -> Export<'_> {
        Export {
            name: &self.name,
            functions: self.functions.iter().map(String::as_str).collect(),
        }
    }
}

impl CheckReport {
    /// The report on file `name` of `length` bytes, of what was found in it.
    fn new(name: String, length: u64, examined: Result<Examination, String>) -> Self {
        let kind = match examined {
            Ok(Examination::Component(shape)) => {
                let report = Self::without_contents(name, length, FileKind::Component);
                return report.with_shape(shape);
            }
            Ok(Examination::CoreModule { advice }) => FileKind::CoreModule { advice },
            Ok(Examination::Damaged { offset, message }) => FileKind::Damaged { offset, message },
            Err(reason) => FileKind::NotExamined { reason },
        };
        Self::without_contents(name, length, kind)
    }

    /// The report on a file that is no component.
    fn without_contents(file: String, bytes: u64, kind: FileKind) -> Self {
        let problems: Vec<_> = kind.problem().into_iter().collect();
        Self {
            file,
            bytes,
            runnable: problems.is_empty(),
            kind,
            language: Language::Component,
            engine: None,
            imports: Vec::new(),
            exports: Vec::new(),
            handler: None,
            session_hooks: false,
            listeners: None,
            rights: None,
            missing_manifest_line: None,
            problems,
        }
    }

    fn with_shape(mut self, shape: Shape) -> Self {
        self.exports = shape.exports;
        self.imports = shape
            .imports
            .into_iter()
            .map(|name| ImportReport {
                availability: availability(&name),
                name,
            })
            .collect();
        for import in &self.imports {
            self.problems
                .extend(interfaces::import_problem(&import.name));
        }
        let exports: Vec<Export<'_>> = self.exports.iter().map(ExportReport::as_export).collect();
        match interfaces::find_called(&exports) {
            Ok(called) => {
                self.handler = called.handler;
                self.session_hooks = called.session_hooks;
                if called
                    .handler
                    .is_some_and(|handler| !handler.describes_itself())
                {
                    self.missing_manifest_line = Some(SUBSCRIBE);
                }
            }
            Err(problem) => self.problems.push(problem),
        }
        self.runnable = self.problems.is_empty();
        self
    }

    /// Adds what the component said that it listens to, and what it may do; or why it
    /// could not say so.
    pub fn set_listeners(&mut self, said: Result<(Vec<ListenerStatus>, RightsStatus), String>) {
        self.missing_manifest_line = None;
        match said {
            Ok((listeners, rights)) => {
                self.listeners = Some(listeners);
                self.rights = Some(rights);
            }
            Err(reason) => self
                .problems
                .push(format!("a node would not load it: {reason}")),
        }
        self.runnable = self.problems.is_empty();
    }
}

fn availability(import: &str) -> Availability {
    match interfaces::import_support(import) {
        Support::Offered(Provision::Always) => Availability::Provided,
        Support::Offered(Provision::BySecret) => Availability::BySecret,
        Support::Offered(Provision::Refused { what }) => {
            Availability::RefusedWhenUsed { reason: what }
        }
        Support::Offered(grant @ Provision::ByGrant { .. }) => Availability::ByGrant {
            manifest_line: grant.manifest_line().unwrap_or_default(),
        },
        Support::OtherVersion { spoken } => Availability::OtherVersion { spoken },
        Support::Unknown { same_package } => Availability::Unknown { same_package },
    }
}

#[cfg(test)]
mod tests;
