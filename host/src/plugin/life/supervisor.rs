//! The supervisor of one plugin: carries out in turn what its files and its operators ask for.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use super::consumption;
use super::current::{Current, Work, quarantine_turns};
use super::files::Files;
use super::load::Staged;
use super::load_error::LoadError;
use super::loading::{Failure, Loading};
use super::replaying::Replaying;
use super::requests::{Command, Reply, Requests};
use super::status::Status;
use crate::admin::{PluginCommandError, PluginState, ReplayRequest};
use crate::bus::MailboxLimits;
use crate::config::PluginLimits;
use crate::event::host_event::HostEventType;
use crate::panics::panic_text;
use crate::plugin::run::runtime::Runtime;
use crate::plugin::run::trial::Trial;

/// Before a plugin whose supervisor panicked is started anew.
const AFTER_PANIC: Duration = Duration::from_secs(1);

/// Operators who wait for a reload of one plugin; more are refused.
const RELOADS: usize = 16;

pub(crate) struct Supervisor {
    runtime: Arc<Runtime>,
    status: Arc<Status>,
    loading: Loading,
    /// How long an event in hand has once the plugin is removed, whatever its manifest says.
    deadline: Duration,
    /// Who is told what becomes of the load under way.
    reloads: Vec<Reply>,
    /// Why the files as they are cannot be loaded.
    failed: Option<String>,
    current: Option<Current>,
    /// The last that was asked for.
    replaying: Option<Replaying>,
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
        status: Arc<Status>,
    ) -> Self {
        let (told, through) = (Arc::clone(&status), Arc::clone(&runtime));
        Self {
            deadline: defaults.deadline,
            loading: Loading::new(files, told, defaults, through),
            runtime,
            status,
            reloads: Vec::new(),
            failed: None,
            current: None,
            replaying: None,
        }
    }

    /// Loads the plugin and serves commands until its component is removed or
    /// the node drains.
    pub(crate) async fn run(mut self, mut requests: Requests) {
        self.status.announce(HostEventType::PluginInstalled);
        self.loading.begin(false);
        loop {
            // What is half-way is ended or begun anew.
            let serving = AssertUnwindSafe(self.serve(&mut requests)).catch_unwind();
            match serving.await {
                Ok(end) => {
                    self.stop(end).await;
                    if end == End::Removed {
                        self.status.announce(HostEventType::PluginRemoved);
                    }
                    return;
                }
                Err(panic) => self.start_anew(panic_text(&*panic)).await,
            }
        }
    }

    async fn serve(&mut self, requests: &mut Requests) -> End {
        loop {
            tokio::select! {
                biased;
                command = requests.commands.recv() => match command {
                    Some(Command::Reload(reply)) => self.reload(reply),
                    Some(Command::Pause(reply)) => {
                        let result = self.pause().await;
                        self.answer(reply, result);
                    }
                    Some(Command::Resume(reply)) => {
                        let result = self.resume().await;
                        self.answer(reply, result);
                    }
                    Some(Command::Replay(request, reply)) => {
                        let result = self.replay(&request).await;
                        self.answer(reply, result);
                    }
                    Some(Command::EndReplay(reply)) => {
                        let result = Replaying::stop(self.replaying.as_ref());
                        self.answer(reply, result);
                    }
                    Some(Command::Stop) | None => return End::Draining,
                },
                () = requests.files_changed.notified() => {
                    self.hear_what_may_be_heard().await;
                    self.loading.begin(false);
                }
                loaded = self.loading.outcome() => {
                    match loaded {
                        Ok(None) => {}
                        Ok(Some(staged)) => {
                            self.failed = None;
                            self.take_over(staged).await;
                        }
                        Err(Failure {
                            error: LoadError::Removed,
                            ..
                        }) => return End::Removed,
                        Err(failure) => self.not_loaded(failure).await,
                    }
                    if !self.loading.is_under_way() {
                        self.loaded(requests);
                    }
                }
                () = quarantine_turns(self.current.as_ref()) => self.turn_quarantine().await,
            }
        }
    }

    /// Goes on after a mistake of its own: the mailbox stays, and what its workers have
    /// in hand is finished or put back into it.
    async fn start_anew(&mut self, panic: &str) {
        let plugin = self.status.name();
        tracing::error!(
            plugin,
            "the supervisor panicked; starting the plugin anew: {panic}"
        );
        self.runtime.hooks.close(self.status.name());
        if let Some(current) = self.current.take() {
            current.work.end().await;
        }
        self.status.set_state(PluginState::Failed);
        tokio::time::sleep(AFTER_PANIC).await;
        self.loading.begin(true);
    }

    /// A load is over, and nothing more is under way.
    fn loaded(&mut self, requests: &mut Requests) {
        let failed = self.failed.take();
        for reply in std::mem::take(&mut self.reloads) {
            self.answer(reply, failed.clone().map_or(Ok(()), Err));
        }
        if let Some(loaded) = requests.loaded.take() {
            // Nobody waits when the plugin was dropped into a running node.
            let _ = loaded.send(());
        }
    }

    fn answer(&self, reply: Reply, result: Result<(), String>) {
        // Whoever asked may have gone.
        let _ = reply.send(match result {
            Ok(()) => Ok(self.status.view()),
            Err(reason) => Err(PluginCommandError::Failed(reason)),
        });
    }

    fn reload(&mut self, reply: Reply) {
        self.reloads.retain(|waiting| !waiting.is_closed());
        if self.reloads.len() >= RELOADS {
            let reason = format!("{RELOADS} reloads are waited for already; try again later");
            return self.answer(reply, Err(reason));
        }
        self.reloads.push(reply);
        self.loading.begin(true);
    }

    async fn not_loaded(&mut self, Failure { error, tell }: Failure) {
        let death = error.into_death();
        self.end_unless_allowed().await;
        if tell || !self.reloads.is_empty() {
            // Before it is told: whoever hears of it finds it so.
            if self.current.is_none() {
                self.status.set_state(PluginState::Failed);
            }
            self.status.health.report_failure(None, &death);
        }
        self.failed = Some(death.in_full());
        self.runtime.namespaces_may_differ.notify_one();
    }

    /// Ends the running version if the node's policy is not the one that it was loaded by:
    /// what it may do it has of that.
    async fn end_unless_allowed(&mut self) {
        let bounds = self.loading.bounds();
        if let Some(current) = self.current.take_if(|current| current.bounds != bounds) {
            let plugin = self.status.name();
            tracing::warn!(
                plugin,
                "its policy has changed, and it cannot be loaded anew"
            );
            self.runtime.hooks.close(plugin);
            // Nothing more waits for it than the next version may hear.
            current.mailbox.set_filters(Vec::new());
            current.work.end().await;
            self.status.set_state(PluginState::Failed);
        }
    }

    /// Holds the version in force to what the node's policy says now.
    async fn hear_what_may_be_heard(&mut self) {
        let bounds = self.loading.bounds();
        let Some(current) = &mut self.current else {
            return;
        };
        let begins_anew = current.hear_within(bounds);
        if let Some(replaying) = &self.replaying {
            replaying.go_on_with(current);
        }
        if begins_anew {
            self.start_again().await;
        }
    }

    /// Puts a new version in the place of the running one: that one finishes the
    /// event in hand, and the mailbox stays.
    async fn take_over(&mut self, staged: Staged) {
        let Staged {
            version,
            language,
            label,
            listeners,
            asked,
            unheard,
            answering,
            bounds,
            slots,
        } = staged;
        let limits = MailboxLimits {
            events: version.limits.mailbox,
            bytes: version.limits.mailbox_bytes,
        };
        let overflow = version.limits.overflow;
        let filters = consumption::live(&listeners);
        let partitions = slots.len();
        let (paused, announcement) = match self.current.take() {
            None => (false, HostEventType::PluginStarted),
            Some(Current { work, .. }) => {
                let paused = matches!(work, Work::Paused(_));
                work.end().await;
                (paused, HostEventType::PluginReloaded)
            }
        };
        let mailbox =
            self.status
                .mailbox_for(&self.runtime.bus, filters, limits, overflow, partitions);
        self.status.show_version(
            &version,
            language,
            label,
            &listeners,
            answering.as_deref(),
            unheard,
        );
        self.runtime.namespaces_may_differ.notify_one();
        let work = Work::Paused(slots);
        let mut current = Current::new(version, bounds, listeners, mailbox, work);
        current.consume(asked);
        current.answer(answering);
        if let Some(replaying) = &self.replaying {
            replaying.go_on_with(&current);
        }
        self.current = Some(current);
        // The policy may have changed while this one was made.
        self.hear_what_may_be_heard().await;
        if !paused {
            self.status.set_state(PluginState::Running);
            self.start(None).await;
        }
        self.status.announce(announcement);
    }

    async fn start(&mut self, trial: Option<Trial>) {
        if let Some(current) = &mut self.current {
            let replay = self.replaying.as_ref().map(|it| &it.replay);
            let health = &self.status.health;
            current.start(&self.runtime, health, replay, trial).await;
        }
    }

    /// Has the workers, if there are any, take from what there is now.
    async fn start_again(&mut self) {
        let current = self.current.as_ref();
        if current.is_some_and(|current| matches!(current.work, Work::Running(_))) {
            self.start(None).await;
        }
    }

    async fn replay(&mut self, request: &ReplayRequest) -> Result<(), String> {
        let current = self.current.as_ref();
        let current = current.ok_or("no version of the plugin has been loaded")?;
        if self.replaying.as_ref().is_some_and(Replaying::is_under_way) {
            return Err("it is handed events of a channel again already; \
                 `hearken plugin show` tells how far it is"
                .to_owned());
        }
        let replaying = Replaying::begin(&self.runtime, current, request)?;
        self.status.show_replay(Arc::clone(&replaying.replay));
        self.replaying = Some(replaying);
        self.start_again().await;
        Ok(())
    }

    /// Begins the pause of a quarantine, or ends it with one event on trial.
    async fn turn_quarantine(&mut self) {
        let Some(current) = &mut self.current else {
            return;
        };
        match std::mem::replace(&mut current.work, Work::Paused(Vec::new())) {
            Work::Running(running) => {
                self.runtime.hooks.close(self.status.name());
                let slots = running.end().await;
                match self.status.health.quarantined_until() {
                    Some(until) => current.work = Work::Quarantined(slots, until),
                    // Another instance has handled an event meanwhile.
                    None => {
                        current.work = Work::Paused(slots);
                        self.start(None).await;
                    }
                }
            }
            Work::Quarantined(slots, _) => {
                current.work = Work::Paused(slots);
                self.start(Some(Trial::new())).await;
            }
            paused @ Work::Paused(_) => current.work = paused,
        }
    }

    async fn pause(&mut self) -> Result<(), String> {
        let current = self
            .current
            .as_mut()
            .ok_or("no version of the plugin has been loaded")?;
        self.runtime.hooks.close(self.status.name());
        current.pause().await;
        self.status.set_state(PluginState::Paused);
        Ok(())
    }

    async fn resume(&mut self) -> Result<(), String> {
        let current = self.current.as_ref();
        current.ok_or("no version of the plugin has been loaded; replace its file or reload it")?;
        if matches!(
            self.status.state(),
            PluginState::Paused | PluginState::Quarantined
        ) {
            self.status.health.forgive();
            self.status.set_state(PluginState::Running);
            self.start(None).await;
        }
        Ok(())
    }

    async fn stop(&mut self, end: End) {
        self.runtime.hooks.remove(self.status.name());
        if let Some(current) = self.current.take() {
            let ended = current.work.end();
            let ended = match end {
                // The node has its own deadline, with all plugins together.
                End::Draining => Ok(ended.await),
                // If it is over, the workers are dropped with what they have in hand.
                End::Removed => tokio::time::timeout(self.deadline, ended).await,
            };
            if ended.is_err() {
                tracing::warn!(plugin = self.status.name(), "its event in hand was cut off");
            }
        }
        self.status.stopped();
    }
}

#[cfg(test)]
pub(super) mod tests;
