//! Notices when files may have changed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::burst::end_of_burst;

/// The files are looked at after so long even if nothing says that they have changed:
/// network file systems say nothing, nor does a folder that was replaced.
const RECHECK: Duration = Duration::from_secs(60);

/// The files change one after the other: they are read when nothing has changed for so long.
const QUIET: Duration = Duration::from_millis(250);

/// However busy the folders are, the files are read after so long: with a log beside them they
/// always are, and a key that was taken out still ends within a second what it began.
const LONGEST_BURST: Duration = Duration::from_millis(500);

// The rest of the second is for who learns of it.
const _: () = assert!(QUIET.as_millis() <= LONGEST_BURST.as_millis());
const _: () = assert!(LONGEST_BURST.as_millis() <= 500);

/// Watches the folders that files are in. What is in there is often but a link to a file
/// elsewhere, and it is the link that changes, or a link on the way: so all that happens in
/// the folders counts.
pub(crate) struct FileWatch {
    changed: Arc<Notify>,
    _watcher: Option<RecommendedWatcher>,
}

impl FileWatch {
    /// Begins to watch; `what` they are, for the log.
    pub(crate) fn new<'f>(files: impl IntoIterator<Item = &'f Path>, what: &str) -> Self {
        let changed = Arc::new(Notify::new());
        let watcher = watch(&folders(files), Arc::clone(&changed))
            .inspect_err(|error| {
                tracing::warn!(
                    %error,
                    "cannot watch {what}; looking at them every {RECHECK:?} instead"
                );
            })
            .ok();
        Self {
            changed,
            _watcher: watcher,
        }
    }

    /// Waits until it is time to look at the files.
    pub(crate) async fn next(&mut self) {
        if timeout(RECHECK, self.changed.notified()).await.is_err() {
            return;
        }
        end_of_burst(&self.changed, QUIET, LONGEST_BURST).await;
    }
}

fn watch(folders: &BTreeSet<PathBuf>, changed: Arc<Notify>) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading the files is no change, but an error may hide one.
        if !matches!(&event, Ok(event) if matches!(event.kind, EventKind::Access(_))) {
            changed.notify_one();
        }
    })?;
    for folder in folders {
        watcher.watch(folder, RecursiveMode::NonRecursive)?;
    }
    Ok(watcher)
}

fn folders<'f>(files: impl IntoIterator<Item = &'f Path>) -> BTreeSet<PathBuf> {
    let folder = |file: &Path| match file.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    files.into_iter().map(folder).collect()
}
