//! An engine that does nothing but what a test has it do.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use hearken_wire::EventRef;

use super::settings;
use super::strained::Strained;
use crate::conformance::{ManualEnvironment, event};
use crate::disk::channel::Channel;
use crate::disk::{DiskEngine, Steps};
use crate::{
    AppendError, Appended, Batch, ChannelName, Engine, EngineFuture, Expected, LogSettings,
    ReadLimit,
};

/// An engine that does nothing but what a test has it do.
#[derive(Debug)]
pub(super) struct Stepped {
    pub(super) engine: DiskEngine,
    pub(super) steps: Steps,
    pub(super) disk: Strained,
    pub(super) environment: Arc<ManualEnvironment>,
    folder: tempfile::TempDir,
}

impl Stepped {
    pub(super) fn open(disk: Strained) -> Self {
        Self::open_in(disk, tempfile::tempdir().unwrap(), Arc::default())
    }

    fn open_in(
        disk: Strained,
        folder: tempfile::TempDir,
        environment: Arc<ManualEnvironment>,
    ) -> Self {
        let device = Arc::new(disk.clone());
        let opened = DiskEngine::open_stepped(
            environment.clone(),
            device,
            settings(folder.path().join("channels")),
        );
        let (engine, steps) = opened.unwrap();
        Self {
            engine,
            steps,
            disk,
            environment,
            folder,
        }
    }

    /// Ends it as a crash does, and opens it again.
    pub(super) fn again(self) -> Self {
        let Self {
            engine,
            steps,
            disk,
            environment,
            folder,
        } = self;
        drop((engine, steps));
        Self::open_in(disk, folder, environment)
    }

    /// Where its files are.
    pub(super) fn folder(&self) -> &Path {
        &self.steps.core.settings.folder
    }

    /// What becomes of a future when the engine does what it has to.
    pub(super) fn done<'s, T>(
        &'s mut self,
        of: impl FnOnce(&'s DiskEngine) -> EngineFuture<'s, T>,
    ) -> T {
        let mut future = of(&self.engine);
        for _ in 0..4 {
            if let Some(value) = poll(&mut future) {
                return value;
            }
            self.steps.commit();
            self.steps.keep();
        }
        panic!("the engine does not answer");
    }

    pub(super) fn create(&mut self, name: &str, settings: LogSettings) -> Arc<Channel> {
        let name = channel(name);
        self.done(|engine| engine.create(&name, &settings)).unwrap();
        self.channel(&name)
    }

    pub(super) fn channel(&self, name: &ChannelName) -> Arc<Channel> {
        self.steps.core.channels.get(name).unwrap()
    }

    pub(super) fn append(&mut self, name: &str, data: &[u8]) -> Result<Appended, AppendError> {
        let (name, batch) = (channel(name), one(data));
        self.done(|engine| engine.append(&name, batch, Expected::Any))
    }

    /// The numbers that a channel has.
    pub(super) fn numbers(&mut self, name: &str) -> Vec<u64> {
        let name = channel(name);
        let page = self.done(|engine| engine.read(&name, 0, ReadLimit::default()));
        let page = page.unwrap();
        let events = page.events.iter();
        let numbers = events.map(|event| EventRef::assume_encoded(event).sequence());
        numbers.map(Option::unwrap).collect()
    }

    /// How many files of the journal there are.
    pub(super) fn journal_files(&self) -> usize {
        let folder = self.folder().join("journal");
        std::fs::read_dir(folder).unwrap().count()
    }
}

pub(super) fn channel(name: &str) -> ChannelName {
    ChannelName::new(name).unwrap()
}

pub(super) fn one(data: &[u8]) -> Batch {
    Batch::of(&event("1", data), None).unwrap()
}

/// What a future has, if it has.
pub(super) fn poll<T>(future: &mut Pin<Box<dyn Future<Output = T> + Send + '_>>) -> Option<T> {
    let mut context = Context::from_waker(Waker::noop());
    match future.as_mut().poll(&mut context) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}
