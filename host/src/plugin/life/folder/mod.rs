//! The plugins folder: which plugins are in it, and when something changed.
//!
//! The system's reports say at once what happens in the folder: a file that is being
//! written is not looked at before it is closed or renamed into place; where the
//! system does not report that, before it has been quiet. They say nothing of what
//! lies behind links, nothing of another folder that takes the place of the watched
//! one, and nothing of network file systems: so every now and then the system is asked
//! what it has of each file.
//!
//! All of that is asked where it holds up nobody: a mount whose server is away does not
//! answer.

mod error;
mod looking;
mod names;
mod survey;
mod watch;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinError;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::burst::Bursts;
use crate::plugin::code::disk::Disk;
use crate::plugin::code::stamp::Identity;
use crate::plugin::life::files::Files;
use crate::script::Language;
pub use error::FolderError;
use looking::{Looking, looked};
use names::Whose;
pub(crate) use survey::Stamps;
use survey::{Shared, Survey};
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
    /// Who asks the system.
    disk: Disk,
    watch: Watch,
    told: Arc<Told>,
    /// The plugins that will be looked at.
    due: Bursts<String>,
    /// The plugin whose files are looked at.
    looking: Option<Looking>,
    /// Files that somebody has open and writes, by the plugins whose they are.
    writing: HashMap<String, HashSet<PathBuf>>,
    /// The files as they were when each plugin was last looked at.
    seen: BTreeMap<String, Stamps>,
    /// The texts that plugins may share, as they were when the folder was last looked at.
    shared: Shared,
    /// It was reported since that one of them has changed.
    shared_told: bool,
    /// Which folder is watched; none while there is none.
    watched: Option<Identity>,
    surveyed: Instant,
    next_survey: Instant,
    /// Something happened while a survey was under way.
    survey_again: bool,
    /// Signals were lost: whatever the next survey finds is looked at, changed or not.
    lost: bool,
    surveying: Option<Surveying>,
    /// It was told that the folder cannot be looked at.
    unseen: bool,
}

type Surveying = AbortOnDropHandle<io::Result<Survey>>;

/// A plugin that is to be looked at.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Changed {
    pub(crate) plugin: String,
    /// Whether there is a component or a text.
    pub(crate) has_artifact: bool,
}

impl Folder {
    /// Makes the folder if it is missing, and watches it; from then on it is looked at by
    /// `disk`. Blocks.
    ///
    /// # Errors
    /// [`FolderError`] says what the system said.
    pub(crate) fn watch(path: &Path, disk: Disk) -> Result<Self, FolderError> {
        let unusable = |source| FolderError::Unusable {
            path: path.to_owned(),
            source,
        };
        std::fs::create_dir_all(path).map_err(unusable)?;
        let path = std::path::absolute(path).map_err(unusable)?;
        let mut watch = Watch::new(&path).map_err(|source| FolderError::Unwatchable {
            path: path.clone(),
            source,
        })?;
        // After the watch began, so that what changes between is told.
        let survey = Survey::take(&path).map_err(unusable)?;
        watch.follow(&survey.folders);
        let now = Instant::now();
        Ok(Self {
            told: watch.told(),
            path,
            disk,
            watch,
            due: Bursts::new(),
            looking: None,
            writing: HashMap::new(),
            seen: BTreeMap::new(),
            shared: survey.shared,
            shared_told: false,
            watched: Some(survey.folder),
            surveyed: now,
            next_survey: now + SURVEY,
            survey_again: false,
            lost: false,
            surveying: None,
            unseen: false,
        })
    }

    /// Names of the plugins that are there now, all of which will be looked at.
    ///
    /// # Errors
    /// [`FolderError::Unusable`] when the folder cannot be read, or does not answer.
    pub(crate) async fn plugins(&mut self) -> Result<BTreeSet<String>, FolderError> {
        let survey = ask(self.path.clone(), self.disk.clone(), |folder| {
            survey::warn_of_names(folder);
            Survey::take(folder)
        });
        let survey = survey.await.map_err(|source| FolderError::Unusable {
            path: self.path.clone(),
            source,
        })?;
        self.seen = survey.plugins;
        self.shared = survey.shared;
        self.watch.follow(&survey.folders);
        let there = self.seen.iter().filter(|(_, files)| files.has_artifact());
        Ok(there.map(|(name, _)| name.clone()).collect())
    }

    /// What a plugin may be written in, as far as its files' names say.
    pub(crate) fn languages(&self, plugin: &str) -> impl Iterator<Item = Language> {
        let stamps = self.seen.get(plugin);
        stamps.into_iter().flat_map(Stamps::languages)
    }

    /// The files of a plugin.
    pub(crate) fn files(&self, plugin: &str) -> Files {
        Files::of(&self.path, plugin)
    }

    /// The next plugin to look at. Nothing is lost when the future is dropped.
    pub(crate) async fn changed(&mut self) -> Changed {
        loop {
            let may_look = self.looking.is_none();
            tokio::select! {
                () = self.told.overflowed.notified() => {
                    self.writing.clear();
                    self.lost = true;
                    self.survey_again = self.surveying.is_some();
                    self.survey_soon();
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
                survey = surveyed(&self.path, &self.disk, self.next_survey, &mut self.surveying) => {
                    self.surveying = None;
                    self.surveyed = Instant::now();
                    self.next_survey = self.surveyed + SURVEY;
                    let again = std::mem::take(&mut self.survey_again);
                    if again {
                        self.survey_soon();
                    }
                    self.compare(survey, again);
                }
                plugin = self.due.next(), if may_look => self.look_at(plugin),
                (plugin, stamps) = looked(&mut self.looking) => {
                    self.looking = None;
                    return self.note_stamps(plugin, stamps);
                }
            }
        }
    }

    /// Reports a plugin as changed after `pause`, unless its files change before.
    pub(crate) fn look_later(&mut self, plugin: String, pause: Duration) {
        // One of which a file is open is looked at once that is closed: of several that make
        // one version each may be complete while another is half of it.
        if !self.writing.contains_key(&plugin) {
            self.due.changed(plugin, pause);
        }
    }

    fn look_at(&mut self, plugin: String) {
        let files = self.files(&plugin);
        self.looking = Some(Looking::begin(plugin, files, self.disk.clone()));
    }

    /// What was seen before a plugin is looked at. If nothing was, whoever looks at it
    /// says why, and the next survey that finds it changed says so again.
    fn note_stamps(&mut self, plugin: String, stamps: Option<Stamps>) -> Changed {
        let has_artifact = stamps.as_ref().is_some_and(Stamps::has_artifact);
        match stamps {
            Some(stamps) if stamps.is_empty() => {
                self.seen.remove(&plugin);
            }
            Some(stamps) => {
                self.seen.insert(plugin.clone(), stamps);
            }
            None => {}
        }
        Changed {
            plugin,
            has_artifact,
        }
    }

    fn note(&mut self, Signal { whose, path, stage }: Signal) {
        let plugin = match whose {
            Whose::Plugin(plugin) => plugin,
            Whose::Shared => {
                let pause = match stage {
                    Stage::Writing if cfg!(target_os = "linux") => return,
                    Stage::Complete => SETTLE,
                    Stage::Writing | Stage::Appeared => QUIET,
                };
                self.shared_told = true;
                return self.shared_changed(pause);
            }
        };
        match stage {
            Stage::Complete => {
                self.is_complete(&plugin, &path);
                self.look_later(plugin, SETTLE);
            }
            Stage::Appeared => self.look_later(plugin, QUIET),
            Stage::Writing if cfg!(target_os = "linux") => {
                self.due.forget(&plugin);
                self.writing.entry(plugin).or_default().insert(path);
            }
            // No system but Linux says when a file is closed.
            Stage::Writing => self.due.changed(plugin, QUIET),
        }
    }

    /// A file of a plugin, or a folder, is complete, or gone.
    fn is_complete(&mut self, plugin: &str, path: &Path) {
        if let Some(open) = self.writing.get_mut(plugin) {
            open.retain(|file| !file.starts_with(path));
            if open.is_empty() {
                self.writing.remove(plugin);
            }
        }
    }

    /// A text has changed that some plugins may import: those that do are loaded anew, which
    /// is found by reading.
    fn shared_changed(&mut self, pause: Duration) {
        let seen = self.seen.iter();
        let texts = seen.filter(|(_, files)| files.languages().any(Language::is_text));
        for (name, _) in texts {
            if !self.writing.contains_key(name) {
                self.due.changed(name.clone(), pause);
            }
        }
    }

    fn survey_soon(&mut self) {
        let soon = (self.surveyed + SURVEYS_APART).max(Instant::now() + SETTLE);
        self.next_survey = self.next_survey.min(soon);
    }

    /// Looks at what has changed since it was last looked at, all of it together.
    /// What was lost while a survey was under way is left to the one that is made `again`.
    fn compare(&mut self, survey: Result<io::Result<Survey>, JoinError>, again: bool) {
        let survey = match survey {
            Ok(Ok(survey)) => survey,
            Ok(Err(error)) => return self.cannot_survey(&error),
            Err(error) => return tracing::error!(%error, "looking at the plugins folder failed"),
        };
        self.unseen = false;
        let all = !again && std::mem::take(&mut self.lost);
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
        let Survey {
            plugins,
            shared,
            folders,
            ..
        } = survey;
        self.watch.follow(&folders);
        // Nobody tells any more when a file in a folder is closed that is not followed.
        self.writing.retain(|_, open| {
            let is_followed = |within: &Path| within == self.path || folders.contains(within);
            open.retain(|file| file.parent().is_some_and(is_followed));
            !open.is_empty()
        });
        let told = std::mem::take(&mut self.shared_told);
        if std::mem::replace(&mut self.shared, shared) != self.shared && !told {
            self.shared_changed(pause);
        }
        let gone = self.seen.keys().filter(|name| !plugins.contains_key(*name));
        let changed = plugins
            .iter()
            .filter(|(name, files)| all || self.seen.get(*name) != Some(*files))
            .map(|(name, _)| name);
        for name in gone.chain(changed) {
            if !self.writing.contains_key(name) {
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
        } else if !missing && !std::mem::replace(&mut self.unseen, true) {
            tracing::warn!(
                %error,
                path = %self.path.display(),
                "cannot look at the plugins folder; the plugins keep running, and it is tried again"
            );
        }
    }
}

/// What is there, once it is time; the same survey when it is asked again.
async fn surveyed(
    folder: &Path,
    disk: &Disk,
    at: Instant,
    surveying: &mut Option<Surveying>,
) -> Result<io::Result<Survey>, JoinError> {
    let running = match surveying {
        Some(running) => running,
        None => {
            tokio::time::sleep_until(at).await;
            let survey = ask(folder.to_owned(), disk.clone(), Survey::take);
            surveying.insert(AbortOnDropHandle::new(tokio::spawn(survey)))
        }
    };
    running.await
}

/// Has the system asked where that holds up nobody.
async fn ask(
    folder: PathBuf,
    disk: Disk,
    take: impl FnOnce(&Path) -> io::Result<Survey> + Send + 'static,
) -> io::Result<Survey> {
    let taken = folder.clone();
    let survey = disk.run(&folder, move || take(&taken)).await;
    survey.unwrap_or_else(|error| Err(io::Error::other(error)))
}

#[cfg(test)]
mod tests;
