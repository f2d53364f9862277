//! Loading a version: manifest and component or text from disk, compiled, linked,
//! started once and asked what it listens to. Nothing of the running version is
//! touched before all of that has succeeded.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use wasmtime::component::Component;

use super::artifact::{Artifact, Code};
use super::declared::{cut, listeners};
use super::files::Files;
use super::folder::Stamps;
use super::listener::{Listener, narrow};
use super::load_error::LoadError;
use crate::admin::WithheldStatus;
use crate::config::{Bounds, Compat, Manifest, PluginLimits, Rights};
use crate::plugin::code::compile::open_regular;
use crate::plugin::code::engines::{EngineFile, Engines};
use crate::plugin::guest::context::PluginContext;
use crate::plugin::guest::script::GuestScript;
use crate::plugin::guest::secrets::vault::{SecretError, Vault};
use crate::plugin::hooks::exported::Answering;
use crate::plugin::run::blanking::blank;
use crate::plugin::run::contain::contain;
use crate::plugin::run::exports::Said;
use crate::plugin::run::instance::Version;
use crate::plugin::run::runtime::Runtime;
use crate::plugin::run::slot::InstanceSlot;
use crate::script::Language;

/// Longest manifest in bytes; its `[config]` may well carry a schema.
const MAX_MANIFEST_BYTES: u64 = 1 << 20;

/// How often files that go on changing are read.
const ATTEMPTS_TO_READ: usize = 5;

/// Both files as they were read, and by which policy; the same is not loaded twice.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    /// Hash of the component or the texts, or why they could not be read.
    artifact: Result<blake3::Hash, String>,
    manifest: Option<String>,
    /// What the node's policy says of the plugin.
    bounds: Bounds,
}

#[cfg(test)]
impl Fingerprint {
    /// Of files that could not be read, and why.
    pub(super) fn unread(why: &str) -> Self {
        Self {
            artifact: Err(why.to_owned()),
            manifest: None,
            bounds: Bounds::default(),
        }
    }
}

/// What was read, before any of it was understood.
pub(crate) struct Source {
    pub(crate) fingerprint: Fingerprint,
    artifact: Result<Artifact, LoadError>,
    manifest: Option<String>,
    /// Whether it is given its secrets.
    has_secrets: bool,
}

/// A version that is ready to take over.
pub(crate) struct Staged {
    pub(crate) version: Arc<Version>,
    /// What it is written in.
    pub(crate) language: Language,
    /// What the plugin calls its version; a text that does not say has none.
    pub(crate) label: Option<String>,
    pub(crate) listeners: Vec<Listener>,
    /// What its listeners would hear without the node's policy.
    pub(crate) asked: Vec<Listener>,
    /// What of its listeners the plugin may not hear.
    pub(crate) unheard: Vec<WithheldStatus>,
    /// Which questions of sessions it answers, if any.
    pub(crate) answering: Option<Arc<Answering>>,
    /// What the node's policy said of it.
    pub(crate) bounds: Bounds,
    pub(crate) slots: Vec<InstanceSlot>,
}

impl Source {
    /// Reads both files, as they are together: when they change meanwhile, because a link
    /// on the way to them leads elsewhere or because somebody writes, they are read again.
    /// Blocks on the disk.
    pub(crate) fn read(
        files: &Files,
        bounds: &Bounds,
        engines: &Engines,
    ) -> Result<Self, LoadError> {
        let mut before = Stamps::of(files);
        for _ in 1..ATTEMPTS_TO_READ {
            let read = Self::read_once(files, bounds, engines);
            let after = Stamps::of(files);
            if before == after {
                return read;
            }
            before = after;
        }
        // Whoever goes on writing is followed by the plugins folder.
        Self::read_once(files, bounds, engines)
    }

    fn read_once(files: &Files, bounds: &Bounds, engines: &Engines) -> Result<Self, LoadError> {
        let artifact = Artifact::read(files, engines);
        let manifest = match read_manifest(&files.manifest) {
            Ok(manifest) => manifest,
            // Without a component there is no plugin, whatever stands beside it.
            Err(_) if artifact.as_ref().is_err_and(LoadError::is_missing) => None,
            Err(source) => {
                return Err(LoadError::ReadManifest {
                    path: files.manifest.clone(),
                    source,
                });
            }
        };
        let fingerprint = Fingerprint {
            artifact: artifact
                .as_ref()
                .map(|artifact| artifact.hash)
                .map_err(ToString::to_string),
            manifest: manifest.clone(),
            bounds: bounds.clone(),
        };
        Ok(Self {
            fingerprint,
            artifact,
            manifest,
            has_secrets: true,
        })
    }

    /// The same for who has none of the secrets that the manifest names, but stand-ins.
    pub(crate) fn without_secrets(self) -> Self {
        Self {
            has_secrets: false,
            ..self
        }
    }

    /// Whether there is anything of which a version can be made.
    pub(crate) fn has_artifact(&self) -> bool {
        self.artifact.is_ok()
    }

    /// Makes a version of what was read, and gives the room that a component takes back
    /// once it is compiled.
    /// Dropping the future ends all that it has begun.
    pub(crate) async fn stage(
        self,
        mut room: Option<OwnedSemaphorePermit>,
        files: &Files,
        plugin: &Arc<PluginContext>,
        defaults: &PluginLimits,
        runtime: &Arc<Runtime>,
    ) -> Result<Staged, LoadError> {
        // First: a plugin whose component is gone is removed, however its manifest looks.
        let Artifact {
            path,
            language,
            code,
            script,
            hash,
        } = self.artifact?;
        let compile_error = |source| LoadError::Component {
            path: path.clone(),
            source,
        };
        let manifest = match self.manifest {
            Some(text) => Manifest::parse(&files.manifest, &text)?,
            None => Manifest::default(),
        };
        check_engine(&manifest, language, &files.manifest)?;
        let limits = manifest.limits.over(defaults);
        let needed = language.least_memory();
        if limits.memory < needed {
            let memory = limits.memory;
            return Err(LoadError::Memory {
                path,
                language,
                needed,
                memory,
            });
        }
        let rights = Rights::of(&manifest, &self.fingerprint.bounds);
        let folder = files.manifest.parent().unwrap_or(Path::new(""));
        let folder = Some(folder).filter(|_| self.has_secrets);
        let secrets = open_secrets(&rights, folder, plugin, runtime).await;
        let secrets = secrets.map_err(|source| LoadError::Secret {
            path: files.manifest.clone(),
            source,
        })?;
        let component = match code {
            Code::Own(file) => {
                let compiled = runtime.compiler.compile(&file, &path).await;
                compiled.map_err(compile_error)?
            }
            Code::Engine(engine) => {
                // Others go on being loaded while it is compiled.
                drop(room.take());
                compiled_engine(engine, &path, runtime).await?
            }
        };
        drop(room);
        let script = match script {
            None => None,
            Some(script) => {
                let blanked = match script.is_evaluated {
                    true => None,
                    false => {
                        let blanked = blank(runtime, plugin, &script).await;
                        blanked.map_err(|error| LoadError::types(&path, error, &script))?
                    }
                };
                let engine = &manifest.engine;
                let compat = engine.compat.map_or("", Compat::as_str).to_owned();
                Some(GuestScript::new(script, blanked, compat, engine.stack()))
            }
        };
        let plugin = Arc::clone(plugin);
        let (linker, policy) = (&runtime.linker, &runtime.policy);
        let version = Version::link(
            plugin, component, linker, hash, manifest, limits, rights, policy, secrets, script,
        )
        .map_err(|reason| LoadError::Link {
            path: path.clone(),
            reason,
        })?;
        let bounds = self.fingerprint.bounds;
        start(
            Arc::new(version),
            language,
            bounds,
            &files.manifest,
            runtime,
        )
        .await
    }
}

/// The code of an engine, for the plugin in `path`. Its file is read only if it must be compiled.
async fn compiled_engine(
    engine: EngineFile,
    path: &Path,
    runtime: &Runtime,
) -> Result<Arc<Component>, LoadError> {
    let compiler = &runtime.compiler;
    let compile_error = |source| LoadError::Component {
        path: path.to_owned(),
        source,
    };
    let found = compiler.find(engine.hash).await.map_err(compile_error)?;
    if let Some(component) = found {
        return Ok(component);
    }
    let read = runtime.disks.components.run(path, move || engine.read());
    let file = read.await?.map_err(|source| LoadError::Engine {
        path: path.to_owned(),
        source,
    })?;
    let compiled = compiler.compile_engine(&file, path).await;
    compiled.map_err(compile_error)
}

/// Refuses what a manifest says of an engine which would do nothing with it.
pub(super) fn check_engine(
    manifest: &Manifest,
    language: Language,
    path: &Path,
) -> Result<(), LoadError> {
    match manifest.engine.key() {
        Some(key) if language == Language::Python => Err(LoadError::Setting {
            path: path.to_owned(),
            language,
            key,
        }),
        _ => Ok(()),
    }
}

/// The plugin's file and its manifest, for who makes another file of them. Blocks on the disk.
///
/// # Errors
/// [`LoadError`] when they cannot be read.
pub(super) fn read_source(
    files: &Files,
    engines: &Engines,
) -> Result<(Artifact, Manifest), LoadError> {
    let artifact = Artifact::read(files, engines)?;
    let text = read_manifest(&files.manifest).map_err(|source| LoadError::ReadManifest {
        path: files.manifest.clone(),
        source,
    })?;
    let manifest = match text {
        Some(text) => Manifest::parse(&files.manifest, &text)?,
        None => Manifest::default(),
    };
    Ok((artifact, manifest))
}

/// Reads the secrets that the plugin may have; relative paths start at the manifest's `folder`.
/// Without it they are not read, and have stand-ins.
async fn open_secrets(
    rights: &Rights,
    folder: Option<&Path>,
    plugin: &PluginContext,
    runtime: &Runtime,
) -> Result<Vault, SecretError> {
    Vault::open(
        &rights.secrets,
        folder,
        &plugin.name,
        &plugin.log.redaction,
        &runtime.disks.secrets,
    )
    .await
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
    language: Language,
    bounds: Bounds,
    manifest: &Path,
    runtime: &Arc<Runtime>,
) -> Result<Staged, LoadError> {
    let mut slots = Vec::new();
    let mut said = Said::default();
    for _ in 0..version.concurrency() {
        let handle = runtime
            .executor
            .handle(version.concurrency(), version.limits.time_slice);
        let starting = {
            let (version, handle) = (Arc::clone(&version), Arc::clone(&handle));
            async move { contain(version.instantiate(handle)).await }
        };
        let started = runtime.executor.spawn(Arc::clone(&handle), starting).await;
        let (instance, says) = started.map_err(LoadError::Start)?;
        slots.push(InstanceSlot {
            instance: Some(instance),
            handle,
        });
        said = says;
    }
    let label = match (&said.listens, &said.answers) {
        (Some(listens), _) => cut(&listens.version),
        (None, Some(answers)) => cut(&answers.version),
        (None, None) => version.content_hash.to_hex()[..12].to_owned(),
    };
    let label = Some(label).filter(|label| !label.is_empty());
    // An engine exports all that any of its texts may answer.
    let answers =
        (said.answers).filter(|said| version.script().is_none() || !said.answers.is_empty());
    let answering = answers.map(|answers| Answering::new(answers, version.in_force()));
    let listeners = listeners(&version, said.listens, answering.is_some(), manifest)?;
    // What the manifest leaves out the author has left out.
    let of_manifest = Rights::of(&version.manifest, &Bounds::default());
    let (asked, _) = narrow(listeners.clone(), &of_manifest);
    let (listeners, unheard) = narrow(listeners, &version.rights);
    Ok(Staged {
        asked,
        version,
        language,
        label,
        listeners,
        unheard,
        answering: answering.map(Arc::new),
        bounds,
        slots,
    })
}
