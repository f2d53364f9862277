//! The plugins folder: which plugins are in it, and when something changed.
//!
//! The system's reports say at once what happens in the folder: a file that is being
//! written is not looked at before it is closed or renamed into place; where the
//! system does not report that, before it has been quiet. They say nothing of what
//! lies behind links, nothing of another folder that takes the place of the watched
//! one, and nothing of network file systems: so every now and then the system is asked
//! what it has of each file.

mod names;
mod survey;
mod watch;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinError, JoinHandle};
use tokio::time::Instant;

use crate::burst::Bursts;
use crate::plugin::life::files::Files;
pub(crate) use survey::Stamps;
use survey::{Identity, Survey};
use watch::{Signal, Stage, Told, Watch};

/// Between the end of a write and the look at the file: several operations
/// (rename over, then a manifest) make one change.
const SETTLE: Duration = Duration::from_millis(20);

/// Between the appearance of a file that nobody seems to write (a folder that was put
/// in another's place, say) and the look at it.
const QUIET: Duration = Duration::from_millis(250);

/// Between two surveys, which find what nobody reports.
const SURVEY: Duration = Duration::from_secs(2);

/// Between two surveys when reports ask for them.
const SURVEYS_APART: Duration = Duration::from_millis(100);

/// Watches the folder.
pub(crate) struct Folder {
    /// As it was given: what is behind it may change.
    path: PathBuf,
    watch: Watch,
    told: Arc<Told>,
    /// The plugins that will be looked at.
    due: Bursts<String>,
    /// Plugins whose files somebody has open and writes.
    writing: HashSet<String>,
    /// The files as they were when each plugin was last looked at.
    seen: BTreeMap<String, Stamps>,
    /// Which folder is watched; none while there is none.
    watched: Option<Identity>,
    surveyed: Instant,
    next_survey: Instant,
    /// Something happened while a survey was under way.
    survey_again: bool,
    surveying: Option<JoinHandle<io::Result<Survey>>>,
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
        source: io::Error,
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

impl Folder {
    /// Makes the folder if it is missing, and watches it.
    ///
    /// # Errors
    /// [`FolderError`] says what the system said.
    pub(crate) fn watch(path: &Path) -> Result<Self, FolderError> {
        let unusable = |source| FolderError::Unusable {
            path: path.to_owned(),
            source,
        };
        std::fs::create_dir_all(path).map_err(unusable)?;
        let path = std::path::absolute(path).map_err(unusable)?;
        let watch = Watch::new(&path).map_err(|source| FolderError::Unwatchable {
            path: path.clone(),
            source,
        })?;
        // After the watch began, so that what changes between is told.
        let survey = Survey::take(&path).map_err(unusable)?;
        let now = Instant::now();
        Ok(Self {
            told: watch.told(),
            path,
            watch,
            due: Bursts::new(),
            writing: HashSet::new(),
            seen: BTreeMap::new(),
            watched: Some(survey.folder),
            surveyed: now,
            next_survey: now + SURVEY,
            survey_again: false,
            surveying: None,
        })
    }

    /// Names of the plugins that are there now, all of which will be looked at.
    ///
    /// # Errors
    /// [`FolderError::Unusable`] when the folder cannot be read.
    pub(crate) fn plugins(&mut self) -> Result<BTreeSet<String>, FolderError> {
        let survey = Survey::take(&self.path).map_err(|source| FolderError::Unusable {
            path: self.path.clone(),
            source,
        })?;
        survey::warn_of_names(&self.path);
        self.seen = survey.plugins;
        let components = self.seen.iter().filter(|(_, files)| files.has_component());
        Ok(components.map(|(name, _)| name.clone()).collect())
    }

    /// The files of a plugin.
    pub(crate) fn files(&self, plugin: &str) -> Files {
        Files::of(&self.path, plugin)
    }

    /// The next plugin to look at; `None` for all of them.
    pub(crate) async fn changed(&mut self) -> Option<String> {
        loop {
            tokio::select! {
                () = self.told.overflowed.notified() => {
                    self.due.clear();
                    self.writing.clear();
                    return None;
                }
                signal = self.watch.signals.recv() => match signal {
                    Some(signal) => self.note(signal),
                    // The watch lives as long as the folder.
                    None => std::future::pending().await,
                },
                () = self.told.elsewhere.notified() => {
                    self.survey_again = self.surveying.is_some();
                    self.survey_soon();
                }
                survey = surveyed(&self.path, self.next_survey, &mut self.surveying) => {
                    self.surveying = None;
                    self.surveyed = Instant::now();
                    self.next_survey = self.surveyed + SURVEY;
                    if std::mem::take(&mut self.survey_again) {
                        self.survey_soon();
                    }
                    self.compare(survey);
                }
                name = self.due.next() => {
                    let files = Stamps::of(&self.files(&name));
                    if files.is_empty() {
                        self.seen.remove(&name);
                    } else {
                        self.seen.insert(name.clone(), files);
                    }
                    return Some(name);
                }
            }
        }
    }

    /// Reports a plugin as changed after `pause`, unless its files change before.
    pub(crate) fn look_later(&mut self, plugin: String, pause: Duration) {
        self.due.changed(plugin, pause);
    }

    fn note(&mut self, Signal { plugin, stage }: Signal) {
        match stage {
            Stage::Complete => {
                self.writing.remove(&plugin);
                self.due.changed(plugin, SETTLE);
            }
            Stage::Appeared => self.due.changed(plugin, QUIET),
            Stage::Writing if cfg!(target_os = "linux") => {
                self.due.forget(&plugin);
                self.writing.insert(plugin);
            }
            // No system but Linux says when a file is closed.
            Stage::Writing => self.due.changed(plugin, QUIET),
        }
    }

    fn survey_soon(&mut self) {
        let soon = (self.surveyed + SURVEYS_APART).max(Instant::now() + SETTLE);
        self.next_survey = self.next_survey.min(soon);
    }

    /// Looks at what has changed since it was last looked at, all of it together.
    fn compare(&mut self, survey: Result<io::Result<Survey>, JoinError>) {
        let survey = match survey {
            Ok(Ok(survey)) => survey,
            Ok(Err(error)) => return self.cannot_survey(&error),
            Err(error) => return tracing::error!(%error, "looking at the plugins folder failed"),
        };
        let mut pause = SETTLE;
        if self.watched != Some(survey.folder) {
            tracing::info!(path = %self.path.display(), "another plugins folder is in place; following it");
            self.watch.again();
            self.watched = Some(survey.folder);
            self.writing.clear();
            // It may be about to be filled, and was not watched until now.
            pause = QUIET;
            self.survey_soon();
        }
        let Survey { plugins, .. } = survey;
        let gone = self.seen.keys().filter(|name| !plugins.contains_key(*name));
        let changed = plugins
            .iter()
            .filter(|(name, files)| self.seen.get(*name) != Some(*files))
            .map(|(name, _)| name);
        for name in gone.chain(changed) {
            if !self.writing.contains(name) {
                self.due.look_at(name.clone(), pause);
            }
        }
    }

    fn cannot_survey(&mut self, error: &io::Error) {
        let missing = matches!(
            error.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
        );
        if missing && self.watched.take().is_some() {
            tracing::warn!(
                path = %self.path.display(),
                "the plugins folder is gone; the plugins keep running, and a new folder will be followed"
            );
        } else if !missing {
            tracing::debug!(%error, "cannot look at the plugins folder; trying again");
        }
    }
}

/// What is there, once it is time; the same survey when it is asked again.
async fn surveyed(
    folder: &Path,
    at: Instant,
    surveying: &mut Option<JoinHandle<io::Result<Survey>>>,
) -> Result<io::Result<Survey>, JoinError> {
    let running = match surveying {
        Some(running) => running,
        None => {
            tokio::time::sleep_until(at).await;
            let folder = folder.to_owned();
            let survey = tokio::task::spawn_blocking(move || Survey::take(&folder));
            surveying.insert(survey)
        }
    };
    running.await
}

#[cfg(test)]
mod tests;
