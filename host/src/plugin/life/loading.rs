//! A load under way, in tasks of its own: whoever has asked for it is free meanwhile.
//!
//! First it is looked whether there is a component at all: one that is gone is told at
//! once, however long others are compiled and whatever is still being read. Then files are
//! read. Only if they have changed since, or the load is forced, a version is made of
//! them, in the place of one that is still being made of what the files were before.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::AbortOnDropHandle;

use super::files::{Files, Presence};
use super::load::{Fingerprint, Source, Staged};
use super::load_error::LoadError;
use super::retry::Retry;
use super::status::Status;
use crate::admin::PluginState;
use crate::config::{Bounds, PluginLimits};
use crate::panics::panic_text;
use crate::plugin::run::runtime::Runtime;

/// Loads the files of one plugin.
pub(crate) struct Loading {
    files: Files,
    status: Arc<Status>,
    defaults: PluginLimits,
    runtime: Arc<Runtime>,
    /// What a version was last made of, or failed to be.
    tried: Option<Fingerprint>,
    /// Whether to make a version of what is being read even if it was tried.
    forced: bool,
    /// Whether to look again, since the files may have changed while they were looked at.
    look_again: bool,
    /// The same, while they were read.
    read_again: bool,
    retry: Retry,
    looking: Option<Task<Presence>>,
    reading: Option<Task<(Option<OwnedSemaphorePermit>, Source)>>,
    staging: Option<Task<Staged>>,
}

/// Files that cannot be loaded.
pub(crate) struct Failure {
    pub(crate) error: LoadError,
    /// Whether it is worth telling, if nobody has asked: what passes at once is not, nor
    /// what was told already.
    pub(crate) tell: bool,
}

type Task<T> = AbortOnDropHandle<Result<T, LoadError>>;

impl Loading {
    pub(crate) fn new(
        files: Files,
        status: Arc<Status>,
        defaults: PluginLimits,
        runtime: Arc<Runtime>,
    ) -> Self {
        Self {
            files,
            status,
            defaults,
            runtime,
            tried: None,
            forced: false,
            look_again: false,
            read_again: false,
            retry: Retry::default(),
            looking: None,
            reading: None,
            staging: None,
        }
    }

    /// Begins to load the files as they are now; if it is not forced, only if they have
    /// changed.
    pub(crate) fn begin(&mut self, forced: bool) {
        // What could not be read looks as it did then.
        self.forced |= forced || self.retry.is_pending();
        if self.looking.is_some() {
            self.look_again = true;
        } else {
            self.look();
        }
    }

    /// What the node's policy says of the plugin now.
    pub(crate) fn bounds(&self) -> Bounds {
        self.runtime.policy.now().of(self.status.name())
    }

    /// Whether anything is still to come.
    pub(crate) fn is_under_way(&self) -> bool {
        self.looking.is_some() || self.reading.is_some() || self.staging.is_some()
    }

    /// The next outcome: a version that is ready, or nothing if the files are as they
    /// were. Waits for as long as nothing is under way. Nothing is lost if it is not
    /// waited for to the end.
    ///
    /// # Errors
    /// [`Failure`] when the files cannot be loaded as they are; with
    /// [`LoadError::Removed`] there is nothing more to come.
    pub(crate) async fn outcome(&mut self) -> Result<Option<Staged>, Failure> {
        match self.loaded().await {
            Ok(staged) => {
                self.retry.end();
                Ok(staged)
            }
            Err(error) => {
                let tell = self.retry.after(&error, self.tried.as_ref());
                Err(Failure { error, tell })
            }
        }
    }

    async fn loaded(&mut self) -> Result<Option<Staged>, LoadError> {
        loop {
            let at_rest = !self.is_under_way();
            tokio::select! {
                found = ended(&mut self.looking) => {
                    self.looking = None;
                    if std::mem::take(&mut self.look_again) {
                        self.look();
                        continue;
                    }
                    match found {
                        Ok(Presence::Removed) => {
                            (self.reading, self.staging) = (None, None);
                            return Err(LoadError::Removed);
                        }
                        // They may have changed since that began.
                        _ if self.reading.is_some() => self.read_again = true,
                        Ok(found) => self.read(found),
                        Err(error) => {
                            self.staging = None;
                            return Err(error);
                        }
                    }
                }
                read = ended(&mut self.reading) => {
                    self.reading = None;
                    // What is found leads to another read.
                    if self.looking.is_some() {
                        continue;
                    }
                    if std::mem::take(&mut self.read_again) {
                        self.look();
                        continue;
                    }
                    let forced = std::mem::take(&mut self.forced);
                    let (room, source) = read.inspect_err(|_| self.staging = None)?;
                    if forced || self.tried.as_ref() != Some(&source.fingerprint) {
                        self.stage(room, source);
                    } else if self.staging.is_none() {
                        return Ok(None);
                    }
                }
                staged = ended(&mut self.staging) => {
                    self.staging = None;
                    match staged {
                        // What the files are now decides, changed or not.
                        Err(_) if self.is_under_way() => self.forced = true,
                        staged => return staged.map(Some),
                    }
                }
                () = self.retry.due(), if at_rest => self.begin(true),
            }
        }
    }

    fn look(&mut self) {
        let (files, runtime) = (self.files.clone(), Arc::clone(&self.runtime));
        self.looking = Some(spawn(async move {
            let path = files.named().to_owned();
            let looked = runtime.disks.folder.run(&path, move || files.presence());
            Ok(looked.await?)
        }));
    }

    fn read(&mut self, found: Presence) {
        self.read_again = false;
        let (files, runtime) = (self.files.clone(), Arc::clone(&self.runtime));
        let bounds = self.bounds();
        // What is being made of the last files has its room already, and may be given
        // up for these.
        let needs_room = found == Presence::There && self.staging.is_none();
        self.reading = Some(spawn(async move {
            let room = if needs_room {
                Some(runtime.room_to_load().await)
            } else {
                None
            };
            let path = files.named().to_owned();
            let engines = runtime.engines.clone();
            let read = move || Source::read(&files, &bounds, &engines);
            let source = runtime.disks.components.run(&path, read).await??;
            Ok((room, source))
        }));
    }

    fn stage(&mut self, room: Option<OwnedSemaphorePermit>, source: Source) {
        self.tried = Some(source.fingerprint.clone());
        if self.status.state() == PluginState::Failed {
            self.status.set_state(PluginState::Loading);
        }
        let (files, plugin) = (self.files.clone(), Arc::clone(&self.status.context));
        let (defaults, runtime) = (self.defaults.clone(), Arc::clone(&self.runtime));
        self.staging = Some(spawn(async move {
            let room = match room {
                None if source.has_artifact() => Some(runtime.room_to_load().await),
                room => room,
            };
            let staged = source.stage(room, &files, &plugin, &defaults, &runtime);
            staged.await
        }));
    }
}

fn spawn<T: Send + 'static>(
    task: impl Future<Output = Result<T, LoadError>> + Send + 'static,
) -> Task<T> {
    AbortOnDropHandle::new(tokio::spawn(task))
}

/// What a task comes to; never, without one.
async fn ended<T>(task: &mut Option<Task<T>>) -> Result<T, LoadError> {
    match task {
        Some(task) => task.await.unwrap_or_else(|error| Err(failed(error))),
        None => std::future::pending().await,
    }
}

/// A panic over a file is one more reason not to load it.
fn failed(error: tokio::task::JoinError) -> LoadError {
    LoadError::Host(match error.try_into_panic() {
        Ok(panic) => panic_text(&*panic).to_owned(),
        Err(_) => "the node is stopping".to_owned(),
    })
}

#[cfg(test)]
mod tests;
