//! Loading a version: manifest and component from disk, compiled, linked,
//! started once and asked what it listens to. Nothing of the running version is
//! touched before all of that has succeeded.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use super::files::Files;
use super::folder::Stamps;
use super::listener::Listener;
use crate::bus::Filter;
use crate::config::{ConfigError, MAX_GLOBS, Manifest, PluginLimits, within_max_globs};
use crate::interfaces::Handler;
use crate::plugin::code::compile::{CompileError, ComponentFile, open_regular};
use crate::plugin::guest::batch::cut as cut_reason;
use crate::plugin::guest::bindings::plugin::hearken::plugin::types::Description;
use crate::plugin::guest::context::PluginContext;
use crate::plugin::guest::death::Death;
use crate::plugin::guest::imports::events::filter_of;
use crate::plugin::run::contain::contain;
use crate::plugin::run::instance::Version;
use crate::plugin::run::runtime::Runtime;
use crate::plugin::run::slot::InstanceSlot;

/// Most listeners of one plugin: each has one glob at least.
const MAX_LISTENERS: usize = MAX_GLOBS;

/// Longest manifest in bytes; its `[config]` may well carry a schema.
const MAX_MANIFEST_BYTES: u64 = 1 << 20;

/// How often files that go on changing are read.
const ATTEMPTS_TO_READ: usize = 5;

/// Longest version and listener name shown, in bytes.
const MAX_LABEL_BYTES: usize = 128;

/// Both files as they were read; the same content is not loaded twice.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    /// Hash of the component, or why it could not be read.
    component: Result<blake3::Hash, String>,
    manifest: Option<String>,
}

/// What was read, before any of it was understood.
pub(crate) struct Source {
    pub(crate) fingerprint: Fingerprint,
    component: Result<ComponentFile, CompileError>,
    manifest: Option<String>,
}

/// A version that is ready to take over.
pub(crate) struct Staged {
    pub(crate) version: Arc<Version>,
    /// What the plugin calls its version.
    pub(crate) label: String,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) slots: Vec<InstanceSlot>,
}

/// Why a plugin's files cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("cannot read the manifest {}: {source}", path.display())]
    ReadManifest {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(transparent)]
    Manifest(#[from] ConfigError),
    #[error("{}: {source}", path.display())]
    Component { path: PathBuf, source: CompileError },
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
        let reason = cut_reason(&self.to_string()).to_owned();
        match self {
            Self::Start(death) => Death { reason, ..death },
            _ => Death {
                reason,
                backtrace: None,
            },
        }
    }

    /// Whether the component is simply not there any more: nothing in the folder has its
    /// name, not even a link that leads nowhere for the moment, and the folder is there.
    pub(crate) fn is_removal(&self) -> bool {
        match self {
            Self::Component { path, source } => {
                source.is_missing() && !path.is_symlink() && path.parent().is_none_or(Path::is_dir)
            }
            _ => false,
        }
    }

    /// Whether the files could not be loaded for a reason that may pass by itself: what
    /// the system says of them, be it that too many files are open, that the disk has
    /// failed, or that a folder is being put in the place of another; or that it lets no
    /// process start which compiles them.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Component {
                source: CompileError::Read { source, .. },
                ..
            }
            | Self::ReadManifest { source, .. } => source.raw_os_error().is_some(),
            Self::Component {
                source: CompileError::WorkerStart { .. },
                ..
            } => true,
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

impl Source {
    /// Reads both files, as they are together: when they change meanwhile, because a link
    /// on the way to them leads elsewhere or because somebody writes, they are read again.
    /// Blocks on the disk.
    pub(crate) fn read(files: &Files) -> Result<Self, LoadError> {
        let mut before = Stamps::of(files);
        for _ in 1..ATTEMPTS_TO_READ {
            let read = Self::read_once(files);
            let after = Stamps::of(files);
            if before == after {
                return read;
            }
            before = after;
        }
        // Whoever goes on writing is followed by the plugins folder.
        Self::read_once(files)
    }

    fn read_once(files: &Files) -> Result<Self, LoadError> {
        let component = ComponentFile::read(&files.component);
        let manifest = match read_manifest(&files.manifest) {
            Ok(manifest) => manifest,
            // Without a component there is no plugin, whatever stands beside it.
            Err(_) if component.as_ref().is_err_and(CompileError::is_missing) => None,
            Err(source) => {
                return Err(LoadError::ReadManifest {
                    path: files.manifest.clone(),
                    source,
                });
            }
        };
        let fingerprint = Fingerprint {
            component: component
                .as_ref()
                .map(|file| file.hash)
                .map_err(ToString::to_string),
            manifest: manifest.clone(),
        };
        Ok(Self {
            fingerprint,
            component,
            manifest,
        })
    }

    /// Whether there is a component of which a version can be made.
    pub(crate) fn has_component(&self) -> bool {
        self.component.is_ok()
    }

    /// Makes a version of what was read, and gives the room that a component takes back
    /// once it is compiled.
    /// Dropping the future ends all that it has begun.
    pub(crate) async fn stage(
        self,
        room: Option<OwnedSemaphorePermit>,
        files: &Files,
        plugin: &Arc<PluginContext>,
        defaults: &PluginLimits,
        runtime: &Arc<Runtime>,
    ) -> Result<Staged, LoadError> {
        let path = &files.component;
        let compile_error = |source| LoadError::Component {
            path: path.clone(),
            source,
        };
        // First: a plugin whose component is gone is removed, however its manifest looks.
        let file = self.component.map_err(compile_error)?;
        let manifest = match self.manifest {
            Some(text) => Manifest::parse(&files.manifest, &text)?,
            None => Manifest::default(),
        };
        let hash = file.hash;
        let component = runtime
            .compiler
            .compile(&file, path)
            .await
            .map_err(compile_error)?;
        drop((room, file));
        let limits = manifest.limits.over(defaults);
        let plugin = Arc::clone(plugin);
        let version = Version::link(plugin, component, &runtime.linker, hash, manifest, limits)
            .map_err(|reason| LoadError::Link {
                path: path.clone(),
                reason,
            })?;
        start(Arc::new(version), path, runtime).await
    }
}

/// The manifest's text, if there is one.
fn read_manifest(path: &Path) -> std::io::Result<Option<String>> {
    let file = match open_regular(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = String::new();
    let read = file
        .take(MAX_MANIFEST_BYTES + 1)
        .read_to_string(&mut text)?;
    if read as u64 > MAX_MANIFEST_BYTES {
        return Err(std::io::Error::other(format!(
            "it has more than {MAX_MANIFEST_BYTES} bytes"
        )));
    }
    Ok(Some(text))
}

async fn start(
    version: Arc<Version>,
    path: &Path,
    runtime: &Arc<Runtime>,
) -> Result<Staged, LoadError> {
    let mut slots = Vec::new();
    let mut description = None;
    for _ in 0..version.concurrency() {
        let handle = runtime
            .executor
            .handle(version.concurrency(), version.limits.time_slice);
        let starting = {
            let (version, handle) = (Arc::clone(&version), Arc::clone(&handle));
            async move { contain(version.instantiate(handle)).await }
        };
        let started = runtime.executor.spawn(Arc::clone(&handle), starting).await;
        let (instance, said) = started.map_err(LoadError::Start)?;
        slots.push(InstanceSlot {
            instance: Some(instance),
            handle,
        });
        description = said;
    }
    let label = match &description {
        Some(description) => cut(&description.version),
        None => version.content_hash.to_hex()[..12].to_owned(),
    };
    let listeners = listeners(&version, description, path)?;
    Ok(Staged {
        version,
        label,
        listeners,
        slots,
    })
}

/// What the plugin listens to: what it declares, unless the manifest says otherwise.
fn listeners(
    version: &Version,
    description: Option<Description>,
    path: &Path,
) -> Result<Vec<Listener>, LoadError> {
    let declared = declared(description)?;
    let Some(patterns) = &version.manifest.subscribe else {
        if declared.is_empty() {
            let manifest = path.with_extension("toml");
            let who = match version.exported() {
                Handler::Messaging => "a component for wasmCloud does not say what it wants",
                Handler::Framed | Handler::Framed0_1 | Handler::Typed | Handler::Typed0_1 => {
                    "the component declares no listener"
                }
            };
            return Err(LoadError::NoListener(format!(
                "{who}; put `subscribe = [\"custom.example.*\"]` into {}",
                manifest.display()
            )));
        }
        return Ok(declared);
    };
    let local_only =
        !declared.is_empty() && declared.iter().all(|listener| listener.filter.local_only);
    Ok(patterns
        .iter()
        .map(|pattern| Listener {
            name: "subscribe".to_owned(),
            filter: Filter {
                local_only,
                ..Filter::new(pattern.clone())
            },
        })
        .collect())
}

fn declared(description: Option<Description>) -> Result<Vec<Listener>, LoadError> {
    let listeners = description
        .map(|description| description.listeners)
        .unwrap_or_default();
    if listeners.len() > MAX_LISTENERS {
        return Err(LoadError::Listener {
            listener: format!("{} of them", listeners.len()),
            reason: format!("a plugin may declare {MAX_LISTENERS} listeners"),
        });
    }
    let mut globs = 0;
    listeners
        .into_iter()
        .map(|listener| {
            let name = cut(&listener.name);
            let filter = filter_of(listener.filter).and_then(|filter| {
                globs += filter.pattern.globs().len();
                within_max_globs(globs).map(|()| filter)
            });
            match filter {
                Ok(filter) => Ok(Listener { name, filter }),
                Err(reason) => Err(LoadError::Listener {
                    listener: name,
                    reason,
                }),
            }
        })
        .collect()
}

fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(MAX_LABEL_BYTES)].to_owned()
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
