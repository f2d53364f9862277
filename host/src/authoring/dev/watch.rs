//! Collects which source files change, until the author pauses.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

use crate::authoring::discover::subfolders;
use crate::burst::end_of_burst;
use crate::script::LIBRARIES;

/// Changes are taken together until nothing has changed for so long: editors and
/// `git checkout` write several files in a burst.
const QUIET: Duration = Duration::from_millis(100);

/// However often files change, a build starts after so long.
const LONGEST_BURST: Duration = Duration::from_secs(2);

/// More changed paths than these are not told apart: all sources count as changed.
const MAX_PATHS: usize = 10_000;

/// What tools write into the folder of a crate or a project.
const OTHERS: [&str; 2] = ["target", LIBRARIES];

/// What they write down there of what they have got.
const LOCKS: [&str; 6] = [
    "Cargo.lock",
    "package-lock.json",
    "pnpm-lock.yaml",
    "yarn.lock",
    "bun.lock",
    "bun.lockb",
];

/// Watches folders with sources.
pub(super) struct SourceWatch {
    watcher: RecommendedWatcher,
    watched: BTreeSet<PathBuf>,
    changes: Arc<Changes>,
}

#[derive(Default)]
struct Changes {
    collected: Mutex<Changed>,
    arrived: Notify,
}

/// What has changed.
#[derive(Default)]
pub(super) struct Changed {
    paths: BTreeSet<PathBuf>,
    /// Changes were too many, or the operating system has lost some.
    anything: bool,
}

impl Changed {
    /// Whether a source below the folder `root`, or the source `root`, has changed, or may have.
    pub(super) fn touches(&self, root: &Path) -> bool {
        self.anything || self.paths.iter().any(|path| is_source(path, root))
    }
}

/// Whether `path` is below the crate folder `root` and is nothing that building
/// writes or that editors keep for themselves.
fn is_source(path: &Path, root: &Path) -> bool {
    let Ok(relative) = path.strip_prefix(root) else {
        return false;
    };
    let hidden = |part: &OsStr| part.as_encoded_bytes().starts_with(b".");
    let name = path.file_name().unwrap_or_default();
    !(OTHERS.iter().any(|other| relative.starts_with(other))
        || relative.iter().any(hidden)
        || LOCKS.iter().any(|lock| name == *lock)
        || name.as_encoded_bytes().ends_with(b"~")
        || path.extension() == Some(OsStr::new("wasm")))
}

impl SourceWatch {
    pub(super) fn new() -> notify::Result<Self> {
        let changes = Arc::new(Changes::default());
        let collector = Arc::clone(&changes);
        Ok(Self {
            watcher: notify::recommended_watcher(move |event| collector.collect(event))?,
            watched: BTreeSet::new(),
            changes,
        })
    }

    /// Watches the entries of `dir` itself.
    pub(super) fn watch_folder(&mut self, dir: &Path) -> notify::Result<()> {
        self.watch(dir, RecursiveMode::NonRecursive)
    }

    /// Watches the folder of a crate or a project: all that is in it but what its tools
    /// write, which is too large to watch and changes with every build.
    pub(super) fn watch_sources(&mut self, dir: &Path) -> notify::Result<()> {
        self.watch_folder(dir)?;
        for folder in subfolders(dir)? {
            if !OTHERS.iter().any(|other| folder.ends_with(other)) {
                self.watch(&folder, RecursiveMode::Recursive)?;
            }
        }
        Ok(())
    }

    fn watch(&mut self, dir: &Path, mode: RecursiveMode) -> notify::Result<()> {
        if !self.watched.contains(dir) {
            self.watcher.watch(dir, mode)?;
            self.watched.insert(dir.to_owned());
        }
        Ok(())
    }

    /// Waits for a burst of changes and its end, and takes what has changed.
    pub(super) async fn changed(&mut self) -> Changed {
        self.changes.arrived.notified().await;
        end_of_burst(&self.changes.arrived, QUIET, LONGEST_BURST).await;
        let changed = self.changes.take();
        // A folder that was removed or made anew has lost its watch.
        self.watched
            .retain(|dir| !changed.paths.contains(dir) && dir.is_dir());
        changed
    }
}

impl Changes {
    /// Runs on the watcher's thread.
    fn collect(&self, event: notify::Result<notify::Event>) {
        let mut collected = self.lock();
        match event {
            Ok(event) if matches!(event.kind, EventKind::Access(_)) => return,
            Ok(event) if event.need_rescan() => collected.anything = true,
            Ok(event) => collected.paths.extend(event.paths),
            Err(_) => collected.anything = true,
        }
        if collected.paths.len() > MAX_PATHS {
            collected.paths.clear();
            collected.anything = true;
        }
        drop(collected);
        self.arrived.notify_one();
    }

    fn take(&self) -> Changed {
        std::mem::take(&mut self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Changed> {
        // Whoever panicked left a set of paths, which is valid at any time.
        self.collected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_building_and_editors_write_is_no_source() {
        let root = Path::new("/plugins/cart");
        for source in [
            "Cargo.toml",
            "src/lib.rs",
            "src/target/mod.rs",
            "wit/a.wit",
            "src",
        ] {
            assert!(is_source(&root.join(source), root), "{source}");
        }
        for other in [
            "target/release/x.rs",
            "Cargo.lock",
            "src/.lib.rs.swp",
            ".git/index",
            "src/lib.rs~",
            "cart.wasm",
            "node_modules/zod/index.js",
            "package-lock.json",
        ] {
            assert!(!is_source(&root.join(other), root), "{other}");
        }
        assert!(!is_source(Path::new("/plugins/cart-two/src/lib.rs"), root));
    }

    #[test]
    fn too_many_changes_count_as_a_change_of_everything() {
        let changes = Changes::default();
        for number in 0..=MAX_PATHS {
            let event = notify::Event::new(EventKind::Any);
            changes.collect(Ok(event.add_path(format!("/elsewhere/{number}").into())));
        }
        let changed = changes.take();
        assert!(changed.touches(Path::new("/plugins/cart")));
        assert!(changed.paths.is_empty());
    }
}
