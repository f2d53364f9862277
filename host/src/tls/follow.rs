//! Reads files again when they may have changed.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::burst::end_of_burst;

/// The files are looked at after so long even if nothing says that they have
/// changed: network file systems say nothing, nor does a folder that was replaced.
const RECHECK: Duration = Duration::from_secs(60);

/// The files change one after the other: they are read when nothing has changed
/// for so long.
const QUIET: Duration = Duration::from_millis(250);

/// However busy the folders are, the files are read after so long.
const LONGEST_BURST: Duration = Duration::from_secs(5);

/// Calls `check`, which may block for a moment, at the start and whenever one of the files
/// may have changed, which it looks for once a minute even where the system does not say so.
/// What is wrong is logged, once; `whose` says with what. Never ends.
pub(crate) async fn follow<E: Display + Send + 'static>(
    files: impl IntoIterator<Item = &Path>,
    whose: &'static str,
    check: impl Fn() -> Result<(), E> + Clone + Send + 'static,
) {
    let mut changes = FileWatch::new(&folders(files), whose);
    let mut reported = None;
    loop {
        // Also once at the start, for what has changed before the watch began.
        let checked = tokio::task::spawn_blocking(check.clone()).await;
        let problem = match checked {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(error) => Some(format!("reading the certificates failed: {error}")),
        };
        if let Some(problem) = &problem
            && reported.as_ref() != Some(problem)
        {
            tracing::error!(%problem, "{whose} certificates need attention");
        }
        reported = problem;
        changes.next().await;
    }
}

/// Watches the folders that the files are in. What is in there is often but a link
/// to a file elsewhere, and it is the link that changes, or a link on the way: so all
/// that happens in the folders counts.
struct FileWatch {
    changed: Arc<Notify>,
    _watcher: Option<RecommendedWatcher>,
}

impl FileWatch {
    fn new(folders: &BTreeSet<PathBuf>, whose: &str) -> Self {
        let changed = Arc::new(Notify::new());
        let watcher = watch(folders, Arc::clone(&changed))
            .inspect_err(|error| {
                tracing::warn!(
                    %error,
                    "cannot watch {whose} certificates; looking at them every {RECHECK:?} instead"
                );
            })
            .ok();
        Self {
            changed,
            _watcher: watcher,
        }
    }

    /// Waits until it is time to look at the files.
    async fn next(&mut self) {
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
    files
        .into_iter()
        .map(|file| match file.parent() {
            Some(folder) if folder != Path::new("") => folder.to_owned(),
            _ => PathBuf::from("."),
        })
        .collect()
}
