//! Replays into a copy of a plugin: the same file and manifest, without subscriptions and
//! consumers; what it sends, writes and requests is logged and not done. It is there for as
//! long as it is handed events.

use std::sync::{Arc, PoisonError};

use tokio::sync::{Notify, mpsc, oneshot};

use super::current::{Current, Work, quarantine_turns};
use super::entry::{COMMAND_DEADLINE, COMMANDS, Entry};
use super::files::Files;
use super::load::{Source, Staged};
use super::load_error::LoadError;
use super::plugins::{Entries, Plugins};
use super::replaying::Replaying;
use super::requests::Command;
use super::status::Status;
use crate::admin::{PluginCommandError, PluginState, PluginStatus, ReplayRequest};
use crate::bus::MailboxLimits;
use crate::config::PluginLimits;
use crate::panics::contain_panics;
use crate::plugin::guest::context::PluginContext;
use crate::plugin::guest::outgoing::traffic::Traffic;
use crate::plugin::run::runtime::Runtime;

/// A copy of a plugin, from its start to its end.
struct PluginCopy {
    runtime: Arc<Runtime>,
    limits: PluginLimits,
    files: Files,
    status: Arc<Status>,
    /// That of the plugin that it is a copy of, which shows its replay too.
    original: Arc<Status>,
    commands: mpsc::Receiver<Command>,
    /// Told too when the policy has changed.
    files_changed: Arc<Notify>,
}

/// Takes a copy's entry out when it is gone, whatever it has gone by.
struct GoneCopy {
    entries: Entries,
    name: String,
}

impl Drop for GoneCopy {
    fn drop(&mut self) {
        let entries = self.entries.write();
        let mut entries = entries.unwrap_or_else(PoisonError::into_inner);
        entries.remove(self.name.as_str());
    }
}

/// Who is told what became of its start.
type Begun = oneshot::Sender<Result<PluginStatus, String>>;

impl Plugins {
    /// Makes a copy of a plugin and begins to hand it what is asked for.
    pub(super) async fn replay_to_copy(
        &self,
        name: &str,
        request: ReplayRequest,
    ) -> Result<PluginStatus, PluginCommandError> {
        let original = self.entry(name);
        let original = original.ok_or_else(|| PluginCommandError::NotFound(name.to_owned()))?;
        let copy = format!("{name}.replay");
        let runtime = &self.runtime;
        let traffic = Traffic::new(Arc::clone(&runtime.connector), &self.limits);
        let bus = runtime.bus.clone();
        let (channels, store) = (&runtime.channels, &runtime.store);
        let context = PluginContext::new(copy.as_str().into(), bus, channels, store, traffic);
        let context = context.pretending(name, Arc::clone(&self.clock));
        let context = context.addressing(runtime.addressed.clone());
        let (consumers, clock) = (runtime.consumers.clone(), Arc::clone(&self.clock));
        let (limits, quarantine) = (self.limits.clone(), self.quarantine);
        let status = Status::new(Arc::new(context), consumers, clock, limits, quarantine);
        let status = Arc::new(status);
        let (commands, asked) = mpsc::channel(COMMANDS);
        let files_changed = Arc::<Notify>::default();
        let entry = Entry {
            status: Arc::clone(&status),
            files: original.files.clone(),
            commands,
            files_changed: Arc::clone(&files_changed),
        };
        {
            let entries = self.entries.write();
            let mut entries = entries.unwrap_or_else(PoisonError::into_inner);
            if entries.contains_key(&copy) {
                return Err(PluginCommandError::Failed(format!(
                    "there is a plugin `{copy}` already; `hearken plugin show {copy}` tells how \
                     far it is"
                )));
            }
            entries.insert(copy, entry);
        }
        let copy = PluginCopy {
            runtime: Arc::clone(runtime),
            limits: self.limits.clone(),
            files: original.files,
            status,
            original: original.status,
            commands: asked,
            files_changed,
        };
        let (begun, beginning) = oneshot::channel();
        let gone = GoneCopy {
            entries: Arc::clone(&self.entries),
            name: copy.status.name().to_owned(),
        };
        self.copies.spawn(async move {
            // Whatever becomes of it: with its entry no other could begin.
            let _gone = gone;
            contain_panics("a copy of a plugin", copy.run(request, begun)).await;
        });
        let failed = |reason: String| PluginCommandError::Failed(reason);
        match tokio::time::timeout(COMMAND_DEADLINE, beginning).await {
            Ok(Ok(begun)) => begun.map_err(failed),
            Ok(Err(_)) => Err(failed("the copy ended before it began".to_owned())),
            Err(_) => Err(failed(format!(
                "the copy took longer than {COMMAND_DEADLINE:?} to start; it may still do so"
            ))),
        }
    }
}

impl Plugins {
    /// Ends what a plugin, or its copy, is handed again.
    pub(super) async fn stop_replay(&self, name: &str) -> Result<PluginStatus, PluginCommandError> {
        let entry = self.entry(name);
        let entry = entry.ok_or_else(|| PluginCommandError::NotFound(name.to_owned()))?;
        let own = entry.command(Command::EndReplay).await;
        let Some(copy) = self.copy_of(name) else {
            return own;
        };
        match (own, copy.command(Command::EndReplay).await) {
            (Err(_), Ok(_)) => Ok(entry.status.view()),
            (own, _) => own,
        }
    }

    /// Ends the copy of a plugin that is paused or gone, if there is one.
    pub(super) fn end_copy(&self, name: &str) {
        let Some(copy) = self.copy_of(name) else {
            return;
        };
        let (reply, _) = oneshot::channel();
        if let Err(error) = copy.commands.try_send(Command::EndReplay(reply)) {
            tracing::warn!(plugin = copy.status.name(), %error, "a copy cannot be told to end");
        }
    }

    fn copy_of(&self, name: &str) -> Option<Entry> {
        let copy = self.entry(&format!("{name}.replay"))?;
        let context = &copy.status.context;
        (context.pretends && *context.rights_of == *name).then_some(copy)
    }
}

impl PluginCopy {
    async fn run(mut self, request: ReplayRequest, begun: Begun) {
        let draining = self.runtime.draining.clone();
        let began = tokio::select! {
            biased;
            () = draining.cancelled() => Err("the node stops".to_owned()),
            began = self.begin(&request) => began,
        };
        match began {
            Ok((current, replaying)) => {
                // Whoever asked may have gone.
                let _ = begun.send(Ok(self.status.view()));
                self.work(current, &replaying).await;
            }
            Err(reason) => {
                let _ = begun.send(Err(reason));
            }
        }
    }

    async fn begin(&self, request: &ReplayRequest) -> Result<(Current, Replaying), String> {
        let staged = self.stage().await;
        let staged = staged.map_err(|error| error.into_death().in_full())?;
        let Staged {
            version,
            language,
            label,
            listeners,
            asked: _,
            unheard,
            answering: _,
            bounds,
            slots,
        } = staged;
        let limits = MailboxLimits {
            events: version.limits.mailbox,
            bytes: version.limits.mailbox_bytes,
        };
        let (overflow, bus) = (version.limits.overflow, &self.runtime.bus);
        let mailbox = self
            .status
            .mailbox_for(bus, Vec::new(), limits, overflow, slots.len());
        self.status
            .show_version(&version, language, label, &listeners, None, unheard);
        let work = Work::Paused(slots);
        let mut current = Current::new(version, bounds, listeners, mailbox, work);
        let replaying = Replaying::begin(&self.runtime, &current, request)?;
        for status in [&self.status, &self.original] {
            status.show_replay(Arc::clone(&replaying.replay));
        }
        self.status.set_state(PluginState::Running);
        let (health, replay) = (&self.status.health, Some(&replaying.replay));
        current.start(&self.runtime, health, replay, None).await;
        Ok((current, replaying))
    }

    async fn stage(&self) -> Result<Staged, LoadError> {
        let room = self.runtime.room_to_load().await;
        let context = &self.status.context;
        let bounds = self.runtime.policy.now().of(&context.rights_of);
        let (files, path) = (self.files.clone(), self.files.named().to_owned());
        let engines = self.runtime.engines.clone();
        let read = move || Source::read(&files, &bounds, &engines);
        let source = self.runtime.disks.components.run(&path, read).await??;
        source
            .stage(
                Some(room),
                &self.files,
                context,
                &self.limits,
                &self.runtime,
            )
            .await
    }

    /// Works until everything was handed over, the node drains, or the copy fails too often.
    async fn work(&mut self, mut current: Current, replaying: &Replaying) {
        let replay = &replaying.replay;
        loop {
            tokio::select! {
                biased;
                command = self.commands.recv() => match command {
                    Some(
                        Command::Reload(reply)
                        | Command::Pause(reply)
                        | Command::Resume(reply)
                        | Command::Replay(_, reply),
                    ) => {
                        let reason = format!(
                            "it is a copy, which goes when its replay is over; `hearken plugin \
                             replay {} --stop` ends that",
                            self.original.name()
                        );
                        let _ = reply.send(Err(PluginCommandError::Failed(reason)));
                    }
                    Some(Command::EndReplay(reply)) => {
                        replay.stop();
                        let _ = reply.send(Ok(self.status.view()));
                        break;
                    }
                    Some(Command::Stop) | None => {
                        replay.give_up("the node stops");
                        break;
                    }
                },
                () = replay.over() => break,
                () = self.files_changed.notified() => {
                    let policy = self.runtime.policy.now();
                    if current.hold_to(policy.of(&self.status.context.rights_of)) {
                        replaying.go_on_with(&current);
                    }
                }
                () = quarantine_turns(Some(&current)) => {
                    replay.give_up("the copy has failed too often in a row");
                    break;
                }
            }
        }
        current.work.end().await;
        let replay = replay.status();
        tracing::info!(
            plugin = self.status.name(),
            channel = replay.channel,
            handled = replay.handled,
            failed = replay.failed,
            "the copy has finished its replay: {}",
            replay.state.as_str()
        );
    }
}
