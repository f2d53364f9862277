//! Loading a version: manifest and component from disk, compiled, linked,
//! started once and asked what it listens to. Nothing of the running version is
//! touched before all of that has succeeded.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use hearken_channel_log::ChannelName;
use tokio::sync::OwnedSemaphorePermit;

use super::consumption;
use super::files::Files;
use super::folder::Stamps;
use super::listener::{Delivery, Listener, narrow};
use super::load_error::LoadError;
use crate::admin::WithheldStatus;
use crate::bus::Filter;
use crate::config::{Bounds, MAX_GLOBS, Manifest, PluginLimits, Rights, within_max_globs};
use crate::consumer::From as StartAt;
use crate::interfaces::Handler;
use crate::plugin::code::compile::{CompileError, ComponentFile, open_regular};
use crate::plugin::guest::bindings::plugin::hearken::plugin::types::{self, Description};
use crate::plugin::guest::context::PluginContext;
use crate::plugin::guest::imports::events::filter_of;
use crate::plugin::guest::secrets::vault::{SecretError, Vault};
use crate::plugin::hooks::exported::Answering;
use crate::plugin::run::contain::contain;
use crate::plugin::run::exports::Said;
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

/// Both files as they were read, and by which policy; the same is not loaded twice.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    /// Hash of the component, or why it could not be read.
    component: Result<blake3::Hash, String>,
    manifest: Option<String>,
    /// What the node's policy says of the plugin.
    bounds: Bounds,
}

/// What was read, before any of it was understood.
pub(crate) struct Source {
    pub(crate) fingerprint: Fingerprint,
    component: Result<ComponentFile, CompileError>,
    manifest: Option<String>,
    /// Whether it is given its secrets.
    has_secrets: bool,
}

/// A version that is ready to take over.
pub(crate) struct Staged {
    pub(crate) version: Arc<Version>,
    /// What the plugin calls its version.
    pub(crate) label: String,
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
    pub(crate) fn read(files: &Files, bounds: &Bounds) -> Result<Self, LoadError> {
        let mut before = Stamps::of(files);
        for _ in 1..ATTEMPTS_TO_READ {
            let read = Self::read_once(files, bounds);
            let after = Stamps::of(files);
            if before == after {
                return read;
            }
            before = after;
        }
        // Whoever goes on writing is followed by the plugins folder.
        Self::read_once(files, bounds)
    }

    fn read_once(files: &Files, bounds: &Bounds) -> Result<Self, LoadError> {
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
            bounds: bounds.clone(),
        };
        Ok(Self {
            fingerprint,
            component,
            manifest,
            has_secrets: true,
        })
    }

    /// The same for who has none of the secrets that the manifest names.
    pub(crate) fn without_secrets(self) -> Self {
        Self {
            has_secrets: false,
            ..self
        }
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
        let rights = Rights::of(&manifest, &self.fingerprint.bounds);
        let secrets = if self.has_secrets {
            let opened = open_secrets(&rights, files, plugin, runtime).await;
            opened.map_err(|source| LoadError::Secret {
                path: files.manifest.clone(),
                source,
            })?
        } else {
            Vault::default()
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
        let (linker, policy) = (&runtime.linker, &runtime.policy);
        let version = Version::link(
            plugin, component, linker, hash, manifest, limits, rights, policy, secrets,
        )
        .map_err(|reason| LoadError::Link {
            path: path.clone(),
            reason,
        })?;
        let bounds = self.fingerprint.bounds;
        start(Arc::new(version), bounds, path, runtime).await
    }
}

/// Reads the secrets that the plugin may have; relative paths start at the manifest's folder.
async fn open_secrets(
    rights: &Rights,
    files: &Files,
    plugin: &PluginContext,
    runtime: &Runtime,
) -> Result<Vault, SecretError> {
    Vault::open(
        &rights.secrets,
        files.manifest.parent().unwrap_or(Path::new("")),
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
    bounds: Bounds,
    path: &Path,
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
    let answering = said
        .answers
        .map(|answers| Answering::new(answers, version.in_force()));
    let listeners = listeners(&version, said.listens, path)?;
    // What the manifest leaves out the author has left out.
    let of_manifest = Rights::of(&version.manifest, &Bounds::default());
    let (asked, _) = narrow(listeners.clone(), &of_manifest);
    let (listeners, unheard) = narrow(listeners, &version.rights);
    Ok(Staged {
        asked,
        version,
        label,
        listeners,
        unheard,
        answering: answering.map(Arc::new),
        bounds,
        slots,
    })
}

/// What the plugin asks to listen to: what it declares, unless the manifest has other live
/// events come. What it consumes of channels is its own to say.
fn listeners(
    version: &Version,
    description: Option<Description>,
    path: &Path,
) -> Result<Vec<Listener>, LoadError> {
    let declared = declared(description)?;
    consumption::check(&declared)
        .map_err(|(listener, reason)| LoadError::Listener { listener, reason })?;
    let called = version.called();
    let Some(patterns) = &version.manifest.subscribe else {
        if declared.is_empty() && !called.session_hooks {
            let manifest = path.with_extension("toml");
            let who = match called.handler {
                Some(Handler::Messaging) => "a component for wasmCloud does not say what it wants",
                _ => "the component declares no listener",
            };
            return Err(LoadError::NoListener(format!(
                "{who}; put `subscribe = [\"custom.example.*\"]` into {}",
                manifest.display()
            )));
        }
        return Ok(declared);
    };
    if called.handler.is_none() {
        return Err(LoadError::NoListener(
            "the component exports no listener; leave `subscribe` out of its manifest".to_owned(),
        ));
    }
    let (live, mut listeners): (Vec<_>, Vec<_>) = declared
        .into_iter()
        .partition(|listener| listener.delivery == Delivery::Live);
    let local_only = !live.is_empty() && live.iter().all(|listener| listener.filter.local_only);
    listeners.extend(patterns.iter().map(|pattern| Listener {
        name: "subscribe".to_owned(),
        filter: Filter {
            local_only,
            ..Filter::new(pattern.clone())
        },
        delivery: Delivery::Live,
    }));
    Ok(listeners)
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
            let delivered = filter.and_then(|filter| deliver(filter, listener.delivery));
            match delivered {
                Ok((filter, delivery)) => Ok(Listener {
                    name,
                    filter,
                    delivery,
                }),
                Err(reason) => Err(LoadError::Listener {
                    listener: name,
                    reason,
                }),
            }
        })
        .collect()
}

/// How a listener's events come to it, and its filter, which names a consumed channel too.
fn deliver(filter: Filter, delivery: types::Delivery) -> Result<(Filter, Delivery), String> {
    let channel = match delivery {
        types::Delivery::Live => return Ok((filter, Delivery::Live)),
        types::Delivery::Channel(channel) => channel,
    };
    let name = ChannelName::new(&channel.name)
        .map_err(|error| format!("the channel `{}`: {error}", cut(&channel.name)))?;
    if let Some(other) = filter
        .channel
        .as_deref()
        .filter(|other| *other != name.as_str())
    {
        return Err(format!(
            "it is on the channel `{name}`, and its filter wants events of `{}` alone",
            cut(other)
        ));
    }
    let from = channel.from.map(|from| match from {
        types::StartingPoint::First => StartAt::First,
        types::StartingPoint::New => StartAt::New,
        types::StartingPoint::After(number) => StartAt::After(number),
    });
    let filter = Filter {
        channel: Some(name.as_str().into()),
        ..filter
    };
    Ok((filter, Delivery::Channel { name, from }))
}

fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(MAX_LABEL_BYTES)].to_owned()
}
