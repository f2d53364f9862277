//! The plugins folder: which plugins are in it, and when something changed.
//!
//! A file that is being written is not looked at before it is closed or renamed
//! into place; where the system does not report that, before it has been quiet.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, CreateKind, EventKind, ModifyKind, RenameMode};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::load::Files;

/// Longest plugin name in bytes.
const MAX_NAME_BYTES: usize = 64;

/// Between the end of a write and the look at the file: several operations
/// (rename over, then a manifest) make one change.
const SETTLE: Duration = Duration::from_millis(20);

/// Between the appearance of a file that nobody seems to write (a link, say)
/// and the look at it.
const QUIET: Duration = Duration::from_millis(250);

/// Signals of the watcher that wait to be looked at; when they overflow, the
/// whole folder is looked at instead.
const SIGNALS: usize = 1024;

/// Watches the folder.
pub(super) struct Folder {
    path: PathBuf,
    signals: mpsc::Receiver<Signal>,
    overflowed: Arc<Notify>,
    /// When to look at which plugin.
    due: HashMap<String, Instant>,
    _watcher: RecommendedWatcher,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Somebody has the file open and writes.
    Writing,
    /// A file appeared.
    Appeared,
    /// The file is complete, or gone.
    Complete,
}

struct Signal {
    plugin: String,
    stage: Stage,
}

/// Why the plugins folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It cannot be made or read.
    #[error("cannot use the plugins folder {}: {source}", path.display())]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It cannot be watched.
    #[error("cannot watch the plugins folder {}: {source}", path.display())]
    Unwatchable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: notify::Error,
    },
}

/// Whether a file's stem can be the name of a plugin: it becomes part of URIs.
pub(super) fn is_plugin_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !name.is_empty()
        && name.len() <= MAX_NAME_BYTES
        && !name.starts_with('.')
        && name.bytes().all(allowed)
}

/// The plugin that a file of the folder belongs to.
fn plugin_of(path: &Path) -> Option<String> {
    let extension = path.extension()?.to_str()?;
    let stem = path.file_stem()?.to_str()?;
    if !matches!(extension, "wasm" | "toml") || stem.starts_with('.') {
        return None;
    }
    is_plugin_name(stem).then(|| stem.to_owned())
}

/// Tells whoever put a component there that its name keeps it from being loaded.
fn warn_of_name(path: &Path) {
    let hidden = |name: &std::ffi::OsStr| name.as_encoded_bytes().starts_with(b".");
    if path
        .extension()
        .is_some_and(|extension| extension == "wasm")
        && path.file_name().is_some_and(|name| !hidden(name))
    {
        tracing::warn!(
            path = %path.display(),
            "ignored: a plugin's name has 1 to {MAX_NAME_BYTES} letters, digits, `-`, `_` or `.`"
        );
    }
}

impl Folder {
    /// Makes the folder if it is missing, and watches it.
    ///
    /// # Errors
    /// [`FolderError`] says what the system said.
    pub(super) fn watch(path: &Path) -> Result<Self, FolderError> {
        let unusable = |source| FolderError::Unusable {
            path: path.to_owned(),
            source,
        };
        std::fs::create_dir_all(path).map_err(unusable)?;
        let path = path.canonicalize().map_err(unusable)?;
        let (sender, signals) = mpsc::channel(SIGNALS);
        let overflowed = Arc::new(Notify::new());
        let overflow = Arc::clone(&overflowed);
        let unwatchable = |source| FolderError::Unwatchable {
            path: path.clone(),
            source,
        };
        let folder = path.clone();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let complete = match event {
                Ok(event) if is_removal_of(&folder, &event) => {
                    tracing::error!(
                        path = %folder.display(),
                        "the plugins folder was removed; start the node again to follow a new one"
                    );
                    true
                }
                Ok(event) => !event.need_rescan() && pass_on(&event, &sender),
                Err(error) => {
                    tracing::warn!(%error, "watching the plugins folder failed; looking at all of it");
                    false
                }
            };
            if !complete {
                overflow.notify_one();
            }
        })
        .map_err(unwatchable)?;
        watcher
            .watch(&path, RecursiveMode::NonRecursive)
            .map_err(unwatchable)?;
        Ok(Self {
            path,
            signals,
            overflowed,
            due: HashMap::new(),
            _watcher: watcher,
        })
    }

    /// Names of the plugins that are there now.
    ///
    /// # Errors
    /// [`FolderError::Unusable`] when the folder cannot be read.
    pub(super) fn plugins(&self) -> Result<BTreeSet<String>, FolderError> {
        let unusable = |source| FolderError::Unusable {
            path: self.path.clone(),
            source,
        };
        let mut plugins = BTreeSet::new();
        for entry in std::fs::read_dir(&self.path).map_err(unusable)? {
            let path = entry.map_err(unusable)?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "wasm")
            {
                match plugin_of(&path) {
                    Some(plugin) => _ = plugins.insert(plugin),
                    None => warn_of_name(&path),
                }
            }
        }
        Ok(plugins)
    }

    /// The files of a plugin.
    pub(super) fn files(&self, plugin: &str) -> Files {
        Files {
            component: self.path.join(format!("{plugin}.wasm")),
            manifest: self.path.join(format!("{plugin}.toml")),
        }
    }

    /// The next plugin to look at; `None` for all of them.
    pub(super) async fn changed(&mut self) -> Option<String> {
        loop {
            let next = self
                .due
                .iter()
                .min_by_key(|(_, at)| **at)
                .map(|(name, at)| (name.clone(), *at));
            let settled = async {
                match &next {
                    Some((name, at)) => {
                        tokio::time::sleep_until(*at).await;
                        name.clone()
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.overflowed.notified() => {
                    self.due.clear();
                    return None;
                }
                signal = self.signals.recv() => match signal {
                    Some(signal) => self.note(signal),
                    // The watcher lives as long as the folder.
                    None => std::future::pending().await,
                },
                name = settled => {
                    self.due.remove(&name);
                    return Some(name);
                }
            }
        }
    }

    /// Reports a plugin as changed after `pause`, unless its files change before.
    pub(super) fn look_later(&mut self, plugin: String, pause: Duration) {
        self.due.insert(plugin, Instant::now() + pause);
    }

    fn note(&mut self, Signal { plugin, stage }: Signal) {
        let now = Instant::now();
        match stage {
            Stage::Complete => self.due.insert(plugin, now + SETTLE),
            Stage::Appeared => self.due.insert(plugin, now + QUIET),
            Stage::Writing if cfg!(target_os = "linux") => self.due.remove(&plugin),
            // No system but Linux says when a file is closed.
            Stage::Writing => self.due.insert(plugin, now + QUIET),
        };
    }
}

/// Whether the folder itself is gone, and with it what the system watched.
fn is_removal_of(folder: &Path, event: &notify::Event) -> bool {
    matches!(event.kind, EventKind::Remove(_)) && event.paths.iter().any(|path| path == folder)
}

/// Returns whether all that matters was passed on.
fn pass_on(event: &notify::Event, signals: &mpsc::Sender<Signal>) -> bool {
    let stage = match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write))
        | EventKind::Modify(ModifyKind::Name(
            RenameMode::From | RenameMode::To | RenameMode::Both | RenameMode::Any,
        ))
        | EventKind::Remove(_) => Stage::Complete,
        EventKind::Create(CreateKind::File | CreateKind::Any | CreateKind::Other) => {
            Stage::Appeared
        }
        EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Any) => Stage::Writing,
        _ => return true,
    };
    event.paths.iter().all(|path| match plugin_of(path) {
        Some(plugin) => signals.try_send(Signal { plugin, stage }).is_ok(),
        None => {
            // Once a file, not for every block that is written.
            if stage == Stage::Complete && path.exists() {
                warn_of_name(path);
            }
            true
        }
    })
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::Write;

    use super::*;

    #[test]
    fn names_and_files_belong_together() {
        assert_eq!(
            plugin_of(Path::new("/p/cart.wasm")).as_deref(),
            Some("cart")
        );
        assert_eq!(
            plugin_of(Path::new("/p/cart.v2.toml")).as_deref(),
            Some("cart.v2")
        );
        for ignored in [
            "/p/cart.txt",
            "/p/.cart.wasm",
            "/p/a b.wasm",
            "/p/wasm",
            "/p/ä.wasm",
        ] {
            assert_eq!(plugin_of(Path::new(ignored)), None, "{ignored}");
        }
    }

    #[tokio::test]
    async fn a_file_is_reported_when_it_is_complete() {
        let root = tempfile::tempdir().unwrap();
        let mut folder = Folder::watch(root.path()).unwrap();
        let path = root.path().join("slow.wasm");
        let mut file = File::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        fs::write(root.path().join("other.wasm"), b"whole").unwrap();
        assert_eq!(folder.changed().await.as_deref(), Some("other"));
        file.write_all(b"half").unwrap();
        drop(file);
        assert_eq!(folder.changed().await.as_deref(), Some("slow"));
        fs::rename(&path, root.path().join("renamed.wasm")).unwrap();
        let mut renamed = [folder.changed().await, folder.changed().await];
        renamed.sort();
        assert_eq!(
            renamed,
            [Some("renamed".to_owned()), Some("slow".to_owned())]
        );
        assert_eq!(
            folder.plugins().unwrap().into_iter().collect::<Vec<_>>(),
            ["other", "renamed"]
        );
    }
}
