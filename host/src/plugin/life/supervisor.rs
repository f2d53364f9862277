//! The supervisor of one plugin: carries out, one after the other, what its
//! files and its operators ask for.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::Instant;

use super::files::Files;
use super::load::Staged;
use super::loading::{Failure, Loading};
use super::shared::Shared;
use crate::admin::{PluginCommandError, PluginState, PluginStatus};
use crate::bus::{MailboxLimits, Receiver, ReceiverKind, Subscription};
use crate::config::PluginLimits;
use crate::event::host_event::HostEventType;
use crate::panics::panic_text;
use crate::plugin::run::instance::Version;
use crate::plugin::run::runtime::Runtime;
use crate::plugin::run::trial::Trial;
use crate::plugin::run::worker::{Desk, Shift};

/// Before a plugin whose supervisor panicked is started anew.
const AFTER_PANIC: Duration = Duration::from_secs(1);

/// Operators who wait for a reload of one plugin; more are refused.
const RELOADS: usize = 16;

pub(crate) type Reply = oneshot::Sender<Result<PluginStatus, PluginCommandError>>;

/// What can be asked of a plugin.
pub(crate) enum Command {
    /// Load its files again, changed or not.
    Reload(Reply),
    Pause(Reply),
    Resume(Reply),
    /// The node drains.
    Stop,
}

/// What a plugin is asked for.
pub(crate) struct Inbox {
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) files_changed: Arc<Notify>,
    /// Told when the first attempt to load is over.
    pub(crate) loaded: Option<oneshot::Sender<()>>,
}

pub(crate) struct Supervisor {
    runtime: Arc<Runtime>,
    shared: Arc<Shared>,
    loading: Loading,
    /// Who is told what becomes of the load under way.
    reloads: Vec<Reply>,
    /// Why the files as they are cannot be loaded.
    failed: Option<String>,
    current: Option<Current>,
}

/// The version in force.
struct Current {
    version: Arc<Version>,
    receiver: Arc<Receiver>,
    work: Work,
}

enum Work {
    Running(Shift),
    Paused(Vec<Desk>),
    Quarantined(Vec<Desk>, Instant),
}

/// Why a supervisor no longer serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The component is gone.
    Removed,
    /// The node drains.
    Draining,
}

impl Supervisor {
    pub(crate) fn new(
        files: Files,
        defaults: PluginLimits,
        runtime: Arc<Runtime>,
        shared: Arc<Shared>,
    ) -> Self {
        let (told, through) = (Arc::clone(&shared), Arc::clone(&runtime));
        Self {
            loading: Loading::new(files, told, defaults, through),
            runtime,
            shared,
            reloads: Vec::new(),
            failed: None,
            current: None,
        }
    }

    /// Loads the plugin and serves commands until its component is removed or
    /// the node drains.
    pub(crate) async fn run(mut self, mut inbox: Inbox) {
        self.shared.announce(HostEventType::PluginInstalled);
        self.loading.begin(false);
        loop {
            // What is half-way is ended or begun anew.
            let serving = AssertUnwindSafe(self.serve(&mut inbox)).catch_unwind();
            match serving.await {
                Ok(end) => {
                    self.stop().await;
                    if end == End::Removed {
                        self.shared.announce(HostEventType::PluginRemoved);
                    }
                    return;
                }
                Err(panic) => self.start_anew(panic_text(&*panic)).await,
            }
        }
    }

    async fn serve(&mut self, inbox: &mut Inbox) -> End {
        loop {
            tokio::select! {
                biased;
                command = inbox.commands.recv() => match command {
                    Some(Command::Reload(reply)) => self.reload(reply),
                    Some(Command::Pause(reply)) => {
                        let result = self.pause().await;
                        self.answer(reply, result);
                    }
                    Some(Command::Resume(reply)) => {
                        let result = self.resume().await;
                        self.answer(reply, result);
                    }
                    Some(Command::Stop) | None => return End::Draining,
                },
                () = inbox.files_changed.notified() => self.loading.begin(false),
                loaded = self.loading.outcome() => {
                    match loaded {
                        Ok(None) => {}
                        Ok(Some(staged)) => {
                            self.failed = None;
                            self.take_over(staged).await;
                        }
                        Err(failure) if failure.error.is_removal() => return End::Removed,
                        Err(failure) => self.not_loaded(failure),
                    }
                    if !self.loading.is_under_way() {
                        self.loaded(inbox);
                    }
                }
                () = quarantine_turns(self.current.as_ref()) => self.turn_quarantine().await,
            }
        }
    }

    /// Goes on after a mistake of its own: the mailbox stays, and what its workers have
    /// in hand is finished or put back into it.
    async fn start_anew(&mut self, panic: &str) {
        let plugin = self.shared.name();
        tracing::error!(
            plugin,
            "the supervisor panicked; starting the plugin anew: {panic}"
        );
        if let Some(current) = self.current.take() {
            current.work.end().await;
        }
        self.shared.set_state(PluginState::Failed);
        tokio::time::sleep(AFTER_PANIC).await;
        self.loading.begin(true);
    }

    /// A load is over, and nothing more is under way.
    fn loaded(&mut self, inbox: &mut Inbox) {
        let failed = self.failed.take();
        for reply in std::mem::take(&mut self.reloads) {
            self.answer(reply, failed.clone().map_or(Ok(()), Err));
        }
        if let Some(loaded) = inbox.loaded.take() {
            // Nobody waits when the plugin was dropped into a running node.
            let _ = loaded.send(());
        }
    }

    fn answer(&self, reply: Reply, result: Result<(), String>) {
        // Whoever asked may have gone.
        let _ = reply.send(match result {
            Ok(()) => Ok(self.shared.status()),
            Err(reason) => Err(PluginCommandError::Failed(reason)),
        });
    }

    fn reload(&mut self, reply: Reply) {
        self.reloads.retain(|waiting| !waiting.is_closed());
        if self.reloads.len() >= RELOADS {
            let reason = format!("{RELOADS} reloads are waited for already; try again later");
            self.answer(reply, Err(reason));
            return;
        }
        self.reloads.push(reply);
        self.loading.begin(true);
    }

    fn not_loaded(&mut self, Failure { error, tell }: Failure) {
        let death = error.into_death();
        if tell || !self.reloads.is_empty() {
            self.shared.report_failure(None, &death);
            if self.current.is_none() {
                self.shared.set_state(PluginState::Failed);
            }
        }
        self.failed = Some(death.reason);
    }

    /// Puts a new version in the place of the running one: that one finishes the
    /// event in hand, and the mailbox stays.
    async fn take_over(&mut self, staged: Staged) {
        let Staged {
            version,
            label,
            listeners,
            desks,
        } = staged;
        let limits = MailboxLimits {
            events: version.limits.mailbox,
            bytes: version.limits.mailbox_bytes,
        };
        let overflow = version.limits.overflow;
        let filters = listeners
            .iter()
            .map(|listener| listener.filter.clone())
            .collect();
        let lanes = desks.len();
        let (paused, announcement) = match self.current.take() {
            None => (false, HostEventType::PluginStarted),
            Some(Current { work, .. }) => {
                let paused = matches!(work, Work::Paused(_));
                work.end().await;
                (paused, HostEventType::PluginReloaded)
            }
        };
        // The mailbox outlives all versions.
        let receiver = match self.shared.receiver.get() {
            Some(receiver) => {
                // First, so that unwanted events leave their room to wanted ones.
                let discarded = receiver.set_filters(filters);
                if discarded > 0 {
                    let plugin = self.shared.name();
                    tracing::info!(
                        plugin,
                        discarded,
                        "waiting events were discarded: the new version does not listen to them"
                    );
                }
                receiver.reconfigure(limits, overflow, lanes);
                receiver
            }
            None => self.shared.receiver.get_or_init(|| {
                Arc::new(self.runtime.bus.subscribe(Subscription {
                    name: Arc::clone(&self.shared.context.name),
                    kind: ReceiverKind::Plugin,
                    filters,
                    limits,
                    overflow,
                    partitions: lanes,
                }))
            }),
        };
        let receiver = Arc::clone(receiver);
        self.shared.show_version(&version, &label, &listeners);
        let work = Work::Paused(desks);
        self.current = Some(Current {
            version,
            receiver,
            work,
        });
        if !paused {
            self.shared.set_state(PluginState::Running);
            self.start(None).await;
        }
        self.shared.announce(announcement);
    }

    async fn start(&mut self, trial: Option<Trial>) {
        let Some(current) = &mut self.current else {
            return;
        };
        let desks = std::mem::replace(&mut current.work, Work::Paused(Vec::new()))
            .end()
            .await;
        current.work = Work::Running(Shift::start(
            &self.runtime,
            &current.version,
            &self.shared,
            &current.receiver,
            desks,
            trial,
        ));
    }

    /// Begins the pause of a quarantine, or ends it with one event on trial.
    async fn turn_quarantine(&mut self) {
        let Some(current) = &mut self.current else {
            return;
        };
        match std::mem::replace(&mut current.work, Work::Paused(Vec::new())) {
            Work::Running(shift) => {
                let desks = shift.end().await;
                match self.shared.quarantined_until() {
                    Some(until) => current.work = Work::Quarantined(desks, until),
                    // Another instance has handled an event meanwhile.
                    None => {
                        current.work = Work::Paused(desks);
                        self.start(None).await;
                    }
                }
            }
            Work::Quarantined(desks, _) => {
                current.work = Work::Paused(desks);
                self.start(Some(Trial::default())).await;
            }
            paused @ Work::Paused(_) => current.work = paused,
        }
    }

    async fn pause(&mut self) -> Result<(), String> {
        let current = self
            .current
            .as_mut()
            .ok_or("no version of the plugin has been loaded")?;
        let desks = std::mem::replace(&mut current.work, Work::Paused(Vec::new()))
            .end()
            .await;
        current.work = Work::Paused(desks);
        self.shared.set_state(PluginState::Paused);
        Ok(())
    }

    async fn resume(&mut self) -> Result<(), String> {
        if self.current.is_none() {
            return Err(
                "no version of the plugin has been loaded; replace its file or reload it"
                    .to_owned(),
            );
        }
        if matches!(
            self.shared.state(),
            PluginState::Paused | PluginState::Quarantined
        ) {
            self.shared.forgive();
            self.shared.set_state(PluginState::Running);
            self.start(None).await;
        }
        Ok(())
    }

    async fn stop(&mut self) {
        if let Some(current) = self.current.take() {
            current.work.end().await;
        }
        self.shared.stopped();
    }
}

impl Work {
    async fn end(self) -> Vec<Desk> {
        match self {
            Self::Running(shift) => shift.end().await,
            Self::Paused(desks) | Self::Quarantined(desks, _) => desks,
        }
    }
}

/// Waits until the plugin goes into quarantine, or its pause there is over. Holds on to
/// nothing of the instances, which cannot be looked at from several threads.
fn quarantine_turns(current: Option<&Current>) -> impl Future<Output = ()> + Send + use<> {
    let (begins, ends) = match current.map(|current| &current.work) {
        Some(Work::Running(shift)) => (Some(shift.quarantined()), None),
        Some(Work::Quarantined(_, until)) => (None, Some(*until)),
        Some(Work::Paused(_)) | None => (None, None),
    };
    async move {
        match (begins, ends) {
            (Some(begins), _) => begins.await,
            (None, Some(until)) => tokio::time::sleep_until(until).await,
            (None, None) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests;
