//! What the system reports of the folder as it happens.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::event::{AccessKind, AccessMode, CreateKind, EventKind, ModifyKind, RenameMode};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::{Notify, mpsc};

use super::names::{Whose, warn_of_name, whose};

/// Signals of the watcher that wait to be looked at; when they overflow, the
/// whole folder is looked at instead.
const SIGNALS: usize = 1024;

/// What somebody does with a plugin's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Somebody has the file open and writes.
    Writing,
    /// A file appeared.
    Appeared,
    /// The file is complete, or gone.
    Complete,
}

/// Something happened to a file.
#[derive(Debug)]
pub(super) struct Signal {
    pub(super) whose: Whose,
    pub(super) path: PathBuf,
    pub(super) stage: Stage,
}

/// Watches the folder that is at a path now. When another takes its place, it must be
/// [watched again](Watch::again).
pub(super) struct Watch {
    folder: PathBuf,
    sender: mpsc::Sender<Signal>,
    pub(super) signals: mpsc::Receiver<Signal>,
    told: Arc<Told>,
    /// None while the system refuses.
    watcher: Option<RecommendedWatcher>,
    /// The folders in the folder that are watched too.
    within: BTreeSet<PathBuf>,
}

/// What is told without saying more.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Signals were lost: look at everything.
    pub(super) overflowed: Notify,
    /// Something else has changed in the folder, or the folder itself: a link may lead
    /// elsewhere now.
    pub(super) elsewhere: Notify,
}

impl Watch {
    pub(super) fn new(folder: &Path) -> notify::Result<Self> {
        let (sender, signals) = mpsc::channel(SIGNALS);
        let told = Arc::default();
        Ok(Self {
            watcher: Some(watch(folder, sender.clone(), Arc::clone(&told))?),
            folder: folder.to_owned(),
            within: BTreeSet::new(),
            sender,
            signals,
            told,
        })
    }

    pub(super) fn told(&self) -> Arc<Told> {
        Arc::clone(&self.told)
    }

    /// Watches the folder that is there now.
    pub(super) fn again(&mut self) {
        // First, so that nothing of the old one is told any more.
        self.watcher = None;
        self.within.clear();
        match watch(&self.folder, self.sender.clone(), Arc::clone(&self.told)) {
            Ok(watcher) => self.watcher = Some(watcher),
            Err(error) => tracing::warn!(
                %error,
                path = %self.folder.display(),
                "cannot watch the new plugins folder; looking at it every now and then instead"
            ),
        }
    }
}

impl Watch {
    /// Watches these folders within the folder, and no others. What the system refuses is
    /// looked at every now and then.
    pub(super) fn follow(&mut self, folders: &BTreeSet<PathBuf>) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        let gone: Vec<_> = self.within.difference(folders).cloned().collect();
        for folder in gone {
            // One that was removed is not watched any more.
            let _ = watcher.unwatch(&folder);
            self.within.remove(&folder);
        }
        for folder in folders {
            if !self.within.contains(folder)
                && let Ok(()) = watcher.watch(folder, RecursiveMode::NonRecursive)
            {
                self.within.insert(folder.clone());
            }
        }
    }
}

fn watch(
    folder: &Path,
    signals: mpsc::Sender<Signal>,
    told: Arc<Told>,
) -> notify::Result<RecommendedWatcher> {
    let path = folder.to_owned();
    let mut watcher =
        notify::recommended_watcher(move |event: notify::Result<notify::Event>| match event {
            Ok(event) if event.need_rescan() => told.overflowed.notify_one(),
            Ok(event) => pass_on(&path, &event, &signals, &told),
            Err(error) => {
                tracing::warn!(%error, "watching the plugins folder failed; looking at all of it");
                told.overflowed.notify_one();
            }
        })?;
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    // There it is seen that another takes the folder's place. Elsewhere than on Linux
    // the system names what changes by other paths.
    if cfg!(target_os = "linux")
        && let Some(parent) = folder.parent()
        && let Err(error) = watcher.watch(parent, RecursiveMode::NonRecursive)
    {
        tracing::debug!(%error, path = %parent.display(), "cannot watch the folder of the plugins folder");
    }
    Ok(watcher)
}

fn pass_on(folder: &Path, event: &notify::Event, signals: &mpsc::Sender<Signal>, told: &Told) {
    let Some(stage) = stage_of(event.kind) else {
        return;
    };
    for path in &event.paths {
        if path == folder {
            told.elsewhere.notify_one();
            continue;
        }
        let is_in = |outer: Option<&Path>| outer == Some(folder);
        let parent = path.parent();
        if cfg!(target_os = "linux") && !is_in(parent) && !is_in(parent.and_then(Path::parent)) {
            continue;
        }
        match whose(folder, path) {
            Some(whose) => {
                // Nobody writes into a link.
                let stage = match stage {
                    Stage::Appeared if path.is_symlink() => Stage::Complete,
                    stage => stage,
                };
                let path = path.clone();
                if signals.try_send(Signal { whose, path, stage }).is_err() {
                    told.overflowed.notify_one();
                }
            }
            None if stage == Stage::Writing => {}
            None => {
                told.elsewhere.notify_one();
                // Once a file, not for every block that is written.
                if stage == Stage::Complete && path.exists() {
                    warn_of_name(path);
                }
            }
        }
    }
}

fn stage_of(kind: EventKind) -> Option<Stage> {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write))
        | EventKind::Modify(ModifyKind::Name(
            RenameMode::From | RenameMode::To | RenameMode::Both | RenameMode::Any,
        ))
        | EventKind::Remove(_) => Some(Stage::Complete),
        EventKind::Create(
            CreateKind::File | CreateKind::Folder | CreateKind::Any | CreateKind::Other,
        ) => Some(Stage::Appeared),
        EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Any) => Some(Stage::Writing),
        _ => None,
    }
}
