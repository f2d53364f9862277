//! A load under way, in tasks of its own: whoever has asked for it is free meanwhile.
//!
//! Files are read first. Only if they have changed since, or the load is forced, a
//! version is made of them, in the place of one that is still being made of what the
//! files were before.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::AbortOnDropHandle;

use super::files::Files;
use super::load::{Fingerprint, Source, Staged};
use super::load_error::LoadError;
use super::retry::Retry;
use super::status::Status;
use crate::admin::PluginState;
use crate::config::{Bounds, PluginLimits};
use crate::panics::panic_text;
use crate::plugin::code::disk::DiskError;
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
    /// Whether to read again, since the files may have changed while they were read.
    again: bool,
    retry: Retry,
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
            again: false,
            retry: Retry::default(),
            reading: None,
            staging: None,
        }
    }

    /// Begins to load the files as they are now; if it is not forced, only if they have
    /// changed.
    pub(crate) fn begin(&mut self, forced: bool) {
        // What could not be read looks as it did then.
        self.forced |= forced || self.retry.is_pending();
        if self.reading.is_some() {
            self.again = true;
        } else {
            self.read();
        }
    }

    /// What the node's policy says of the plugin now.
    pub(crate) fn bounds(&self) -> Bounds {
        self.runtime.policy.now().of(self.status.name())
    }

    /// Whether anything is still to come.
    pub(crate) fn is_under_way(&self) -> bool {
        self.reading.is_some() || self.staging.is_some()
    }

    /// The next outcome: a version that is ready, or nothing if the files are as they
    /// were. Waits for as long as nothing is under way. Nothing is lost if it is not
    /// waited for to the end.
    ///
    /// # Errors
    /// [`Failure`] when the files cannot be loaded as they are.
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
                read = ended(&mut self.reading) => {
                    self.reading = None;
                    if std::mem::take(&mut self.again) {
                        self.read();
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
                        Err(_) if self.reading.is_some() => self.forced = true,
                        staged => return staged.map(Some),
                    }
                }
                () = self.retry.due(), if at_rest => self.begin(true),
            }
        }
    }

    fn read(&mut self) {
        let (files, runtime) = (self.files.clone(), Arc::clone(&self.runtime));
        let bounds = self.bounds();
        // What is being made of the last files has its room already, and may be given
        // up for these.
        let needs_room = self.staging.is_none();
        self.reading = Some(spawn(async move {
            // A component that is gone takes none, and its plugin goes at once, however
            // long others are compiled.
            let room = if needs_room && on_disk(&runtime, &files, Files::has_component).await? {
                Some(runtime.room_to_load().await)
            } else {
                None
            };
            let read = move |files: &Files| Source::read(files, &bounds);
            let source = on_disk(&runtime, &files, read).await??;
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
                None if source.has_component() => Some(runtime.room_to_load().await),
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

/// Looks at files where waiting for the disk holds up nobody.
async fn on_disk<T: Send + 'static>(
    runtime: &Runtime,
    files: &Files,
    look: impl FnOnce(&Files) -> T + Send + 'static,
) -> Result<T, LoadError> {
    let files = files.clone();
    let looked = runtime.disk.run(move || look(&files));
    let failed = |error: DiskError| LoadError::Host(error.to_string());
    looked.await.map_err(failed)
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
